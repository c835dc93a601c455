//! Tables of errors and what they come to.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::app::{FetchError, Place};
use crate::package::PackageId;
use crate::target::{Phase, ReleaseId};

/// Those in which a target is asked.
const STEPS: [Step; 6] = [Step::Load, Step::Package, Step::Plan, Step::Publish, Step::Release, Step::Wait];

fn place(line: usize, key: &str) -> Place {
    Place { file: PathBuf::from("spin.toml"), line, key: key.to_owned() }
}

fn package() -> PackageId {
    PackageId { name: "shop".to_owned(), version: "1.4.0+s1f".parse().unwrap() }
}

fn release() -> Release {
    Release {
        id: ReleaseId("17".to_owned()),
        version: "1.4.0+s1f".to_owned(),
        url: Some("https://shop.example".to_owned()),
        changes: Vec::new(),
    }
}

fn at_target(step: Step, kind: ErrorKind) -> Failure {
    let source = TargetError::new(kind, "read the application").because(anyhow::anyhow!("it is raining"));
    DeployError::Target { step, subject: "shop".to_owned(), source }.into()
}

#[test]
fn a_target_failure_means_by_step_and_kind() {
    use ErrorKind::*;
    // load, package, plan, publish, release, wait
    let table: [(ErrorKind, [u8; 6]); 12] = [
        (Unauthenticated, [4, 4, 4, 4, 4, 4]),
        (PermissionDenied, [4, 4, 4, 4, 4, 4]),
        (NotFound, [5, 5, 5, 6, 7, 9]),
        (Conflict, [11, 11, 11, 11, 11, 11]),
        (Rejected, [5, 5, 5, 6, 7, 9]),
        (Unreachable, [5, 5, 5, 5, 5, 9]),
        (Interrupted, [5, 5, 5, 6, 5, 9]),
        (OutcomeUnknown, [9, 9, 9, 9, 9, 9]),
        (Unsupported, [3, 3, 3, 3, 3, 3]),
        (InvalidConfig, [2, 2, 2, 2, 2, 2]),
        (Cancelled, [130, 130, 130, 130, 130, 130]),
        (Unexpected, [1, 1, 1, 1, 1, 1]),
    ];
    for (kind, codes) in table {
        for (step, code) in STEPS.into_iter().zip(codes) {
            let failure = at_target(step, kind);
            assert_eq!(failure.code.number(), code, "{kind:?} at {step:?}");
            assert_eq!(failure.hints.len(), 1, "{kind:?} at {step:?}");
        }
    }
}

fn unanswered(status: Option<Status>, logs: Vec<String>) -> Box<Unanswered> {
    Box::new(Unanswered {
        subject: package().to_string(),
        release: release(),
        status,
        logs,
        hints: &["look elsewhere"],
        waited: Duration::from_secs(300),
    })
}

#[test]
fn other_failures_have_their_codes() {
    let io = || std::io::Error::other("no space left");
    let path = || PathBuf::from("a.wasm");
    let fetch = |kind| DeployError::Fetch {
        at: place(3, "component.a.source"),
        source: FetchError { url: "https://example.com/a.wasm".to_owned(), kind, source: "down".into() },
    };
    let status = Status::new(Phase::Failed);
    let table: Vec<(DeployError, u8)> = vec![
        (LoadError { manifest: path(), problems: vec![] }.into(), 3),
        (DeployError::Refused { target: "hippo".to_owned(), refusals: vec![] }, 3),
        (fetch(FetchErrorKind::Unreachable), 5),
        (fetch(FetchErrorKind::DigestMismatch), 3),
        (fetch(FetchErrorKind::Storage), 2),
        (PackageError::Read { path: path(), source: io() }.into(), 3),
        (PackageError::Changed { path: path() }.into(), 3),
        (PackageError::Stage { path: path(), source: io() }.into(), 6),
        (DeployError::ReleaseFailed(unanswered(Some(status.clone()), vec![])), 8),
        (DeployError::Replaced(unanswered(Some(status.clone()), vec![])), 11),
        (DeployError::NotReady(unanswered(Some(status), vec![])), 9),
        (DeployError::NotReady(unanswered(None, vec![])), 9),
        (DeployError::Cancelled { step: Step::Publish, live: None }, 130),
    ];
    for (error, code) in table {
        let shown = error.to_string();
        let failure = Failure::from(error);
        assert_eq!(failure.code.number(), code, "{shown}");
        assert!(!failure.hints.is_empty(), "{shown}");
    }
}

