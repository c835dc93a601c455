//! Compares the application with what the target can take, before anything is spent.

use super::{DeployError, OtherName};
use crate::app::Application;
use crate::package::{Package, Refusal};
use crate::target::{Capabilities, Target};

/// The first of the target's rules that the name breaks which the application shall have there, the manifest's or
/// another one: the others say little more.
pub(super) fn application(capabilities: &Capabilities, app: &Application, other: Option<&OtherName>) -> Vec<Refusal> {
    let name = other.map_or(app.name.as_str(), |other| other.name.0.as_str());
    let Some(broken) = capabilities.name_rules.iter().find(|rule| !(rule.holds)(name)) else { return Vec::new() };
    let (given, remedy) = match other {
        Some(OtherName { origin, .. }) => (format!(", which {origin} gives,"), format!("change {origin}")),
        None => (String::new(), format!("change `name` in {}", app.manifest.display())),
    };
    let message = format!("the application's name {name:?}{given} cannot be used: {}", broken.rule);
    vec![Refusal { code: None, at: None, message, remedy }]
}

/// Refuses a version that the target could not record.
pub(super) fn version(target: &dyn Target, package: &Package) -> Result<(), DeployError> {
    let (version, limit) = (package.id.version.to_string(), target.capabilities().max_version_length);
    if version.len() <= limit {
        return Ok(());
    }
    let refusal = Refusal {
        code: None,
        at: None,
        message: format!("version {version} is longer than {limit} characters"),
        remedy: "shorten `version` in the manifest, or what --buildinfo adds to it".to_owned(),
    };
    Err(DeployError::Refused { target: target.info().name.clone(), refusals: vec![refusal] })
}
