//! Plants a secret of its own in every place that can hold one, runs every command in many ways that it can fail, as
//! talkative as it can be, and looks for the secrets in all that is shown and written.

mod cage;
mod mimic;
mod purses;
mod search;

use std::future::Future;

use futures_util::StreamExt;

use crate::program::Program;
use crate::support::bindle::{BindleServer, CreatorKey, Generation};
use crate::support::hippo::FakeHippo;
use crate::terminal::{Answer, Streams};
use cage::{Cage, Secret};
use mimic::{MANNERS, Mimic};
use purses::{PURSES, Purse};

/// How many programs run at a time.
const AT_ONCE: usize = 12;

/// A run that shows all there is to show, for people or for machines.
const LOUD: [&[&str]; 2] = [&["-v"], &["--format", "json"]];

/// The commands that ask servers something.
const ASKING: [&[&str]; 5] = [&["deploy"], &["login"], &["login", "--register"], &["whoami"], &["doctor"]];

/// Those after the first day.
const LATER: [&[&str]; 9] = [
    &["plan"],
    &["status"],
    &["wait", "--timeout", "1s"],
    &["logs"],
    &["releases"],
    &["rollback"],
    &["destroy", "--yes"],
    PROMOTE,
    &["deploy", "--dry-run"],
];

const PROMOTE: &[&str] = &["promote", "--from", "elsewhere"];

/// The commands that ask none.
const QUIET: [&[&str]; 6] =
    [&["targets"], &["targets", "--show"], &["whoami", "--all"], &["logout"], &["logout", "--all"], &["package"]];

/// Runs all at a time that may, and panics with every leak.
async fn none_leaks<F: Future<Output = Vec<String>>>(runs: impl IntoIterator<Item = F>) {
    let leaks: Vec<Vec<String>> = futures_util::stream::iter(runs).buffer_unordered(AT_ONCE).collect().await;
    assert!(leaks.len() > 1, "there are runs");
    let leaks = leaks.concat();
    assert!(leaks.is_empty(), "{} leaks:\n\n{}", leaks.len(), leaks.join("\n\n"));
}

