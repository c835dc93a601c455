//! Hippo: a PaaS on Nomad that runs bindles. Facts: `deislabs/hippo src/Web/Api@v0.20.2`.

use std::path::PathBuf;

use url::Url;

use crate::auth::{Credential, Login};
use crate::target::{Target, TargetError};
use crate::targets;

/// What a Hippo target is made from. All optional here; `connect` says what is missing.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Hippo's address; a path is kept as a prefix.
    pub url: Option<Url>,
    /// Who we are at Hippo.
    pub credential: Option<Credential>,
    /// The Bindle server's address, with its `/v1`.
    pub bindle_url: Option<Url>,
    /// Who we are at the Bindle server, where it asks.
    pub bindle_login: Option<Login>,
    /// The file with the key that signs invoices (`docs/targets/hippo.md`).
    pub signing_key: Option<PathBuf>,
    /// The channel to deploy to.
    pub channel: String,
    /// The channel's domain; `None`: what the channel has, or Hippo's default.
    pub domain: Option<String>,
    /// How a channel's domain becomes the application's URL: `{domain}` stands for the domain. `None`: Hippo's scheme
    /// and the domain.
    pub app_url: Option<String>,
}

/// Makes a target; no request is sent.
pub fn connect(config: &targets::Config) -> Result<Box<dyn Target>, TargetError> {
    let _ = config;
    todo!()
}
