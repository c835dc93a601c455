//! Whether an application answers, and as which version: it is asked itself, as everybody asks it.

use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::http::{Client, HttpError, Repeat, Request};
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
    release: u64,
}

/// Looks once whether that release of the application answers.
pub async fn look(http: &Client, url: &str, app: &str, release: &Release) -> Status {
    let waiting = |detail: String| Status { detail: Some(detail), ..Status::new(Phase::Progressing) };
    let info = match ask(http, url).await {
        Ok(info) => info,
        Err(why) => return waiting(why),
    };
    if info.name != app {
        return waiting(format!("another application answers: {}", info.name));
    }
    // Where the user chose the version, two releases may have the same.
    let (phase, detail) = match info.version == release.version && info.release.to_string() == release.id.0 {
        true => (Phase::Ready(Proof::Version), None),
        false => (Phase::Progressing, Some(format!("release {} ({}) still answers", info.release, info.version))),
    };
    Status { version: Some(info.version), detail, ..Status::new(phase) }
}

/// The application's own words; without them, why.
async fn ask(http: &Client, url: &str) -> Result<Info, String> {
    let url =
        format!("{url}/.well-known/spin/info").parse::<Url>().map_err(|error| format!("{url} is no URL: {error}"))?;
    let request = Request {
        repeat: Repeat::Never,
        patience: Some(PATIENCE),
        limit: LIMIT,
        ..Request::new(reqwest::Method::GET, url)
    };
    let look = async { http.send(request, &|_| {}).await?.success()?.json() };
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(answer) => answer.map_err(|error: HttpError| match &error.source {
            Some(cause) => format!("{}: {cause}", error.message),
            None => error.message,
        }),
        Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Config;
    use crate::http::testing::{Act, Server, answer};
    use crate::target::ReleaseId;

    async fn see(act: Act) -> Status {
        let server = Server::new(vec![act]).await;
        let url = server.url.as_str().trim_end_matches('/').to_owned();
        let release =
            Release { id: ReleaseId("2".into()), version: "2.0.0".into(), url: Some(url.clone()), changes: Vec::new() };
        look(&Client::new(&Config::default()).unwrap(), &url, "shop", &release).await
    }

    fn info(name: &str, version: &str) -> Act {
        info_of(name, version, 2)
    }

    fn info_of(name: &str, version: &str, release: u64) -> Act {
        answer("200 OK", &[], serde_json::json!({ "name": name, "version": version, "release": release }).to_string())
    }

    #[tokio::test]
    async fn only_the_release_itself_is_ready() {
        let status = see(info("shop", "2.0.0")).await;
        assert_eq!((status.phase, status.version.as_deref()), (Phase::Ready(Proof::Version), Some("2.0.0")));
        let status = see(info("shop", "1.0.0")).await;
        assert_eq!((status.phase, status.version.as_deref()), (Phase::Progressing, Some("1.0.0")));
        assert_eq!(status.detail.unwrap(), "release 2 (1.0.0) still answers");
        let status = see(info_of("shop", "2.0.0", 1)).await;
        assert_eq!(status.detail.unwrap(), "release 1 (2.0.0) still answers");
    }

    #[tokio::test]
    async fn whatever_else_answers_is_told_and_not_believed() {
        let table = [
            (info("other", "2.0.0"), "another application answers: other"),
            (answer("200 OK", &[], "<html>"), "it answered an HTML page where JSON is expected"),
            (answer("503 Service Unavailable", &[], "no"), "it answered 503 Service Unavailable: no"),
            (
                answer("302 Found", &[("Location", "http://example.com/")], ""),
                "it redirects to http://example.com, which is not followed",
            ),
        ];
        for (act, why) in table {
            let status = see(act).await;
            assert_eq!((status.phase, status.version), (Phase::Progressing, None));
            assert_eq!(status.detail.unwrap(), why);
        }
    }
}
