//! Channels.

use serde_json::{Value, json};

use super::{
    super::{
        Generation,
        command::{self, Command},
        events::{self, Loaded},
        guid::Guid,
        nomad::JobStatus,
        paging::Filter,
        problem::{Failure, complain},
        range_rule::RangeRule,
        reply::Reply,
        server::Server,
        state::{App, Channel, DESIRED_UNSET, State, USE_RANGE_RULE, Variable},
        validation::{self, ChannelUpdate},
        wire,
    },
    turn::{Outcome, Turn},
};

const PROPERTIES: [&str; 11] = [
    "Id",
    "AppId",
    "Name",
    "Domain",
    "RevisionSelectionStrategy",
    "ActiveRevision",
    "LastPublishAt",
    "RangeRule",
    "Certificate",
    "EnvironmentVariables",
    "AppSummary",
];

/// GET /api/channels
pub fn list(turn: &mut Turn<'_>) -> Outcome {
    let filter = Filter::read(turn.call, 50, &mut turn.model_state);
    turn.send_query()?;
    let mut items: Vec<Value> = turn.server.with(|state| {
        let found = state.channels.iter().filter(|channel| channel.name.contains(&filter.search_text));
        found.map(|channel| wire::channel_in_list(state, channel)).collect()
    });
    filter.sort(&mut items, &PROPERTIES)?;
    let total = items.len();
    Ok(Reply::json(&filter.page(filter.cut(items), total)))
}

/// GET /api/channels/{id}
pub fn get(turn: &mut Turn<'_>, id: &str) -> Outcome {
    let id = turn.path_id("id", id);
    turn.send_query()?;
    let item = turn.server.with(|state| state.channel(id).map(|channel| wire::channel_alone(state, channel)));
    item.map(|item| Reply::json(&item)).ok_or_else(|| Failure::missing("Channel", id))
}

/// POST /api/channels: stored first, started then; it stays when Nomad fails.
pub async fn create(turn: &mut Turn<'_>) -> Outcome {
    let command = turn.read(&command::CREATE_CHANNEL);
    if let Some(command) = &command {
        let complaints = turn.server.with(|state| validation::create_channel(state, command));
        turn.bind(Ok(complaints))?;
    }
    let command = turn.send(command)?;
    Failure::unless_valid(turn.server.with(|state| validation::create_channel(state, &command)))?;
    let channel = turn.server.with(|state| insert(turn.server, state, &command))?;
    events::start_job(turn.server, &channel, true).await?;
    Ok(Reply::json(&Value::from(wire::id(channel.id))))
}

fn insert(server: &Server, state: &mut State, command: &Command) -> Result<Channel, Failure> {
    let app_id = command.id("appId");
    let app = state.app(app_id).cloned().ok_or_else(|| Failure::missing("App", app_id))?;
    let certificate = command.optional_id("certificateId");
    if let Some(id) = certificate.filter(|id| state.certificate(*id).is_none()) {
        return Err(Failure::missing("Certificate", id));
    }
    let name = command.text("name").unwrap_or_default().to_owned();
    let strategy = command.number("revisionSelectionStrategy");
    let rule = command.text("rangeRule").map(str::to_owned);
    let range_rule = if strategy == USE_RANGE_RULE { rule.or_else(|| Some("*".to_owned())) } else { rule };
    let active_revision = match strategy {
        USE_RANGE_RULE => best_revision(state, app_id, range_rule.as_deref().unwrap_or("*"))?,
        _ => Some(specified_revision(state, command)?),
    };
    let default_domain = || default_domain(server, state, &app, &name);
    let domain = command.text("domain").map(str::to_owned).unwrap_or_else(default_domain);
    let last_publish = active_revision.map(|_| server.clock.now());
    let channel = Channel {
        id: Guid::ZERO,
        app_id,
        name,
        domain,
        strategy,
        range_rule,
        active_revision,
        certificate,
        last_publish,
        desired_status: DESIRED_UNSET,
        variables: Vec::new(),
    };
    let id = state.add_channel(channel);
    state.channel(id).cloned().ok_or(Failure::Unhandled)
}

fn specified_revision(state: &State, command: &Command) -> Result<Guid, Failure> {
    let id = command.id("activeRevisionId");
    state.revision(id).map(|revision| revision.id).ok_or_else(|| Failure::missing("Revision", id))
}

/// The best of all the app's revisions; of equal ones the first in the table.
fn best_revision(state: &State, app_id: Guid, rule: &str) -> Result<Option<Guid>, Failure> {
    let revisions = state.revisions_of(app_id);
    let numbers: Vec<&str> = revisions.iter().map(|revision| revision.number.as_str()).collect();
    let rule = RangeRule::parse(rule).map_err(|_| Failure::Unhandled)?;
    let best = rule.best(&numbers).map_err(|_| Failure::Unhandled)?;
    Ok(best.map(|index| revisions[index].id))
}

