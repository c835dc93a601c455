//! Settings as they may be seen.

use super::{Key, Layers, Origin, check};

/// One setting, as it may be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Which one.
    pub key: Key,
    /// Its value, the default's where nothing is said; `None`: it has none.
    pub value: Option<String>,
    /// Where the value comes from.
    pub origin: Origin,
}

/// Everything that means something to a driver, but for the target itself, in the order of the help. The layers have to
/// have been decided from: only then their addresses are known to hold no secrets.
pub(super) fn all(layers: &Layers<'_>, driver: &str) -> Vec<Shown> {
    let meant = |key: &&Key| **key != Key::Target && key.target().is_none_or(|target| target == driver);
    Key::ALL.iter().filter(meant).map(|key| one(layers, *key)).collect()
}

fn one(layers: &Layers<'_>, key: Key) -> Shown {
    let Some(setting) = layers.path(key) else {
        return Shown { key, value: key.default().map(str::to_owned), origin: Origin::Default };
    };
    let text = setting.value.to_string_lossy();
    let value = match key {
        key if key.is_secret() => "(set)".to_owned(),
        Key::Check => check::shown(&text),
        _ => text.into_owned(),
    };
    Shown { key, value: Some(value), origin: setting.origin }
}
