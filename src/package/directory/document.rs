//! What describes a package of the directory format.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that a host needs to know of an application, and nothing of the machine that it was packaged on. Written
/// as JSON, it is the first blob of a package; equal applications give equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The format's version: [`Document::FORMAT`].
    pub format: u32,
    /// The application's name.
    pub name: String,
    /// Its version, build metadata included.
    pub version: String,
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What stands before every route; begins with a slash.
    pub base: String,
    /// The triggers in the manifest's order.
    pub triggers: Vec<ServedTrigger>,
    /// The components that a trigger runs, or that others may call, in the manifest's order.
    pub components: Vec<ServedComponent>,
}

impl Document {
    /// The version of the format that this program writes, and the newest that it reads.
    pub const FORMAT: u32 = 1;

    /// The component of that id.
    pub fn component(&self, id: &str) -> Option<&ServedComponent> {
        self.components.iter().find(|component| component.id == id)
    }

    /// Every file that the application consists of, the document itself not among them; files with the same content
    /// come more than once.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.components.iter().flat_map(|component| std::iter::once(&component.wasm).chain(&component.files))
    }
}

/// An HTTP trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedTrigger {
    /// Its id.
    pub id: String,
    /// What it answers.
    pub route: TriggerRoute,
    /// The component that it runs; `None` for a static response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// How it runs it.
    #[serde(default)]
    pub executor: Executor,
    /// What it answers by itself; exactly one of this and `component` is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub static_response: Option<StaticResponse>,
}

/// What a trigger answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerRoute {
    /// A path as the manifest has it, without the base: exact, or with `/...`, `/:name`, `/*`.
    Path(String),
    /// Nothing from outside: only other components may call it.
    Private,
}

/// How a component is run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Executor {
    /// Through `wasi:http`.
    #[default]
    Http,
    /// CGI over standard input and output.
    Wagi {
        /// The template of its arguments, `${SCRIPT_NAME} ${ARGS}` where the manifest has none.
        argv: String,
        /// The function to call, `_start` where the manifest has none.
        entrypoint: String,
    },
}

/// An answer that takes no component (`static_response`, Spin 3.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticResponse {
    /// The status, 200 where the manifest has none.
    pub status: u16,
    /// The headers, by lower-case name.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default)]
    pub body: String,
}

/// A component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedComponent {
    /// Its id.
    pub id: String,
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its Wasm; the path is a name for people.
    pub wasm: File,
    /// Its files, sorted by path: where the guest sees them, without a leading slash.
    #[serde(default)]
    pub files: Vec<File>,
    /// Its environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Its variables, templates expanded.
    #[serde(default)]
    pub variables: Values,
    /// Whom it may call: `scheme://host:port`, all in the words of `allowed_outbound_hosts`, templates expanded.
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    /// The labels of its key-value stores.
    #[serde(default)]
    pub key_value_stores: Vec<String>,
}

/// A file of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its path, parts joined by `/`.
    pub path: String,
    /// Lower-case hex of the SHA-256 of its bytes.
    pub sha256: String,
    /// Its length in bytes.
    pub size: u64,
}

/// Values that may be secret: `Debug` shows their names alone.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Values(pub BTreeMap<String, String>);

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
