//! A control server for the tests of its client: it says what it is told to.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use jiff::Timestamp;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::UnixListener;

use super::config::{Config, Launch};
use super::control::AppStatus;
use super::record::Record;

/// A request as it came: method and path, and its body.
pub type Seen = (String, String);

/// What a server answers to a request; `None`: it breaks the connection off.
pub type Answers = fn(&str) -> Option<(StatusCode, serde_json::Value)>;

/// A place of one's own, with a stand-in for its server as soon as one is started.
pub struct Place {
    dir: TempDir,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Place {
    pub fn new() -> Place {
        Place { dir: TempDir::new().unwrap(), seen: Arc::default() }
    }

    /// A target here, which starts `program` with `args` when no server answers.
    pub fn config(&self, program: &str, args: &[&str]) -> Config {
        Config {
            data_dir: self.dir.path().join("data"),
            runtime_dir: None,
            cache_dir: self.dir.path().join("cache"),
            first_address: "127.0.0.1:0".parse().unwrap(),
            launch: Launch {
                program: PathBuf::from(program),
                args: args.iter().map(Into::into).collect(),
                environment: vec![("PATH".into(), "/usr/bin:/bin".into()), ("GIVEN".into(), "on".into())],
            },
        }
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("data/control.sock")
    }

    /// Starts a server here that answers so. It ends with the test's runtime.
    pub fn serve(&self, answers: Answers) {
        listen(&self.socket(), answers, Arc::clone(&self.seen));
    }

    /// What the server has been asked.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The lines of it.
    pub fn asked(&self) -> Vec<String> {
        self.seen().into_iter().map(|(line, _)| line).collect()
    }
}

/// Listens at a socket.
pub fn listen(socket: &Path, answers: Answers, seen: Arc<Mutex<Vec<Seen>>>) {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(socket.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(socket).unwrap();
    let answer = move |method: Method, uri: Uri, body: Bytes| {
        let line = format!("{method} {}", uri.path());
        seen.lock().unwrap().push((line.clone(), String::from_utf8(body.to_vec()).unwrap()));
        async move { respond(answers(&line)) }
    };
    let app = Router::new().fallback(any(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
}

fn respond(answer: Option<(StatusCode, serde_json::Value)>) -> Response {
    match answer {
        Some((status, body)) => (status, axum::Json(body)).into_response(),
        // A body that breaks off: there is no shorter way to lose a connection.
        None => {
            let broken = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
            axum::body::Body::from_stream(broken).into_response()
        }
    }
}

/// Release 2 of an application, which answers unless something else is said.
pub fn status(serving: Option<u64>, problem: Option<&str>) -> AppStatus {
    let (old, new, now) = ("a".repeat(64), "b".repeat(64), Timestamp::UNIX_EPOCH);
    let record = Record::first("shop", 3001, "1.0.0", &old, now).with_release("2.0.0", &new, now);
    AppStatus {
        record,
        url: "http://127.0.0.1:3001".into(),
        serving,
        problem: problem.map(str::to_owned),
        passing: false,
        cause: None,
    }
}

/// What a good server says of itself.
pub fn itself() -> serde_json::Value {
    json!({ "version": env!("CARGO_PKG_VERSION"), "pid": 4711, "listen": "127.0.0.1", "apps": ["shop"] })
}

/// A good server with one application.
pub fn good(line: &str) -> Option<(StatusCode, serde_json::Value)> {
    let shop = || serde_json::to_value(status(Some(2), None)).unwrap();
    Some(match line {
        "GET /v1/server" => (StatusCode::OK, itself()),
        "POST /v1/server/stop" => (StatusCode::ACCEPTED, json!(null)),
        "DELETE /v1/apps/shop" => (StatusCode::NO_CONTENT, json!(null)),
        "GET /v1/apps/shop" | "PUT /v1/apps/shop/release" | "PUT /v1/apps/shop/rollback" => (StatusCode::OK, shop()),
        _ => (StatusCode::NOT_FOUND, json!({ "message": "there is no such thing" })),
    })
}
