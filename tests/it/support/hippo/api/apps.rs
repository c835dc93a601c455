//! Apps and storages.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    super::{
        command::{self, Command},
        events,
        guid::Guid,
        paging::Filter,
        problem::{Failure, Messages},
        reply::Reply,
        server::Server,
        validation, wire,
    },
    turn::{Outcome, Turn},
};

const PROPERTIES: [&str; 5] = ["Id", "Name", "StorageId", "Description", "Channels"];

/// GET /api/apps; the total counts all apps, whatever is searched.
pub fn list(turn: &mut Turn<'_>) -> Outcome {
    let filter = Filter::read(turn.call, 50, &mut turn.model_state);
    turn.send_query()?;
    let (mut items, total) = turn.server.with(|state| {
        let found = state.apps.iter().filter(|app| app.name.contains(&filter.search_text));
        (found.map(|app| wire::app(state, app)).collect::<Vec<Value>>(), state.apps.len())
    });
    filter.sort(&mut items, &PROPERTIES)?;
    Ok(Reply::json(&filter.page(filter.cut(items), total)))
}

/// GET /api/apps/{id}
pub fn get(turn: &mut Turn<'_>, id: &str) -> Outcome {
    let id = turn.path_id("id", id);
    turn.send_query()?;
    let item = turn.server.with(|state| state.app(id).map(|app| wire::app(state, app)));
    item.map(|item| Reply::json(&item)).ok_or_else(|| Failure::missing("App", id))
}

/// POST /api/apps: the app is stored before its revisions are imported, and stays when that fails.
pub async fn create(turn: &mut Turn<'_>) -> Outcome {
    let command = turn.read(&command::CREATE_APP);
    if let Some(command) = &command {
        let complaints = validate(turn.server, command).await;
        turn.bind(complaints)?;
    }
    let command = turn.send(command)?;
    Failure::unless_valid(validate(turn.server, &command).await?)?;
    let (name, storage_id) = (command.text("name").unwrap_or(""), command.text("storageId").unwrap_or(""));
    let id = turn.server.with(|state| state.add_app(name, storage_id));
    events::import_revisions(turn.server, id, storage_id).await?;
    Ok(Reply::json(&Value::from(wire::id(id))))
}

async fn validate(server: &Server, command: &Command) -> Result<Messages, Failure> {
    let mut messages = validation::storage_id(&server.bindle, command).await?;
    messages.extend(server.with(|state| validation::app_name(state, command)));
    Ok(messages)
}

/// PUT /api/apps/{id}: only the name changes.
pub fn rename(turn: &mut Turn<'_>, id: &str) -> Outcome {
    let id = turn.path_id("id", id);
    let command = turn.read(&command::UPDATE_APP);
    if let Some(command) = &command {
        let complaints = turn.server.with(|state| validation::app_name(state, command));
        turn.bind(Ok(complaints))?;
    }
    if command.as_ref().is_some_and(|command| command.id("id") != id) {
        return Ok(turn.framework_problem(400));
    }
    let command = turn.send(command)?;
    Failure::unless_valid(turn.server.with(|state| validation::app_name(state, &command)))?;
    turn.server.with(|state| {
        let app = state.apps.iter_mut().find(|app| app.id == id).ok_or_else(|| Failure::missing("App", id))?;
        app.name = command.text("name").unwrap_or_default().to_owned();
        Ok(Reply::empty(204))
    })
}

/// DELETE /api/apps/{id}: the jobs first; they are gone even when a channel elsewhere keeps the app.
pub fn delete(turn: &mut Turn<'_>, id: &str) -> Outcome {
    let id = turn.path_id("id", id);
    turn.send_query()?;
    let channels = turn.server.with(|state| {
        let known = state.app(id).map(|_| state.channels_of(id).map(|channel| channel.id).collect::<Vec<Guid>>());
        known.ok_or_else(|| Failure::missing("App", id))
    })?;
    for channel in channels {
        turn.server.nomad.delete(channel)?;
    }
    turn.server.with(|state| {
        if state.is_used_elsewhere(id) {
            return Err(Failure::Unhandled);
        }
        state.remove_app(id);
        Ok(Reply::empty(204))
    })
}

/// GET /api/storages: names among the first fifty invoices; the offset counts invoices.
pub async fn storages(turn: &mut Turn<'_>) -> Outcome {
    let filter = Filter::read(turn.call, 50, &mut turn.model_state);
    turn.send_query()?;
    let found = turn.server.bindle.query(&filter.search_text, Some(i64::from(filter.offset()))).await?;
    let all = turn.server.bindle.query(&filter.search_text, None).await?;
    let total = all.into_iter().map(|found| found.name).collect::<BTreeSet<_>>().len();
    let names: BTreeSet<String> = found.into_iter().map(|found| found.name).collect();
    let names = names.into_iter().take(usize::try_from(filter.page_size).unwrap_or(0));
    Ok(Reply::json(&filter.page(names.map(|name| json!(name)).collect(), total)))
}
