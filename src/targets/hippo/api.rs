//! What Hippo sends and takes. Facts: `deislabs/hippo src/Application@v0.20.2`.
//!
//! Reading is tolerant: unknown members are ignored, `null` is as good as absent, enumerations may come as numbers
//! (v0.18 wrote them so). What is not needed is not read: `lastPublishAt` has no zone on SQLite, and certificates
//! carry private keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::auth::Login;

/// One page of a list. `totalItems` and `isLastPage` are left out on purpose: with a search text they are wrong.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// The page size that the server really used.
    #[serde(default)]
    pub page_size: i64,
}

/// Something with a GUID.
pub trait Identified {
    /// The GUID, lower case with hyphens.
    fn id(&self) -> &str;
}

/// An application.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct App {
    /// Its GUID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name of its bindles.
    pub storage_id: String,
    /// Its channels, oldest first.
    #[serde(default, deserialize_with = "null_as_default")]
    pub channels: Vec<AppChannel>,
}

/// A channel as an [`App`] shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppChannel {
    /// Its GUID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The version that is recorded as active. Filled in lists of apps, never inside of a channel.
    pub active_revision_number: Option<String>,
}

/// A revision row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Its GUID.
    pub id: String,
    /// The application that it belongs to.
    pub app_id: String,
    /// The version. Hippo does not keep it unique.
    pub revision_number: String,
}

/// A channel on its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    /// Its GUID.
    pub id: String,
    /// The application that it belongs to.
    pub app_id: String,
    /// Its name.
    pub name: String,
    /// Where it answers.
    #[serde(default, deserialize_with = "null_as_default")]
    pub domain: String,
    /// How it finds its revision.
    #[serde(default)]
    pub revision_selection_strategy: Strategy,
    /// The revision that is recorded as active.
    pub active_revision: Option<Revision>,
    /// The rule; Hippo keeps it when the strategy changes.
    pub range_rule: Option<String>,
}

/// How a channel finds its revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(from = "NameOrNumber")]
pub enum Strategy {
    /// The newest registered one that a rule matches. Rules cannot tell builds of one version apart.
    UseRangeRule,
    /// The one that it was given.
    UseSpecifiedRevision,
    /// Something of which we do not know.
    #[default]
    #[serde(skip_serializing)]
    Unknown,
}

/// What a channel's job does, as Nomad says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "NameOrNumber")]
pub enum JobStatus {
    /// Hippo cannot say.
    #[default]
    Unknown,
    /// Waiting for a place to run.
    Pending,
    /// Running, which does not mean that it answers.
    Running,
    /// Stopped, gone, or Nomad is down.
    Dead,
}

/// A channel and its job.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelStatus {
    /// The channel.
    pub channel_id: String,
    /// Its job.
    #[serde(default)]
    pub status: JobStatus,
}

/// The lines that an application wrote to standard output.
#[derive(Debug, Deserialize)]
pub struct LogLines {
    /// Oldest first; a text that ended in a line feed leaves an empty last line.
    #[serde(default, deserialize_with = "null_as_default")]
    pub logs: Vec<String>,
}

/// The answer to a login.
#[derive(Deserialize)]
pub struct TokenInfo {
    /// The bearer token.
    pub token: String,
    /// When it runs out: UTC in whole seconds.
    pub expiration: Option<String>,
}

/// The body of a refusal (RFC 7807, with ASP.NET's `errors`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Problem {
    /// What kind of refusal.
    pub title: Option<String>,
    /// Why.
    pub detail: Option<String>,
    /// Messages by the member that they are about (`Name`, `Domain`).
    #[serde(default, deserialize_with = "null_as_default")]
    pub errors: BTreeMap<String, Vec<String>>,
}

impl Problem {
    /// Reads a body; anything but a problem is an empty one.
    pub fn read(body: &[u8]) -> Problem {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// Each message with the member that it is about.
    pub fn complaints(&self) -> Vec<String> {
        let messages =
            self.errors.iter().flat_map(|(member, messages)| messages.iter().map(move |text| (member, text)));
        messages
            .map(|(member, text)| if member.is_empty() { text.clone() } else { format!("{member}: {text}") })
            .collect()
    }

    /// Whether the member of the request was refused for a reason that contains `words`.
    pub fn refuses(&self, member: &str, words: &str) -> bool {
        self.errors.get(member).is_some_and(|reasons| reasons.iter().any(|reason| reason.contains(words)))
    }
}

/// `/healthz`: Hippo and what it stands on. 503 with the same body when one of them is down.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Health {
    /// `Database…`, `Bindle`, `Nomad`.
    #[serde(default)]
    pub service_name: String,
    /// `Healthy`, `Degraded`, `Unhealthy`.
    #[serde(default)]
    pub status: String,
    /// What it stands on.
    #[serde(default, deserialize_with = "null_as_default")]
    pub subservices: Vec<Health>,
}