/// Names the run in its leaks; a panic of the program is as bad as a leak.
async fn told(run: String, cage: &Cage, program: Program) -> Vec<String> {
    let (code, mut leaks) = cage.watch(program).await;
    if matches!(code, None | Some(1 | 101)) {
        leaks.push(format!("it ended with {code:?}"));
    }
    leaks.into_iter().map(|leak| format!("{run}: {leak}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_whatever_the_servers_answer() {
    let mut mimics = Vec::new();
    for manner in MANNERS {
        mimics.push((manner, Mimic::start(manner).await));
    }
    let places = mimics.iter().flat_map(|mimic| PURSES.map(|purse| (mimic, purse)));
    let meeting = |command: &'static [&'static str]| places.clone().map(move |(mimic, purse)| (command, mimic, purse));
    // The later ones look things up as the first ones do: each meets every manner and every purse, but not each with each.
    let later = LATER.into_iter().flat_map(meeting).step_by(4);
    let cases = ASKING.into_iter().flat_map(meeting).chain(later);
    let runs = cases.enumerate().map(async |(number, (command, (manner, mimic), purse))| {
        let cage = Cage::new();
        if command == PROMOTE {
            cage.know_elsewhere(mimic.origin(), mimic.origin(), mimic.origin());
        }
        let program = cage.program(command).args(LOUD[number % 2]).args(&["--no-input"]);
        let program = purse.equip(&cage, program, mimic.origin(), mimic.origin());
        told(format!("{command:?} {purse:?} {manner:?}"), &cage, program).await
    });
    none_leaks(runs).await;
    for (manner, mimic) in &mimics {
        for purse in PURSES {
            assert!(mimic.received().contains(&purse.secret().value()), "{purse:?} arrives where it {manner:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_where_no_server_answers() {
    let cases = ASKING.iter().chain(&LATER).flat_map(|command| PURSES.map(|purse| (*command, purse)));
    none_leaks(cases.enumerate().map(async |(number, (command, purse))| {
        let cage = Cage::new();
        if command == PROMOTE {
            cage.know_elsewhere("http://127.0.0.1:1", "http://127.0.0.1:1", "http://127.0.0.1:1");
        }
        let program = cage.program(command).args(LOUD[number % 2]).args(&["--no-input"]);
        let program = purse.equip(&cage, program, "http://127.0.0.1:1", "http://127.0.0.1:1");
        told(format!("{command:?} {purse:?}, down"), &cage, program).await
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_where_no_server_is_asked() {
    let cases = QUIET.iter().flat_map(|command| PURSES.map(|purse| (command, purse)));
    none_leaks(cases.flat_map(|case| LOUD.map(|loud| (case, loud))).map(async |((command, purse), loud)| {
        let cage = Cage::new();
        let program = cage.program(command).args(loud);
        let program = purse.equip(&cage, program, "http://127.0.0.1:1", "http://127.0.0.1:1");
        told(format!("{command:?} {purse:?}"), &cage, program).await
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_from_commands_that_need_no_secret() {
    let commands: [&[&str]; 6] = [
        &["completions", "bash"],
        &["completions", "zsh"],
        &["man"],
        &["--help"],
        &["serve", "--help"],
        &["serve", "--stop"],
    ];
    none_leaks(commands.into_iter().map(async |command| {
        let cage = Cage::new();
        let program = cage.program(command);
        let program = Purse::LoginVariables.equip(&cage, program, "http://127.0.0.1:1", "http://127.0.0.1:1");
        told(format!("{command:?}"), &cage, program.env("HIPPO_TOKEN", &Secret::TokenVariable.value())).await
    }))
    .await;
}

/// What is done with an application from its first day to its last, what goes wrong by itself included.
const ONE_LIFE: &[(&[&str], i32)] = &[
    (&["package"], 0),
    (&["login"], 0),
    (&["whoami"], 0),
    (&["plan", "--exit-code"], 20),
    (&["status"], 7),
    (&["deploy"], 0),
    (&["deploy", "--buildinfo", "second"], 0),
    (&["doctor"], 0),
    (&["plan", "--buildinfo", "second"], 0),
    (&["status"], 0),
    (&["wait"], 0),
    (&["wait", "absent"], 11),
    (&["logs"], 0),
    (&["logs", "--name", "absent"], 7),
    (&["releases"], 0),
    (&["rollback", "--expect-release", "none"], 11),
    (&["rollback"], 0),
    (&["promote", "--from", "elsewhere", "--channel", "other"], 0),
    (&["promote", "--from", "elsewhere", "--target", "elsewhere"], 2),
    (&["destroy"], 2),
    (&["destroy", "--yes"], 0),
    (&["releases"], 7),
    (&["whoami", "--all"], 0),
    (&["logout", "--all"], 0),
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_where_all_is_well() {
    let key = CreatorKey::generate("dana");
    let secrets = [Secret::PasswordVariable, Secret::PasswordFlag, Secret::PasswordStdin];
    none_leaks(secrets.into_iter().enumerate().map(async |(number, secret)| {
        let (purse, bindle_secret) = match secret {
            Secret::PasswordVariable => (Purse::LoginVariables, Secret::BindlePasswordVariable),
            Secret::PasswordFlag => (Purse::LoginFlags, Secret::BindlePasswordFlag),
            _ => (Purse::PasswordStdin, Secret::BindlePasswordVariable),
        };
        let htpasswd = BindleServer::builder(Generation::V0_8).htpasswd("dana", &bindle_secret.value());
        let bindle = htpasswd.trust(&key.keyring()).start();
        let (origin, password) = (bindle.url().trim_end_matches("/v1"), secret.value());
        let hippo = FakeHippo::builder().user("dana", &password).bindle(bindle.url()).start().await.unwrap();
        let mut cage = Cage::new();
        let real_key = key.secret_file();
        let real_key = real_key.lines().find_map(|line| line.strip_prefix("keypair = ")).expect("the file has a key");
        cage.further = vec![real_key.trim_matches('"')[..24].to_owned()];
        cage.write("key.toml", key.secret_file());
        let mut leaks = Vec::new();
        for (command, expected) in ONE_LIFE {
            let program = cage.program(command).args(LOUD[number % 2]);
            let program = match command[0] {
                "deploy" | "plan" => {
                    let program = program.args(&["--signing-key", &cage.at_home("key.toml").display().to_string()]);
                    purses::with_variables(&cage, program, false)
                }
                _ => program,
            };
            let app_url = format!("http://{{domain}}:{}", hippo.apps_port());
            match command[0] {
                "promote" => cage.know_elsewhere(hippo.url(), origin, &app_url),
                _ => drop(std::fs::remove_file(cage.app.path().join("spin-deploy.toml"))),
            }
            let program = match command[0] {
                "package" => program,
                _ => purse.equip(&cage, program, hippo.url(), origin).env("SPIN_DEPLOY_APP_URL", &app_url),
            };
            let (code, found) = cage.watch(program).await;
            leaks.extend(found.into_iter().map(|leak| format!("{command:?} {purse:?}, well: {leak}")));
            if code != Some(*expected) {
                leaks.push(format!("{command:?} {purse:?} ends with {code:?}, not {expected}"));
            }
        }
        leaks
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_from_secret_variables_that_the_target_refuses() {
    none_leaks(LOUD.into_iter().map(async |loud| {
        let cage = Cage::new();
        let program = purses::with_variables(&cage, cage.program(&["deploy"]).args(loud), true);
        let program = Purse::TokenVariable.equip(&cage, program, "http://127.0.0.1:1", "http://127.0.0.1:1");
        told(format!("{loud:?}"), &cage, program).await
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_at_the_terminal() {
    let typed = Secret::Typed.value();
    let mut mimics = Vec::new();
    for manner in MANNERS {
        mimics.push((manner, Mimic::start(manner).await));
    }
    let commands: [&[&str]; 5] = [&["deploy"], &["login"], &["login", "--register"], &["plan"], &["status"]];
    let cases = mimics.iter().flat_map(|mimic| commands.map(|command| (mimic, command)));
    let runs = cases.enumerate().map(async |(number, ((manner, mimic), command))| {
        let cage = Cage::new();
        let dialog = match command {
            ["login", "--register"] => {
                let twice = [("New password of ", Answer::Secret(&typed)), ("again", Answer::Secret(&typed))];
                [("username at ", Answer::Line("dana"))].into_iter().chain(twice).collect()
            }
            _ => vec![("Username at ", Answer::Line("dana")), ("Password of ", Answer::Secret(&typed))],
        };
        let program = cage.program(command).args(LOUD[number % 2]).env("HIPPO_URL", mimic.origin());
        let program = if command[0] == "login" { program } else { program.env("BINDLE_SERVER_URL", mimic.origin()) };
        let before = cage.contents();
        let seen = program.at_terminal(Streams::Terminal, &dialog).await;
        let mut leaks = cage.leaks_at_terminal(&before, &seen);
        if !seen.echoes || matches!(seen.code, -1 | 0 | 1 | 101) {
            leaks.push(format!("{seen:#?}"));
        }
        leaks.into_iter().map(|leak| format!("{command:?} at a terminal, {manner:?}: {leak}")).collect()
    });
    none_leaks(runs).await;
    for (manner, mimic) in &mimics {
        assert!(mimic.received().contains(&typed), "what is typed arrives where it {manner:?}");
    }
}

mod wrong;