#[test]
fn settings_failures_have_their_codes() {
    use crate::settings::Origin;
    let given = || Origin::Flag("--x");
    let table = [
        (SettingsError::NotUnicode { origin: given() }, 2),
        (SettingsError::TokenAndLogin { token: given(), login: given() }, 2),
    ];
    for (error, code) in table {
        let failure = Failure::from(error);
        assert_eq!(failure.code.number(), code);
        assert!(!failure.hints.is_empty(), "{failure:?}");
    }
}

#[test]
fn a_chain_is_told_once() {
    let failure = at_target(Step::Publish, ErrorKind::Interrupted);
    assert_eq!(failure.message, "could not publish shop");
    assert_eq!(failure.causes, ["read the application", "it is raining"]);
    assert_eq!(failure.live.unwrap(), "what was live before; nothing was released");
    assert_eq!(failure.hints, ["run the same command again: it sends only what is missing"]);

    let repeating = anyhow::anyhow!("down").context("the server is down").context("could not connect");
    assert_eq!(Failure::of(ExitCode::Unreachable, repeating.as_ref()).causes, ["the server is down"]);
}

#[test]
fn a_targets_own_hints_come_first() {
    let source = TargetError::new(ErrorKind::Interrupted, "push").hint("look at the server's disk");
    let error = DeployError::Target { step: Step::Publish, subject: "shop".to_owned(), source };
    assert_eq!(Failure::from(error).hints, ["look at the server's disk"]);
}

#[test]
fn all_problems_are_told_with_their_place() {
    let problem = |line, hint: Option<&str>| crate::app::Problem {
        at: place(line, "component.api.source"),
        message: "no such file".to_owned(),
        hint: hint.map(str::to_owned),
    };
    let problems = vec![problem(12, Some("spin build")), problem(0, None)];
    let load = Failure::from(DeployError::Load(LoadError { manifest: PathBuf::from("spin.toml"), problems }));
    let told: Vec<_> = load.problems.iter().map(|p| (p.at.as_deref().unwrap(), p.hint.as_deref())).collect();
    assert_eq!(
        told,
        [("spin.toml:12: component.api.source", Some("spin build")), ("spin.toml: component.api.source", None)]
    );

    let refusal = Refusal { code: Some("E8"), at: None, message: "redis".to_owned(), remedy: "use http".to_owned() };
    let refused = Failure::from(DeployError::Refused { target: "hippo".to_owned(), refusals: vec![refusal] });
    assert_eq!(
        refused.problems,
        [Problem { code: Some("E8"), at: None, message: "redis".to_owned(), hint: Some("use http".to_owned()) }]
    );
}

#[test]
fn a_release_that_does_not_answer_has_the_hints_of_its_target() {
    let failure = Failure::from(DeployError::NotReady(unanswered(None, vec![])));
    let longer = "run the same command again with a longer `--timeout`: what is uploaded stays";
    assert_eq!(failure.hints, [longer, "look elsewhere"]);
    assert!(
        !Failure::from(DeployError::ReleaseFailed(unanswered(None, vec![])))
            .hints
            .contains(&"look elsewhere".to_owned())
    );
}

