//! What is said over the control socket: JSON over HTTP/1.1 on a Unix socket, spoken by nobody but this program.
//! `{app}` is percent-encoded.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/server` | [`ServerInfo`] |
//! | `POST /v1/server/stop` | 202; the server finishes what is in flight and ends |
//! | `GET /v1/apps/{app}` | [`AppStatus`], or 404 |
//! | `PUT /v1/apps/{app}/release`, a [`MakeLive`] | [`AppStatus`]: that package is live. 404: a blob is missing; 422: it cannot be run |
//! | `PUT /v1/apps/{app}/rollback`, a [`RollBack`] | [`AppStatus`]. 404: no such app or release |
//! | `DELETE /v1/apps/{app}` | 204, also where there is none |
//!
//! Every other status than 2xx carries a [`Refused`].

use serde::{Deserialize, Serialize};

use super::store::Record;

/// The server itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// This program's version.
    pub version: String,
    /// The server's process.
    pub pid: u32,
    /// The address that applications are served on.
    pub listen: std::net::IpAddr,
    /// The names of the applications.
    pub apps: Vec<String>,
}

/// Make a package live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakeLive {
    /// The SHA-256 of the package's document.
    pub document: String,
    /// The package's version.
    pub version: String,
}

/// Make an earlier release live again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollBack {
    /// Its id.
    pub release: u64,
}

/// An application as the server has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppStatus {
    /// What is recorded of it.
    pub record: Record,
    /// Where it answers, without a trailing slash.
    pub url: String,
    /// The release that answers; `None` where none could be started.
    pub serving: Option<u64>,
    /// Why none answers, or another one than the current one.
    pub problem: Option<String>,
    /// Whether that passes by itself: it is being started, or closed.
    #[serde(default)]
    pub passing: bool,
    /// What kind of problem it is.
    #[serde(default)]
    pub cause: Option<Cause>,
}

/// What keeps an application from answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Its package is not there, or damaged.
    Package,
    /// It cannot be started.
    Application,
    /// Its port is not ours.
    Port,
}

/// Why the server did not do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// A lowercase fragment.
    pub message: String,
}
