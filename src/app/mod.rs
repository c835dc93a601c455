//! The [`Application`]: what `spin.toml` describes.
//!
//! `manifest/` holds the wire forms of both manifest formats and turns them into the model below; `files.rs` resolves
//! what a component's `files` select. Everything here is offline but for [`Fetch`], through which sources given by
//! URL are brought in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// An application as its manifest describes it, with every file that it selects already found.
#[derive(Debug, Clone, PartialEq)]
pub struct Application {
    /// The manifest file, as it was found.
    pub manifest: PathBuf,
    /// The directory that holds the manifest: relative paths start here.
    pub root: PathBuf,
    /// Which of the two formats the manifest is written in.
    pub format: ManifestFormat,
    /// `name`, not validated by Spin; a target's own rules come later.
    pub name: String,
    /// `version`; empty and absent are both `None`. Not validated by Spin either.
    pub version: Option<String>,
    /// `description`, where it is not empty.
    pub description: Option<String>,
    /// `authors`.
    pub authors: Vec<String>,
    /// Application variables by name.
    pub variables: BTreeMap<String, Variable>,
    /// Settings for all triggers of a type (`[application.trigger.http]`, v1: the keys of `trigger` but `type`), by type.
    pub trigger_settings: BTreeMap<String, toml::Table>,
    /// The triggers in the manifest's order.
    pub triggers: Vec<Trigger>,
    /// The components in the manifest's order, inline ones hoisted by Spin's naming rule.
    pub components: Vec<Component>,
    /// What a reader of the manifest should be told and that stops nothing.
    pub warnings: Vec<String>,
}

/// The manifest formats (`spin_manifest_version` `"1"` and `2`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestFormat {
    /// The string `"1"`, read with the leniency of its era.
    V1,
    /// The integer `2`.
    V2,
}

/// An application variable. Exactly one of `required` and `default` holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Whether a value must come from outside.
    pub required: bool,
    /// The value where none comes from outside.
    pub default: Option<String>,
    /// Whether the value should not be shown.
    pub secret: bool,
    /// What it is for (since Spin 3.4).
    pub description: Option<String>,
    /// Where it is declared.
    pub at: Place,
}

/// One trigger: what makes a component run.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// Its id, given or made by Spin's rule.
    pub id: String,
    /// Its type: `http`, `redis`, …
    pub kind: String,
    /// The component that it runs; `None` for a static response.
    pub component: Option<String>,
    /// Everything else that the manifest says of it; `http()` reads it for HTTP triggers.
    pub config: toml::Table,
    /// Where it is declared.
    pub at: Place,
}

/// The configuration of one HTTP trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTrigger {
    /// What it answers.
    pub route: HttpRoute,
    /// How the component is run.
    pub executor: Executor,
    /// Whether the trigger answers by itself (`static_response`, Spin 3.5).
    pub static_response: bool,
}

/// The route of an HTTP trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpRoute {
    /// A path as it is written: exact, or with `/...`, `/:name`, `/*`.
    Path(String),
    /// `{ private = true }` (Spin 2.5).
    Private,
}

/// How an HTTP trigger runs its component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Executor {
    /// The default (`http`, of old `spin`).
    Http,
    /// CGI over standard input and output.
    Wagi {
        /// `argv`, where given.
        argv: Option<String>,
        /// `entrypoint`, where given.
        entrypoint: Option<String>,
    },
}

/// One Wasm module with its files and configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Its id. In v1 any text, in v2 a kebab id.
    pub id: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where its Wasm comes from.
    pub source: Source,
    /// Its own variables (v1: `config`): templates by name.
    pub variables: BTreeMap<String, String>,
    /// Its environment.
    pub environment: BTreeMap<String, String>,
    /// Whether the manifest has `files` at all, even an empty list.
    pub has_files: bool,
    /// The files that `files` and `exclude_files` select, sorted by guest path, no two alike.
    pub files: Vec<MountedFile>,
    /// `allowed_http_hosts` (deprecated in v2), as written.
    pub allowed_http_hosts: Vec<String>,
    /// `allowed_outbound_hosts`, as written; `None` when absent, which in v1 means something else than empty.
    pub allowed_outbound_hosts: Option<Vec<String>>,
    /// `key_value_stores`.
    pub key_value_stores: Vec<String>,
    /// `sqlite_databases`.
    pub sqlite_databases: Vec<String>,
    /// `ai_models`.
    pub ai_models: Vec<String>,
    /// The names of its dependencies on other components (Spin 3.0).
    pub dependencies: Vec<String>,
    /// Where it is declared.
    pub at: Place,
}

/// Where a component's Wasm comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File {
        /// As written in the manifest, with forward slashes.
        written: String,
        /// The file itself.
        path: PathBuf,
    },
    /// A download, checked against its digest.
    Url {
        /// The address.
        url: String,
        /// Lower-case hex of the SHA-256.
        sha256: String,
    },
    /// A package of a component registry (Spin 2.6).
    Registry {
        /// The registry, where it is not the default.
        registry: Option<String>,
        /// `namespace:name`.
        package: String,
        /// The exact version.
        version: String,
    },
}

/// A file as the guest sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MountedFile {
    /// Path in the guest without a leading slash, parts joined by `/`.
    pub guest: String,
    /// The file on this machine, symlinks resolved, inside the root.
    pub path: PathBuf,
}

/// A place in a manifest, for messages: `spin.toml:12: component.api.source`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The manifest file.
    pub file: PathBuf,
    /// The line, from 1; 0 when it is not known.
    pub line: usize,
    /// The key's dotted path.
    pub key: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file.display())?,
            line => write!(f, "{}:{line}", self.file.display())?,
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        Ok(())
    }
}

/// Brings in a source that is given by URL.
#[async_trait::async_trait]
pub trait Fetch: Send + Sync {
    /// Returns a file on this machine whose SHA-256 is `sha256` (lower-case hex), downloading it where it has to.
    async fn fetch(&self, url: &str, sha256: &str) -> Result<PathBuf, FetchError>;
}

/// Why a source could not be brought in.
#[derive(Debug, thiserror::Error)]
#[error("could not download {url}")]
pub struct FetchError {
    /// The address, safe to print.
    pub url: String,
    /// What kind of failure it was.
    pub kind: FetchErrorKind,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Kinds of download failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchErrorKind {
    /// The server could not be reached or did not answer well.
    Unreachable,
    /// What came is not what the manifest promises.
    DigestMismatch,
    /// It could not be stored on this machine.
    Storage,
}

/// Finds the manifest for what `--from` names: a manifest file, or a directory that holds `spin.toml`.
pub fn find_manifest(from: &Path) -> Result<PathBuf, LoadError> {
    let _ = from;
    todo!()
}

/// Reads a manifest and finds every file that it selects.
pub fn load(manifest: &Path) -> Result<Application, LoadError> {
    let _ = manifest;
    todo!()
}

/// Why an application could not be loaded: every problem that was found.
#[derive(Debug, thiserror::Error)]
#[error("{} is not a valid application", .manifest.display())]
pub struct LoadError {
    /// The manifest, or where it was looked for.
    pub manifest: PathBuf,
    /// What is wrong, in the manifest's order; never empty.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with a manifest or with a file that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub at: Place,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}
