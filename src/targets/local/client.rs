//! What is asked of the server, over its control socket (`control.rs`).

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use url::Url;

use super::control::{AppStatus, MakeLive, Refused, RollBack, ServerInfo};
use crate::http::{self, Body, HttpError, Kind, Repeat, Request, Response};

/// How long the server may take to make something live, which may have to be compiled, or to remove it, which waits for
/// requests in flight.
const COMPILING: Duration = Duration::from_secs(300);
/// How long it may take for everything else.
const PATIENCE: Duration = Duration::from_secs(10);
const JSON: &str = "application/json";

/// Speaks to the server of one data directory.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
    http: http::Client,
}

/// Why the server was not heard, or said no.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens.
    #[error("no server is running")]
    NotRunning,
    /// Somebody else has put the socket there, or listens at it.
    #[error("the control socket {} belongs to another user (id {uid})", .socket.display())]
    Foreign { socket: PathBuf, uid: u32 },
    /// There is something at the socket's place that cannot be spoken to.
    #[error("could not connect to the control socket {}", .socket.display())]
    Socket {
        socket: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The server said why it did not do it.
    #[error("{message}")]
    Refused { status: StatusCode, message: String },
    /// A server answers that does not know what is asked: another version of this program.
    #[error("the server that is running is of another version of spin-deploy, which does not understand this one")]
    OtherVersion,
    /// The server was lost before it answered; whether it has done what was asked is not known.
    #[error("the server was lost before it answered")]
    Lost(#[source] HttpError),
}

type Result<T> = std::result::Result<T, ControlError>;

impl Client {
    /// A client; nothing is sent.
    pub fn new(socket: &Path) -> Client {
        Client { socket: socket.to_owned(), http: http::Client::over_socket(socket) }
    }

    /// Who answers.
    pub async fn server(&self) -> Result<ServerInfo> {
        match self.question("server").await {
            // Every server of this API knows itself.
            Err(ControlError::Refused { status: StatusCode::NOT_FOUND, .. }) => Err(ControlError::OtherVersion),
            answer => answer,
        }
    }

    /// Asks it to stop; it does so when nothing is in flight any more.
    pub async fn stop(&self) -> Result<()> {
        self.send(Method::POST, "server/stop", Body::Empty, PATIENCE).await.map(drop)
    }

    /// What it knows of an application.
    pub async fn app(&self, app: &str) -> Result<Option<AppStatus>> {
        match self.question(&format!("apps/{app}")).await {
            Ok(status) => Ok(Some(status)),
            Err(ControlError::Refused { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a stored package live.
    pub async fn make_live(&self, app: &str, wish: &MakeLive) -> Result<AppStatus> {
        self.ask(Method::PUT, &format!("apps/{app}/release"), json(wish), COMPILING).await
    }

    /// Makes an earlier release live again.
    pub async fn roll_back(&self, app: &str, to: u64) -> Result<AppStatus> {
        self.ask(Method::PUT, &format!("apps/{app}/rollback"), json(&RollBack { release: to }), COMPILING).await
    }

    /// Removes an application.
    pub async fn remove(&self, app: &str) -> Result<()> {
        self.send(Method::DELETE, &format!("apps/{app}"), Body::Empty, COMPILING).await.map(drop)
    }

    /// Asks what changes nothing. A server that was killed is not gone at once: until the system has closed its socket,
    /// whoever connects is taken, and then cut off. So what was cut off is asked once more, of whoever is there then. One
    /// that is silent (which has no cause below it) is not.
    async fn question<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let ask = || self.ask(Method::GET, path, Body::Empty, PATIENCE);
        match ask().await {
            Err(ControlError::Lost(error)) if error.kind == Kind::Interrupted && error.source.is_some() => ask().await,
            answer => answer,
        }
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Body, patience: Duration) -> Result<T> {
        let answer = self.send(method, path, body, patience).await?;
        answer.json().map_err(|_| ControlError::OtherVersion)
    }

    async fn send(&self, method: Method, path: &str, body: Body, patience: Duration) -> Result<Response> {
        self.knock().await?;
        let request = Request {
            method,
            url: address(path),
            accept: JSON,
            authorization: None,
            body,
            repeat: Repeat::Never,
            patience: Some(patience),
            limit: http::JSON_LIMIT,
        };
        let answer = self.http.send(request, &|_| {}).await.map_err(|error| match error.kind {
            // It has gone since it was knocked at.
            Kind::Unreachable => ControlError::NotRunning,
            Kind::Protocol => ControlError::OtherVersion,
            _ => ControlError::Lost(error),
        })?;
        match answer.status.is_success() {
            true => Ok(answer),
            false => Err(refused(&answer)),
        }
    }

    /// Makes sure that somebody listens, and that it is ourselves: whoever can write the socket's directory could put
    /// another one there.
    async fn knock(&self) -> Result<()> {
        let failed = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => ControlError::NotRunning,
            _ => ControlError::Socket { socket: self.socket.clone(), source },
        };
        let owner = tokio::fs::symlink_metadata(&self.socket).await.map_err(failed)?.uid();
        let us = rustix::process::getuid().as_raw();
        if owner != us {
            return Err(ControlError::Foreign { socket: self.socket.clone(), uid: owner });
        }
        let connection = UnixStream::connect(&self.socket).await.map_err(failed)?;
        match connection.peer_cred().map_err(failed)?.uid() {
            uid if uid == us => Ok(()),
            uid => Err(ControlError::Foreign { socket: self.socket.clone(), uid }),
        }
    }
}

/// The host is only for the header: the socket leads there.
fn address(path: &str) -> Url {
    Url::parse(&format!("http://localhost/v1/{path}")).expect("names of applications need no escaping")
}

fn json(value: &impl serde::Serialize) -> Body {
    let content = serde_json::to_vec(value).expect("plain data has text for keys and no other way to fail");
    Body::Bytes { content, media_type: JSON }
}

fn refused(answer: &Response) -> ControlError {
    match answer.json::<Refused>() {
        Ok(Refused { message }) => ControlError::Refused { status: answer.status, message },
        Err(_) => ControlError::OtherVersion,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::stand_in::{Place, good, itself, status};
    use super::*;

    fn client(place: &Place) -> Client {
        Client::new(&place.socket())
    }

    #[tokio::test]
    async fn every_question_has_its_answer() {
        let place = Place::new();
        place.serve(good);
        let client = client(&place);
        assert_eq!(serde_json::to_value(client.server().await.unwrap()).unwrap(), itself());
        assert_eq!(client.app("shop").await.unwrap(), Some(status(Some(2), None)));
        assert_eq!(client.app("other").await.unwrap(), None);
        let wish = MakeLive { document: "b".repeat(64), version: "2.0.0".into() };
        assert_eq!(client.make_live("shop", &wish).await.unwrap(), status(Some(2), None));
        assert_eq!(client.roll_back("shop", 1).await.unwrap(), status(Some(2), None));
        client.remove("shop").await.unwrap();
        client.stop().await.unwrap();

        let seen = place.seen();
        assert_eq!(serde_json::from_str::<MakeLive>(&seen[3].1).unwrap(), wish);
        assert_eq!(serde_json::from_str::<RollBack>(&seen[4].1).unwrap(), RollBack { release: 1 });
    }

    #[tokio::test]
    async fn without_a_socket_and_with_one_that_nobody_listens_at_no_server_is_running() {
        let place = Place::new();
        assert!(matches!(client(&place).server().await, Err(ControlError::NotRunning)));
        std::fs::create_dir_all(place.socket().parent().unwrap()).unwrap();
        // What a killed server leaves.
        drop(std::os::unix::net::UnixListener::bind(place.socket()).unwrap());
        assert!(matches!(client(&place).server().await, Err(ControlError::NotRunning)));
    }

    #[tokio::test]
    async fn what_is_no_socket_is_an_error_and_not_an_absent_server() {
        let place = Place::new();
        std::fs::create_dir_all(place.socket().join("directory")).unwrap();
        // Connecting to a directory is refused, as to a socket without a listener; a path through a file is not.
        let file = place.socket().with_file_name("file");
        std::fs::write(&file, "").unwrap();
        let error = Client::new(&file.join("control.sock")).server().await.unwrap_err();
        assert!(matches!(error, ControlError::Socket { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn the_servers_own_words_are_handed_on() {
        let place = Place::new();
        place.serve(|_| Some((StatusCode::UNPROCESSABLE_ENTITY, json!({ "message": "it exports nothing" }))));
        let error = client(&place).roll_back("shop", 1).await.unwrap_err();
        assert!(matches!(error, ControlError::Refused { status: StatusCode::UNPROCESSABLE_ENTITY, .. }), "{error:?}");
        assert_eq!(error.to_string(), "it exports nothing");
    }

    #[tokio::test]
    async fn a_server_of_another_version_is_told_from_one_that_refuses() {
        for answers in [
            |_: &str| Some((StatusCode::NOT_FOUND, json!({ "message": "there is no /v1" }))),
            |_: &str| Some((StatusCode::OK, json!({ "hello": "world" }))),
            |_: &str| Some((StatusCode::BAD_REQUEST, json!("what?"))),
        ] {
            let place = Place::new();
            place.serve(answers);
            let error = client(&place).server().await.unwrap_err();
            assert!(matches!(error, ControlError::OtherVersion), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_cut_off_while_it_dies_is_no_server() {
        let place = Place::new();
        std::fs::create_dir_all(place.socket().parent().unwrap()).unwrap();
        let listener = tokio::net::UnixListener::bind(place.socket()).unwrap();
        let dying = async move {
            // The knock, and the question. Then the system closes everything.
            let connections = (listener.accept().await.unwrap(), listener.accept().await.unwrap());
            drop(listener);
            drop(connections);
        };
        let client = client(&place);
        let (answer, ()) = tokio::join!(client.server(), dying);
        assert!(matches!(answer, Err(ControlError::NotRunning)), "{answer:?}");
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_leaves_the_outcome_open() {
        let place = Place::new();
        place.serve(|_| None);
        let error = client(&place).roll_back("shop", 1).await.unwrap_err();
        assert!(matches!(error, ControlError::Lost(_)), "{error:?}");
    }
}
