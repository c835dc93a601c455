//! One server for each data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::paths::{Paths, PathsError};

/// The right to be the server of a data directory, until it is dropped or the process ends, however it ends: the
/// system holds the lock (`flock`), not the file, which stays.
#[derive(Debug)]
pub struct ServerLock {
    _file: File,
}

/// Why it was not given.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// A server is running.
    #[error("a server{} is running already for this data directory: it holds {}", of_process(.pid), .path.display())]
    Held {
        /// Its process, where it has said so yet.
        pid: Option<u32>,
        /// The lock.
        path: PathBuf,
    },
    /// There is no data directory to lock.
    #[error(transparent)]
    Paths(#[from] PathsError),
    /// The lock could not be had.
    #[error("could not lock {}", .path.display())]
    Io {
        /// The lock.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

fn of_process(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

impl ServerLock {
    /// Takes the lock, without waiting, and writes this process's id into it. Makes the data directory where there is
    /// none.
    pub fn acquire(paths: &Paths) -> Result<ServerLock, LockError> {
        paths.make_data_dir()?;
        let path = paths.lock();
        let trouble = |source| LockError::Io { path: path.clone(), source };
        let mut options = OpenOptions::new();
        // Not truncated: until the lock is ours, the content is another server's.
        let mut file = options.write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(trouble)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                return Err(LockError::Held { pid, path });
            }
            Err(TryLockError::Error(error)) => return Err(trouble(error)),
        }
        file.set_len(0).map_err(trouble)?;
        writeln!(file, "{}", std::process::id()).map_err(trouble)?;
        Ok(ServerLock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(dir: &tempfile::TempDir) -> Paths {
        Paths::new(dir.path().join("data"), None, dir.path().join("cache"))
    }

    #[test]
    fn a_second_server_is_told_who_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let held = ServerLock::acquire(&paths(&dir)).unwrap();
        let error = ServerLock::acquire(&paths(&dir)).unwrap_err();
        let LockError::Held { pid, path } = &error else { panic!("{error:?}") };
        assert_eq!((*pid, path), (Some(std::process::id()), &paths(&dir).lock()));
        let process = std::process::id();
        assert!(error.to_string().starts_with(&format!("a server (process {process}) is running already")), "{error}");

        drop(held);
        ServerLock::acquire(&paths(&dir)).unwrap();
    }

    #[test]
    fn what_a_killed_server_has_left_does_not_matter() {
        let dir = tempfile::tempdir().unwrap();
        paths(&dir).make_data_dir().unwrap();
        std::fs::write(paths(&dir).lock(), "4194304999 and more").unwrap();
        let _held = ServerLock::acquire(&paths(&dir)).unwrap();
        assert_eq!(std::fs::read_to_string(paths(&dir).lock()).unwrap(), format!("{}\n", std::process::id()));
    }

    #[test]
    fn servers_of_other_directories_do_not_mind() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let _one = ServerLock::acquire(&paths(&one)).unwrap();
        ServerLock::acquire(&paths(&other)).unwrap();
    }
}
