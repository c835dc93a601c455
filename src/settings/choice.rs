//! Which target is meant, and which layers count for it.

use super::file::Files;
use super::{Key, Layer, Layers, Origin, Setting, SettingsError, near, trust, url};
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
    // What another driver is not asked for cannot be wrong.
    let given: Vec<Layer> = given.iter().map(|layer| layer.for_driver(driver.value.kind)).collect();
    trust::check(&given, files, &target.value)?;
    let tables: Vec<Layer> = files.tables(&target.value).map(|table| table.layer.clone()).collect();
    let notes = hidden(&given, &target, &tables)?;
    let layers = given.into_iter().chain(tables).chain(files.tops().cloned()).collect();
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

/// Refuses a variable that contradicts an address of the very target that the command line names, and makes a note for
/// each address of a target that was chosen otherwise.
fn hidden(given: &[Layer], target: &Setting<String>, tables: &[Layer]) -> Result<Vec<String>, SettingsError> {
    let mut notes = Vec::new();
    for key in [Key::HippoUrl, Key::BindleServer] {
        let used = given.iter().find(|layer| layer.has(key));
        let (Some(used), Some(table)) = (used, tables.iter().find(|layer| layer.has(key))) else { continue };
        let (Some(variable @ Origin::Variable(_)), Some(address)) = (used.origin(key), table.origin(key)) else {
            continue;
        };
        if same_address(key, used, table) {
            continue;
        }
        if let Origin::Flag(_) = target.origin {
            let target = target.clone();
            return Err(SettingsError::Contradicted { target, variable, flag: key.flag(), address });
        }
        notes.extend(super::overridden(&variable, [address]));
    }
    Ok(notes)
}

/// Whether two layers give the same address.
pub(super) fn same_address(key: Key, one: &Layer, other: &Layer) -> bool {
    let address = |layer: &Layer| url::parse(layer.value(key)?.to_str()?).ok();
    address(one).is_some_and(|one| address(other) == Some(one))
}
