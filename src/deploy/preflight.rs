//! Compares the application with what the target can take, before anything is spent.

use super::make::Place;
use super::{DeployError, OtherName};
use crate::app::Application;
use crate::package::{Package, Refusal};

/// The first of the target's rules that the name breaks which the application shall have there, the manifest's or
/// another one: the others say little more.
pub(super) fn application(place: &Place<'_>, app: &Application) -> Vec<Refusal> {
    let remedy = format!("change `name` in {}", app.manifest.display());
    broken_rule(place, &app.name, remedy).into_iter().collect()
}

/// The same of a package that was made before.
pub(super) fn name(place: &Place<'_>, package: &Package) -> Result<(), DeployError> {
    let remedy = "give it another name there: `--name NAME`".to_owned();
    match broken_rule(place, &package.id.name, remedy) {
        None => Ok(()),
        Some(refusal) => Err(refused(place, refusal)),
    }
}

/// Refuses a version that the target could not record.
pub(super) fn version(place: &Place<'_>, package: &Package) -> Result<(), DeployError> {
    let (version, limit) = (package.id.version.to_string(), place.capabilities.max_version_length);
    if version.len() <= limit {
        return Ok(());
    }
    let message = format!("version {version} is longer than {limit} characters");
    let remedy = "shorten `version` in the manifest, or what --buildinfo adds to it".to_owned();
    Err(refused(place, Refusal { code: None, at: None, message, remedy }))
}

fn broken_rule(place: &Place<'_>, own: &str, remedy: String) -> Option<Refusal> {
    let name = place.other_name.map_or(own, |other| other.name.0.as_str());
    let broken = place.capabilities.name_rules.iter().find(|rule| !(rule.holds)(name))?;
    let (given, remedy) = match place.other_name {
        Some(OtherName { origin, .. }) => (format!(", which {origin} gives,"), format!("change {origin}")),
        None => (String::new(), remedy),
    };
    let message = format!("the application's name {name:?}{given} cannot be used: {}", broken.rule);
    Some(Refusal { code: None, at: None, message, remedy })
}

fn refused(place: &Place<'_>, refusal: Refusal) -> DeployError {
    DeployError::Refused { target: place.name.to_owned(), refusals: vec![refusal] }
}
