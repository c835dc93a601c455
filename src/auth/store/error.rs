//! Why logins could not be read or kept.

use std::io;
use std::path::PathBuf;

use super::StorePlace;
use super::document::VERSION;
use crate::auth::shell::shell_word;

/// How a person removes the document from the keyring.
#[cfg(target_os = "macos")]
const REMOVE_FROM_KEYRING: &str = "security delete-generic-password -s spin-deploy -a logins";
/// How a person removes the document from the keyring.
#[cfg(windows)]
const REMOVE_FROM_KEYRING: &str = "cmdkey /delete:logins.spin-deploy";
/// How a person removes the document from the keyring.
#[cfg(not(any(target_os = "macos", windows)))]
const REMOVE_FROM_KEYRING: &str = "secret-tool clear service spin-deploy username logins";

/// Why logins could not be read or kept. Shows places, never what is kept there.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or directory could not be read, written, …
    #[error("could not {doing} {}", .path.display())]
    Io {
        /// A verb: `read`.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Others can read the file, or write it: what lies in it is no secret any more, or is not what was put there.
    #[error("others may use {}, which holds logins (its mode is {mode:03o})", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file or directory belongs to somebody else, who can put anything into it.
    #[error("{} belongs to another user", .path.display())]
    Foreign {
        /// The file or directory.
        path: PathBuf,
    },
    /// There is something else in the place of the file: a link, say, which the next change would replace.
    #[error("{} is no regular file", .path.display())]
    NoFile {
        /// What should be the file.
        path: PathBuf,
    },
    /// The document is not what this program writes.
    #[error("what is kept in {place} cannot be read: it is damaged at line {line}, column {column}")]
    Damaged {
        /// Where the document is.
        place: StorePlace,
        /// From 1; 0 where there is no line.
        line: usize,
        /// From 1; 0 for the beginning of a line.
        column: usize,
    },
    /// The document is one that this program does not know.
    #[error("what is kept in {place} is of version {version}; this program knows version {VERSION}")]
    OtherVersion {
        /// Where the document is.
        place: StorePlace,
        /// What it says of itself.
        version: u64,
    },
    /// The keyring could not be used.
    #[error("could not {doing} the system's keyring")]
    Keyring {
        /// A verb: `read`.
        doing: &'static str,
        #[source]
        trouble: KeyringTrouble,
    },
    /// This program was built without keyrings.
    #[error("could not use the system's keyring: this program was built without the cargo feature `keyring`")]
    NoKeyring,
}

/// What a keyring says of itself: a text, because its own errors may hold the secret that they are about.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct KeyringTrouble(pub(super) String);

impl StoreError {
    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        let keep_in_file = || vec!["--credential-store file".to_owned()];
        match self {
            StoreError::Io { .. } => Vec::new(),
            StoreError::Open { path, .. } => vec![format!("chmod 600 {}", shell_word(path))],
            StoreError::Foreign { path } => {
                vec![format!(
                    "run spin-deploy as the user to whom it belongs, or make it yours: chown \"$(id -u)\" {}",
                    shell_word(path)
                )]
            }
            StoreError::NoFile { path } => {
                vec![format!("put {} somewhere else, then log in again: `spin-deploy login`", path.display())]
            }
            StoreError::Damaged { place, .. } => vec![remove(place), "spin-deploy login".to_owned()],
            StoreError::OtherVersion { place, .. } => {
                let newer = "use the spin-deploy that wrote it, or remove it and log in again:";
                vec![format!("{newer} {}", remove(place)), "spin-deploy login".to_owned()]
            }
            StoreError::Keyring { .. } | StoreError::NoKeyring => keep_in_file(),
        }
    }
}

/// The command that removes a document.
fn remove(place: &StorePlace) -> String {
    match place {
        StorePlace::File(path) => format!("rm {}", shell_word(path)),
        StorePlace::Keyring => REMOVE_FROM_KEYRING.to_owned(),
    }
}
