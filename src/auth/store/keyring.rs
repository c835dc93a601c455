//! The document as an entry of the system's keyring: the Secret Service on Linux, the keychain on macOS, the credential
//! manager on Windows (which takes no more than 2560 bytes: docs/decisions/0016-keyrings-are-a-feature.md).

use keyring::v1::{Entry, Error};

use super::{Backing, KeyringTrouble, StoreError, StorePlace};

/// Whose entry it is.
const SERVICE: &str = "spin-deploy";
/// Which of this program's.
const USER: &str = "logins";

/// A document in the system's keyring.
#[derive(Debug)]
pub(super) struct Keyring;

impl Backing for Keyring {
    fn place(&self) -> StorePlace {
        StorePlace::Keyring
    }

    fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        run("read", Entry::get_secret)
    }

    fn save(&self, document: &[u8]) -> Result<(), StoreError> {
        run("write to", |entry| entry.set_secret(document)).map(|_| ())
    }

    fn remove(&self) -> Result<(), StoreError> {
        run("remove the logins from", Entry::delete_credential).map(|_| ())
    }
}

/// Does something with the entry; `None`: there is no such entry. A thread of its own does it, because what speaks to
/// the keyring may wait in a way that is forbidden on the threads of an async runtime.
fn run<T: Send>(
    doing: &'static str,
    work: impl FnOnce(&Entry) -> Result<T, Error> + Send,
) -> Result<Option<T>, StoreError> {
    let work = || match entry().and_then(|entry| work(&entry).map_err(trouble)) {
        Err(Trouble::NoEntry) => Ok(None),
        Err(Trouble::Other(trouble)) => Err(StoreError::Keyring { doing, trouble }),
        Ok(done) => Ok(Some(done)),
    };
    std::thread::scope(|scope| scope.spawn(work).join()).expect("a keyring that cannot be used is an error, no panic")
}

fn entry() -> Result<Entry, Trouble> {
    // Asked first because it says why there is no keyring; making an entry only says that there is none.
    if let Err(error) = Entry::store_status() {
        return Err(Trouble::Other(told(error)));
    }
    Entry::new(SERVICE, USER).map_err(trouble)
}

enum Trouble {
    NoEntry,
    Other(KeyringTrouble),
}

fn trouble(error: Error) -> Trouble {
    match error {
        Error::NoEntry => Trouble::NoEntry,
        error => Trouble::Other(told(&error)),
    }
}

/// What an error says, without what is kept.
fn told(error: &Error) -> KeyringTrouble {
    KeyringTrouble(match error {
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "its entry is damaged".to_owned(),
        error => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_keyring_says_is_passed_on_without_what_it_holds() {
        let locked = Error::NoStorageAccess("it is locked".into());
        assert_eq!(told(&locked).to_string(), "Couldn't access platform storage: it is locked");
        for damaged in [Error::BadEncoding(b"s3cret".into()), Error::BadDataFormat(b"s3cret".into(), "s3cret".into())] {
            let trouble = told(&damaged);
            assert_eq!(
                format!("{trouble} {trouble:?}"),
                r#"its entry is damaged KeyringTrouble("its entry is damaged")"#
            );
        }
    }

    #[test]
    fn an_entry_that_is_not_there_is_no_trouble() {
        assert!(matches!(trouble(Error::NoEntry), Trouble::NoEntry));
        assert!(matches!(trouble(Error::NoDefaultStore), Trouble::Other(_)));
    }
}