#[test]
fn a_layer_that_is_known_has_its_own_advice() {
    for &layer in FailingLayer::ALL {
        let status = || Some(Status { layer: Some(layer), ..Status::new(Phase::Progressing) });
        let not_ready = Failure::from(DeployError::NotReady(unanswered(status(), vec![])));
        assert_eq!(not_ready.layer, Some(layer));
        let others = layer.is_before_application().then_some("look elsewhere");
        let expected: Vec<&str> = [Some(hints::of_layer(layer)), others].into_iter().flatten().collect();
        assert_eq!(not_ready.hints, expected);

        let why = DeployError::ReleaseFailed(unanswered(status(), vec![]));
        let restored = DeployError::Restored { failure: Box::new(why), previous: Box::new(release()) };
        let failed = Failure::from(DeployError::ReleaseFailed(unanswered(status(), vec![])));
        assert_eq!(
            (failed.layer, failed.hints.as_slice()),
            (Some(layer), &[hints::of_layer(layer).into(), CORRECT.into()][..])
        );
        // What is live then is the previous release, which a command would look at.
        let restored = Failure::from(restored);
        assert_eq!((restored.layer, restored.hints.as_slice()), (Some(layer), &[CORRECT.to_owned()][..]));

        let Event::Failed(told) = not_ready.event(crate::event::About::default()) else { panic!("{not_ready:?}") };
        assert_eq!(told.layer, Some(tell::layer(layer)));
        assert_eq!(hints::of_layer(layer).matches("`spin-deploy ").count(), 1, "one command to run next");
    }
}

#[test]
fn a_failed_release_says_why_and_what_answers() {
    let status = Status {
        phase: Phase::Failed,
        version: Some("1.3.0".to_owned()),
        detail: Some("the allocation failed".to_owned()),
        ..Status::new(Phase::Failed)
    };
    let logs = vec!["panicked".to_owned()];
    let failure = Failure::from(DeployError::ReleaseFailed(unanswered(Some(status), logs)));
    assert_eq!(failure.message, "shop/1.4.0+s1f was released, but it failed");
    assert_eq!(failure.causes, ["the allocation failed"]);
    assert_eq!(failure.live.unwrap(), "release 17 (1.4.0+s1f) at https://shop.example, where 1.3.0 still answers");
    assert_eq!(failure.logs, ["panicked"]);
}

#[test]
fn usage_errors_keep_their_tips() {
    use clap::Parser as _;
    #[derive(clap::Parser)]
    struct Options {
        #[arg(long)]
        _channel: Option<String>,
    }
    let error = Options::try_parse_from(["x", "--chanel", "a"]).err().unwrap();
    let failure = Failure::usage(&error);
    assert_eq!(failure.message, "unexpected argument '--chanel' found");
    assert_eq!(failure.hints, ["a similar argument exists: '--channel'", "read --help"]);
}

#[test]
fn a_check_that_does_not_hold_is_9_with_what_was_seen() {
    let complaint = crate::deploy::Complaint("GET /health answered 503, not 200".to_owned());
    let unanswered = unanswered(None, vec!["no database".to_owned()]);
    let failure = Failure::from(DeployError::CheckFailed(unanswered, complaint));
    assert_eq!(failure.code, ExitCode::OutcomeUnknown);
    assert_eq!(failure.message, "shop/1.4.0+s1f answers, but its check did not hold within 5m");
    assert_eq!(failure.causes, ["GET /health answered 503, not 200"]);
    assert_eq!(failure.live.as_deref(), Some("release 17 (1.4.0+s1f) at https://shop.example"));
    assert_eq!(failure.logs, ["no database"]);
}

#[test]
fn a_check_without_an_address_is_a_matter_of_settings() {
    let release = Box::new(Release { url: None, ..release() });
    let failure =
        Failure::from(DeployError::NoUrl { target: "staging".to_owned(), subject: package().to_string(), release });
    assert_eq!(failure.code, ExitCode::Usage);
    assert_eq!(failure.message, "could not check shop/1.4.0+s1f: staging does not know the URL of the application");
    assert!(failure.hints[0].contains("--app-url"), "{:?}", failure.hints);
    assert_eq!(failure.live.as_deref(), Some("release 17 (1.4.0+s1f)"));
}

#[test]
fn the_documentation_names_every_layer() {
    let documentation = include_str!("../../../docs/events.md");
    let row = documentation.lines().rfind(|line| line.starts_with("| `layer` |")).unwrap();
    for layer in crate::target::FailingLayer::ALL {
        assert!(row.contains(&format!("`{}`", layer.name())), "{layer:?} is not documented");
        let meaning = format!("| `{}` | ", layer.name());
        assert!(include_str!("../../../docs/day-two.md").contains(&meaning), "{layer:?} is not explained");
    }
}
