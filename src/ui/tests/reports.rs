//! What the commands after the first day print, whole.

use super::*;
use crate::event::{
    AppPhase, AppStatus, Destroyed, Difference, LiveRelease, LoggedLine, Packaged, Planned, PlannedChange,
    PlannedUpload, Releases, RememberedRelease,
};

fn text(text: &str) -> String {
    text.to_owned()
}

fn live(release: &str, version: &str) -> LiveRelease {
    LiveRelease { release: text(release), version: text(version) }
}

fn change(action: &'static str, subject: &str, detail: Option<&str>) -> PlannedChange {
    PlannedChange { action, subject: text(subject), detail: detail.map(text) }
}

fn planned() -> Planned {
    Planned {
        target: text("staging"),
        app: text("shop"),
        version: text("1.1.0+s2"),
        current: Some(live("17", "1.0.0+s1")),
        changes: vec![
            change("keep", "app shop", None),
            change("create", "revision 1.1.0+s2", None),
            change("update", "channel spin-deploy", Some("1.0.0+s1 to 1.1.0+s2")),
        ],
        upload: PlannedUpload {
            missing: Uploaded { files: 1, bytes: 1_200_000 },
            all: Uploaded { files: 12, bytes: 3_400_000 },
            certain: true,
        },
        unchanged: false,
        elapsed: Duration::from_millis(310),
        code: 20,
    }
}

fn first_plan() -> Planned {
    let upload = PlannedUpload {
        missing: Uploaded { files: 1, bytes: 10 },
        all: Uploaded { files: 1, bytes: 10 },
        certain: false,
    };
    Planned { current: None, changes: vec![change("create", "app shop", None)], upload, code: 0, ..planned() }
}

fn empty_plan() -> Planned {
    let all = Uploaded { files: 12, bytes: 3_400_000 };
    Planned {
        current: Some(live("1.1.0+s2", "1.1.0+s2")),
        changes: vec![change("keep", "channel spin-deploy", Some("1.1.0+s2"))],
        upload: PlannedUpload { missing: Uploaded::default(), all, certain: true },
        unchanged: true,
        code: 0,
        ..planned()
    }
}

fn status() -> AppStatus {
    AppStatus {
        target: text("staging"),
        app: text("shop"),
        phase: AppPhase::Live,
        release: Some(live("17", "1.1.0+s2")),
        since: Some(noon()),
        answering: Some(text("1.1.0+s2")),
        url: Some(text("https://shop.example.com")),
        routes: vec![RouteUrl {
            component: text("web"),
            url: text("https://shop.example.com/"),
            wildcard: true,
            description: None,
        }],
        layer: None,
        reason: None,
        difference: Some(Difference { version: text("1.1.0+s2"), same: true, changes: vec![] }),
        hints: vec![],
        code: 0,
    }
}

fn failing_status() -> AppStatus {
    AppStatus {
        phase: AppPhase::Failed,
        since: None,
        answering: Some(text("1.0.0+s1")),
        routes: vec![],
        layer: Some(crate::event::Layer { name: "application", meaning: "the application itself ends or fails" }),
        reason: Some(text("the job is dead; \u{1b}[2Jforged")),
        difference: Some(Difference {
            version: text("1.2.0+s3"),
            same: false,
            changes: vec![change("update", "channel spin-deploy", None)],
        }),
        hints: vec![text("spin-deploy logs --target staging")],
        code: 8,
        ..status()
    }
}

fn absent_status() -> AppStatus {
    AppStatus {
        phase: AppPhase::Absent,
        release: None,
        since: None,
        answering: None,
        url: None,
        routes: vec![],
        difference: None,
        code: 7,
        ..status()
    }
}

fn lines() -> Vec<Event> {
    let known = LoggedLine {
        time: Some(noon()),
        component: Some(text("web")),
        stream: Some("err"),
        text: text("not found: \u{1b}[2Jforged"),
    };
    let bare = LoggedLine { time: None, component: None, stream: None, text: text("a line") };
    vec![
        Event::Note { message: text("the log began anew: lines may be missing before these") },
        Event::Logged(known),
        Event::Logged(bare),
        Event::LogsEnded { lines: 2 },
    ]
}

fn releases() -> Releases {
    let release = |release: &str, version: &str, active: bool, gone| RememberedRelease {
        release: text(release),
        version: text(version),
        created: active.then(noon),
        active,
        channels: if active { vec![text("spin-deploy"), text("stable")] } else { vec![] },
        gone,
    };
    Releases {
        target: text("staging"),
        app: text("shop"),
        releases: vec![
            release("18", "1.2.0+s3", false, false),
            release("17", "1.1.0+s2", true, false),
            release("16", "1.0.0+s1", false, true),
        ],
    }
}

fn destroyed(changes: Vec<PlannedChange>) -> Event {
    let elapsed = Duration::from_millis(820);
    Event::Destroyed(Destroyed { target: text("staging"), app: text("shop"), changes, elapsed })
}

fn rolled_back() -> Finished {
    Finished {
        outcome: OutcomeKind::RolledBack,
        version: text("1.0.0+s1"),
        release: Some(text("16")),
        routes: vec![],
        changes: vec![text("update release 16 (1.0.0+s1)")],
        uploaded: Uploaded::default(),
        replaced: Some(live("17", "1.1.0+s2")),
        undo: Some(text("spin-deploy rollback 17 --target staging")),
        ..finished()
    }
}

/// Every answer, one run after the other.
pub fn all() -> Vec<(&'static str, Vec<Event>)> {
    let packaged = Packaged {
        path: text("shop-1.1.0+s2.tar.gz"),
        app: text("shop"),
        version: text("1.1.0+s2"),
        format: "bindle",
        content: Uploaded { files: 12, bytes: 3_400_000 },
        elapsed: Duration::from_millis(90),
    };
    vec![
        ("plan", vec![Event::Planned(Box::new(planned()))]),
        ("plan, a first release", vec![Event::Planned(Box::new(first_plan()))]),
        ("plan, nothing to do", vec![Event::Planned(Box::new(empty_plan()))]),
        ("status", vec![Event::AppStatus(Box::new(status()))]),
        ("status, of what fails", vec![Event::AppStatus(Box::new(failing_status()))]),
        ("status, of what is not there", vec![Event::AppStatus(Box::new(absent_status()))]),
        ("logs", lines()),
        ("releases", vec![Event::Releases(releases())]),
        ("releases, none", vec![Event::Releases(Releases { releases: vec![], ..releases() })]),
        ("rollback", vec![Event::Finished(Box::new(rolled_back()))]),
        (
            "destroy",
            vec![destroyed(vec![change("remove", "channel spin-deploy", None), change("remove", "app shop", None)])],
        ),
        ("destroy, of nothing", vec![destroyed(vec![])]),
        ("package", vec![Event::Packaged(packaged)]),
    ]
}

#[test]
fn reports_for_people() {
    insta::assert_snapshot!(super::answers::printed(all(), |events| human(Verbosity::Normal, false, events)));
}

#[test]
fn reports_are_given_in_quiet_too() {
    insta::assert_snapshot!(super::answers::printed(all(), |events| human(Verbosity::Quiet, false, events)));
}

#[test]
fn reports_for_machines() {
    insta::assert_snapshot!(super::answers::printed(all(), |events| (json(events), String::new())));
}
