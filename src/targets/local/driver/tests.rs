//! What the driver makes of what is on disk and of what the server says.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use futures_util::FutureExt;
use jiff::Timestamp;
use serde_json::json;
use sha2::Digest as _;
use tokio_util::sync::CancellationToken;

use super::super::lock::ServerLock;
use super::super::stand_in::{Answers, Place, good, status};
use super::*;
use crate::event::{Reporter, Uploaded};
use crate::package::{Blob, Content, PackageId};
use crate::target::{LogBatch, LogQuery, Phase, Proof, Released, Scope};

#[derive(Default)]
struct Heard(Mutex<Vec<Event>>);

impl Reporter for Heard {
    fn report(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

fn context() -> (Context, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    (Context { reporter: heard.clone(), cancel: CancellationToken::new() }, heard)
}

fn target(place: &Place) -> Local {
    let http = http::Client::new(&http::Config::default()).unwrap();
    Local::new("local".to_owned(), &place.config("/bin/sh", &["-c", "echo 'cannot listen'; exit 5"]), http)
}

fn shop() -> AppName {
    AppName("shop".to_owned())
}

/// A package whose document is one that [`status`] knows as release 2.
fn package() -> Package {
    let blob = |content: &str, sha256: &str| Blob {
        sha256: sha256.to_owned(),
        size: content.len() as u64,
        name: content.to_owned(),
        content: Content::Bytes(content.as_bytes().to_vec()),
    };
    Package {
        id: PackageId { name: "shop".to_owned(), version: "2.0.0".parse().unwrap() },
        blobs: vec![
            blob("hello", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
            blob("world", "486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7"),
        ],
        description: Description::Directory { document: "b".repeat(64) },
        routes: Vec::new(),
        derived: true,
    }
}

fn artifact() -> Artifact {
    Artifact {
        package: package().id,
        reference: format!("shop/2.0.0@sha256:{}", "b".repeat(64)),
        routes: Vec::new(),
        uploaded: Uploaded::default(),
    }
}

/// Records the application as [`status`] has it.
fn recorded(place: &Place) {
    let store = Store::open(&place.config("", &[]).paths()).unwrap();
    store.write_record(&status(None, None).record).unwrap();
}

fn lines(changes: &[Change]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn planning_in_an_empty_place_makes_nothing_and_starts_nothing() {
    let (place, (cx, heard)) = (Place::new(), context());
    let plan = target(&place).plan(&cx, &shop(), &package()).await.unwrap();
    assert_eq!(lines(&plan.changes), ["create server", "create application shop", "create release 1 (2.0.0)"]);
    assert_eq!(plan.current, None);
    assert!(!place.config("", &[]).data_dir.exists());
    assert!(heard.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_the_server_serves_is_unchanged_and_what_it_does_not_is_not() {
    let table: [(Answers, bool); 3] = [
        (good, true),
        (|_| Some((StatusCode::OK, serde_json::to_value(status(Some(1), Some("broken"))).unwrap())), false),
        (|_| Some((StatusCode::OK, serde_json::to_value(status(None, Some("broken"))).unwrap())), false),
    ];
    for (answers, unchanged) in table {
        let (place, (cx, _)) = (Place::new(), context());
        place.serve(answers);
        let plan = target(&place).plan(&cx, &shop(), &package()).await.unwrap();
        assert_eq!(plan.is_unchanged(), unchanged, "{:?}", plan.changes);
        let current = plan.current.unwrap();
        assert_eq!((current.id.0.as_str(), current.url.as_deref()), ("2", Some("http://127.0.0.1:3001")));
    }
}

#[tokio::test]
async fn only_what_was_stored_is_counted_and_told() {
    let (place, (cx, heard)) = (Place::new(), context());
    let target = target(&place);
    let first = target.publish(&cx, &package()).await.unwrap();
    assert_eq!(first.uploaded, Uploaded { files: 2, bytes: 10 });
    assert_eq!(first.reference, artifact().reference);
    let transfers = |heard: &Heard| {
        let events = heard.0.lock().unwrap();
        let is =
            |event: &&Event| matches!(event, Event::TransferStarted { .. } | Event::TransferFinished { ok: true, .. });
        events.iter().filter(is).count()
    };
    assert_eq!(transfers(&heard), 4);
    assert_eq!(target.publish(&cx, &package()).await.unwrap().uploaded, Uploaded::default());
    assert_eq!(transfers(&heard), 4);
}

#[tokio::test]
async fn a_cancelled_run_stores_and_releases_nothing() {
    let (place, (cx, _)) = (Place::new(), context());
    place.serve(good);
    let target = target(&place);
    cx.cancel.cancel();
    assert_eq!(target.publish(&cx, &package()).await.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(target.release(&cx, &shop(), &artifact()).await.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(target.rollback(&cx, &shop(), &ReleaseId("1".into())).await.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(target.destroy(&cx, &shop(), Scope::App).await.unwrap_err().kind, ErrorKind::Cancelled);
    assert!(place.asked().is_empty());
}

#[tokio::test]
async fn a_release_asks_the_server_that_runs() {
    let (place, (cx, heard)) = (Place::new(), context());
    place.serve(good);
    let release = target(&place).release(&cx, &shop(), &artifact()).await.unwrap();
    assert_eq!((release.id.0.as_str(), release.version.as_str()), ("2", "2.0.0"));
    assert_eq!(release.url.as_deref(), Some("http://127.0.0.1:3001"));
    assert_eq!(place.asked(), ["GET /v1/apps/shop", "GET /v1/server", "PUT /v1/apps/shop/release"]);
    assert!(heard.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_goes_wrong_with_a_release_has_its_kind_and_its_remedy() {
    fn refusing(line: &str, status: StatusCode) -> Option<(StatusCode, serde_json::Value)> {
        match line {
            "PUT /v1/apps/shop/release" => Some((status, json!({ "message": "no" }))),
            line => good(line),
        }
    }
    let table: [(Answers, ErrorKind, &str); 4] = [
        (
            |line| refusing(line, StatusCode::NOT_FOUND),
            ErrorKind::Conflict,
            "run the same command again: it stores what is missing",
        ),
        (
            |line| refusing(line, StatusCode::UNPROCESSABLE_ENTITY),
            ErrorKind::Rejected,
            "correct the component, and run the same command again: what was live before is live still",
        ),
        (|line| refusing(line, StatusCode::INTERNAL_SERVER_ERROR), ErrorKind::Interrupted, ""),
        (|line| if line.starts_with("PUT") { None } else { good(line) }, ErrorKind::OutcomeUnknown, ""),
    ];
    for (answers, kind, hint) in table {
        let (place, (cx, _)) = (Place::new(), context());
        place.serve(answers);
        let error = target(&place).release(&cx, &shop(), &artifact()).await.unwrap_err();
        assert_eq!((error.kind, error.hints.join("")), (kind, hint.to_owned()), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_started_is_quoted() {
    let (place, (cx, _)) = (Place::new(), context());
    let error = target(&place).release(&cx, &shop(), &artifact()).await.unwrap_err();
    assert_eq!((error.kind, error.operation.as_str()), (ErrorKind::Unreachable, "start a server"));
    assert_eq!(error.source.unwrap().to_string(), "it ended (exit status: 5) and said: cannot listen");
    let serve = format!("`spin-deploy serve --data-dir {}`", target(&place).paths.data.display());
    assert_eq!(error.hints, [format!("look at what it says in the foreground: {serve}")]);
}

#[tokio::test]
async fn a_server_of_another_version_is_used_and_noted_and_one_of_another_protocol_is_not() {
    let (place, (cx, heard)) = (Place::new(), context());
    place.serve(|line| match line {
        "GET /v1/server" => {
            Some((StatusCode::OK, json!({ "version": "9.9.9", "pid": 1, "listen": "127.0.0.1", "apps": [] })))
        }
        line => good(line),
    });
    target(&place).release(&cx, &shop(), &artifact()).await.unwrap();
    let heard = heard.0.lock().unwrap().clone();
    let [Event::Note { message }] = heard.as_slice() else { panic!("{heard:?}") };
    assert!(message.starts_with("the server (process 1) is of spin-deploy 9.9.9, this is "), "{message}");

    let place = Place::new();
    place.serve(|_| Some((StatusCode::NOT_FOUND, json!("?"))));
    let error = target(&place).release(&cx, &shop(), &artifact()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.hints[0].contains("spin-deploy serve --stop"), "{:?}", error.hints);
}

#[tokio::test]
async fn the_full_look_says_what_the_server_says() {
    let table: [(Answers, Phase, Option<&str>, Option<&str>); 4] = [
        (good, Phase::Ready(Proof::Version), Some("2.0.0"), None),
        (
            |_| Some((StatusCode::OK, serde_json::to_value(status(Some(1), Some("it traps"))).unwrap())),
            Phase::Failed,
            Some("1.0.0"),
            Some("it traps"),
        ),
        (
            |_| Some((StatusCode::OK, serde_json::to_value(status(None, Some("it traps"))).unwrap())),
            Phase::Failed,
            None,
            Some("it traps"),
        ),
        (|_| Some((StatusCode::NOT_FOUND, json!({ "message": "none" }))), Phase::Absent, None, None),
    ];
    for (answers, phase, version, detail) in table {
        let (place, (cx, _)) = (Place::new(), context());
        place.serve(answers);
        let status = target(&place).status(&cx, &shop(), Look::Full).await.unwrap();
        assert_eq!((status.phase, status.version.as_deref(), status.detail.as_deref()), (phase, version, detail));
    }
}

#[tokio::test]
async fn without_a_server_what_is_recorded_is_pending_and_all_else_absent() {
    let (place, (cx, _)) = (Place::new(), context());
    let look = async || target(&place).status(&cx, &shop(), Look::Full).await.unwrap();
    assert_eq!(look().await.phase, Phase::Absent);
    recorded(&place);
    let status = look().await;
    assert_eq!(status.phase, Phase::Pending);
    let serve = format!("`spin-deploy serve --data-dir {}`", target(&place).paths.data.display());
    assert_eq!(status.detail.unwrap(), format!("no server is running; start it: {serve}"));
}

#[tokio::test]
async fn releases_are_told_newest_first() {
    let (place, (cx, _)) = (Place::new(), context());
    let target = target(&place);
    assert_eq!(target.releases(&cx, &shop()).await.unwrap_err().kind, ErrorKind::NotFound);
    recorded(&place);
    let created = Some(Timestamp::UNIX_EPOCH);
    let released = |id: &str, version: &str, active, gone| Released {
        id: ReleaseId(id.into()),
        version: version.into(),
        created,
        active,
        channels: Vec::new(),
        gone,
    };
    assert_eq!(
        target.releases(&cx, &shop()).await.unwrap(),
        [released("2", "2.0.0", true, true), released("1", "1.0.0", false, true)],
        "nothing of them is stored"
    );

    // The first one's document is stored, and it names no other file.
    let document = r#"{"format":1,"name":"shop","version":"1.0.0","base":"/","triggers":[],"components":[]}"#;
    let sha256 = format!("{:x}", sha2::Sha256::digest(document));
    let store = Store::open(&place.config("", &[]).paths()).unwrap();
    let (name, content) = ("application.json".to_owned(), Content::Bytes(document.into()));
    store.put(&Blob { sha256: sha256.clone(), size: document.len() as u64, name, content }).unwrap();
    let mut record = status(None, None).record;
    record.releases[0].document = sha256.clone();
    store.write_record(&record).unwrap();
    let gone = async || target.releases(&cx, &shop()).await.unwrap().into_iter().map(|release| release.gone);
    assert_eq!(gone().await.collect::<Vec<_>>(), [true, false]);
    std::fs::remove_file(store.blob(&sha256)).unwrap();
    assert_eq!(gone().await.collect::<Vec<_>>(), [true, true]);
}

#[tokio::test]
async fn a_rollback_asks_for_a_release_that_is_remembered() {
    let (place, (cx, _)) = (Place::new(), context());
    place.serve(good);
    let target = target(&place);
    for unknown in ["3", "x", ""] {
        let error = target.rollback(&cx, &shop(), &ReleaseId(unknown.into())).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound, "{unknown:?}");
    }
    let back = target.rollback(&cx, &shop(), &ReleaseId("1".into())).await.unwrap();
    assert_eq!(
        lines(&back.changes),
        ["keep server", "update application shop (2.0.0 -> 1.0.0)", "update release 1 (1.0.0)"]
    );
    let same = target.rollback(&cx, &shop(), &ReleaseId("2".into())).await.unwrap();
    assert_eq!(lines(&same.changes), ["keep server", "keep application shop", "keep release 2"]);
    let seen = place.seen();
    let bodies: Vec<_> =
        seen.iter().filter(|(line, _)| line.starts_with("PUT")).map(|(_, body)| body.as_str()).collect();
    assert_eq!(bodies, [r#"{"release":1}"#, r#"{"release":2}"#]);
}

#[tokio::test]
async fn an_application_is_removed_with_and_without_a_server() {
    let (place, (cx, _)) = (Place::new(), context());
    let gone = ["remove application shop (2 releases, key-value stores, logs)"];
    assert_eq!(target(&place).destroy(&cx, &shop(), Scope::App).await.unwrap(), []);
    recorded(&place);
    assert_eq!(lines(&target(&place).destroy(&cx, &shop(), Scope::App).await.unwrap()), gone);
    assert_eq!(target(&place).destroy(&cx, &shop(), Scope::App).await.unwrap(), []);

    let place = Place::new();
    place.serve(good);
    assert_eq!(lines(&target(&place).destroy(&cx, &shop(), Scope::App).await.unwrap()), gone);
    assert_eq!(place.asked(), ["GET /v1/apps/shop", "DELETE /v1/apps/shop"]);
}

#[tokio::test]
async fn a_removal_waits_for_a_server_that_is_dying() {
    thread_local! {
        /// What the dying server still holds.
        static LOCK: Cell<Option<ServerLock>> = const { Cell::new(None) };
    }
    let (place, (cx, _)) = (Place::new(), context());
    recorded(&place);
    let target = Local { sleep: |_| async { drop(LOCK.take()) }.boxed(), ..target(&place) };
    LOCK.set(Some(ServerLock::acquire(&target.paths).unwrap()));
    assert_eq!(target.destroy(&cx, &shop(), Scope::App).await.unwrap().len(), 1);
    assert_eq!(target.destroy(&cx, &shop(), Scope::App).await.unwrap(), []);
}

#[tokio::test]
async fn a_removal_gives_up_on_a_server_that_holds_everything_and_does_not_answer() {
    let (place, (cx, _)) = (Place::new(), context());
    recorded(&place);
    let target = Local { sleep: |_| std::future::ready(()).boxed(), ..target(&place) };
    let _lock = ServerLock::acquire(&target.paths).unwrap();
    let refused = target.destroy(&cx, &shop(), Scope::App).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unreachable);
}

#[tokio::test]
async fn the_log_of_an_application_that_is_not_there_is_not_found() {
    let (place, (cx, _)) = (Place::new(), context());
    let target = target(&place);
    let mut reader = target.open(&shop(), LogQuery::default());
    assert_eq!(reader.read(&cx).await.unwrap_err().kind, ErrorKind::NotFound);
    recorded(&place);
    assert_eq!(reader.read(&cx).await.unwrap(), LogBatch::default());
}
