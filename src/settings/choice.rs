//! Which target is meant, and which layers count for it.

use super::file::{Files, Whose};
use super::{Key, Layer, Layers, Origin, Setting, SettingsError, near};
use crate::targets::{self, DRIVERS, Driver};

/// The target when nothing else is said.
pub(super) const DEFAULT_TARGET: &str = "hippo";

/// What was chosen.
pub(super) struct Choice {
    /// The target's name.
    pub target: Setting<String>,
    /// Its driver, and what says so.
    pub driver: Setting<&'static Driver>,
    /// Everything that counts for it, in order of precedence.
    pub layers: Vec<Layer>,
    /// What the user should know about it.
    pub notes: Vec<String>,
}

/// Chooses: what is named, else what files call the default, else [`DEFAULT_TARGET`]. `given` is what flags and
/// variables say.
pub(super) fn choose(given: &[Layer], files: &Files) -> Result<Choice, SettingsError> {
    let target = match Layers(given).text(Key::Target)? {
        Some(named) => named,
        None => files.default_target().unwrap_or(Setting::default_of(DEFAULT_TARGET.to_owned())),
    };
    let driver = driver(&target, files)?;
    lowered(given, files, &target.value)?;
    let tables: Vec<Layer> = files.tables(&target.value).map(|table| table.layer.clone()).collect();
    let notes = hidden(given, &tables);
    let layers = given.iter().cloned().chain(tables).chain(files.tops().cloned()).collect();
    Ok(Choice { target, driver, layers, notes })
}

fn driver(target: &Setting<String>, files: &Files) -> Result<Setting<&'static Driver>, SettingsError> {
    let mut tables = files.tables(&target.value);
    let Some(table) = tables.next() else {
        let driver = targets::find(&target.value).map(|value| Setting { value, origin: target.origin.clone() });
        return driver.ok_or_else(|| unknown(target, files));
    };
    match tables.find(|other| other.driver.value.kind != table.driver.value.kind) {
        None => Ok(table.driver.clone()),
        Some(other) => Err(SettingsError::TwoDrivers {
            target: target.value.clone(),
            one: table.driver.origin.clone(),
            other: other.driver.origin.clone(),
        }),
    }
}

fn unknown(target: &Setting<String>, files: &Files) -> SettingsError {
    let configured = files.configured();
    let names = configured.iter().map(|target| target.name.as_str());
    let meant = near(&target.value, names.chain(DRIVERS.iter().map(|driver| driver.kind))).map(str::to_owned);
    let drivers = DRIVERS.iter().map(|driver| format!("{} ({})", driver.kind, driver.summary));
    let no_driver = configured.iter().filter(|target| targets::find(&target.name).is_none());
    let known = no_driver.map(|target| format!("{} ({})", target.name, target.driver.kind)).chain(drivers).collect();
    SettingsError::UnknownTarget { name: target.value.clone(), origin: target.origin.clone(), meant, known }
}

/// Refuses to lower the safety of a server that the project alone names, because the user lowered it for another one
/// (docs/decisions/0015-safety-is-lowered-by-the-user-alone.md).
fn lowered(given: &[Layer], files: &Files, target: &str) -> Result<(), SettingsError> {
    let table = |whose: Whose| files.tables(target).find(|table| table.whose == whose).map(|table| &table.layer);
    let (Some(projects), Some(users)) = (table(Whose::Project), table(Whose::User)) else { return Ok(()) };
    let is_given = |key: Key| given.iter().any(|layer| layer.has(key));
    for switch in [Key::Insecure, Key::AllowInsecureCredentials] {
        if is_given(switch) || users.value(switch).is_none_or(|on| on != "true") {
            continue;
        }
        for address in [Key::HippoUrl, Key::BindleServer] {
            let (Some(switch), Some(projects_own)) = (users.origin(switch), projects.origin(address)) else { continue };
            if !is_given(address) && projects.value(address) != users.value(address) {
                return Err(SettingsError::Lowered { switch, address: projects_own });
            }
        }
    }
    Ok(())
}

/// A note for each address of the target's own that a variable hides.
fn hidden(given: &[Layer], tables: &[Layer]) -> Vec<String> {
    let note = |key: Key| {
        let used = given.iter().find(|layer| layer.has(key))?;
        let table = tables.iter().find(|layer| layer.has(key))?;
        let origin = used.origin(key).filter(|origin| matches!(origin, Origin::Variable(_)))?;
        (used.value(key) != table.value(key)).then(|| super::overridden(&origin, table.origin(key)))?
    };
    [Key::HippoUrl, Key::BindleServer].into_iter().filter_map(note).collect()
}
