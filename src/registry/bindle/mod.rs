//! A Bindle server as a registry.
//!
//! `api.rs` holds the requests and what their answers mean, `push.rs` the order in which they are made, `kept.rs` looks
//! at what is there, `pull.rs` gets it back, `same.rs` is the
//! question whether two invoices mean the same, `sign.rs` the optional signature. Facts: `deislabs/bindle
//! src/server/handlers.rs@v0.9.1`, and what servers of 0.8.2 and 0.9.1 were seen to answer.
//!
//! Three of those facts shape everything here. A parcel upload that is cut off makes the server's file store refuse
//! that content for ever. `201 Created` does not mean that all parcels are there, only `_r/missing` tells. And 409 has
//! four meanings: complete, incomplete, being uploaded, stuck.

mod api;
mod examine;
mod kept;
mod pull;
mod push;
mod same;
mod sign;
mod stamp;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::auth::{Login, Secret};
use crate::event::{Reporter, Uploaded};
use crate::http::{Client, HttpError};
use crate::package::{Description, Package, PackageError, PackageId, ReopenError};
use api::Api;
pub use examine::{Examiner, signing_key_label};
pub use kept::{Kept, Standing};
use push::Push;
use sign::SigningKey;

/// A Bindle server.
#[derive(Debug)]
pub struct BindleRegistry {
    api: Api,
    signing_key: Option<SigningKey>,
    clock: fn() -> Timestamp,
}

/// Why a push failed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A request failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// What answers is no Bindle server.
    #[error("{url} does not answer like a Bindle server{}", missing_prefix(.url))]
    NotBindle { url: String },
    /// The package is of another format.
    #[error("the package is no bindle")]
    NotABindle,
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
    /// The server understood an upload and refuses it.
    #[error("the Bindle server refused {name}")]
    Refused {
        /// The file, as people know it.
        name: String,
        /// What it said.
        #[source]
        source: HttpError,
    },
    /// A parcel's digest is stuck on the server: its file store keeps the directory of an upload that broke off and
    /// from then on answers 409 to every further one.
    #[error(
        "the Bindle server neither has nor accepts {name}: another upload of it is still going on, \
         or one broke off and left <BINDLE_DIRECTORY>/parcels/{sha256} behind on the server"
    )]
    Poisoned { sha256: String, name: String },
    /// The key file cannot be used.
    #[error("could not use the signing key")]
    SigningKey {
        #[source]
        source: anyhow::Error,
    },
    /// Others than its owner can read the key file, and so sign in the owner's name.
    #[error("others can read the signing key {} (mode {mode:03o})", .path.display())]
    SigningKeyExposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is no such version.
    #[error("{id} is not on the Bindle server")]
    Absent { id: PackageId },
    /// It is there, and files of it are not.
    #[error("the Bindle server lacks {count} of the files of {id}")]
    Incomplete { id: PackageId, count: usize },
    /// What came is not what the invoice promises.
    #[error("{name} of {id} did not come as its invoice has it")]
    Damaged { id: PackageId, name: String },
    /// It is no package of an application.
    #[error("{id} cannot be used")]
    Unusable {
        id: PackageId,
        #[source]
        source: ReopenError,
    },
    /// A file could not be stored on this machine.
    #[error("could not write to {}", .path.display())]
    Storage {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The user stopped the run; what was in flight was allowed to end.
    #[error("cancelled")]
    Cancelled,
}

fn missing_prefix(url: &str) -> &'static str {
    match url.trim_end_matches('/').ends_with("/v1") {
        true => "",
        false => ": its address ends in /v1 as a rule",
    }
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
            Some(path) => Some(SigningKey::read(path).await?),
            None => None,
        };
        let api = Api::new(base, client, login.as_ref().map(basic));
        Ok(BindleRegistry { api, signing_key, clock: Timestamp::now })
    }

    /// Uploads what the server lacks of the package and returns how much that was.
    ///
    /// Parcels that are on their way when another one fails, or when `cancel` is cancelled, are let through: a Bindle
    /// server's file store refuses a digest for ever after an upload of it broke off.
    pub async fn push(
        &self,
        package: &Package,
        reporter: &dyn Reporter,
        cancel: &CancellationToken,
    ) -> Result<Uploaded, RegistryError> {
        let Description::Bindle(invoice) = &package.description else { return Err(RegistryError::NotABindle) };
        let mut invoice = invoice.clone();
        stamp::stamp(&mut invoice, (self.clock)());
        if let Some(key) = &self.signing_key {
            key.sign(&mut invoice).map_err(|source| RegistryError::SigningKey { source })?;
        }
        Push { api: &self.api, package, reporter, cancel }.run(&invoice).await
    }
}

/// `Authorization` for a login. The server takes the scheme in this very spelling only.
fn basic(login: &Login) -> Secret {
    let pair = format!("{}:{}", login.username, login.password.expose());
    Secret::new(format!("Basic {}", STANDARD.encode(pair)))
}
