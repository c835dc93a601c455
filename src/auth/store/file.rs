//! The document as a file, and the lock.
//!
//! The file has mode 0600. One that others may use, that belongs to another user, or that is a link or anything else but
//! a file is refused, not mended: what others could read has to be given up, and what they could write is not ours.
//! The directory may be open to others, which does not open the file, until something is kept; then it gets mode 0700.
//! On Windows the user's profile protects both.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Backing, StoreError, StorePlace};

/// The file with the document.
const NAME: &str = "logins.json";
/// What becomes the file when it is written. One name, not a random one: what a death leaves behind is replaced by the
/// next change, and removed together with the file.
const UNFINISHED: &str = "logins.json.new";
/// The file that is locked. It stays: if it were removed, two could hold a lock of that name.
const LOCK: &str = "lock";

/// A document in a file.
#[derive(Debug)]
pub(super) struct File {
    directory: PathBuf,
    path: PathBuf,
}

impl File {
    /// In this directory.
    pub(super) fn new(directory: &Path) -> File {
        File { directory: directory.to_owned(), path: directory.join(NAME) }
    }

    fn write(&self, document: &[u8]) -> io::Result<()> {
        if_there(fs::remove_file(self.directory.join(UNFINISHED)))?;
        // It has mode 0600 from its first moment, and removes itself unless it is put in place.
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).rand_bytes(0).tempfile_in(&self.directory)?;
        file.write_all(document)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        sync_directory(&self.directory)
    }
}

impl Backing for File {
    fn place(&self) -> StorePlace {
        StorePlace::File(self.path.clone())
    }

    fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let doing = |source| StoreError::Io { doing: "read", path: self.path.clone(), source };
        let Some(metadata) = if_there(fs::symlink_metadata(&self.path)).map_err(doing)? else { return Ok(None) };
        if !metadata.is_file() {
            return Err(StoreError::NoFile { path: self.path.clone() });
        }
        check_owner(&metadata, &self.path)?;
        check_mode(&metadata, &self.path)?;
        // It may have been forgotten meanwhile.
        if_there(fs::read(&self.path)).map_err(doing)
    }

    fn save(&self, document: &[u8]) -> Result<(), StoreError> {
        self.write(document).map_err(|source| StoreError::Io { doing: "write", path: self.path.clone(), source })
    }

    fn remove(&self) -> Result<(), StoreError> {
        for path in [self.path.clone(), self.directory.join(UNFINISHED)] {
            if_there(fs::remove_file(&path)).map_err(|source| StoreError::Io { doing: "remove", path, source })?;
        }
        Ok(())
    }
}

/// Waits until nobody else changes what is kept, and keeps others waiting until the file is dropped. Makes the directory
/// for the user alone, and closes it to others where it is there.
pub(super) fn lock(directory: &Path) -> Result<fs::File, StoreError> {
    make_private(directory)?;
    let path = directory.join(LOCK);
    let file = open_lock(&path).and_then(|file| file.lock().map(|()| file));
    file.map_err(|source| StoreError::Io { doing: "lock", path, source })
}

fn make_private(directory: &Path) -> Result<(), StoreError> {
    let doing = |doing| move |source| StoreError::Io { doing, path: directory.to_owned(), source };
    make_directory(directory).map_err(doing("make"))?;
    let metadata = fs::metadata(directory).map_err(doing("enter"))?;
    check_owner(&metadata, directory)?;
    close(&metadata, directory).map_err(doing("close to others"))
}

/// What is not there is `None`; every other failure stays one.
fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

#[cfg(unix)]
use unix::{check_mode, check_owner, close, make_directory, open_lock, sync_directory};

#[cfg(unix)]
mod unix {
    use std::fs::{self, Metadata, Permissions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
    use std::path::Path;

    use super::StoreError;

    fn mode(metadata: &Metadata) -> u32 {
        metadata.permissions().mode() & 0o777
    }

    pub(super) fn check_owner(metadata: &Metadata, path: &Path) -> Result<(), StoreError> {
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(StoreError::Foreign { path: path.to_owned() });
        }
        Ok(())
    }

    pub(super) fn check_mode(metadata: &Metadata, path: &Path) -> Result<(), StoreError> {
        match mode(metadata) {
            mode if mode & 0o077 != 0 => Err(StoreError::Open { path: path.to_owned(), mode }),
            _ => Ok(()),
        }
    }

    pub(super) fn make_directory(path: &Path) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    pub(super) fn close(metadata: &Metadata, directory: &Path) -> io::Result<()> {
        match mode(metadata) & 0o077 {
            0 => Ok(()),
            _ => fs::set_permissions(directory, Permissions::from_mode(0o700)),
        }
    }

    pub(super) fn open_lock(path: &Path) -> io::Result<fs::File> {
        fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
    }

    /// So that the new name of a file outlives the machine's death, too.
    pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
        fs::File::open(directory)?.sync_all()
    }
}

#[cfg(not(unix))]
use elsewhere::{check_mode, check_owner, close, make_directory, open_lock, sync_directory};

/// Where the directory of the user's profile protects what lies in it.
#[cfg(not(unix))]
mod elsewhere {
    use std::fs::{self, Metadata};
    use std::io;
    use std::path::Path;

    use super::StoreError;

    pub(super) fn check_owner(_metadata: &Metadata, _path: &Path) -> Result<(), StoreError> {
        Ok(())
    }

    pub(super) fn check_mode(_metadata: &Metadata, _path: &Path) -> Result<(), StoreError> {
        Ok(())
    }

    pub(super) fn make_directory(path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    pub(super) fn close(_metadata: &Metadata, _directory: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn open_lock(path: &Path) -> io::Result<fs::File> {
        fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)
    }

    /// Directories cannot be opened as files here, and renaming is written through.
    pub(super) fn sync_directory(_directory: &Path) -> io::Result<()> {
        Ok(())
    }
}
