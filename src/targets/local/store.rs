//! What is on disk: blobs by digest, and a record for each application. Everything that the server knows is here.

use serde::{Deserialize, Serialize};

/// How many releases of an application are remembered.
pub const KEPT_RELEASES: usize = 10;

/// What is recorded of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its name.
    pub app: String,
    /// The port that it is served on, for as long as it lives.
    pub port: u16,
    /// The id of the release that is, or should be, live.
    pub current: u64,
    /// The last [`KEPT_RELEASES`], oldest first; ids grow and are never used twice.
    pub releases: Vec<ReleaseRecord>,
}

/// One release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRecord {
    /// Counts from 1.
    pub id: u64,
    /// The package's version, build metadata included.
    pub version: String,
    /// The SHA-256 of the package's document, which names all other blobs.
    pub document: String,
    /// When it was made live for the first time.
    pub created: jiff::Timestamp,
}
