//! Where things are: one data directory for each server, a socket that leads to it, a cache that may be thrown away.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use url::form_urlencoded;

/// The longest path of a Unix socket that is used, in bytes: Linux takes 107, macOS 103.
const LONGEST_SOCKET: usize = 100;

/// The places of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// What must not be lost: packages, records, key-value stores, logs. Absolute.
    pub data: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
    /// Compiled components.
    pub code_cache: PathBuf,
}

/// Why the places cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PathsError {
    /// Unix sockets cannot have such long paths.
    #[error("the path of the control socket, {}, has {} bytes, more than the {LONGEST_SOCKET} that a socket takes: {remedy}",
        .path.display(), .path.as_os_str().len())]
    SocketTooLong {
        /// The socket.
        path: PathBuf,
        /// What to do.
        remedy: &'static str,
    },
    /// Others may enter the data directory.
    #[error("others may enter the data directory {dir} (mode {mode:03o}), which is to hold secrets: run `chmod 700 {dir}`, or choose another one with --data-dir",
        dir = .path.display())]
    Open {
        /// The data directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is something else in its place.
    #[error("{} is no directory: choose another one with --data-dir", .path.display())]
    NoDirectory {
        /// The data directory.
        path: PathBuf,
    },
    /// The data directory belongs to somebody else, who could put anything into it.
    #[error("{} belongs to another user: choose a directory of your own with --data-dir", .path.display())]
    Foreign {
        /// The data directory.
        path: PathBuf,
    },
    /// A directory could not be made, or not be looked at.
    #[error("could not make or enter the directory {}", .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Paths {
    /// The places below a data directory, the user's runtime directory (`$XDG_RUNTIME_DIR`) and this program's own
    /// cache directory. No I/O: nothing has to be there yet.
    ///
    /// The socket lies in the data directory, where everybody finds it who has found the directory: the runtime directory
    /// goes with the user's last login and is another one, or none, for cron and sudo, while the server stays. Only where
    /// its path would be too long for a socket, it lies in the runtime directory.
    pub fn new(data: PathBuf, runtime: Option<PathBuf>, cache: PathBuf) -> Paths {
        // The same directory must mean the same socket, wherever a command is run. It fails only for an empty path, or
        // where the working directory is gone; the first use of the directory says so.
        let data = std::path::absolute(&data).unwrap_or(data);
        let beside = data.join("control.sock");
        let socket = match runtime {
            Some(runtime) if beside.as_os_str().len() > LONGEST_SOCKET => {
                let digest = format!("{:x}", Sha256::digest(data.as_os_str().as_encoded_bytes()));
                runtime.join("spin-deploy").join(format!("{}.sock", &digest[..16]))
            }
            _ => beside,
        };
        Paths { data, socket, code_cache: cache.join("code") }
    }

    /// Whether a socket can have that path. No I/O.
    pub fn check(&self) -> Result<(), PathsError> {
        if self.socket.as_os_str().len() <= LONGEST_SOCKET {
            return Ok(());
        }
        let remedy = if self.socket.starts_with(&self.data) {
            "choose a shorter directory with --data-dir, or set XDG_RUNTIME_DIR"
        } else {
            "set XDG_RUNTIME_DIR to a shorter directory"
        };
        Err(PathsError::SocketTooLong { path: self.socket.clone(), remedy })
    }

    /// Whether the data directory can be used, as far as it is there; changes nothing.
    ///
    /// One that others may enter, and that has something in it, is refused and not closed to them: it may be open for
    /// the sake of something that is not ours.
    pub fn look(&self) -> Result<(), PathsError> {
        self.check()?;
        let path = || self.data.clone();
        let trouble = |source| PathsError::Directory { path: path(), source };
        let metadata = match fs::metadata(&self.data) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found.map_err(trouble)?,
        };
        if !metadata.is_dir() {
            return Err(PathsError::NoDirectory { path: path() });
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(PathsError::Foreign { path: path() });
        }
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 && fs::read_dir(&self.data).map_err(trouble)?.next().is_some() {
            return Err(PathsError::Open { path: path(), mode });
        }
        Ok(())
    }

    /// Makes the data directory, for nobody else to enter; one that still is empty is closed to others.
    pub fn make_data_dir(&self) -> Result<(), PathsError> {
        self.look()?;
        private_dir(&self.data).map_err(|source| PathsError::Directory { path: self.data.clone(), source })
    }

    /// The file whose lock says that a server is running.
    pub fn lock(&self) -> PathBuf {
        self.data.join("server.lock")
    }

    /// What a server that was started in the background says.
    pub fn server_log(&self) -> PathBuf {
        self.data.join("server.log")
    }

    /// The contents of packages, by digest.
    pub fn blobs(&self) -> PathBuf {
        self.data.join("blobs")
    }

    /// The directories that guests see.
    pub fn mounts(&self) -> PathBuf {
        self.data.join("mounts")
    }

    /// What is not finished yet, or being removed.
    pub fn unfinished(&self) -> PathBuf {
        self.data.join("unfinished")
    }

    /// The applications.
    pub fn apps(&self) -> PathBuf {
        self.data.join("apps")
    }

    /// Everything that belongs to one application alone.
    pub fn app(&self, app: &str) -> PathBuf {
        self.apps().join(app)
    }

    /// The logs of its components.
    pub fn logs(&self, app: &str) -> PathBuf {
        self.app(app).join("logs")
    }
}