impl Health {
    /// Whether the part of that name says that it is well. `None`: there is no such part.
    pub fn is_healthy(&self, part: &str) -> Option<bool> {
        let part = self.subservices.iter().find(|sub| sub.service_name == part)?;
        Some(part.status == "Healthy")
    }

    /// Reads a body. Before v0.18 it was a word and no JSON.
    pub fn read(body: &[u8]) -> Option<Health> {
        serde_json::from_slice(body).ok()
    }

    /// The parts that are not well.
    pub fn unhealthy(&self) -> impl Iterator<Item = &str> {
        self.subservices.iter().filter(|sub| sub.status != "Healthy").map(|sub| sub.service_name.as_str())
    }
}

/// What the running application's host says of it (`/.well-known/spin/info`, Spin 0.7 and newer).
#[derive(Debug, Deserialize)]
pub struct SpinInfo {
    /// The application's name.
    pub name: Option<String>,
    /// The version of the bindle that runs, build metadata included.
    pub bindle_version: Option<String>,
}

/// Asks for a token, or makes an account.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserAndPassword<'a> {
    /// The user's name; case matters.
    user_name: &'a str,
    /// The password.
    password: &'a str,
}

impl<'a> UserAndPassword<'a> {
    /// What a login says.
    pub fn of(login: &'a Login) -> UserAndPassword<'a> {
        UserAndPassword { user_name: &login.username, password: login.password.expose() }
    }
}

/// Makes an application.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateApp<'a> {
    /// Its name.
    pub name: &'a str,
    /// The name of its bindles.
    pub storage_id: &'a str,
}

/// Registers a version with every application of that storage id.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterRevision<'a> {
    /// The name of the bindles.
    pub app_storage_id: &'a str,
    /// The version.
    pub revision_number: &'a str,
}

/// Makes a channel.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateChannel<'a> {
    /// The application.
    pub app_id: &'a str,
    /// The channel's name.
    pub name: &'a str,
    /// Where it shall answer; absent: Hippo's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<&'a str>,
    /// How it finds its revision.
    pub revision_selection_strategy: Strategy,
    /// The revision to run.
    pub active_revision_id: &'a str,
}

/// Changes a channel's record; what is absent stays as it is. Does not touch the running job.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PatchChannel<'a> {
    /// How it finds its revision.
    pub revision_selection_strategy: Strategy,
    /// The revision to run.
    pub active_revision_id: &'a str,
    /// Where it shall answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<&'a str>,
}

/// Says what a channel's job shall do; posts the job for the recorded revision.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetDesiredStatus<'a> {
    /// The channel, once more.
    pub channel_id: &'a str,
    /// `Running` or `Dead`.
    pub desired_status: &'static str,
}

