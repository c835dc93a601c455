//! Where logins are kept: a file that the user alone can read, or the system's keyring.
//!
//! Both hold one document, and one directory holds the lock under which it is changed.

mod document;
mod error;
mod file;
#[cfg(feature = "keyring")]
mod keyring;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::{Login, ServerOrigin, Token};
use document::Records;

pub use error::{KeyringTrouble, StoreError};

/// What is kept for one server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// A bearer token.
    pub token: Option<Token>,
    /// A user and a password, for servers that know no tokens.
    pub login: Option<Login>,
}

impl Record {
    fn is_empty(&self) -> bool {
        self.token.is_none() && self.login.is_none()
    }
}

/// Where logins are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// In this file.
    File(PathBuf),
    /// In the system's keyring.
    Keyring,
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorePlace::File(path) => path.display().fmt(f),
            StorePlace::Keyring => f.write_str("the system's keyring"),
        }
    }
}

/// What can hold one document, which is a secret. It does not lock: [`Store`] does.
trait Backing: fmt::Debug + Send + Sync {
    /// Where it is.
    fn place(&self) -> StorePlace;

    /// The document; `None`: there is none.
    fn load(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// Puts a document in the place of what is there, all of it or nothing.
    fn save(&self, document: &[u8]) -> Result<(), StoreError>;

    /// Removes the document, if there is one.
    fn remove(&self) -> Result<(), StoreError>;
}

/// The logins of one user. Every change is made under a lock and replaces the whole document at once: whoever reads
/// sees the old or the new one, and of a hundred at once none is lost. Reading makes nothing and takes no lock.
///
/// All calls block: on the disk, on the lock, in the keyring perhaps on a person who has to unlock it.
#[derive(Debug)]
pub struct Store {
    /// Holds the lock.
    directory: PathBuf,
    backing: Box<dyn Backing>,
}

impl Store {
    /// Keeps them in the file `logins.json` in this directory, which is made when something is kept.
    pub fn file(directory: PathBuf) -> Store {
        let backing = Box::new(file::File::new(&directory));
        Store { directory, backing }
    }

    /// Keeps them in the system's keyring; the directory holds the lock. Where this program was built without the
    /// cargo feature `keyring`, every use is an error that says so.
    pub fn keyring(directory: PathBuf) -> Store {
        #[cfg(feature = "keyring")]
        let backing = Box::new(keyring::Keyring);
        #[cfg(not(feature = "keyring"))]
        let backing = Box::new(NoKeyring);
        Store { directory, backing }
    }

    /// Where they are kept, for messages.
    pub fn place(&self) -> String {
        self.backing.place().to_string()
    }

    /// What is kept for a server; nothing, where nothing is kept.
    pub fn read(&self, server: &ServerOrigin) -> Result<Record, StoreError> {
        Ok(self.all()?.remove(server).unwrap_or_default())
    }

    /// Everything that is kept; no record is empty.
    pub fn all(&self) -> Result<BTreeMap<ServerOrigin, Record>, StoreError> {
        match self.backing.load()? {
            Some(document) => document::parse(&document, &self.backing.place()),
            None => Ok(Records::new()),
        }
    }

    /// Changes what is kept for a server. A record that is left empty is forgotten.
    pub fn update(&self, server: &ServerOrigin, change: impl FnOnce(&mut Record)) -> Result<(), StoreError> {
        self.change(|records| {
            let mut record = records.remove(server).unwrap_or_default();
            change(&mut record);
            if !record.is_empty() {
                records.insert(server.clone(), record);
            }
        })
    }

    /// Forgets a server; `false`: nothing was kept for it.
    pub fn forget(&self, server: &ServerOrigin) -> Result<bool, StoreError> {
        // So that forgetting nothing makes nothing, not even the lock.
        if !self.all()?.contains_key(server) {
            return Ok(false);
        }
        self.change(|records| records.remove(server).is_some())
    }

    /// Forgets everything and says what there was.
    pub fn forget_all(&self) -> Result<Vec<ServerOrigin>, StoreError> {
        if self.all()?.is_empty() {
            return Ok(Vec::new());
        }
        self.change(|records| std::mem::take(records).into_keys().collect())
    }

    /// Changes the records under the lock. What is damaged is never overwritten: the change ends with the error that
    /// reading it makes.
    fn change<T>(&self, change: impl FnOnce(&mut Records) -> T) -> Result<T, StoreError> {
        let _lock = file::lock(&self.directory)?;
        let mut records = self.all()?;
        let before = records.clone();
        let changed = change(&mut records);
        if records.is_empty() {
            self.backing.remove()?;
        } else if records != before {
            self.backing.save(&document::render(&records))?;
        }
        Ok(changed)
    }
}

/// In the place of the keyring where this program was built without it.
#[cfg(not(feature = "keyring"))]
#[derive(Debug)]
struct NoKeyring;

#[cfg(not(feature = "keyring"))]
impl Backing for NoKeyring {
    fn place(&self) -> StorePlace {
        StorePlace::Keyring
    }

    fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Err(StoreError::NoKeyring)
    }

    fn save(&self, _document: &[u8]) -> Result<(), StoreError> {
        Err(StoreError::NoKeyring)
    }

    fn remove(&self) -> Result<(), StoreError> {
        Err(StoreError::NoKeyring)
    }
}

#[cfg(test)]
mod tests;