/// Makes a directory and those above it for the user alone, and closes one that is there to everybody else.
pub(super) fn private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if fs::metadata(path)?.permissions().mode() & 0o777 != 0o700 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// A component's id as a part of a file name: `a/b` is `a%2Fb`.
pub(super) fn escaped(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

/// The id of which [`escaped`] made that.
pub(super) fn unescaped(name: &str) -> String {
    form_urlencoded::parse(name.as_bytes()).map(|(id, _)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_socket_lies_in_the_data_directory_as_long_as_it_fits() {
        let with = |data: &str, runtime: Option<&str>| {
            Paths::new(data.into(), runtime.map(PathBuf::from), "/cache".into()).socket
        };
        assert_eq!(with("/data", Some("/run/user/7")), Path::new("/data/control.sock"), "the same for everybody");
        let long = format!("/{}", "d".repeat(100));
        let socket = with(&long, Some("/run/user/7"));
        assert!(socket.starts_with("/run/user/7/spin-deploy"), "{}", socket.display());
        assert_ne!(socket, with(&format!("{long}e"), Some("/run/user/7")));
        assert_eq!(with("/data", None), Path::new("/data/control.sock"));
    }

    #[test]
    fn a_relative_data_directory_is_the_same_as_the_absolute_one() {
        let here = std::env::current_dir().unwrap();
        let relative = Paths::new("some/where".into(), Some("/run".into()), "/cache".into());
        assert_eq!(relative, Paths::new(here.join("some/where"), Some("/run".into()), "/cache".into()));
    }

    #[test]
    fn a_socket_with_too_long_a_path_is_refused_with_what_to_do() {
        let paths = |data: usize, runtime: Option<usize>| {
            let dir = |length: usize| PathBuf::from(format!("/{}", "x".repeat(length - 1)));
            Paths::new(dir(data), runtime.map(dir), "/cache".into())
        };
        paths(100 - "/control.sock".len(), None).check().unwrap();
        paths(300, Some(20)).check().unwrap();
        let error = paths(101 - "/control.sock".len(), None).check().unwrap_err().to_string();
        assert!(error.ends_with("has 101 bytes, more than the 100 that a socket takes: choose a shorter directory with --data-dir, or set XDG_RUNTIME_DIR"), "{error}");
        let error = paths(300, Some(90)).check().unwrap_err().to_string();
        assert!(error.ends_with("set XDG_RUNTIME_DIR to a shorter directory"), "{error}");
    }

    #[test]
    fn every_id_makes_a_safe_part_of_a_file_name_and_comes_back() {
        for id in ["hello", "a/../b", "two words", "a+b&c=d%41", "\u{e4}\n", ""] {
            assert!(!escaped(id).contains(['/', '\n', ' ']), "{id}");
            assert_eq!(unescaped(&escaped(id)), id);
        }
    }

    #[test]
    fn a_data_directory_is_made_for_the_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::new(dir.path().join("a/b"), None, dir.path().join("cache"));
        paths.make_data_dir().unwrap();
        assert_eq!((mode(&dir.path().join("a")), mode(&paths.data)), (0o700, 0o700));
        paths.make_data_dir().unwrap();
    }

    #[test]
    fn an_open_data_directory_is_closed_while_it_is_empty_and_refused_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::new(dir.path().join("data"), None, dir.path().join("cache"));
        let open = || fs::set_permissions(&paths.data, fs::Permissions::from_mode(0o750)).unwrap();
        fs::create_dir(&paths.data).unwrap();
        open();
        paths.make_data_dir().unwrap();
        assert_eq!(mode(&paths.data), 0o700);

        fs::write(paths.data.join("notes.txt"), "mine").unwrap();
        open();
        let error = paths.make_data_dir().unwrap_err().to_string();
        assert!(error.contains("(mode 750)") && error.contains("run `chmod 700 "), "{error}");
        assert_eq!(mode(&paths.data), 0o750);
    }
}
