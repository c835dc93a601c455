//! The drivers. Siblings never import each other.

pub mod hippo;
#[cfg(all(unix, feature = "local"))]
pub mod local;
#[cfg(not(all(unix, feature = "local")))]
#[path = "local/absent.rs"]
pub mod local;

use crate::http;
use crate::package::Format;
use crate::target::{Accounts, Examine, Target, TargetError};

/// A kind of target: one line of the table below.
#[derive(Debug, Clone, Copy)]
pub struct Driver {
    /// What `--target` calls it.
    pub kind: &'static str,
    /// What it is, in one line of help.
    pub summary: &'static str,
    /// What it can do besides deploying, for people; the conformance suite compares it with the target itself.
    pub powers: &'static [&'static str],
    /// The format of the packages that it takes, known without a target.
    pub format: fn() -> Result<Format, TargetError>,
    /// Makes a target of it.
    pub connect: fn(&Config) -> Result<Box<dyn Target>, TargetError>,
    /// Its accounts; `None`: it does not ask who we are.
    pub accounts: Option<MakeAccounts>,
    /// Looks at what it needs.
    pub examine: fn(&Config) -> Box<dyn Examine>,
}

/// Makes the accounts of a target.
pub type MakeAccounts = fn(&Config) -> Result<Box<dyn Accounts>, TargetError>;

/// All drivers. A plain list, so that it can be found by searching.
pub const DRIVERS: &[Driver] = &[
    Driver {
        kind: "hippo",
        summary: "Hippo on Nomad, with a Bindle registry",
        powers: &["accounts", "logs", "history", "removal", "retrieval"],
        format: || Ok(Format::Bindle),
        connect: hippo::connect,
        accounts: Some(hippo::accounts),
        examine: hippo::examine,
    },
    Driver {
        kind: "local",
        summary: "this machine: stores the app and serves it",
        powers: &["logs", "history", "removal", "retrieval"],
        format: local::format,
        connect: local::connect,
        accounts: None,
        examine: local::examine,
    },
];

/// The decided settings that drivers are made from.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The target's name; empty: its driver's.
    pub name: String,
    /// How to speak HTTP, the same for every request of the run.
    pub http: http::Config,
    /// Hippo's own.
    pub hippo: hippo::Config,
    /// This machine's own; `None`: no directory for data is known.
    pub local: Option<local::Config>,
}

impl Config {
    /// The target's name, which is that of its driver where it has none of its own.
    pub fn name_or(&self, driver: &str) -> String {
        if self.name.is_empty() { driver.to_owned() } else { self.name.clone() }
    }
}

/// The driver of that name.
pub fn find(kind: &str) -> Option<&'static Driver> {
    DRIVERS.iter().find(|driver| driver.kind == kind)
}
