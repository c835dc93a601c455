//! What describes a package of the directory format.

use std::collections::{BTreeMap, BTreeSet};

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

    /// Reads a document, and makes sure that it hangs together: whoever follows it finds every component and writes no
    /// file outside of the directory that is meant for it.
    pub fn parse(bytes: &[u8]) -> Result<Document, DocumentError> {
        /// All that documents of every format have.
        #[derive(Deserialize)]
        struct Header {
            format: u32,
        }
        let Header { format } = serde_json::from_slice(bytes)?;
        if format != Document::FORMAT {
            return Err(DocumentError::Format { found: format });
        }
        let document: Document = serde_json::from_slice(bytes)?;
        document.contradiction().map_or(Ok(document), |what| Err(DocumentError::Contradiction(what)))
    }

    /// Writes it as JSON. Equal documents give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("structures with string keys are JSON");
        bytes.push(b'\n');
        bytes
    }

    fn contradiction(&self) -> Option<String> {
        for trigger in &self.triggers {
            let id = &trigger.id;
            match (&trigger.component, &trigger.static_response) {
                (Some(component), None) if self.component(component).is_none() => {
                    return Some(format!("trigger `{id}` runs component `{component}`, which is not there"));
                }
                (Some(_), None) | (None, Some(_)) => {}
                _ => return Some(format!("trigger `{id}` does not have exactly one of component and response")),
            }
        }
        let ids: BTreeSet<_> = self.components.iter().map(|component| &component.id).collect();
        if ids.len() < self.components.len() {
            return Some("two components have one id".into());
        }
        let wrong = self.files().find(|file| !file.is_plain())?;
        Some(format!("`{}` is no file of a package", wrong.path.escape_debug()))
    }

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

/// Why bytes are no [`Document`].
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Another version of this program wrote it.
    #[error("the package is of format {found}, and this version of spin-deploy reads format {}", Document::FORMAT)]
    Format {
        /// Its format.
        found: u32,
    },
    /// It is no JSON, or says other things than a document does.
    #[error("the package's document cannot be read")]
    Unreadable(#[from] serde_json::Error),
    /// It does not hang together.
    #[error("the package's document contradicts itself: {0}")]
    Contradiction(String),
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

impl File {
    /// Whether the path leads nowhere but down, and the digest is one.
    fn is_plain(&self) -> bool {
        let part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\0', '\\']);
        let digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        self.path.split('/').all(part) && self.sha256.len() == 64 && self.sha256.chars().all(digit)
    }
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
