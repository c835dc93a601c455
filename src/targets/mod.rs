//! The drivers. Siblings never import each other.

pub mod hippo;
#[cfg(all(unix, feature = "local"))]
pub mod local;
#[cfg(not(all(unix, feature = "local")))]
#[path = "local/absent.rs"]
pub mod local;

use crate::http;
use crate::target::{Target, TargetError};

/// A kind of target: one line of the table below.
#[derive(Debug, Clone, Copy)]
pub struct Driver {
    /// What `--target` calls it.
    pub kind: &'static str,
    /// What it is, in one line of help.
    pub summary: &'static str,
    /// Makes a target of it.
    pub connect: fn(&Config) -> Result<Box<dyn Target>, TargetError>,
}

/// All drivers. A plain list, so that it can be found by searching.
pub const DRIVERS: &[Driver] = &[
    Driver { kind: "hippo", summary: "Hippo on Nomad, with a Bindle registry", connect: hippo::connect },
    Driver { kind: "local", summary: "this machine: stores the app and serves it", connect: local::connect },
];

/// The decided settings that drivers are made from.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// How to speak HTTP, the same for every request of the run.
    pub http: http::Config,
    /// Hippo's own.
    pub hippo: hippo::Config,
    /// This machine's own; `None`: no directory for data is known.
    pub local: Option<local::Config>,
}

/// The driver of that name.
pub fn find(kind: &str) -> Option<&'static Driver> {
    DRIVERS.iter().find(|driver| driver.kind == kind)
}
