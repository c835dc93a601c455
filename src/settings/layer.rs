//! What each place says, and how the places are put on top of each other.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Key, SettingsError};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This flag.
    Flag(&'static str),
    /// This environment variable.
    Variable(&'static str),
    /// This line of a configuration file.
    File(Place),
    /// Nobody said anything.
    Default,
}

/// A line of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
    /// The key that stands there.
    pub key: String,
}

/// `spin-deploy.toml:3`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) | Origin::Variable(name) => f.write_str(name),
            Origin::File(place) => write!(f, "{} in {place}", place.key),
            Origin::Default => f.write_str("the default"),
        }
    }
}

/// A decided value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// A value that nobody gave.
    pub fn default_of(value: T) -> Self {
        Setting { value, origin: Origin::Default }
    }

    /// Another value of the same origin.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        Setting { value: change(self.value), origin: self.origin }
    }
}

/// What one place (the command line, the environment, a table of a file) says. Has no `Debug`: it holds secrets as plain
/// text.
#[derive(Default, Clone)]
pub struct Layer {
    values: BTreeMap<Key, (OsString, Origin)>,
    /// What they are about, and their text.
    notes: Vec<(Key, String)>,
}

impl Layer {
    /// Sets a value. An empty one says nothing.
    pub fn set(&mut self, key: Key, value: impl Into<OsString>, origin: Origin) {
        let value = value.into();
        if !value.is_empty() {
            self.values.insert(key, (value, origin));
        }
    }

    /// Adds something the user should know about the layer's value for `key`.
    pub fn note(&mut self, key: Key, note: String) {
        self.notes.push((key, note));
    }

    /// The layer without the variables that mean nothing to a driver: they may be there for another command. Flags stay.
    pub(super) fn for_driver(&self, driver: &str) -> Layer {
        let mut layer = self.clone();
        let is_meant = |key: Key| key.target().is_none_or(|target| target == driver);
        layer.values.retain(|key, (_, origin)| is_meant(*key) || !matches!(origin, Origin::Variable(_)));
        layer.notes.retain(|(key, _)| is_meant(*key));
        layer
    }

    /// The layer without what it says of these.
    pub fn without(mut self, keys: &[Key]) -> Layer {
        self.values.retain(|key, _| !keys.contains(key));
        self.notes.retain(|(key, _)| !keys.contains(key));
        self
    }

    /// Whether the layer says anything about `key`.
    pub fn has(&self, key: Key) -> bool {
        self.values.contains_key(&key)
    }

    /// What was typed as flags, as it would have to be typed again, but for secrets: `--channel x`, `--insecure`.
    pub fn flags(&self) -> impl Iterator<Item = (Key, &OsStr)> {
        let typed = self.values.iter().filter(|(key, (_, origin))| *origin == Origin::Flag(key.flag()));
        typed.filter(|(key, _)| !key.is_secret()).map(|(key, (value, _))| (*key, value.as_os_str()))
    }

    /// What the layer says about `key`.
    pub(super) fn value(&self, key: Key) -> Option<&OsStr> {
        self.values.get(&key).map(|(value, _)| value.as_os_str())
    }

    /// Where the layer's value for `key` comes from.
    pub fn origin(&self, key: Key) -> Option<Origin> {
        self.values.get(&key).map(|(_, origin)| origin.clone())
    }
}

/// Layers in order of precedence, the highest first.
pub struct Layers<'a>(pub &'a [Layer]);

impl Layers<'_> {
    /// The notes of all layers.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|layer| layer.notes.iter().map(|(_, note)| note.as_str()))
    }

    /// Where the value that counts comes from.
    pub fn origin(&self, key: Key) -> Option<Origin> {
        self.0.iter().find_map(|layer| layer.origin(key))
    }

    /// The value that counts, as text.
    pub fn text(&self, key: Key) -> Result<Option<Setting<String>>, SettingsError> {
        let Some((value, origin)) = self.raw(key) else { return Ok(None) };
        match value.to_str() {
            Some(text) => Ok(Some(Setting { value: text.to_owned(), origin })),
            None => Err(SettingsError::NotUnicode { origin }),
        }
    }

    /// The value that counts, as a path, which may be any bytes.
    pub fn path(&self, key: Key) -> Option<Setting<PathBuf>> {
        self.raw(key).map(|(value, origin)| Setting { value: PathBuf::from(value), origin })
    }

    /// The value that counts, as yes or no; the default is no. The words are those that clap takes for a variable.
    pub fn switch(&self, key: Key) -> Result<Setting<bool>, SettingsError> {
        let Some(Setting { value, origin }) = self.text(key)? else { return Ok(Setting::default_of(false)) };
        match truth(&value) {
            Some(value) => Ok(Setting { value, origin }),
            None => Err(SettingsError::NotASwitch { origin, value }),
        }
    }

    fn raw(&self, key: Key) -> Option<(&OsString, Origin)> {
        self.0.iter().find_map(|layer| layer.values.get(&key)).map(|(value, origin)| (value, origin.clone()))
    }
}

/// Whether a text means yes or no, in the words that clap takes for a variable; `None`: neither.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Some(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Some(false),
        _ => None,
    }
}
