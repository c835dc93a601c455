//! Notes in the key-value store `default`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use spin_sdk::http::{IntoResponse, Params, Request, Response, Router};
use spin_sdk::key_value::Store;
use spin_sdk::{http_component, variables};

/// How long a note may be, in bytes.
const LONGEST: usize = 4096;

/// All notes and what stands above them.
#[derive(Serialize)]
struct Notes {
    title: String,
    notes: Vec<Note>,
}

#[derive(Serialize)]
struct Note {
    id: String,
    text: String,
}

#[http_component]
fn handle(request: Request) -> Response {
    let mut router = Router::new();
    router.get("/api/notes", list);
    router.post("/api/notes", add);
    router.delete("/api/notes/:id", delete);
    router.handle(request)
}

fn list(_: Request, _: Params) -> anyhow::Result<impl IntoResponse> {
    let store = Store::open_default()?;
    let mut ids = store.get_keys()?;
    ids.sort();
    let mut notes = Vec::new();
    for id in ids {
        // It may have been deleted meanwhile.
        if let Some(text) = store.get(&id)? {
            notes.push(Note { id, text: String::from_utf8(text)? });
        }
    }
    json(200, &Notes { title: variables::get("title")?, notes })
}

fn add(request: Request, _: Params) -> anyhow::Result<Response> {
    let text = match std::str::from_utf8(request.body()) {
        Ok(text) if text.trim().is_empty() => return Ok(Response::new(400, "a note needs some text\n")),
        Ok(text) if text.len() > LONGEST => return Ok(Response::new(413, "the note is too long\n")),
        Ok(text) => text.trim(),
        Err(_) => return Ok(Response::new(400, "a note is UTF-8 text\n")),
    };
    // Sorted by name they are sorted by age.
    let id = format!("{:020}", SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos());
    Store::open_default()?.set(&id, text.as_bytes())?;
    json(201, &Note { id, text: text.to_owned() })
}

fn delete(request: Request, params: Params) -> anyhow::Result<Response> {
    let expected = format!("Bearer {}", variables::get("admin_token")?);
    let given = request.header("authorization").and_then(|value| value.as_str());
    if given != Some(expected.as_str()) {
        return Ok(Response::new(401, "deleting needs the admin token\n"));
    }
    let store = Store::open_default()?;
    let id = params.get("id").unwrap_or_default();
    if !store.exists(id)? {
        return Ok(Response::new(404, "there is no such note\n"));
    }
    store.delete(id)?;
    Ok(Response::new(204, ()))
}

fn json(status: u16, value: &impl Serialize) -> anyhow::Result<Response> {
    let body = serde_json::to_vec(value)?;
    Ok(Response::builder().status(status).header("content-type", "application/json").body(body).build())
}
