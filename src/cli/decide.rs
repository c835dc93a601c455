//! What every command has to know first: the settings, and who we are.

use std::path::Path;

use crate::auth::{Credential, Credentials, Given};
use crate::settings::env::Environment;
use crate::settings::{self, Layer, Settings};

use super::Failure;
use super::args::LoginStoreArgs;
use super::watch::Watch;

/// Decides the settings: from flags, the environment, and the configuration files beside `from` and of the user.
pub fn settings(flags: Layer, _from: &Path, environment: &Environment) -> Result<Settings, Failure> {
    Ok(settings::resolve(&[flags, environment.layer()])?)
}

/// Whether a person may be asked who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// At the terminal, where there is one and nothing forbids it.
    AtTerminal,
    /// No: what cannot be found is missing.
    Never,
}

/// Decides who we are at the target and at its registry; what is missing there, and not needed yet, stays missing.
pub fn credentials(
    settings: &Settings,
    _login: &LoginStoreArgs,
    _ask: Ask,
    _environment: &Environment,
    _watch: &Watch,
) -> Result<Credentials, Failure> {
    let target = settings.credential.as_ref().and_then(|given| match given.value.clone() {
        Given::Token(token) => Some(Credential::Token(token)),
        Given::Login(login) => Some(Credential::Password(login)),
        Given::Username(_) => None,
    });
    Ok(Credentials { target, registry: settings.bindle_login.as_ref().map(|login| login.value.clone()) })
}
