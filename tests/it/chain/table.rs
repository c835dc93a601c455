//! The table: each place × what it says × with a person at a terminal or without.

use futures_util::StreamExt;

use super::{Arrived, Case, Place, What, World, check, holds, login, succeed};
use crate::terminal::{Answer, Seen, Streams};

/// How many cases run at a time.
const AT_ONCE: usize = 8;

/// What has to come of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The place's token counts; nobody is asked.
    Token,
    /// The place's user and password count; nobody is asked.
    Login,
    /// The place's user counts, and only the password is asked for; without a person: exit code 4, nothing sent.
    AskPassword,
    /// The place's user is what is proposed; else as above.
    Propose,
    /// User and password are asked for; without a person: exit code 4, nothing sent.
    AskBoth,
    /// Exit code 2: a secret has no place there. The file and the line are named, nothing is sent.
    Refused,
}

/// Every row. What a place cannot hold is there as well, with what comes of it:
///
/// * Files of settings hold no secrets: to write one there is an error, whether it is needed or not.
/// * `login` keeps tokens for Hippo and passwords for Bindle servers. A password that somehow came to be kept for a Hippo
///   is not used. A kept username is that of a token that ran out.
/// * hippo-cli never keeps a password: a member of that name says nothing. A username without a token that lasts is that
///   of a token that ran out (proposed), or stands beside no token at all (who logged out is not asked about it).
const TABLE: &[(Place, What, Outcome)] = &[
    (Place::Flag, What::Token, Outcome::Token),
    (Place::Flag, What::Login, Outcome::Login),
    (Place::Flag, What::Username, Outcome::AskPassword),
    (Place::Flag, What::Nothing, Outcome::AskBoth),
    (Place::Environment, What::Token, Outcome::Token),
    (Place::Environment, What::Login, Outcome::Login),
    (Place::Environment, What::Username, Outcome::AskPassword),
    (Place::Environment, What::Nothing, Outcome::AskBoth),
    (Place::Project, What::Token, Outcome::Refused),
    (Place::Project, What::Login, Outcome::Refused),
    (Place::Project, What::Username, Outcome::AskPassword),
    (Place::Project, What::Nothing, Outcome::AskBoth),
    (Place::User, What::Token, Outcome::Refused),
    (Place::User, What::Login, Outcome::Refused),
    (Place::User, What::Username, Outcome::AskPassword),
    (Place::User, What::Nothing, Outcome::AskBoth),
    (Place::Kept, What::Token, Outcome::Token),
    (Place::Kept, What::Login, Outcome::AskBoth),
    (Place::Kept, What::Username, Outcome::Propose),
    (Place::Kept, What::Nothing, Outcome::AskBoth),
    (Place::HippoJson, What::Token, Outcome::Token),
    (Place::HippoJson, What::Login, Outcome::AskBoth),
    (Place::HippoJson, What::Username, Outcome::Propose),
    (Place::HippoJson, What::Nothing, Outcome::AskBoth),
];

/// Who watches, and what is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    /// A deploy at a terminal, which everything is shown on.
    Terminal,
    /// A deploy at a terminal whose standard streams are elsewhere.
    Away,
    /// A deploy that nobody watches.
    Alone,
    /// `whoami` that nobody watches.
    WhoamiAlone,
    /// `whoami` at a terminal: it never asks.
    WhoamiAtTerminal,
}

const SCENES: [Scene; 5] = [Scene::Terminal, Scene::Away, Scene::Alone, Scene::WhoamiAlone, Scene::WhoamiAtTerminal];

