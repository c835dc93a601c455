//! The directory format: the files of an application as blobs, and a [`Document`] that says what they are for.
//!
//! Nothing of an application is lost in it: what a target cannot run, its [`Support`] says, and `check.rs` refuses it.

use super::{Downloads, Findings, Options, Package, PackageError};
use crate::app::Application;

mod document;
mod hosts;
mod route;

pub use document::{Document, Executor, File, ServedComponent, ServedTrigger, StaticResponse, TriggerRoute, Values};
pub use hosts::{AllowedHosts, HostsError};
pub use route::{RouteError, RouteMatch, RoutePattern};

/// What a host that takes packages of the directory format can run, as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Support {
    /// The types of triggers: `http`.
    pub triggers: Vec<String>,
    /// The interfaces that components may import, without a function: `wasi:http/types@0.2`. A version stands for every
    /// version that is compatible with it and not a pre-release; an entry without one is an interface without one, and
    /// one with a pre-release (`@0.2.0-draft2`) stands for that alone.
    pub interfaces: Vec<String>,
    /// The interfaces of which a component must export one to answer HTTP: `wasi:http/incoming-handler@0.2`.
    pub handlers: Vec<String>,
    /// The modules that core modules (run by the Wagi executor) may import from.
    pub modules: Vec<String>,
    /// Whether components get the databases of `sqlite_databases`.
    pub sqlite_databases: bool,
    /// Whether components get the models of `ai_models`.
    pub ai_models: bool,
    /// Whether component dependencies are composed.
    pub dependencies: bool,
}

/// See [`super::check`].
pub(super) fn check(
    _app: &Application,
    _support: &Support,
    _options: &Options,
    _downloads: &Downloads,
) -> Result<Findings, PackageError> {
    todo!()
}

/// See [`super::assemble`].
pub(super) fn assemble(
    _app: &Application,
    _options: &Options,
    _downloads: &Downloads,
) -> Result<Package, PackageError> {
    todo!()
}