/// Neither checked against the rule for domains nor for being taken.
fn default_domain(server: &Server, state: &State, app: &App, channel: &str) -> String {
    let platform = &server.settings.platform_domain;
    let is_first = state.channels_of(app.id).next().is_none();
    let domain = match server.settings.generation {
        Generation::V0_19 => format!("{channel}.{}.{platform}", app.name),
        Generation::V0_20 if is_first => format!("{}.{platform}", app.name),
        Generation::V0_20 => format!("{channel}-{}.{platform}", app.name),
    };
    domain.replace('_', "-").to_lowercase()
}

/// PUT /api/channels/{id}: everything is replaced; what is omitted is cleared.
pub async fn replace(turn: &mut Turn<'_>, id: &str) -> Outcome {
    let id = turn.path_id("id", id);
    let command = turn.read(&command::UPDATE_CHANNEL);
    let update = command.as_ref().map(ChannelUpdate::from_command);
    if let Some(update) = &update {
        let complaints = turn.server.with(|state| validation::update_channel(state, update));
        turn.bind(complaints)?;
    }
    if update.as_ref().is_some_and(|update| update.id != id) {
        return Ok(turn.framework_problem(400));
    }
    let update = ChannelUpdate::from_command(&turn.send(command)?);
    Failure::unless_valid(turn.server.with(|state| validation::update_channel(state, &update))?)?;
    let loaded = turn.server.with(|state| store(state, update))?;
    events::channel_modified(turn.server, id, loaded).await?;
    Ok(Reply::empty(204))
}

/// The revision is loaded, and so restarted, only when the request names the one that is stored already.
fn store(state: &mut State, update: ChannelUpdate) -> Result<Loaded, Failure> {
    if !state.references_exist(update.active_revision, update.certificate) {
        return Err(Failure::Unhandled);
    }
    let channel = state.channel_mut(update.id).ok_or_else(|| Failure::missing("Channel", update.id))?;
    let unchanged = update.active_revision.is_some() && update.active_revision == channel.active_revision;
    channel.name = update.name.unwrap_or_default();
    channel.domain = update.domain.unwrap_or_default();
    channel.strategy = update.strategy;
    let follows = update.strategy == USE_RANGE_RULE;
    channel.range_rule = update.range_rule.or_else(|| follows.then(|| "*".to_owned()));
    channel.active_revision = update.active_revision;
    channel.certificate = update.certificate;
    Ok(if unchanged { Loaded::Revision } else { Loaded::Nothing })
}

/// PATCH /api/channels/{id}: members that are there are set, without a validator and without a restart.
pub fn patch(turn: &mut Turn<'_>, id: &str) -> Outcome {
    let id = turn.path_id("id", id);
    let command = turn.read(&command::PATCH_CHANNEL);
    if let Some(command) = &command {
        complain_of_omissions(turn, command);
    }
    let command = turn.send(command)?;
    turn.server.with(|state| apply_patch(state, id, &command))?;
    Ok(Reply::empty(204))
}

/// Every member is implicitly required; this is heard only when something else throws.
fn complain_of_omissions(turn: &mut Turn<'_>, command: &Command) {
    for (member, _) in command::PATCH_CHANNEL.members {
        if !command.has(member) {
            let property = format!("{}{}", member[..1].to_ascii_uppercase(), &member[1..]);
            complain(&mut turn.model_state, &property, format!("The {property} field is required."));
        }
    }
}

fn apply_patch(state: &mut State, id: Guid, command: &Command) -> Result<(), Failure> {
    let mut channel = state.channel(id).cloned().ok_or_else(|| Failure::missing("Channel", id))?;
    let text = |member: &str| command.text(member).map(str::to_owned);
    if command.has("environmentVariables") {
        let variables = command.variables("environmentVariables").to_vec();
        channel.variables = replace_variables(state, &channel.variables, variables);
    }
    if command.has("name") {
        channel.name = text("name").ok_or(Failure::Unhandled)?;
    }
    if command.has("domain") {
        channel.domain = text("domain").ok_or(Failure::Unhandled)?;
    }
    if command.has("rangeRule") {
        channel.range_rule = text("rangeRule");
    }
    if command.has("revisionSelectionStrategy") {
        channel.strategy = command.number("revisionSelectionStrategy");
        if channel.strategy == USE_RANGE_RULE && command.has("rangeRule") && channel.range_rule.is_none() {
            channel.range_rule = Some("*".to_owned());
        }
    }
    if command.has("activeRevisionId") {
        channel.active_revision = command.optional_id("activeRevisionId");
    }
    if command.has("certificateId") {
        channel.certificate = command.optional_id("certificateId");
    }
    if !state.references_exist(channel.active_revision, channel.certificate) {
        return Err(Failure::Unhandled);
    }
    if let Some(row) = state.channel_mut(id) {
        *row = channel;
    }
    Ok(())
}

