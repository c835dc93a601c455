//! One server for each data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::paths::{Paths, PathsError};

/// How often, and after how long, a lock that is held is tried again: looking who holds it takes it for a moment.
const PROBES: u32 = 5;
const PROBE: Duration = Duration::from_millis(10);

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
        let mut tries = PROBES;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                // Somebody may just have looked, which takes the lock for a moment.
                Err(TryLockError::WouldBlock) if tries > 0 => std::thread::sleep(PROBE),
                Err(TryLockError::WouldBlock) => return Err(LockError::Held { pid: read_pid(&path), path }),
                Err(TryLockError::Error(error)) => return Err(trouble(error)),
            }
            tries -= 1;
        }
        file.set_len(0).map_err(trouble)?;
        writeln!(file, "{}", std::process::id()).map_err(trouble)?;
        Ok(ServerLock { _file: file })
    }

    /// Who holds the lock; `None`: nobody does. An error where it cannot be told.
    pub fn holder(paths: &Paths) -> io::Result<Option<Holder>> {
        let path = paths.lock();
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(Holder { pid: read_pid(&path) })),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// The process that holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its id, where it has said so yet.
    pub pid: Option<u32>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("a process"),
        }
    }
}

fn read_pid(path: &Path) -> Option<u32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
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

        assert_eq!(ServerLock::holder(&paths(&dir)).unwrap(), Some(Holder { pid: Some(process) }));
        drop(held);
        assert_eq!(ServerLock::holder(&paths(&dir)).unwrap(), None);
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
