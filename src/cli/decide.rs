//! What every command has to know first: the settings, and who we are.

use std::path::{Path, PathBuf};

use crate::auth::{Credential, Credentials, Given};
use crate::settings::env::Environment;
use crate::settings::{self, Files, Layer, Settings, file};

use super::Failure;
use super::args::LoginStoreArgs;
use super::machine::own_directories;
use super::watch::Watch;

/// Decides the settings: from flags, the environment, and the configuration files beside `from` and of the user.
pub fn settings(flags: Layer, from: &Path, environment: &Environment) -> Result<Settings, Failure> {
    Ok(settings::resolve_with(&[flags, environment.layer()], &files(from)?)?)
}

/// Reads the configuration files that count for the manifest, or its directory, at `from`.
pub fn files(from: &Path) -> Result<Files, Failure> {
    let user = own_directories().map(|own| own.config_dir().join(file::USER_FILE));
    Ok(Files::read(Some(&beside(from)), user.as_deref())?)
}

/// Where a project's file would be.
fn beside(from: &Path) -> PathBuf {
    let directory = if from.is_dir() { from } else { from.parent().unwrap_or(from) };
    // What lies here is called by its bare name.
    if directory == Path::new(".") { file::PROJECT_FILE.into() } else { directory.join(file::PROJECT_FILE) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projects_file_lies_beside_the_manifest() {
        let directory = tempfile::tempdir().unwrap();
        let manifest = directory.path().join("spin.toml");
        let expected = directory.path().join("spin-deploy.toml");
        for from in [directory.path(), &manifest] {
            assert_eq!(beside(from), expected, "{}", from.display());
        }
        for from in [".", "spin.toml", "./spin.toml"] {
            assert_eq!(beside(Path::new(from)), Path::new("spin-deploy.toml"), "{from}");
        }
    }
}