/// Keys that are known keep their rows, others get new ones, and what is not named is gone.
fn replace_variables(state: &mut State, old: &[Variable], new: Vec<(String, String)>) -> Vec<Variable> {
    let mut known: Vec<&Variable> = old.iter().collect();
    let mut variables = Vec::new();
    for (key, value) in new {
        let place = known.iter().position(|variable| variable.key == key);
        let id = place.map(|place| known.remove(place).id).unwrap_or_else(|| state.next_id());
        variables.push(Variable { id, key, value });
    }
    variables
}

/// PUT /api/channels/{channelId}/desired-status: the one way to make PATCH's revision run.
pub async fn set_desired_status(turn: &mut Turn<'_>, id: &str) -> Outcome {
    let id = turn.path_id("channelId", id);
    let command = turn.read(&command::UPDATE_DESIRED_STATUS);
    if command.as_ref().is_some_and(|command| command.id("channelId") != id) {
        return Ok(turn.framework_problem(400));
    }
    let command = turn.send(command)?;
    turn.server.with(|state| {
        let channel = state.channel_mut(id).ok_or_else(|| Failure::missing("Channel", id))?;
        channel.desired_status = command.number("desiredStatus");
        Ok(())
    })?;
    events::channel_modified(turn.server, id, Loaded::RevisionAndVariables).await?;
    Ok(Reply::empty(204))
}

/// DELETE /api/channels/{id}: the job first.
pub fn delete(turn: &mut Turn<'_>, id: &str) -> Outcome {
    let id = turn.path_id("id", id);
    turn.send_query()?;
    turn.server.with(|state| state.channel(id).map(drop)).ok_or_else(|| Failure::missing("Channel", id))?;
    turn.server.nomad.delete(id)?;
    turn.server.with(|state| state.channels.retain(|channel| channel.id != id));
    Ok(Reply::empty(204))
}

/// GET /api/channels/{id}/logs; whether the channel exists is not looked at.
pub fn logs(turn: &mut Turn<'_>, id: &str) -> Outcome {
    let id = turn.path_id("id", id);
    turn.send_query()?;
    let log = turn.server.nomad.log(id)?;
    let lines: Vec<&str> = log.as_deref().map(|log| log.split('\n').collect()).unwrap_or_default();
    Ok(Reply::json(&json!({ "logs": lines })))
}

/// GET /api/channel-statuses
pub fn statuses(turn: &mut Turn<'_>) -> Outcome {
    let filter = Filter::read(turn.call, i32::MAX, &mut turn.model_state);
    let channel = turn.call.parameter("channelId").filter(|id| !id.is_empty());
    let channel = channel.map(|id| turn.path_id("channelId", id)).filter(|id| *id != Guid::ZERO);
    turn.send_query()?;
    let (items, total) = match channel {
        Some(id) => (vec![one_status(turn.server, id)], 1),
        None => all_statuses(turn.server, &filter),
    };
    Ok(Reply::json(&filter.page(items, total)))
}

/// Always one item: a job that is not known, or that cannot be asked for, is dead.
fn one_status(server: &Server, id: Guid) -> Value {
    let status = server.nomad.status(id).ok().flatten().unwrap_or(JobStatus::Dead);
    status_item(id, status)
}

/// The total counts jobs and not channels; while Nomad is away all are unknown.
fn all_statuses(server: &Server, filter: &Filter) -> (Vec<Value>, usize) {
    let jobs = server.nomad.statuses().ok();
    let mut ids: Vec<Guid> = server.with(|state| state.channels.iter().map(|channel| channel.id).collect());
    ids.sort();
    let status = |id: Guid| match &jobs {
        Some(jobs) => jobs.get(&id).copied().unwrap_or(JobStatus::Dead),
        None => JobStatus::Unknown,
    };
    let items = filter.cut(ids).into_iter().map(|id| status_item(id, status(id))).collect();
    (items, jobs.as_ref().map_or(0, std::collections::BTreeMap::len))
}

fn status_item(id: Guid, status: JobStatus) -> Value {
    json!({ "channelId": wire::id(id), "status": status.name() })
}
