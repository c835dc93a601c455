//! The page, from the files that the component was given.

use std::path::{Component, Path};

use anyhow::{Context, ensure};
use spin_sdk::http::{IntoResponse, Request, Response, send};
use spin_sdk::http_component;

#[http_component]
async fn handle(request: Request) -> anyhow::Result<impl IntoResponse> {
    match request.path() {
        "/" => Ok(file("index.html")),
        "/count" => count().await,
        path => Ok(file(path.trim_start_matches('/'))),
    }
}

/// Asks the other component, without a detour through the network.
async fn count() -> anyhow::Result<Response> {
    let answer: Response = send(Request::get("http://api.spin.internal/api/notes")).await?;
    ensure!(*answer.status() == 200, "the notes answered with status {}", answer.status());
    let answer: serde_json::Value = serde_json::from_slice(answer.body())?;
    let notes = answer["notes"].as_array().context("there is no list of notes")?;
    Ok(text(200, &format!("{}\n", notes.len())))
}

fn file(name: &str) -> Response {
    let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    match std::fs::read(Path::new("/assets").join(name)) {
        Ok(content) if plain => {
            Response::builder().status(200).header("content-type", content_type(name)).body(content).build()
        }
        _ => text(404, "not found\n"),
    }
}

fn content_type(name: &str) -> &'static str {
    match Path::new(name).extension().and_then(|extension| extension.to_str()) {
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

fn text(status: u16, body: &str) -> Response {
    Response::builder().status(status).header("content-type", "text/plain; charset=utf-8").body(body).build()
}
