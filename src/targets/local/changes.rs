//! The pure heart: what is there and what we wish → what has to be done. `plan` and `release` both ask here.

use super::record::Record;
use crate::target::{Action, Change};

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Whether the server runs.
    pub server: bool,
    /// What is recorded of the application.
    pub record: Option<Record>,
    /// The release that answers.
    pub serving: Option<u64>,
}

/// What shall be live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The application's name.
    pub app: String,
    /// The package's version, build metadata included.
    pub version: String,
    /// The SHA-256 of the package's document.
    pub document: String,
}

/// What has to be done, in the order in which it is done.
pub fn changes(state: &State, wish: &Wish) -> Vec<Change> {
    let current = state.record.as_ref().map(Record::current);
    let server = match current {
        _ if state.server => (Action::Keep, None),
        None => (Action::Create, None),
        Some(_) => (Action::Update, Some("start: it is not running".into())),
    };
    let (app, release, id) = match (&state.record, current) {
        (Some(_), Some(current)) if current.document == wish.document => {
            ((Action::Keep, None), answering(state, current.id), current.id)
        }
        (Some(record), Some(current)) => {
            let detail = format!("{} -> {}", current.version, wish.version);
            ((Action::Update, Some(detail)), (Action::Create, Some(wish.version.clone())), record.next_id())
        }
        _ => ((Action::Create, None), (Action::Create, Some(wish.version.clone())), 1),
    };
    [("server".into(), server), (format!("application {}", wish.app), app), (format!("release {id}"), release)]
        .map(|(subject, (action, detail))| Change { action, subject, detail })
        .into()
}

/// What has to be done for the recorded release to answer.
fn answering(state: &State, current: u64) -> (Action, Option<String>) {
    match state.serving.filter(|_| state.server) {
        Some(id) if id == current => (Action::Keep, None),
        Some(id) => (Action::Update, Some(format!("start: release {id} still answers"))),
        None => (Action::Update, Some("start: nothing answers".into())),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn wish(document: &str) -> Wish {
        Wish { app: "shop".into(), version: format!("1.0.0+{document}"), document: document.into() }
    }

    /// Release 1 is of `old`, release 2 of `new`, which is current.
    fn deployed(server: bool, serving: Option<u64>) -> State {
        let now = Timestamp::UNIX_EPOCH;
        let record = Record::first("shop", 3001, "1.0.0+old", "old", now).with_release("1.0.0+new", "new", now);
        State { server, record: Some(record), serving }
    }

    fn lines(state: &State, wish: &Wish) -> Vec<String> {
        changes(state, wish).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn in_an_empty_place_everything_is_created() {
        assert_eq!(
            lines(&State { server: false, record: None, serving: None }, &wish("new")),
            ["create server", "create application shop", "create release 1 (1.0.0+new)"]
        );
    }

    #[test]
    fn another_application_uses_the_server_that_runs() {
        let lines = lines(&State { server: true, record: None, serving: None }, &wish("new"));
        assert_eq!(lines, ["keep server", "create application shop", "create release 1 (1.0.0+new)"]);
    }

    #[test]
    fn other_content_is_a_new_release_even_when_it_was_released_before() {
        for document in ["old", "newer"] {
            assert_eq!(
                lines(&deployed(true, Some(2)), &wish(document)),
                [
                    "keep server".to_owned(),
                    format!("update application shop (1.0.0+new -> 1.0.0+{document})"),
                    format!("create release 3 (1.0.0+{document})")
                ]
            );
        }
    }

    #[test]
    fn the_recorded_release_is_started_where_it_does_not_answer() {
        let update = |why: &str| format!("update release 2 (start: {why})");
        let stopped = lines(&deployed(false, None), &wish("new"));
        assert_eq!(stopped[0], "update server (start: it is not running)");
        assert_eq!(stopped[1..], ["keep application shop".to_owned(), update("nothing answers")]);
        assert_eq!(lines(&deployed(true, None), &wish("new"))[2], update("nothing answers"));
        assert_eq!(lines(&deployed(true, Some(1)), &wish("new"))[2], update("release 1 still answers"));
    }

    #[test]
    fn everything_is_kept_exactly_when_the_wished_document_is_current_and_served() {
        for server in [false, true] {
            for serving in [None, Some(1), Some(2)] {
                for document in ["old", "new", "newer"] {
                    let changes = changes(&deployed(server, serving), &wish(document));
                    let kept = changes.iter().all(|change| change.action == Action::Keep);
                    assert_eq!(kept, server && serving == Some(2) && document == "new", "{changes:?}");
                }
            }
        }
    }
}
