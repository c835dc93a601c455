//! Logins that other programs left, read only: those of `hippo login` and of the `spin login` of Spin 0.6 to 1.2.
//!
//! Both write their files with the default permissions, not atomically, and keep the token in clear. What they say of
//! certificates (`danger_accept_invalid_certs`) is not used, on purpose: that somebody once accepted any certificate in
//! another program is no leave to send a token past the checks of this one, unseen.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::shell::shell_word;
use super::{Login, Secret, Token};

/// What another program left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignLogin {
    /// The file where it is.
    pub file: PathBuf,
    /// The server whose login it is; without user and password. It is sent to no other.
    pub server: Url,
    /// A token for the server. It may have run out.
    pub token: Option<Token>,
    /// The Bindle server, without user and password, and who we are there.
    pub registry: Option<(Url, Login)>,
}

/// Why what another program left could not be read. Shows files and members, never what they hold.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// The file could not be read.
    #[error("could not read {}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file is not what that program writes.
    #[error("could not read the login in {}: it is damaged at line {line}, column {column}", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// From 1; 0 where there is no line.
        line: usize,
        /// From 1; 0 for the beginning of a line.
        column: usize,
    },
    /// The file has a login, but not the address to which it belongs.
    #[error("could not use the login in {}: its `{member}` is no http or https URL", .file.display())]
    Url {
        /// The file.
        file: PathBuf,
        /// The member that should be the address.
        member: &'static str,
    },
    /// There is none of that name.
    #[error("Spin has left no login that is called {name:?}")]
    Absent {
        /// The name.
        name: String,
    },
    /// The name of an environment cannot be that of a file.
    #[error("{0:?} is no name of a login of Spin: it would lead to another directory")]
    Environment(String),
}

impl ForeignError {
    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            ForeignError::Io { .. } | ForeignError::Absent { .. } | ForeignError::Environment(_) => Vec::new(),
            ForeignError::Damaged { file, .. } | ForeignError::Url { file, .. } => {
                vec![format!("rm {}", shell_word(file)), "spin-deploy login".to_owned()]
            }
        }
    }
}

/// `<config dir>/hippo/hippo.json` (`deislabs/hippo-cli src/cli/mod.rs@v0.14.1`).
#[derive(Deserialize)]
struct HippoFile {
    token_info: Option<TokenInfo>,
    username: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct TokenInfo {
    token: Option<String>,
    expiration: Option<String>,
}

/// `<config dir>/fermyon/<environment>.json` (`fermyon/spin src/commands/login.rs@v0.10.1`).
#[derive(Deserialize)]
struct SpinFile {
    url: Option<String>,
    token: Option<String>,
    expiration: Option<String>,
    bindle_url: Option<String>,
    bindle_username: Option<String>,
    bindle_password: Option<String>,
}

/// What `hippo login` left below the user's directory for configuration; `None`: nothing, or the user has logged out.
pub fn hippo_cli(config_dir: &Path) -> Result<Option<ForeignLogin>, ForeignError> {
    let file = config_dir.join("hippo").join("hippo.json");
    // Logging out leaves the file, without a token: `{"token_info":null,"username":"",…}`.
    let Some(HippoFile { token_info: Some(TokenInfo { token: secret, expiration }), username, url }) = read(&file)?
    else {
        return Ok(None);
    };
    let Some(token) = token(secret, username, expiration) else { return Ok(None) };
    let server = address(url, "url", &file)?;
    Ok(Some(ForeignLogin { file, server, token: Some(token), registry: None }))
}

/// What `spin login` left below the user's directory for configuration, for the environment of this name or for the one
/// without a name; `None`: nothing. Where it has a Bindle server without a user and password, nothing is said of it.
pub fn spin_login(config_dir: &Path, environment: Option<&str>) -> Result<Option<ForeignLogin>, ForeignError> {
    let file = config_dir.join("fermyon").join(spin_file(environment)?);
    let Some(spin) = read::<SpinFile>(&file)? else { return Ok(None) };
    let token = token(spin.token, None, spin.expiration);
    let registry = match login(spin.bindle_username, spin.bindle_password) {
        Some(login) if spin.bindle_url.is_some() => Some((address(spin.bindle_url, "bindle_url", &file)?, login)),
        _ => None,
    };
    if token.is_none() && registry.is_none() {
        return Ok(None);
    }
    let server = address(spin.url, "url", &file)?;
    Ok(Some(ForeignLogin { file, server, token, registry }))
}

/// The name of an environment's file. It stays in its directory: no part of the name is a separator, on any system.
fn spin_file(environment: Option<&str>) -> Result<String, ForeignError> {
    let name = environment.unwrap_or("config");
    let leaves = name.is_empty() || name.contains("..") || name.contains(['/', '\\', ':', '\0']);
    match leaves {
        true => Err(ForeignError::Environment(name.to_owned())),
        false => Ok(format!("{name}.json")),
    }
}

/// Reads a file; `None`: it is not there.
fn read<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, ForeignError> {
    let content = match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        content => content.map_err(|source| ForeignError::Io { file: file.to_owned(), source })?,
    };
    // The text of a JSON error may quote a value: only its position is passed on.
    let damaged = |error: serde_json::Error| ForeignError::Damaged {
        file: file.to_owned(),
        line: error.line(),
        column: error.column(),
    };
    serde_json::from_slice(&content).map(Some).map_err(damaged)
}

/// A token that is one. A time that is missing or unreadable says nothing of when it runs out: the server will.
fn token(secret: Option<String>, username: Option<String>, expiration: Option<String>) -> Option<Token> {
    Some(Token {
        secret: Secret::new(filled(secret)?),
        username: filled(username),
        expires: expiration.and_then(|expiration| expiration.parse::<Timestamp>().ok()),
    })
}

fn login(username: Option<String>, password: Option<String>) -> Option<Login> {
    Some(Login { username: filled(username)?, password: Secret::new(filled(password)?) })
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// An address, without the user and password that it may have.
fn address(text: Option<String>, member: &'static str, file: &Path) -> Result<Url, ForeignError> {
    let unusable = || ForeignError::Url { file: file.to_owned(), member };
    let mut url = Url::parse(&text.unwrap_or_default()).map_err(|_| unusable())?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(unusable());
    }
    url.set_username("").and_then(|()| url.set_password(None)).expect("http and https URLs can have a user, or none");
    Ok(url)
}

#[cfg(test)]
mod tests;
