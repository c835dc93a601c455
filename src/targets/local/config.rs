//! What the target is made from: plain data, also where the target is not compiled in.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Where everything lies, and how a server is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What must not be lost: packages, records, key-value stores, logs. Absolute.
    pub data_dir: PathBuf,
    /// The user's runtime directory, where there is one.
    pub runtime_dir: Option<PathBuf>,
    /// This program's own cache directory.
    pub cache_dir: PathBuf,
    /// Where the first application answers, where its port is free, when a server is started.
    pub first_address: SocketAddr,
    /// How a server is started when none is running.
    pub launch: Launch,
}

/// How a server is started in the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// This program.
    pub program: PathBuf,
    /// Its arguments: `serve --detached --data-dir …`.
    pub args: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
}

/// What one request may use up. Documented with their defaults in `docs/targets/local.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory and tables of an instance, in bytes.
    pub memory: u64,
    /// Wall-clock time from the request's head to the last byte of the answer.
    pub time: Duration,
    /// Requests of one application at the same time; further ones get 503.
    pub concurrent: u32,
    /// Bytes of a request's body.
    pub request_body: u64,
    /// Bytes of an answer's body.
    pub response_body: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Limits {
            memory: 256 * MIB,
            time: Duration::from_secs(30),
            concurrent: 100,
            request_body: 16 * MIB,
            response_body: 64 * MIB,
        }
    }
}

/// How to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// The address that applications are served on.
    pub listen: IpAddr,
    /// The port of the first application; further ones get the next free ones.
    pub first_port: u16,
    /// What one request may use up.
    pub limits: Limits,
}
