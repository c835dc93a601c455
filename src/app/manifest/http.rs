//! What the manifest says of http triggers, in both formats (`crates/http/src/config.rs@v4.0.2`).

use std::collections::BTreeMap;

use ::http::{HeaderName, HeaderValue};

use super::reader::{Item, Table};
use crate::app::{Executor, HttpRoute, HttpTrigger, StaticResponse};

/// The configuration of an http trigger; `table` is left with nothing.
pub(super) fn trigger(mut table: Table, has_component: bool) -> Option<HttpTrigger> {
    let route = table.required("route", route);
    let executor = match table.take("executor") {
        Some(item) => executor(&item),
        None => Some(Executor::Http),
    };
    let static_item = table.take("static_response");
    match (&static_item, has_component) {
        (Some(item), true) => item.problem("an http trigger has a `component` or a `static_response`, not both"),
        (None, false) => table.problem("an http trigger needs a `component` (or a `static_response`)", None),
        (Some(_), false) | (None, true) => {}
    }
    let static_response = static_item.and_then(|item| static_response(&item));
    table.finish();
    Some(HttpTrigger { route: route?, executor: executor?, static_response })
}

/// Checks what is said for all http triggers: `base`, and nothing else.
pub(super) fn check_settings(mut table: Table) {
    table.optional("base", Item::string);
    table.finish();
}

fn route(item: &Item) -> Option<HttpRoute> {
    if let Some(path) = item.value().as_str() {
        return Some(HttpRoute::Path(path.to_owned()));
    }
    if !item.value().is_table() {
        return item.unexpected("a path, or `{ private = true }`");
    }
    let mut table = item.table()?;
    let private = table.required("private", Item::boolean);
    table.finish();
    if private == Some(false) {
        item.problem_with_hint("a route that is not private is a path", "write `route = \"/...\"`");
    }
    private.filter(|private| *private).map(|_| HttpRoute::Private)
}

fn executor(item: &Item) -> Option<Executor> {
    let mut table = item.table()?;
    let kind = table.take("type").or_else(|| {
        table.problem("`type` is missing", Some("write `executor = { type = \"http\" }`".to_owned()));
        None
    })?;
    let executor = match kind.string()?.as_str() {
        "http" | "spin" => Executor::Http,
        "wagi" => Executor::Wagi {
            argv: table.optional("argv", Item::string),
            entrypoint: table.optional("entrypoint", Item::string),
        },
        other => {
            kind.problem_with_hint(
                format!("executor `{other}` is unknown, or newer than this version of spin-deploy understands"),
                "known are `http` (of old `spin`) and `wagi`",
            );
            return None;
        }
    };
    table.finish();
    Some(executor)
}

fn static_response(item: &Item) -> Option<StaticResponse> {
    let mut table = item.table()?;
    let response = StaticResponse {
        status: table.optional("status_code", status).unwrap_or(200),
        headers: table.optional("headers", headers).unwrap_or_default(),
        body: table.optional("body", Item::string).unwrap_or_default(),
    };
    table.finish();
    Some(response)
}

fn status(item: &Item) -> Option<u16> {
    let status = u16::try_from(item.integer()?).ok().filter(|status| (200..600).contains(status));
    if status.is_none() {
        item.problem("the status of an answer is a number from 200 to 599");
    }
    status
}

/// Headers by lower-case name.
fn headers(item: &Item) -> Option<BTreeMap<String, String>> {
    let mut headers = BTreeMap::new();
    for (name, item) in item.table()?.into_entries() {
        let Some(value) = item.string() else { continue };
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            item.problem(format!("{name:?} is not the name of a header"));
        }
        if HeaderValue::from_str(&value).is_err() {
            item.problem("the value holds characters that no header may hold");
        }
        if headers.insert(name.to_ascii_lowercase(), value).is_some() {
            item.problem("this header is there already: upper and lower case mean the same");
        }
    }
    Some(headers)
}
