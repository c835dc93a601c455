//! Revisions.

use axum::http::header;
use serde_json::Value;

use super::{
    super::{command, events, paging::Filter, problem::Failure, reply::Reply, state::USE_RANGE_RULE, validation, wire},
    turn::{Outcome, Turn},
};

/// GET /api/revisions: all apps' revisions, ordered by their random ids.
pub fn list(turn: &mut Turn<'_>) -> Outcome {
    let filter = Filter::read(turn.call, 50, &mut turn.model_state);
    turn.send_query()?;
    let items: Vec<Value> = turn.server.with(|state| {
        let mut revisions: Vec<_> = state.revisions.iter().collect();
        revisions.sort_by_key(|revision| revision.id);
        revisions.into_iter().map(|revision| wire::revision(revision, None)).collect()
    });
    let total = items.len();
    Ok(Reply::json(&filter.page(filter.cut(items), total)))
}

/// POST /api/revisions: rows first, then the channels, then Bindle; 201 with nothing in it.
pub async fn register(turn: &mut Turn<'_>) -> Outcome {
    let command = turn.read(&command::REGISTER_REVISION);
    if let Some(command) = &command {
        turn.bind(Ok(validation::register_revision(command)))?;
    }
    let command = turn.send(command)?;
    Failure::unless_valid(validation::register_revision(&command))?;
    let storage_id = command.text("appStorageId").unwrap_or_default();
    let number = command.text("revisionNumber").unwrap_or_default();
    match events::register_revision(turn.server, storage_id, number).await? {
        0 => Ok(turn.framework_problem(404)),
        _ => Ok(Reply::empty(201).with_header(header::LOCATION, "")),
    }
}

/// DELETE /api/revisions/{id}: a range-rule channel on the app, or one elsewhere that runs it, makes it a 500.
pub fn delete(turn: &mut Turn<'_>, id: &str) -> Outcome {
    let id = turn.path_id("id", id);
    turn.send_query()?;
    turn.server.with(|state| {
        let revision = state.revision(id).ok_or_else(|| Failure::missing("Revision", id))?;
        let app_id = revision.app_id;
        let follows = state.channels_of(app_id).any(|channel| channel.strategy == USE_RANGE_RULE);
        let runs =
            |channel: &super::super::state::Channel| channel.app_id != app_id && channel.active_revision == Some(id);
        if follows || state.channels.iter().any(runs) {
            return Err(Failure::Unhandled);
        }
        state.remove_revision(id);
        Ok(Reply::empty(204))
    })
}
