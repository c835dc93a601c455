//! What follows a commit: domain events and their handlers, in the order in which they run.
//!
//! Facts: `deislabs/hippo src/Application/*/EventHandlers/*.cs@v0.20.2`. Rows are
//! saved before any of this runs and stay when it fails.

use super::{
    guid::Guid,
    job::JobSpec,
    problem::Failure,
    range_rule::RangeRule,
    server::Server,
    state::{Channel, Component, DESIRED_DEAD, DESIRED_RUNNING, Revision, USE_RANGE_RULE},
    validation::{self, ChannelUpdate},
};

/// What of a modified channel is loaded, and so seen by the handler that restarts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// Not its revision: nothing restarts.
    Nothing,
    /// Its revision.
    Revision,
    /// Its revision and its variables.
    RevisionAndVariables,
}

/// App creation: every version of the storage id becomes a revision, and each of them is read.
pub async fn import_revisions(server: &Server, app_id: Guid, storage_id: &str) -> Result<(), Failure> {
    let found = server.bindle.query(storage_id, None).await?;
    let versions: Vec<String> =
        found.into_iter().filter(|found| found.name == storage_id).map(|found| found.version).collect();
    for revision in server.with(|state| state.add_revisions(app_id, &versions)) {
        revision_created(server, revision).await?;
    }
    Ok(())
}

/// Registration: one row for each app of the storage id. How many there were.
pub async fn register_revision(server: &Server, storage_id: &str, number: &str) -> Result<usize, Failure> {
    let revisions: Vec<Guid> = server.with(|state| {
        let apps = state.apps.iter().filter(|app| app.storage_id == storage_id);
        let apps: Vec<Guid> = apps.map(|app| app.id).collect();
        apps.into_iter().map(|app| state.add_revision(app, number)).collect()
    });
    for revision in &revisions {
        revision_created(server, *revision).await?;
    }
    Ok(revisions.len())
}

/// First the channels look whether the revision is theirs, then the bindle is read.
async fn revision_created(server: &Server, id: Guid) -> Result<(), Failure> {
    let Some(revision) = server.with(|state| state.revision(id).cloned()) else { return Ok(()) };
    reevaluate_channels(server, &revision).await?;
    describe_revision(server, &revision).await
}

/// Rules see the new revision, and those that earlier channels ran until a moment ago.
async fn reevaluate_channels(server: &Server, revision: &Revision) -> Result<(), Failure> {
    let mut tracked = vec![revision.clone()];
    for channel in channels_in_id_order(server, revision.app_id) {
        if channel.strategy != USE_RANGE_RULE {
            continue;
        }
        let rule = channel.range_rule.as_deref().ok_or(Failure::Unhandled)?;
        let rule = RangeRule::parse(rule).map_err(|_| Failure::Unhandled)?;
        let numbers: Vec<&str> = tracked.iter().map(|revision| revision.number.as_str()).collect();
        let best = rule.best(&numbers).map_err(|_| Failure::Unhandled)?;
        let Some(best) = best.filter(|best| tracked[*best].number == revision.number) else { continue };
        let chosen = tracked[best].id;
        let previous = channel.active_revision.and_then(|id| server.with(|state| state.revision(id).cloned()));
        tracked.extend(previous);
        switch_channel(server, &channel, chosen).await?;
    }
    Ok(())
}

fn channels_in_id_order(server: &Server, app_id: Guid) -> Vec<Channel> {
    let mut channels: Vec<Channel> = server.with(|state| state.channels_of(app_id).cloned().collect());
    channels.sort_by_key(|channel| channel.id);
    channels
}

/// The update inside of a registration passes the same validators as a PUT.
async fn switch_channel(server: &Server, channel: &Channel, revision: Guid) -> Result<(), Failure> {
    let update = ChannelUpdate {
        id: channel.id,
        name: Some(channel.name.clone()),
        domain: Some(channel.domain.clone()),
        strategy: channel.strategy,
        range_rule: channel.range_rule.clone(),
        active_revision: Some(revision),
        certificate: channel.certificate,
    };
    Failure::unless_valid(server.with(|state| validation::update_channel(state, &update))?)?;
    server.with(|state| {
        if let Some(channel) = state.channel_mut(update.id) {
            channel.active_revision = update.active_revision;
        }
    });
    channel_modified(server, update.id, Loaded::RevisionAndVariables).await
}

async fn describe_revision(server: &Server, revision: &Revision) -> Result<(), Failure> {
    let Some(app) = server.with(|state| state.app(revision.app_id).cloned()) else { return Ok(()) };
    let Some(described) = server.bindle.describe(&app.storage_id, &revision.number).await? else { return Ok(()) };
    server.with(|state| {
        let components = described.components.into_iter().map(|component| Component {
            id: state.next_id(),
            source: component.source,
            name: component.name,
            route: component.route,
            channel: component.channel,
            kind: described.kind.clone(),
        });
        let components: Vec<Component> = components.collect();
        if let Some(row) = state.revisions.iter_mut().find(|row| row.id == revision.id) {
            row.description = described.description;
            row.components = components;
        }
    });
    Ok(())
}

/// Two handlers: one restarts a channel whose revision is loaded, one carries out the desired status.
pub async fn channel_modified(server: &Server, id: Guid, loaded: Loaded) -> Result<(), Failure> {
    let Some(channel) = server.with(|state| state.channel(id).cloned()) else { return Ok(()) };
    if loaded != Loaded::Nothing {
        start_job(server, &channel, loaded == Loaded::RevisionAndVariables).await?;
    }
    match channel.desired_status {
        DESIRED_RUNNING => start_job(server, &channel, true).await,
        DESIRED_DEAD => server.nomad.delete(id),
        _ => Ok(()),
    }
}

/// Posts the job of a channel that has a revision. Variables that are loaded must have different keys.
pub async fn start_job(server: &Server, channel: &Channel, with_variables: bool) -> Result<(), Failure> {
    let rows = server.with(|state| {
        let revision = channel.active_revision.and_then(|id| state.revision(id).cloned());
        revision.zip(state.app(channel.app_id).cloned())
    });
    let Some((revision, app)) = rows else { return Ok(()) };
    if with_variables && has_repeated_key(channel) {
        return Err(Failure::Unhandled);
    }
    let job = JobSpec {
        channel: channel.id,
        domain: &channel.domain,
        bindle: &format!("{}/{}", app.storage_id, revision.number),
        bindle_url: server.bindle.base(),
        generation: server.settings.generation,
    };
    server.nomad.post(channel.id, job.body()).await
}

fn has_repeated_key(channel: &Channel) -> bool {
    let mut keys: Vec<&str> = channel.variables.iter().map(|variable| variable.key.as_str()).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}
