//! What the manifest says of http triggers, in both formats (`crates/http/src/config.rs@v4.0.2`).

use super::reader::{Item, Table};
use crate::app::{Executor, HttpRoute, HttpTrigger};

/// The configuration of an http trigger; `table` is left with nothing.
pub(super) fn trigger(mut table: Table, has_component: bool) -> Option<HttpTrigger> {
    let route = table.required("route", route);
    let executor = match table.take("executor") {
        Some(item) => executor(&item),
        None => Some(Executor::Http),
    };
    let static_response = table.take("static_response");
    match (&static_response, has_component) {
        (Some(item), true) => {
            item.problem("an http trigger has a `component` or a `static_response`, not both");
        }
        (Some(item), false) => drop(item.table()),
        (None, false) => table.problem("an http trigger needs a `component` (or a `static_response`)", None),
        (None, true) => {}
    }
    table.finish();
    Some(HttpTrigger { route: route?, executor: executor?, static_response: static_response.is_some() })
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
