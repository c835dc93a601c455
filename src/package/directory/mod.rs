//! The directory format: the files of an application as blobs, and a [`Document`] that says what they are for.
//!
//! Nothing of an application is lost in it: what a target cannot run, its [`Support`] says, and `check.rs` refuses it.
//! `layout.rs` decides what a package will hold, `assemble.rs` writes it down as a document (`document.rs`); `hosts.rs`
//! and `route.rs` hold the rules by which hosts follow it.

use super::{Downloads, Findings, Options, Package, PackageError};
use crate::app::Application;

mod assemble;
mod check;
mod document;
mod hosts;
mod layout;
pub(super) mod reopen;
mod route;
#[cfg(test)]
mod tests;

pub use document::{
    Document, DocumentError, Executor, File, ServedComponent, ServedTrigger, StaticResponse, TriggerRoute, Values,
};
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

impl Support {
    /// Whether components may import that interface, named as they name it: `wasi:http/types@0.2.0`.
    pub fn supports(&self, import: &str) -> bool {
        self.interfaces.iter().any(|entry| stands_for(entry, import))
    }
}

/// Whether an entry of [`Support::interfaces`] stands for an interface as a component names it.
fn stands_for(entry: &str, name: &str) -> bool {
    let (Some((entry_name, entry_version)), Some((interface, version))) = (entry.split_once('@'), name.split_once('@'))
    else {
        return entry == name;
    };
    if entry_version.contains('-') {
        return entry == name;
    }
    let requirement = semver::VersionReq::parse(&format!("^{entry_version}"));
    let version = semver::Version::parse(version);
    entry_name == interface
        && requirement.is_ok_and(|requirement| version.is_ok_and(|version| requirement.matches(&version)))
}

/// See [`super::check`].
pub(super) fn check(
    app: &Application,
    support: &Support,
    options: &Options,
    downloads: &Downloads,
) -> Result<Findings, PackageError> {
    let (layout, mut findings) = layout::lay_out(app, options);
    check::check_triggers(app, support, &mut findings);
    check::check_left_out(app, &layout, support, &mut findings);
    check::check_components(&layout, support, downloads, &mut findings)?;
    Ok(findings)
}

/// See [`super::assemble`].
pub(super) fn assemble(app: &Application, options: &Options, downloads: &Downloads) -> Result<Package, PackageError> {
    let (layout, findings) = layout::lay_out(app, options);
    match &layout.identity {
        Some(identity) if findings.refusals.is_empty() => assemble::assemble(app, identity, &layout, downloads),
        _ => Err(PackageError::Refused { refusals: findings.refusals }),
    }
}
