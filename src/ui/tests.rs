//! Whole runs, as people and as machines see them.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::event::{
    About, Direction, Event, Failed, Finished, OutcomeKind, Problem, Reporter, RouteUrl, Step, Stopped, Uploaded,
};

mod answers;
mod documented;
mod github;
mod reports;

/// A stream that remembers.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn read(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What a run prints on stdout and on stderr.
fn human(verbosity: Verbosity, colour: bool, events: Vec<Event>) -> (String, String) {
    looking(Look { verbosity, colour, moving: false, timestamps: None }, events)
}

fn looking(look: Look, events: Vec<Event>) -> (String, String) {
    let (out, err) = (Paper::default(), Paper::default());
    let streams = Streams {
        out: Box::new(out.clone()),
        err: Box::new(err.clone()),
        out_is_abandoned: || false,
        out_is_terminal: false,
        err_is_terminal: false,
    };
    let human = Human::new(streams, look);
    events.into_iter().for_each(|event| human.report(event));
    (out.read(), err.read())
}

fn noon() -> Timestamp {
    Timestamp::from_millisecond(1_785_576_600_250).unwrap()
}

fn json(events: Vec<Event>) -> String {
    let out = Paper::default();
    let json = Json::new(Box::new(out.clone()), noon);
    events.into_iter().for_each(|event| json.report(event));
    out.read()
}

fn started(step: Step, subject: &str) -> Event {
    Event::StepStarted { step, subject: subject.to_owned() }
}

fn ended(step: Step, summary: &str, millis: u64) -> Event {
    Event::StepFinished { step, summary: summary.to_owned(), elapsed: Duration::from_millis(millis) }
}

fn waiting(millis: u64) -> Event {
    Event::Waiting { what: "the job is pending".to_owned(), elapsed: Duration::from_millis(millis) }
}

fn finished() -> Finished {
    let route = |component: &str, url: &str, wildcard, description: Option<&str>| RouteUrl {
        component: component.to_owned(),
        url: url.to_owned(),
        wildcard,
        description: description.map(str::to_owned),
    };
    Finished {
        outcome: OutcomeKind::Released,
        target: "staging".to_owned(),
        app: "shop".to_owned(),
        version: "1.4.0+s1f2e".to_owned(),
        release: Some("17".to_owned()),
        url: Some("https://shop.example.com".to_owned()),
        routes: vec![
            route("web", "https://shop.example.com/", true, Some("The pages")),
            route("checkout", "https://shop.example.com/api/checkout", false, None),
        ],
        proven: true,
        changes: vec!["create channel spin-deploy".to_owned(), "update revision (1.3.0 to 1.4.0)".to_owned()],
        uploaded: Uploaded { files: 2, bytes: 1_234_567 },
        replaced: None,
        undo: None,
        elapsed: Duration::from_millis(4_230),
    }
}

fn failed() -> Failed {
    Failed {
        about: About { target: Some("staging".to_owned()), app: Some("shop".to_owned()) },
        code: 8,
        reason: "release_failed",
        message: "shop/1.4.0 was released, but it failed".to_owned(),
        causes: vec!["the allocation failed".to_owned()],
        problems: vec![Problem {
            code: Some("E8"),
            at: Some("spin.toml:12: component.api.source".to_owned()),
            message: "no such file".to_owned(),
            hint: Some("spin build".to_owned()),
        }],
        hints: vec!["run it again".to_owned()],
        live: Some("release 17 (1.4.0)".to_owned()),
        logs: vec!["thread panicked:\n\tat main".to_owned(), "\u{1b}[2Jforged".to_owned()],
        layer: Some(crate::event::Layer { name: "application", meaning: "the application itself ends or fails" }),
    }
}

/// A run with everything in it.
fn good_run() -> Vec<Event> {
    vec![
        Event::Note { message: "--hippo-token is used and not HIPPO_USERNAME".to_owned() },
        started(Step::Package, "shop 1.4.0"),
        Event::Warning { message: "a file named .env is packaged\u{202e}".to_owned() },
        ended(Step::Package, "12 files, 3.1 MB", 200),
        started(Step::Publish, "shop 1.4.0"),
        Event::Waiting { what: "shop 1.4.0".to_owned(), elapsed: Duration::from_millis(2500) },
        Event::TransferStarted {
            id: 1,
            direction: Direction::Upload,
            name: "shop.wasm".to_owned(),
            bytes: Some(1_200_000),
        },
        Event::TransferStarted { id: 2, direction: Direction::Download, name: "x.wasm".to_owned(), bytes: None },
        Event::TransferProgress { id: 1, sent: 600_000 },
        Event::Retrying {
            what: "PUT https://bindle.example.com/v1/_i".to_owned(),
            reason: "connection reset".to_owned(),
            attempt: 1,
            delay: Duration::from_millis(400),
        },
        Event::TransferFinished { id: 1, ok: true },
        Event::TransferFinished { id: 2, ok: false },
        ended(Step::Publish, "", 12_300),
        started(Step::Wait, "shop"),
        waiting(50),
        waiting(2_500),
        waiting(5_000),
        waiting(12_500),
        ended(Step::Wait, "answers", 13_000),
        Event::Finished(Box::new(finished())),
    ]
}

