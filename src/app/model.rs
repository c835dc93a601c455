//! The words of an application.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Place;

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
    /// Everything else that the manifest says of it, as written.
    pub config: toml::Table,
    /// What `config` says, where the type is `http`; `None` for every other type.
    pub http: Option<HttpTrigger>,
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
    /// What the trigger answers by itself (`static_response`, Spin 3.5).
    pub static_response: Option<StaticResponse>,
}

/// An answer that takes no component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticResponse {
    /// The status, 200 where the manifest has none.
    pub status: u16,
    /// The headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
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
    /// How it is built, where the manifest says so.
    pub build: Option<Build>,
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
    /// The names of its dependencies on other components (Spin 3.0), those of its profiles (Spin 4.0) included.
    pub dependencies: Vec<String>,
    /// Where it is declared.
    pub at: Place,
}

/// What the manifest says of a component's build, as far as it matters to what was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The directory that it runs in, below the manifest's own (`workdir`, Spin 0.3).
    pub workdir: Option<String>,
    /// Patterns of the files that it is made from, below that directory (`watch`, Spin 1.1).
    pub watch: Vec<String>,
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
