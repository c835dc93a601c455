//! Compares the application with what the target can take, before anything is spent.

use super::DeployError;
use crate::app::Application;
use crate::package::{Package, Refusal};
use crate::target::{Capabilities, Target};

/// The first of the target's rules that the application's name breaks: the others say little more.
pub(super) fn application(capabilities: &Capabilities, app: &Application) -> Vec<Refusal> {
    let broken = capabilities.name_rules.iter().find(|rule| !(rule.holds)(&app.name));
    broken
        .into_iter()
        .map(|rule| Refusal {
            code: None,
            at: None,
            message: format!("the application's name {:?} cannot be used: {}", app.name, rule.rule),
            remedy: format!("change `name` in {}", app.manifest.display()),
        })
        .collect()
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