#[test]
fn a_good_run_in_a_pipe() {
    let (out, err) = human(Verbosity::Normal, false, good_run());
    assert_eq!(out, "https://shop.example.com\n");
    insta::assert_snapshot!(err);
}

#[test]
fn a_good_run_told_at_length() {
    let (out, err) = human(Verbosity::Verbose, false, good_run());
    assert_eq!(out, "https://shop.example.com\n");
    insta::assert_snapshot!(err);
}

#[test]
fn a_quiet_run_leaves_the_url_alone() {
    assert_eq!(human(Verbosity::Quiet, false, good_run()), ("https://shop.example.com\n".to_owned(), String::new()));
}

#[test]
fn a_failure_is_told_in_full_however_quiet() {
    let (out, err) = human(Verbosity::Quiet, false, vec![Event::Failed(Box::new(failed()))]);
    assert_eq!(out, "");
    insta::assert_snapshot!(err);
}

#[test]
fn the_headline_tells_the_outcomes_apart() {
    let headline = |outcome, proven| {
        let event = Event::Finished(Box::new(Finished { outcome, proven, routes: vec![], ..finished() }));
        human(Verbosity::Normal, false, vec![event]).1
    };
    let lines = [
        headline(OutcomeKind::Released, true),
        headline(OutcomeKind::Released, false),
        headline(OutcomeKind::ReleasedUnwatched, false),
        headline(OutcomeKind::RolledBackUnwatched, false),
        headline(OutcomeKind::Unchanged, false),
    ];
    insta::assert_snapshot!(lines.concat());
}

#[test]
fn colours_only_where_they_are_wanted() {
    let warning = || vec![Event::Warning { message: "careful".to_owned() }];
    assert_eq!(human(Verbosity::Normal, true, warning()).1, "\u{1b}[1m\u{1b}[33mwarning: \u{1b}[0mcareful\n");
    assert!(!human(Verbosity::Normal, false, good_run()).1.contains('\u{1b}'));
}

#[test]
fn a_good_run_for_machines() {
    insta::assert_snapshot!(json(good_run()));
}

#[test]
fn a_failure_for_machines() {
    insta::assert_snapshot!(json(vec![Event::Failed(Box::new(failed()))]));
}

#[test]
fn progress_for_machines_comes_now_and_then() {
    use std::sync::atomic::{AtomicI64, Ordering};
    static NOW: AtomicI64 = AtomicI64::new(0);
    let out = Paper::default();
    let json = Json::new(Box::new(out.clone()), || Timestamp::from_millisecond(NOW.load(Ordering::SeqCst)).unwrap());
    json.report(Event::TransferStarted { id: 1, direction: Direction::Upload, name: "a".to_owned(), bytes: None });
    for (millis, sent) in [(10, 1), (499, 2), (500, 3), (510, 4), (1_000, 5)] {
        NOW.store(millis, Ordering::SeqCst);
        json.report(Event::TransferProgress { id: 1, sent });
    }
    let sent: Vec<u64> = out
        .read()
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["sent"].as_u64())
        .collect();
    assert_eq!(sent, [3, 5]);
}

#[test]
fn a_reader_that_went_away_is_no_trouble() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let json = Json::new(Box::new(Gone), Timestamp::now);
    good_run().into_iter().for_each(|event| json.report(event));
}

fn stopped(pid: Option<u32>) -> Event {
    Event::Stopped(Stopped { pid, elapsed: Duration::from_secs(90) })
}

#[test]
fn a_stop_says_what_was_stopped() {
    let said = |pid| human(Verbosity::Normal, false, vec![stopped(pid)]);
    assert_eq!(said(Some(4711)), (String::new(), "stopped: the server (process 4711), 90 s in all\n".to_owned()));
    assert_eq!(said(None), (String::new(), "stopped: no server was running\n".to_owned()));
    assert_eq!(human(Verbosity::Quiet, false, vec![stopped(None)]), (String::new(), String::new()));
}

#[test]
fn machines_hear_of_a_stop() {
    let record = |pid: &str| {
        format!(
            "{{\"v\":1,\"time\":\"2026-08-01T09:30:00.250Z\",\"event\":\"stopped\",\"pid\":{pid},\"elapsed_ms\":90000}}\n"
        )
    };
    assert_eq!(json(vec![stopped(Some(4711))]), record("4711"));
    assert_eq!(json(vec![stopped(None)]), record("null"));
}

#[test]
fn a_server_dates_its_lines() {
    let look = Look { verbosity: Verbosity::Normal, colour: false, moving: false, timestamps: Some(noon) };
    let (_, err) = looking(look, vec![Event::Note { message: "listening".to_owned() }, stopped(None)]);
    assert_eq!(
        err,
        "2026-08-01T09:30:00.250Z note: listening\n2026-08-01T09:30:00.250Z stopped: no server was running\n"
    );
}
