//! What commands that answer a question print, whole.

use super::*;
use crate::event::{
    Check, ConfiguredTarget, DriverSummary, Examined, Identity, LoggedIn, LoggedOut, ShownSetting, ShownTarget,
    Standing, Targets, Verdict,
};

fn text(text: &str) -> String {
    text.to_owned()
}

fn check(name: &str, verdict: Verdict, detail: &str, hints: &[&str]) -> Event {
    Event::Checked(Check {
        name: text(name),
        verdict,
        detail: text(detail),
        hints: hints.iter().map(|hint| text(hint)).collect(),
    })
}

fn examined() -> Event {
    Event::Examined(Examined { target: text("staging"), passed: 2, elapsed: Duration::from_millis(1_240) })
}

/// Looks of every verdict, one of them at something that does not mean us well.
fn looks() -> Vec<Event> {
    vec![
        check("Hippo answers", Verdict::Passed, "v0.20 at https://hippo.example.com", &[]),
        check("spin deploy", Verdict::Warned, "SPIN_DEPLOY_PLUGIN is not set", &["export SPIN_DEPLOY_PLUGIN=deployer"]),
        check("login", Verdict::Failed, "refused: \u{1b}[2Jforged", &["spin-deploy login", "set HIPPO_TOKEN"]),
        check("signing key", Verdict::Skipped, "", &[]),
    ]
}

fn logged_in() -> LoggedIn {
    LoggedIn {
        target: text("staging"),
        server: text("https://hippo.example.com"),
        username: Some(text("dana")),
        registered: true,
        expires: Some(noon()),
        registry: Some(text("https://bindle.example.com/v1")),
        stored: text("/home/dana/.local/share/spin-deploy/credentials.json"),
    }
}

fn logged_in_by_token() -> LoggedIn {
    LoggedIn { username: None, registered: false, expires: None, registry: None, ..logged_in() }
}

fn logged_out(servers: &[&str]) -> Event {
    Event::LoggedOut(LoggedOut { servers: servers.iter().map(|server| text(server)).collect() })
}

fn identities() -> Event {
    let identity = |server: &str, username: Option<&str>, expires, origin: &str, standing| Identity {
        server: text(server),
        username: username.map(text),
        expires,
        origin: text(origin),
        standing,
    };
    Event::Identities(vec![
        identity("https://hippo.example.com", Some("dana"), Some(noon()), "HIPPO_USERNAME", Standing::Accepted),
        identity("https://old.example.com", Some("ada"), Some(noon()), "/home/a/credentials.json", Standing::Expired),
        identity("https://ci.example.com", None, None, "--hippo-token", Standing::Stored),
    ])
}

fn drivers() -> Vec<DriverSummary> {
    vec![
        DriverSummary {
            kind: "hippo",
            summary: "Hippo on Nomad, with a Bindle registry",
            powers: vec!["accounts", "logs"],
        },
        DriverSummary { kind: "local", summary: "this machine", powers: vec![] },
    ]
}

fn targets() -> Event {
    let configured = |name: &str, origin: &str, default| ConfiguredTarget {
        name: text(name),
        driver: text("hippo"),
        origin: text(origin),
        default,
    };
    let configured =
        vec![configured("staging", "spin-deploy.toml:3", true), configured("live", "config.toml:12", false)];
    Event::Targets(Targets { configured, drivers: drivers() })
}

fn shown() -> Event {
    let setting =
        |key, value: Option<&str>, origin: &str| ShownSetting { key, value: value.map(text), origin: text(origin) };
    Event::ShownTarget(Box::new(ShownTarget {
        name: text("staging"),
        driver: text("hippo"),
        settings: vec![
            setting("hippo-url", Some("https://hippo.example.com/"), "hippo-url in spin-deploy.toml:4"),
            setting("hippo-token", Some("(set)"), "HIPPO_TOKEN"),
            setting("domain", None, "the default"),
        ],
    }))
}

/// Every answer, one run after the other.
pub fn all() -> Vec<(&'static str, Vec<Event>)> {
    vec![
        ("doctor, well", vec![looks().swap_remove(0), examined()]),
        ("doctor, not well", looks()),
        ("login", vec![Event::LoggedIn(Box::new(logged_in()))]),
        ("login, by a token", vec![Event::LoggedIn(Box::new(logged_in_by_token()))]),
        ("logout", vec![logged_out(&["https://hippo.example.com", "https://bindle.example.com/v1"])]),
        ("logout, of nothing", vec![logged_out(&[])]),
        ("whoami", vec![identities()]),
        ("whoami, of nobody", vec![Event::Identities(vec![])]),
        ("targets", vec![targets()]),
        ("targets, none configured", vec![Event::Targets(Targets { configured: vec![], drivers: drivers() })]),
        ("targets --show", vec![shown()]),
    ]
}

/// Each answer below its title, and which stream a line is on.
pub fn printed(answers: Vec<(&'static str, Vec<Event>)>, print: impl Fn(Vec<Event>) -> (String, String)) -> String {
    let on = |stream: &str, text: String| text.lines().map(|line| format!("{stream} {line}\n")).collect::<String>();
    let answer = |(title, events): (&str, Vec<Event>)| {
        let (out, err) = print(events);
        format!("# {title}\n{}{}", on("1>", out), on("2>", err))
    };
    answers.into_iter().map(answer).collect()
}

#[test]
fn answers_for_people() {
    insta::assert_snapshot!(printed(all(), |events| human(Verbosity::Normal, false, events)));
}

#[test]
fn answers_are_given_in_quiet_too() {
    insta::assert_snapshot!(printed(all(), |events| human(Verbosity::Quiet, false, events)));
}

#[test]
fn answers_for_machines() {
    insta::assert_snapshot!(printed(all(), |events| (json(events), String::new())));
}

#[test]
fn verdicts_are_coloured_where_that_is_wanted() {
    let (out, err) = human(Verbosity::Normal, true, looks());
    assert_eq!(err, "");
    let styles: Vec<String> = out
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split_inclusive("\u{1b}[0m").next().unwrap().escape_default().to_string())
        .collect();
    assert_eq!(
        styles,
        [
            r"\u{1b}[1m\u{1b}[32m\u{2713} \u{1b}[0m",
            r"\u{1b}[1m\u{1b}[33m! \u{1b}[0m",
            r"\u{1b}[1m\u{1b}[31m\u{2717} \u{1b}[0m",
            r"\u{1b}[2m- \u{1b}[0m",
        ]
    );
    assert!(!out.contains("\u{1b}[2J"), "a control character got through");
    assert!(!human(Verbosity::Normal, false, looks()).0.contains('\u{1b}'));
}

#[test]
fn an_answer_that_cannot_be_written_is_warned_of() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("no space left"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let err = Paper::default();
    let streams = Streams {
        out: Box::new(Full),
        err: Box::new(err.clone()),
        out_is_abandoned: || false,
        out_is_terminal: false,
        err_is_terminal: false,
    };
    let look = Look { verbosity: Verbosity::Normal, colour: false, moving: false, timestamps: None };
    Human::new(streams, look).report(targets());
    assert_eq!(err.read(), "warning: the answer could not be written to standard output: no space left\n");
}
