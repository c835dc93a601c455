//! The document: the only place where secrets are written out.
//!
//! `{"version": 1, "servers": {"<origin>": {"token": {"token", "username", "expires"}, "login": {"username", "password"}}}}`

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Record, StoreError, StorePlace};
use crate::auth::{Login, Secret, ServerOrigin, Token};

/// The version that is read and written here.
pub(super) const VERSION: u64 = 1;

/// What is kept, by server.
pub(super) type Records = BTreeMap<ServerOrigin, Record>;

/// As much as documents of every version have.
#[derive(Deserialize)]
struct Head {
    version: u64,
}

/// A member that is not known is refused: the next change would lose it. None of these has a `Debug`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDocument<'a> {
    version: u64,
    servers: BTreeMap<ServerOrigin, WireRecord<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRecord<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<WireToken<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login: Option<WireLogin<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireToken<'a> {
    token: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLogin<'a> {
    username: Cow<'a, str>,
    password: Cow<'a, str>,
}

/// Reads a document. Errors say where it is damaged, never what is there.
pub(super) fn parse(document: &[u8], place: &StorePlace) -> Result<Records, StoreError> {
    // The text of a JSON error may quote a value: only its position is passed on.
    let damaged = |error: serde_json::Error| StoreError::Damaged {
        place: place.clone(),
        line: error.line(),
        column: error.column(),
    };
    let Head { version } = serde_json::from_slice(document).map_err(damaged)?;
    if version != VERSION {
        return Err(StoreError::OtherVersion { place: place.clone(), version });
    }
    let WireDocument { servers, .. } = serde_json::from_slice(document).map_err(damaged)?;
    let records = servers.into_iter().map(|(server, record)| (server, Record::from(record)));
    Ok(records.filter(|(_, record)| !record.is_empty()).collect())
}

/// Writes a document.
pub(super) fn render(records: &Records) -> Vec<u8> {
    let servers = records.iter().map(|(server, record)| (server.clone(), WireRecord::from(record))).collect();
    let document = WireDocument { version: VERSION, servers };
    serde_json::to_vec(&document).expect("maps with text as keys, texts and times can be written")
}

impl From<WireRecord<'_>> for Record {
    fn from(wire: WireRecord<'_>) -> Self {
        let token = |token: WireToken<'_>| Token {
            secret: Secret::new(token.token),
            username: token.username.map(Cow::into_owned),
            expires: token.expires,
        };
        let login = |login: WireLogin<'_>| Login {
            username: login.username.into_owned(),
            password: Secret::new(login.password),
        };
        Record { token: wire.token.map(token), login: wire.login.map(login) }
    }
}

impl<'a> From<&'a Record> for WireRecord<'a> {
    fn from(record: &'a Record) -> Self {
        let token = |token: &'a Token| WireToken {
            token: token.secret.expose().into(),
            username: token.username.as_deref().map(Cow::from),
            expires: token.expires,
        };
        let login = |login: &'a Login| WireLogin {
            username: login.username.as_str().into(),
            password: login.password.expose().into(),
        };
        WireRecord { token: record.token.as_ref().map(token), login: record.login.as_ref().map(login) }
    }
}
