//! The control socket: takes the orders of [`super::super::control`].

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::super::control::{MakeLive, Refused, RollBack};
use super::super::engine::Body;
use super::super::paths::private_dir;
use super::apps::Apps;
use super::refusal::Refusal;
use super::{ServeError, connections, reply};

/// The longest order, in bytes.
const LONGEST_ORDER: usize = 64 * 1024;

/// Makes the socket, for this user alone. Call it only with the server's lock: a socket that is there is a dead
/// server's, and removed. Blocks.
pub fn bind(path: &Path) -> Result<StdListener, ServeError> {
    let trouble = |source: io::Error| ServeError::Socket { path: path.to_owned(), source };
    if let Some(dir) = path.parent() {
        private_dir(dir).map_err(trouble)?;
    }
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => fs::remove_file(path).map_err(trouble)?,
        Ok(_) => return Err(ServeError::InTheWay { path: path.to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(trouble(error)),
    }
    let listener = StdListener::bind(path).map_err(trouble)?;
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(trouble)?;
    listener.set_nonblocking(true).map_err(trouble)?;
    Ok(listener)
}

/// Takes orders until `stop` is cancelled.
pub async fn serve(listener: UnixListener, apps: &Arc<Apps>, grace: Duration, stop: CancellationToken) {
    let apps = apps.clone();
    connections::serve(listener, &stop, grace, move |(), request| answer(apps.clone(), request)).await;
}

async fn answer(apps: Arc<Apps>, request: Request<Incoming>) -> Response<Body> {
    obey(&apps, request).await.unwrap_or_else(|refusal| {
        let Refusal { status, message } = refusal;
        json(status, &Refused { message })
    })
}

async fn obey(apps: &Arc<Apps>, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let parts = path.split('/').skip(1).map(decoded).collect::<Result<Vec<_>, Refusal>>()?;
    let parts = parts.iter().map(String::as_str).collect::<Vec<_>>();
    match (&method, parts.as_slice()) {
        (&Method::GET, ["v1", "server"]) => Ok(json(StatusCode::OK, &apps.info())),
        (&Method::POST, ["v1", "server", "stop"]) => {
            apps.stop();
            Ok(empty(StatusCode::ACCEPTED))
        }
        (&Method::GET, ["v1", "apps", app]) => Ok(json(StatusCode::OK, &apps.status(app).await?)),
        (&Method::PUT, ["v1", "apps", app, "release"]) => {
            let (app, wish) = (app.to_string(), order::<MakeLive>(request).await?);
            let change = |apps: Arc<Apps>| async move { apps.make_live(&app, wish).await };
            Ok(json(StatusCode::OK, &apps.carry_through(change).await?))
        }
        (&Method::PUT, ["v1", "apps", app, "rollback"]) => {
            let (app, wish) = (app.to_string(), order::<RollBack>(request).await?);
            let change = |apps: Arc<Apps>| async move { apps.roll_back(&app, wish).await };
            Ok(json(StatusCode::OK, &apps.carry_through(change).await?))
        }
        (&Method::DELETE, ["v1", "apps", app]) => {
            let app = app.to_string();
            apps.carry_through(|apps| async move { apps.delete(&app).await }).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => Err(Refusal::not_found(format!("{method} {path} is no order that this server knows"))),
    }
}

/// A part of a path.
fn decoded(part: &str) -> Result<String, Refusal> {
    let text = percent_decode_str(part).decode_utf8();
    text.map(Into::into).map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "the path is no UTF-8"))
}

/// The order in a request's body.
async fn order<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Refusal> {
    let body = Limited::new(request.into_body(), LONGEST_ORDER).collect().await.map_err(|error| {
        let status = if error.is::<http_body_util::LengthLimitError>() {
            StatusCode::PAYLOAD_TOO_LARGE
        } else {
            StatusCode::BAD_REQUEST
        };
        Refusal::new(status, format!("the order could not be read: {error}"))
    })?;
    serde_json::from_slice(&body.to_bytes())
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, format!("the order cannot be understood: {error}")))
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let bytes = serde_json::to_vec(value).expect("what is said over the socket is plain data");
    reply::with_type(status, "application/json", bytes)
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(reply::full(""));
    *response.status_mut() = status;
    response
}
