//! Whether the application answers, and as which version. Its host is asked, never Hippo, and never with a credential.
//!
//! Spin's HTTP trigger answers `/.well-known/spin/info` since 0.7 (with `bindle_version`: the only proof of what
//! runs) and `/.well-known/spin/health` since 0.6.

use std::time::Duration;

use reqwest::StatusCode;
use url::Url;

use super::api::SpinInfo;
use super::layer::Obstacle;
use super::session::retrying;
use crate::http::{Barrier, Body, Client, HttpError, Kind, Repeat, Request, Response};
use crate::target::{Context, ErrorKind, TargetError};

/// How long a probe may take, the connection included.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const LIMIT: usize = 64 * 1024;

/// What one look at the application's URL shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// This version answers.
    Version(String),
    /// Something healthy answers that cannot name its version.
    Healthy,
    /// The application does not answer, and why.
    Nothing(Silence),
}

/// Why an application does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// What was met in its place.
    pub obstacle: Obstacle,
    /// The same for people.
    pub why: String,
}

impl Silence {
    fn new(obstacle: Obstacle, why: impl Into<String>) -> Silence {
        Silence { obstacle, why: why.into() }
    }

    fn status(status: StatusCode) -> Silence {
        Silence::new(Obstacle::Status(status.as_u16()), format!("it answers with status {}", status.as_u16()))
    }
}

/// What the failure of a request means. A host that breaks off or keeps silent is as good as none.
impl From<HttpError> for Silence {
    fn from(error: HttpError) -> Self {
        let obstacle = match (error.barrier, error.kind) {
            (Some(Barrier::Name), _) => Obstacle::Name,
            (Some(Barrier::Tls), _) => Obstacle::Tls,
            (None, Kind::Protocol) => Obstacle::Stranger,
            (Some(Barrier::Address) | None, _) => Obstacle::Address,
        };
        let why = match &error.source {
            Some(cause) => format!("{}: {cause}", error.message),
            None => error.message,
        };
        Silence { obstacle, why }
    }
}

/// Looks once. `None` for the URL: the channel has no domain that makes one.
///
/// An answer counts only for the application of this name: a proxy may lead somewhere else, and versions that people
/// chose themselves are alike.
pub async fn look(cx: &Context, http: &Client, app: Option<&Url>, name: &str) -> Result<Sight, TargetError> {
    let Some(app) = app else {
        return Ok(Sight::Nothing(Silence::new(Obstacle::NoUrl, "the channel has no domain that makes a URL")));
    };
    let sight = cx.cancel.run_until_cancelled(look_once(cx, http, app, name)).await;
    sight.ok_or_else(|| TargetError::new(ErrorKind::Cancelled, format!("look at {app}")))
}

async fn look_once(cx: &Context, http: &Client, app: &Url, name: &str) -> Sight {
    let info = match probe(cx, http, app, "info").await {
        Ok(info) => info,
        Err(why) => return Sight::Nothing(why),
    };
    match read_info(&info) {
        Some(SpinInfo { name: Some(other), .. }) if other != name => {
            return Sight::Nothing(Silence::new(Obstacle::OtherApp, format!("another application answers: {other}")));
        }
        Some(SpinInfo { bindle_version: Some(version), .. }) => return Sight::Version(version),
        _ => {}
    }
    if !(info.status.is_success() || info.status == StatusCode::NOT_FOUND) {
        return Sight::Nothing(Silence::status(info.status));
    }
    match probe(cx, http, app, "health").await {
        Ok(health) => judge_health(&health),
        Err(why) => Sight::Nothing(why),
    }
}

/// What an answer to `info` says, where it is one.
fn read_info(info: &Response) -> Option<SpinInfo> {
    if !info.status.is_success() {
        return None;
    }
    serde_json::from_slice(&info.body).ok()
}

fn judge_health(health: &Response) -> Sight {
    match health.status {
        StatusCode::OK if health.body.trim_ascii() == b"OK" => Sight::Healthy,
        StatusCode::OK => Sight::Nothing(Silence::new(Obstacle::Stranger, "what answers is no Spin application")),
        StatusCode::NOT_FOUND => {
            let why = "nothing is served under this address yet (status 404)";
            Sight::Nothing(Silence::new(Obstacle::Status(404), why))
        }
        status => Sight::Nothing(Silence::status(status)),
    }
}

/// One request; without an answer, why.
async fn probe(cx: &Context, http: &Client, app: &Url, what: &str) -> Result<Response, Silence> {
    let request = Request {
        method: reqwest::Method::GET,
        url: well_known(app, what),
        accept: "application/json, text/plain",
        authorization: None,
        body: Body::Empty,
        repeat: Repeat::Never,
        patience: Some(PATIENCE),
        limit: LIMIT,
    };
    let report = |notice| cx.report(retrying(notice));
    match tokio::time::timeout(PATIENCE, http.send(request, &report)).await {
        Ok(answer) => answer.map_err(Silence::from),
        Err(_) => Err(Silence::new(Obstacle::Address, format!("no answer within {} seconds", PATIENCE.as_secs()))),
    }
}

/// `<app>/.well-known/spin/<what>`.
fn well_known(app: &Url, what: &str) -> Url {
    let mut url = app.clone();
    let path = format!("{}/.well-known/spin/{what}", app.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probes_stand_below_the_url() {
        let table = [
            ("http://web.example.com", "http://web.example.com/.well-known/spin/info"),
            ("http://web.example.com:8080/", "http://web.example.com:8080/.well-known/spin/info"),
            ("https://example.com/web/", "https://example.com/web/.well-known/spin/info"),
        ];
        for (app, probe) in table {
            assert_eq!(well_known(&app.parse().unwrap(), "info").as_str(), probe);
        }
    }
}
