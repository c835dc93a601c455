//! Looks at a Bindle server without a package: each is a read.

use std::collections::BTreeSet;
use std::path::Path;

use url::Url;

use super::api::Api;
use super::sign::SigningKey;
use super::{RegistryError, basic};
use crate::auth::Login;
use crate::event::Reporter;
use crate::http::Client;

/// Looks at one Bindle server.
#[derive(Debug)]
pub struct Examiner(Api);

impl Examiner {
    /// Looks at the server at `base` (with its `/v1`) as this user, or as nobody. Sends nothing.
    pub fn new(base: Url, client: Client, login: Option<&Login>) -> Examiner {
        Examiner(Api::new(base, client, login.map(basic)))
    }

    /// The same, but each request is sent once only and has to be answered soon.
    pub fn brisk(self) -> Examiner {
        Examiner(self.0.brisk())
    }

    /// Whether a Bindle server answers; one that knows no such login refuses it (401).
    pub async fn greet(&self, reporter: &dyn Reporter) -> Result<(), RegistryError> {
        self.0.greet(reporter).await
    }

    /// Whether we may write, found out without writing; a refusal (401, 403) is an error.
    pub async fn may_write(&self, reporter: &dyn Reporter) -> Result<(), RegistryError> {
        self.0.may_write(reporter).await
    }

    /// The labels of the keys that the server signs with; `None`: it is older than 0.9 and does not tell.
    pub async fn host_keys(&self, reporter: &dyn Reporter) -> Result<Option<Vec<String>>, RegistryError> {
        let ring = self.0.host_keys(reporter).await?;
        Ok(ring.map(|ring| ring.key.into_iter().map(|key| key.label).collect()))
    }

    /// The names among the first fifty versions that the server has.
    pub async fn names(&self, reporter: &dyn Reporter) -> Result<BTreeSet<String>, RegistryError> {
        self.0.names(reporter).await
    }
}

/// Whose signing key a file holds. The file has to be one that a push would use.
pub async fn signing_key_label(path: &Path) -> Result<String, RegistryError> {
    Ok(SigningKey::read(path).await?.label().to_owned())
}
