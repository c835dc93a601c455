//! The rows as JSON.
//!
//! Facts: `deislabs/hippo src/Application/**/Queries/*.cs@v0.20.2`.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    guid::Guid,
    state::{App, Certificate, Channel, Component, Revision, State, USE_RANGE_RULE, USE_SPECIFIED_REVISION},
};

/// `AppItem`.
pub fn app(state: &State, app: &App) -> Value {
    let mut item = app_summary(state, app, true);
    let revisions = state.revisions_of(app.id);
    let greatest = revisions.into_iter().max_by(|left, right| left.number.cmp(&right.number));
    item["description"] = json!(greatest.and_then(|revision| revision.description.as_deref()));
    item
}

/// An app and its channels; inside of a channel the revision numbers are not loaded.
fn app_summary(state: &State, app: &App, with_numbers: bool) -> Value {
    let channels: Vec<Value> = state
        .channels_of(app.id)
        .map(|channel| {
            let revision = channel.active_revision.filter(|_| with_numbers).and_then(|id| state.revision(id));
            let number = revision.map(|revision| revision.number.as_str());
            json!({ "id": id(channel.id), "name": channel.name, "activeRevisionNumber": number })
        })
        .collect();
    json!({ "id": id(app.id), "name": app.name, "storageId": app.storage_id, "channels": channels })
}

/// `ChannelItem` as the list has it.
pub fn channel_in_list(state: &State, channel: &Channel) -> Value {
    let revision = channel.active_revision.and_then(|id| state.revision(id));
    let certificate = channel.certificate.and_then(|id| state.certificate(id));
    json!({
        "id": id(channel.id),
        "appId": id(channel.app_id),
        "name": channel.name,
        "domain": channel.domain,
        "revisionSelectionStrategy": strategy(channel.strategy),
        "activeRevision": revision.map(|revision| self::revision(revision, None)),
        "lastPublishAt": channel.last_publish.map(time_without_zone),
        "rangeRule": channel.range_rule,
        "certificate": certificate.map(|certificate| self::certificate(certificate, Vec::new())),
        "environmentVariables": variables(channel),
        "appSummary": null,
    })
}

/// `ChannelItem` as GET /api/channels/{id} has it: with the app, and with the revision's type.
pub fn channel_alone(state: &State, channel: &Channel) -> Value {
    let mut item = channel_in_list(state, channel);
    if let Some(revision) = channel.active_revision.and_then(|id| state.revision(id)) {
        let kind = revision.components.first().and_then(|component| component.kind.as_deref());
        item["activeRevision"] = self::revision(revision, kind);
    }
    if let Some(app) = state.app(channel.app_id) {
        item["appSummary"] = app_summary(state, app, false);
    }
    item
}

/// `RevisionItem`.
pub fn revision(revision: &Revision, kind: Option<&str>) -> Value {
    let components: Vec<Value> = revision.components.iter().map(component).collect();
    json!({
        "id": id(revision.id),
        "appId": id(revision.app_id),
        "revisionNumber": revision.number,
        "components": components,
        "type": kind,
    })
}

fn component(component: &Component) -> Value {
    json!({
        "id": id(component.id),
        "source": component.source,
        "name": component.name,
        "route": component.route,
        "channel": component.channel,
        "type": component.kind,
    })
}

/// `CertificateItem`, keys in clear.
pub fn certificate(certificate: &Certificate, channels: Vec<Value>) -> Value {
    json!({
        "id": id(certificate.id),
        "name": certificate.name,
        "publicKey": certificate.public_key,
        "privateKey": certificate.private_key,
        "channels": channels,
    })
}

/// In the order of their ids.
fn variables(channel: &Channel) -> Vec<Value> {
    let mut variables: Vec<_> = channel.variables.iter().collect();
    variables.sort_by_key(|variable| variable.id);
    let item = |variable: &super::state::Variable| json!({ "channelId": id(channel.id), "key": variable.key, "value": variable.value });
    variables.into_iter().map(item).collect()
}

fn strategy(number: i64) -> Value {
    match number {
        USE_RANGE_RULE => json!("UseRangeRule"),
        USE_SPECIFIED_REVISION => json!("UseSpecifiedRevision"),
        other => json!(other),
    }
}

/// A GUID as JSON text.
pub fn id(id: Guid) -> String {
    id.to_string()
}

/// SQLite's way: no zone.
fn time_without_zone(time: Timestamp) -> String {
    let microseconds = Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time);
    microseconds.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.f").to_string()
}

/// Whole seconds with `Z`.
pub fn time_utc(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
