//! The way out to the network, which others provide.

use std::path::PathBuf;

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
