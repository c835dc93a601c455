//! `docs/events.md` has every event and every field, and none that does not exist.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;

const DOCUMENT: &str = include_str!("../../../docs/events.md");

/// The names of all events. A new variant has to be added here, and then there has to be a sample of it.
fn name(event: &Event) -> &'static str {
    match event {
        Event::StepStarted { .. } => "step_started",
        Event::StepFinished { .. } => "step_finished",
        Event::Warning { .. } => "warning",
        Event::Note { .. } => "note",
        Event::TransferStarted { .. } => "transfer_started",
        Event::TransferProgress { .. } => "transfer_progress",
        Event::TransferFinished { .. } => "transfer_finished",
        Event::Retrying { .. } => "retrying",
        Event::Waiting { .. } => "waiting",
        Event::Finished(_) => "finished",
        Event::Stopped(_) => "stopped",
        Event::Checked(_) => "checked",
        Event::Examined(_) => "examined",
        Event::LoggedIn(_) => "logged_in",
        Event::LoggedOut(_) => "logged_out",
        Event::Identities(_) => "identities",
        Event::Targets(_) => "targets",
        Event::ShownTarget(_) => "shown_target",
        Event::Planned(_) => "planned",
        Event::AppStatus(_) => "app_status",
        Event::Logged(_) => "log_line",
        Event::LogsEnded { .. } => "logs_ended",
        Event::Releases(_) => "releases",
        Event::Destroyed(_) => "destroyed",
        Event::Packaged(_) => "packaged",
        Event::Failed(_) => "failed",
    }
}

/// At least one event of each kind, with everything in it.
fn samples() -> Vec<Event> {
    let answers = answers::all().into_iter().chain(reports::all()).flat_map(|(_, events)| events);
    let others = [stopped(Some(4711)), Event::TransferProgress { id: 1, sent: 2 }, Event::Failed(Box::new(failed()))];
    answers.chain(good_run()).chain(others).collect()
}

/// The row of an event in the table of all of them.
fn row(event: &str) -> &'static str {
    let start = format!("| `{event}` |");
    DOCUMENT.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("there is no row of {event}"))
}

/// The section about an event, where there is one.
fn section(event: &str) -> String {
    let is_about = |section: &&str| {
        let title = section.lines().next().unwrap_or_default();
        title.split_whitespace().any(|word| word == format!("`{event}`"))
    };
    DOCUMENT.split("\n## ").skip(1).filter(is_about).collect()
}

/// The names of all members, however deep.
fn members(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                names.insert(name.clone());
                members(value, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, names)),
        _ => {}
    }
}

/// The members of each event.
fn fields() -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut fields: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for event in samples() {
        let mut record: Value = serde_json::from_str(&json::line(&event, noon())).unwrap();
        assert_eq!(record["event"], name(&event));
        for common in ["v", "time", "event"] {
            assert!(record.as_object_mut().unwrap().remove(common).is_some(), "{} has no {common}", name(&event));
        }
        members(&record, fields.entry(name(&event)).or_default());
    }
    fields
}

#[test]
fn every_event_has_a_row_and_every_row_is_an_event() {
    let rows: BTreeSet<&str> = DOCUMENT
        .lines()
        .skip_while(|line| !line.starts_with("| event |"))
        .skip(2)
        .map_while(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(event, _)| event)
        .collect();
    assert_eq!(rows, fields().into_keys().collect());
}

#[test]
fn every_event_that_ends_a_run_says_so() {
    for event in samples() {
        let says_so = row(name(&event)).contains("| last: ");
        assert_eq!(says_so, event.is_last(), "{}", name(&event));
    }
}

#[test]
fn every_field_of_every_event_is_documented() {
    for (event, fields) in fields() {
        let text = format!("{}\n{}", row(event), section(event));
        for field in fields {
            assert!(text.contains(&format!("`{field}`")), "{field} of {event} is not documented");
        }
    }
}

#[test]
fn every_field_that_is_documented_is_there() {
    let all = fields();
    for (event, fields) in &all {
        let section = section(event);
        let documented = section.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0));
        for field in documented {
            assert!(fields.contains(field), "{event} has no field {field}");
        }
    }
}

#[test]
fn every_word_that_a_field_may_have_is_documented() {
    use crate::event::{AppPhase, Step};
    const STEPS: [Step; 11] = [
        Step::Build,
        Step::Fetch,
        Step::Load,
        Step::Package,
        Step::Plan,
        Step::Publish,
        Step::Release,
        Step::Wait,
        Step::Restore,
        Step::Rollback,
        Step::Remove,
    ];
    const PHASES: [AppPhase; 5] =
        [AppPhase::Live, AppPhase::Pending, AppPhase::Progressing, AppPhase::Failed, AppPhase::Absent];
    let words = [
        ("step_started", STEPS.map(Step::name).to_vec()),
        ("app_status", PHASES.map(AppPhase::name).to_vec()),
        (
            "finished",
            vec!["released", "released_unwatched", "unchanged", "rolled_back", "rolled_back_unwatched", "live"],
        ),
    ];
    for (event, words) in words {
        let text = format!("{}\n{}", row(event), section(event));
        for word in words {
            assert!(text.contains(&format!("`{word}`")), "{word} of {event} is not documented");
        }
    }
}
