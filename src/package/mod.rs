//! The [`Package`]: the immutable, content-addressed bundle made from an Application.
//!
//! `bindle/` maps an Application to the bindle dialect of Spin 0.10.1 and says what cannot be mapped; `directory/` keeps
//! all of it for hosts of our time. Both share `identity.rs` (name and version), `source.rs` and `wasm.rs`, which look
//! into Wasm files, and `digest.rs`, which hashes all files; `staging.rs` hands out the very bytes that were hashed.

pub mod archive;
mod bindle;
mod blobs;
mod common;
mod digest;
pub mod directory;
#[cfg(test)]
mod fixture;
mod identity;
#[cfg(test)]
mod reopen_tests;
mod source;
mod staging;
mod wasm;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::app::{Application, Place};
pub(crate) use digest::is_sha256;
pub use staging::Snapshot;

/// What an artifact looks like in its registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// An invoice and its parcels in a Bindle server, as Spin 0.10.1 reads them.
    Bindle,
    /// Files by digest and a document, for a host that can run this.
    Directory(Arc<directory::Support>),
}

impl Format {
    /// Its name: `bindle`, `directory`.
    pub fn name(&self) -> &'static str {
        match self {
            Format::Bindle => "bindle",
            Format::Directory(_) => "directory",
        }
    }
}

/// A package's name and version, build metadata included; together they are its identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageId {
    /// The name.
    pub name: String,
    /// The version; build metadata tells builds of one version apart.
    pub version: semver::Version,
}

impl std::fmt::Display for PackageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.name, self.version)
    }
}

/// The bundle. Equal input gives an equal package, byte for byte.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its identity.
    pub id: PackageId,
    /// The files in it, one for each digest.
    pub blobs: Vec<Blob>,
    /// What describes the files to the registry.
    pub description: Description,
    /// What it answers over HTTP, base path included, in the manifest's order.
    pub routes: Vec<Route>,
    /// Whether the version was derived from the content, so that equal ids mean equal packages. Where the user chose
    /// the version, only the registry can tell whether it stands for this content.
    pub derived: bool,
}

impl Package {
    /// The bytes of all files together.
    pub fn size(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).sum()
    }
}

/// The format's own description of a package.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one package at a time")]
pub enum Description {
    /// A Bindle invoice, unsigned.
    Bindle(::bindle::Invoice),
    /// The SHA-256 of a [`directory::Document`], which is the first blob.
    Directory {
        /// Lower-case hex.
        document: String,
    },
}

impl Description {
    /// The name of the format.
    pub fn format(&self) -> &'static str {
        match self {
            Description::Bindle(_) => "bindle",
            Description::Directory { .. } => "directory",
        }
    }
}

/// One file of a package.
#[derive(Debug, Clone)]
pub struct Blob {
    /// Lower-case hex of the SHA-256 of its bytes.
    pub sha256: String,
    /// Its length in bytes.
    pub size: u64,
    /// A name for people: a path in the application.
    pub name: String,
    /// Where the bytes are.
    pub content: Content,
}

/// Where the bytes of a [`Blob`] are.
#[derive(Debug, Clone)]
pub enum Content {
    /// In a file of the application, which may change under our hands: `Blob::snapshot` notices.
    File(PathBuf),
    /// In memory, made by us.
    Bytes(Vec<u8>),
}

/// A path that the package answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The component that answers; of a static response its trigger.
    pub component: String,
    /// The path with its base, without a wildcard's `/...`.
    pub path: String,
    /// Whether everything below is answered as well.
    pub wildcard: bool,
    /// The component's description.
    pub description: Option<String>,
}

/// How the version tag gets its build metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BuildInfo {
    /// Derived from the content: `s` and hex digits.
    #[default]
    Derived,
    /// Given by the user (`--buildinfo`).
    Given(String),
    /// None: the manifest's version as it is (`--no-buildinfo`).
    Omitted,
}

/// What the user can say about packaging.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Build metadata.
    pub build_info: BuildInfo,
    /// Values for application variables, which a bindle can carry only as defaults.
    pub variables: BTreeMap<String, String>,
}

