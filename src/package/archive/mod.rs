//! Packages on disk: a directory, or a `.tar.gz` of it (`docs/packages.md`).
//!
//! `layout.rs` says which files a package has there, `write.rs` writes them, `read.rs` reads them back and trusts nothing
//! that it reads.

mod layout;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Package, PackageError};

/// A package that was read.
#[derive(Debug)]
pub struct Opened {
    /// The package.
    pub package: Package,
    /// Where an archive was unpacked; it goes with this.
    pub unpacked: Option<TempDir>,
}

/// Why a package could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Something else is there already.
    #[error("{} exists, and is not this package", .path.display())]
    Exists { path: PathBuf },
    /// There is nothing.
    #[error("{} does not exist", .path.display())]
    Absent { path: PathBuf },
    /// It could not be read.
    #[error("could not read {}", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It could not be written.
    #[error("could not write {}", .path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It is no package, or not a whole one.
    #[error("{} is no package: {why}", .path.display())]
    Wrong { path: PathBuf, why: String },
    /// The application changed while it was written.
    #[error(transparent)]
    Package(#[from] PackageError),
}

/// Whether a package there is an archive: what ends in `.tar.gz` or `.tgz` is.
pub fn is_archive(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    name.ends_with(".tar.gz") || name.ends_with(".tgz")
}

/// Writes a package, whole or not at all; `false`: it is there already, and the same. Equal packages give equal bytes.
/// Blocking.
pub fn write(package: &Package, to: &Path) -> Result<bool, ArchiveError> {
    match read(to) {
        Ok(there) if layout::files(&there.package) == layout::files(package) => return Ok(false),
        Err(ArchiveError::Absent { .. }) => {}
        _ => return Err(ArchiveError::Exists { path: to.to_owned() }),
    }
    match is_archive(to) {
        true => write::archive(package, to)?,
        false => write::directory(package, to)?,
    }
    Ok(true)
}

/// Reads a package, and checks every file of it. Blocking.
pub fn read(from: &Path) -> Result<Opened, ArchiveError> {
    let data = match std::fs::metadata(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ArchiveError::Absent { path: from.to_owned() });
        }
        data => data.map_err(|source| ArchiveError::Read { path: from.to_owned(), source })?,
    };
    if data.is_dir() {
        return Ok(Opened { package: read::directory(from, from)?, unpacked: None });
    }
    if !data.is_file() {
        return Err(ArchiveError::Wrong {
            path: from.to_owned(),
            why: "it is neither a directory nor a file".to_owned(),
        });
    }
    let unpacked = tempfile::Builder::new().prefix("spin-deploy-package-").tempdir();
    let unpacked = unpacked.map_err(|source| ArchiveError::Write { path: std::env::temp_dir(), source })?;
    read::unpack(from, unpacked.path())?;
    Ok(Opened { package: read::directory(unpacked.path(), from)?, unpacked: Some(unpacked) })
}
