//! A Bindle server as a registry.
//!
//! `api.rs` holds the calls and what their answers mean, `push.rs` the order in which they are made, `content.rs` the
//! question whether two invoices mean the same, `sign.rs` the optional signature. Facts: `deislabs/bindle
//! src/server/handlers.rs@v0.9.1`, and what servers of 0.8.2 and 0.9.1 were seen to answer.
//!
//! Three of those facts shape everything here. A parcel upload that is cut off makes the server's file store refuse
//! that content for ever. `201 Created` does not mean that all parcels are there, only `_r/missing` tells. And 409 has
//! four meanings: complete, incomplete, being uploaded, stuck.

mod api;
mod content;
mod push;
mod sign;

use std::path::Path;

use bindle::signature::SecretKeyEntry;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::auth::Login;
use crate::event::{Event, Reporter, Uploaded};
use crate::http::{Client, HttpError, RetryNotice};
use crate::package::{Package, PackageError, PackageId};

/// A Bindle server.
#[derive(Debug)]
pub struct BindleRegistry {
    server: api::Server,
    signing_key: Option<Signer>,
}

/// The key that signs invoices; it does not print.
struct Signer(SecretKeyEntry);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

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
    /// A parcel's digest is stuck on the server, or somebody else has been uploading it for long.
    #[error(
        "the Bindle server neither has nor accepts {name}: an earlier upload of it was cut off and left the directory \
         parcels/{sha256} empty in the server's store"
    )]
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
        let signing_key = match signing_key {
            Some(file) => Some(Signer(sign::load(file).await?)),
            None => None,
        };
        Ok(BindleRegistry { server: api::Server::new(base, client, login.as_ref()), signing_key })
    }

    /// Uploads what the server lacks of the package and returns how much that was.
    ///
    /// Goes on where an earlier run was cut off. After `cancel` no further upload is begun, and those under way are
    /// given time to end: cutting them off would harm the server's store.
    pub async fn push(
        &self,
        package: &Package,
        reporter: &dyn Reporter,
        cancel: &CancellationToken,
    ) -> Result<Uploaded, RegistryError> {
        let key = self.signing_key.as_ref().map(|signer| &signer.0);
        push::Push { server: &self.server, key, package, reporter, cancel }.run().await
    }
}

/// Passes the news of a repetition on.
fn report_retry(reporter: &dyn Reporter, notice: RetryNotice) {
    let RetryNotice { what, reason, attempt, delay } = notice;
    reporter.report(Event::Retrying { what, reason, attempt, delay });
}

#[cfg(test)]
mod tests;
