//! Whether an application answers, and as which version: it is asked itself, as everybody asks it.

use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::http::{Body, Client, Repeat, Request};
use crate::target::{Phase, Proof, Release, Status};

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const LIMIT: usize = 64 * 1024;

/// What `/.well-known/spin/info` tells, as far as it matters here.
#[derive(Deserialize)]
struct Info {
    name: String,
    version: String,
}

/// Looks once whether that release of the application answers.
pub async fn look(http: &Client, url: &str, app: &str, release: &Release) -> Status {
    let waiting = |detail: String| Status { phase: Phase::Progressing, version: None, detail: Some(detail) };
    let info = match ask(http, url).await {
        Ok(info) => info,
        Err(why) => return waiting(why),
    };
    if info.name != app {
        return waiting(format!("another application answers: {}", info.name));
    }
    let (phase, detail) = match info.version == release.version {
        true => (Phase::Ready(Proof::Version), None),
        false => (Phase::Progressing, Some(format!("{} still answers", info.version))),
    };
    Status { phase, version: Some(info.version), detail }
}

/// The application's own words; without them, why.
async fn ask(http: &Client, url: &str) -> Result<Info, String> {
    let url =
        format!("{url}/.well-known/spin/info").parse::<Url>().map_err(|error| format!("{url} is no URL: {error}"))?;
    let request = Request {
        repeat: Repeat::Never,
        patience: Some(PATIENCE),
        limit: LIMIT,
        body: Body::Empty,
        ..Request::new(reqwest::Method::GET, url)
    };
    let look = async { http.send(request, &|_| {}).await?.success()?.json() };
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(answer) => answer.map_err(|error| error.message),
        Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
    }
}
