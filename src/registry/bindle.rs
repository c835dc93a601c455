//! A Bindle server as a registry: the push that survives everything `docs/targets/hippo.md` tells of.

use std::path::Path;

use url::Url;

use crate::auth::Login;
use crate::event::{Reporter, Uploaded};
use crate::http::{Client, HttpError};
use crate::package::{Package, PackageError, PackageId};

/// A Bindle server.
#[derive(Debug)]
pub struct BindleRegistry {}

/// Why a push failed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A request failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// What answers is no Bindle server.
    #[error("{url} does not answer like a Bindle server")]
    NotBindle { url: String },
    /// A file could not be snapshotted.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The version exists with other content.
    #[error("{id} exists on the Bindle server with other content")]
    OtherContent { id: PackageId },
    /// The version was withdrawn for ever.
    #[error("{id} was yanked on the Bindle server")]
    Yanked { id: PackageId },
    /// The server wants a signature, or another one.
    #[error("the Bindle server refused the invoice's signatures: {message}")]
    Signature { message: String },
    /// A parcel's digest is stuck on the server.
    #[error("the Bindle server neither has nor accepts parcel {sha256} ({name})")]
    Poisoned { sha256: String, name: String },
    /// The key file cannot be used.
    #[error("could not use the signing key")]
    SigningKey {
        #[source]
        source: anyhow::Error,
    },
    /// The user stopped the run; what was in flight was allowed to end.
    #[error("cancelled")]
    Cancelled,
}

impl BindleRegistry {
    /// A registry at `base` (with its `/v1`). Reads the signing key; sends nothing.
    pub async fn new(
        base: Url,
        client: Client,
        login: Option<Login>,
        signing_key: Option<&Path>,
    ) -> Result<BindleRegistry, RegistryError> {
        let _ = (base, client, login, signing_key);
        todo!()
    }

    /// Uploads what the server lacks of the package and returns how much that was.
    pub async fn push(
        &self,
        package: &Package,
        reporter: &dyn Reporter,
        cancel: &tokio_util::sync::CancellationToken,
    ) -> Result<Uploaded, RegistryError> {
        let _ = (package, reporter, cancel);
        todo!()
    }
}