/// Where the Wasm of components given by URL has been downloaded to: by lower-case hex SHA-256.
pub type Downloads = BTreeMap<String, PathBuf>;

/// A reason why an application cannot be packaged in a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The refusal's code, stable: `E8`. `None` for refusals that are no matter of the format.
    pub code: Option<&'static str>,
    /// Where in the manifest.
    pub at: Option<Place>,
    /// The feature, and the Spin version that it would need.
    pub message: String,
    /// What to do instead.
    pub remedy: String,
}

/// What a look at an application before packaging says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// Why it cannot be packaged: all reasons at once.
    pub refusals: Vec<Refusal>,
    /// What would be widened or left out without harm.
    pub warnings: Vec<String>,
}

impl Findings {
    fn refuse(
        &mut self,
        code: impl Into<Option<&'static str>>,
        at: Place,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.refusals.push(Refusal { code: code.into(), at: Some(at), message: message.into(), remedy: remedy.into() });
    }

    fn warn(&mut self, message: impl Into<String>) {
        self.warnings.push(message.into());
    }
}

/// Why packaging failed.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// [`check`] was not asked, or not listened to.
    #[error("the application cannot be packaged: {}", refusal_messages(.refusals))]
    Refused {
        /// All reasons; never empty.
        refusals: Vec<Refusal>,
    },
    /// A source given by URL was not brought in beforehand.
    #[error("the source {name} has not been downloaded")]
    NotDownloaded {
        /// What it is, without the address, which may hold secrets.
        name: String,
    },
    /// A file of the application could not be read.
    #[error("could not read {}", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// A file is not what it was when it was hashed.
    #[error("{} changed while it was being deployed", .path.display())]
    Changed { path: PathBuf },
    /// A temporary copy could not be written.
    #[error("could not store a temporary copy of {}", .path.display())]
    Stage {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// Looks for everything that speaks against packaging the application in a format. Components given by URL whose
/// bytes are not in `downloads` are not looked into.
pub fn check(
    app: &Application,
    format: &Format,
    options: &Options,
    downloads: &Downloads,
) -> Result<Findings, PackageError> {
    match format {
        Format::Bindle => bindle::check(app, options, downloads),
        Format::Directory(support) => directory::check(app, support, options, downloads),
    }
}

/// Makes the package. Reads and hashes every file: blocking. Call it only when [`check`] refuses nothing.
pub fn assemble(
    app: &Application,
    format: &Format,
    options: &Options,
    downloads: &Downloads,
) -> Result<Package, PackageError> {
    match format {
        Format::Bindle => bindle::assemble(app, options, downloads),
        Format::Directory(_) => directory::assemble(app, options, downloads),
    }
}

/// Why what was made before is no package any more.
#[derive(Debug, thiserror::Error)]
pub enum ReopenError {
    /// A file of it could not be read.
    #[error("could not read {}", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// It says what no package of ours says.
    #[error("{0}")]
    Wrong(String),
    /// Its document is none.
    #[error(transparent)]
    Document(#[from] directory::DocumentError),
}

/// The files of a bindle: each digest once, with its length and a name for people.
pub fn bindle_files(invoice: &::bindle::Invoice) -> Result<Vec<::bindle::Label>, ReopenError> {
    bindle::reopen::files(invoice)
}

/// The package that an invoice describes. `file` says where the bytes of a digest are, which were checked. Reads the
/// manifest among them: blocking.
pub fn reopen_bindle(invoice: ::bindle::Invoice, file: &dyn Fn(&str) -> PathBuf) -> Result<Package, ReopenError> {
    bindle::reopen::reopen(invoice, file)
}

/// The package that the document of this digest describes. `file` says where the bytes of a digest are, which were
/// checked. Reads the document: blocking.
pub fn reopen_directory(document: &str, file: &dyn Fn(&str) -> PathBuf) -> Result<Package, ReopenError> {
    directory::reopen::reopen(document, file)
}

fn refusal_messages(refusals: &[Refusal]) -> String {
    refusals.iter().map(|refusal| refusal.message.as_str()).collect::<Vec<_>>().join("; ")
}