#[tokio::test(flavor = "multi_thread")]
async fn every_place_with_and_without_a_person() {
    assert_eq!(TABLE.len(), 6 * 4, "each place of six says each of four things");
    let world = World::start().await;
    let rows = TABLE.iter().flat_map(|row| SCENES.map(|scene| (row, scene)));
    let runs = rows.map(|(&(place, what, outcome), scene)| {
        let world = &world;
        async move {
            let result = case(world, Some((place, what)), outcome, scene).await;
            result.err().map(|error| format!("{place:?} says {what:?}, {scene:?}: {error}"))
        }
    });
    let failures: Vec<Option<String>> = futures_util::stream::iter(runs).buffer_unordered(AT_ONCE).collect().await;
    succeed(failures.into_iter().flatten().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_at_all_with_and_without_a_person() {
    let world = World::start().await;
    let mut failures = Vec::new();
    for scene in SCENES {
        failures.extend(case(&world, None, Outcome::AskBoth, scene).await.err());
    }
    succeed(failures);
}

async fn case(world: &World, row: Option<(Place, What)>, outcome: Outcome, scene: Scene) -> Result<(), String> {
    let mut case = Case::of(world).await;
    let command: &[&str] = match scene {
        Scene::Terminal | Scene::Away | Scene::Alone => &["deploy"],
        Scene::WhoamiAlone | Scene::WhoamiAtTerminal => &["whoami"],
    };
    let row = match row {
        // There is no such option with `whoami`, nor need it have one.
        Some((Place::Flag, What::Nothing)) if command == ["whoami"] => None,
        row => row,
    };
    let program = case.program(command);
    let program = match row {
        Some((place, what)) => case.plant(program, place, what).await,
        None => program,
    };
    let place = row.map_or(Place::Typed, |(place, _)| place);
    let asks = matches!(scene, Scene::Terminal | Scene::Away);
    let (arrived, code) = expected(place, outcome, asks);
    let password = if outcome == Outcome::AskBoth { Place::Typed } else { place }.password();
    let dialog = if asks { dialog(outcome, &password) } else { Vec::new() };
    let streams = match scene {
        Scene::Terminal => Some(Streams::Terminal),
        Scene::Away | Scene::WhoamiAtTerminal => Some(Streams::Away(b"not for you\n")),
        Scene::Alone | Scene::WhoamiAlone => None,
    };
    let (is, shown) = match streams {
        Some(streams) => {
            let seen = program.at_terminal(streams, &dialog).await;
            let shown = format!("{}{}{}", seen.transcript, seen.stdout, seen.stderr);
            check_terminal(&seen, scene, code, &password)?;
            (seen.code, shown)
        }
        None => {
            let output = program.run().await;
            (output.code.unwrap_or(-1), format!("{}{}", output.stdout, output.stderr))
        }
    };
    check(format!("exit code\n{shown}"), is, code)?;
    check("arrived", case.arrived()?, arrived)?;
    // The line of the secret: a username stands before a password.
    let line = if row.is_some_and(|(_, what)| what == What::Login) { 3 } else { 2 };
    match (outcome, place) {
        (Outcome::Refused, Place::Project) => holds(&shown, &format!("spin-deploy.toml:{line}: ")),
        (Outcome::Refused, _) => holds(&shown, &format!("config.toml:{line}: ")),
        _ => Ok(()),
    }
}

/// Who has to arrive, and the exit code.
fn expected(place: Place, outcome: Outcome, asks: bool) -> (Arrived, i32) {
    match outcome {
        Outcome::Token => (Arrived::Token(place), 0),
        Outcome::Login => (login(place), 0),
        Outcome::AskPassword | Outcome::Propose if asks => (login(place), 0),
        Outcome::AskBoth if asks => (login(Place::Typed), 0),
        Outcome::AskPassword | Outcome::Propose | Outcome::AskBoth => (Arrived::Nobody, 4),
        Outcome::Refused => (Arrived::Nobody, 2),
    }
}

/// The questions that have to come, and what is answered.
fn dialog(outcome: Outcome, password: &str) -> Vec<(&'static str, Answer<'_>)> {
    let password = ("Password of ", Answer::Secret(password));
    match outcome {
        Outcome::Token | Outcome::Login | Outcome::Refused => vec![],
        Outcome::AskPassword => vec![password],
        Outcome::Propose => vec![("Username at ", Answer::Line("")), password],
        Outcome::AskBoth => vec![("Username at ", Answer::Line(Place::Typed.username())), password],
    }
}

/// What has to hold of every run at a terminal: nothing secret is shown, what is typed is shown again afterwards, and
/// questions do not mix with output.
fn check_terminal(seen: &Seen, scene: Scene, code: i32, password: &str) -> Result<(), String> {
    check("the terminal shows what is typed", seen.echoes, true)?;
    let all = format!("{}{}{}", seen.transcript, seen.stdout, seen.stderr);
    check("a password is shown", all.contains(password), false)?;
    match scene {
        Scene::Away => {
            check(
                "questions among the output",
                seen.stdout.contains(" at ") || seen.stderr.contains("Password of"),
                false,
            )?;
            let lines = seen.stdout.lines().count();
            check(format!("lines on standard output: {}", seen.stdout), lines, usize::from(code == 0))
        }
        Scene::WhoamiAtTerminal => check("what the terminal shows", seen.transcript.as_str(), ""),
        Scene::Terminal | Scene::Alone | Scene::WhoamiAlone => Ok(()),
    }
}