impl Identified for App {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Identified for AppChannel {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Identified for Revision {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Identified for Channel {
    fn id(&self) -> &str {
        &self.id
    }
}

/// An enumeration's member as it may come over the wire.
#[derive(Deserialize)]
#[serde(untagged)]
enum NameOrNumber {
    Name(String),
    Number(i64),
    Other(serde::de::IgnoredAny),
}

impl From<NameOrNumber> for Strategy {
    fn from(wire: NameOrNumber) -> Self {
        match wire {
            NameOrNumber::Name(name) if name.eq_ignore_ascii_case("UseRangeRule") => Strategy::UseRangeRule,
            NameOrNumber::Name(name) if name.eq_ignore_ascii_case("UseSpecifiedRevision") => {
                Strategy::UseSpecifiedRevision
            }
            NameOrNumber::Number(0) => Strategy::UseRangeRule,
            NameOrNumber::Number(1) => Strategy::UseSpecifiedRevision,
            _ => Strategy::Unknown,
        }
    }
}

impl From<NameOrNumber> for JobStatus {
    fn from(wire: NameOrNumber) -> Self {
        match wire {
            NameOrNumber::Name(name) => match name.to_ascii_lowercase().as_str() {
                "pending" => JobStatus::Pending,
                "running" => JobStatus::Running,
                "dead" => JobStatus::Dead,
                _ => JobStatus::Unknown,
            },
            NameOrNumber::Number(1) => JobStatus::Pending,
            NameOrNumber::Number(2) => JobStatus::Running,
            NameOrNumber::Number(3) => JobStatus::Dead,
            _ => JobStatus::Unknown,
        }
    }
}

/// Reads `null` as the default.
fn null_as_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn enumerations_come_as_names_or_numbers() {
        let strategies = [
            (json!("UseRangeRule"), Strategy::UseRangeRule),
            (json!("usespecifiedrevision"), Strategy::UseSpecifiedRevision),
            (json!(0), Strategy::UseRangeRule),
            (json!(1), Strategy::UseSpecifiedRevision),
            (json!(7), Strategy::Unknown),
            (json!("Tomorrow"), Strategy::Unknown),
            (json!(null), Strategy::Unknown),
        ];
        for (wire, strategy) in strategies {
            assert_eq!(serde_json::from_value::<Strategy>(wire.clone()).unwrap(), strategy, "{wire}");
        }
        let statuses = [
            (json!("Unknown"), JobStatus::Unknown),
            (json!("Pending"), JobStatus::Pending),
            (json!("running"), JobStatus::Running),
            (json!("Dead"), JobStatus::Dead),
            (json!(2), JobStatus::Running),
            (json!(3), JobStatus::Dead),
            (json!(true), JobStatus::Unknown),
        ];
        for (wire, status) in statuses {
            assert_eq!(serde_json::from_value::<JobStatus>(wire.clone()).unwrap(), status, "{wire}");
        }
    }

    #[test]
    fn a_recorded_channel_is_read() {
        let channel: Channel = serde_json::from_value(json!({
            "id": "c1", "appId": "a1", "name": "spin-deploy", "domain": "web.local.fermyon.link",
            "revisionSelectionStrategy": "UseRangeRule", "lastPublishAt": "2022-08-08T12:15:51.123",
            "activeRevision": {"id": "r1", "appId": "a1", "revisionNumber": "1.0.0+s2", "components": [], "type": null},
            "rangeRule": "1.0.0+q1111111", "certificate": null, "environmentVariables": [], "appSummary": null
        }))
        .unwrap();
        assert_eq!(
            channel,
            Channel {
                id: "c1".into(),
                app_id: "a1".into(),
                name: "spin-deploy".into(),
                domain: "web.local.fermyon.link".into(),
                revision_selection_strategy: Strategy::UseRangeRule,
                active_revision: Some(Revision {
                    id: "r1".into(),
                    app_id: "a1".into(),
                    revision_number: "1.0.0+s2".into()
                }),
                range_rule: Some("1.0.0+q1111111".into()),
            }
        );
    }

    #[test]
    fn a_patch_leaves_out_what_shall_stay() {
        let patch = PatchChannel {
            revision_selection_strategy: Strategy::UseSpecifiedRevision,
            active_revision_id: "r1",
            domain: None,
        };
        assert_eq!(
            serde_json::to_value(&patch).unwrap(),
            json!({"revisionSelectionStrategy": "UseSpecifiedRevision", "activeRevisionId": "r1"})
        );
    }

    #[test]
    fn problems_are_read_and_anything_else_is_none() {
        let problem = Problem::read(br#"{"errors":{"Name":["The specified name already exists."]},"status":400}"#);
        assert!(problem.refuses("Name", "already exists"));
        assert!(!problem.refuses("Domain", "already exists"));
        assert_eq!(Problem::read(b""), Problem::default());
        assert_eq!(Problem::read(b"<html>"), Problem::default());
    }

    #[test]
    fn health_names_its_parts() {
        let health: Health = serde_json::from_value(json!({
            "ServiceName": "Hippo", "Description": "", "Status": "Unhealthy", "Subservices": [
                {"ServiceName": "Bindle", "Status": "Healthy", "Subservices": []},
                {"ServiceName": "Nomad", "Status": "Unhealthy", "Subservices": []}
            ]
        }))
        .unwrap();
        assert_eq!(health.is_healthy("Bindle"), Some(true));
        assert_eq!(health.is_healthy("Nomad"), Some(false));
        assert_eq!(health.is_healthy("Consul"), None);
        assert_eq!(health.unhealthy().collect::<Vec<_>>(), ["Nomad"]);
    }
}
