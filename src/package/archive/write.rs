//! Writes a package, beside its place first, and moves it there when it is whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};

use super::ArchiveError;
use super::layout::{Text, files};
use crate::package::{Blob, Package, Snapshot};

/// Files are readable by everybody who may see the directory, whoever wrote them.
const MODE: u32 = 0o644;

/// As a directory.
pub fn directory(package: &Package, to: &Path) -> Result<(), ArchiveError> {
    let failed = |source| ArchiveError::Write { path: to.to_owned(), source };
    let beside = tempfile::Builder::new().prefix(".spin-deploy-").tempdir_in(parent(to)).map_err(failed)?;
    each(package, |path, _, content| {
        let path = beside.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(beside.path())).map_err(failed)?;
        let mut file = File::create(&path).map_err(failed)?;
        io::copy(content, &mut file).and_then(|_| file.sync_all()).map_err(failed)
    })?;
    open_to_all(beside.path()).map_err(failed)?;
    // A rename onto what somebody else has made meanwhile fails, unless that is an empty directory.
    let whole = beside.keep();
    fs::rename(&whole, to).map_err(|source| {
        let _ = fs::remove_dir_all(&whole);
        failed(source)
    })
}

/// As a `.tar.gz` that holds nothing of this machine, of its user or of the time.
pub fn archive(package: &Package, to: &Path) -> Result<(), ArchiveError> {
    let failed = |source| ArchiveError::Write { path: to.to_owned(), source };
    let beside = tempfile::Builder::new().prefix(".spin-deploy-").tempfile_in(parent(to)).map_err(failed)?;
    let zipped = GzBuilder::new().write(io::BufWriter::new(beside.as_file()), Compression::default());
    let mut tar = tar::Builder::new(zipped);
    each(package, |path, size, content| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(size);
        header.set_mode(MODE);
        tar.append_data(&mut header, path, content).map_err(failed)
    })?;
    let zipped = tar.into_inner().map_err(failed)?;
    let mut buffered = zipped.finish().map_err(failed)?;
    buffered.flush().and_then(|()| beside.as_file().sync_all()).map_err(failed)?;
    drop(buffered);
    open_file_to_all(beside.path()).map_err(failed)?;
    beside.persist_noclobber(to).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Hands out each file with its length and its bytes, which are those that were hashed.
fn each(
    package: &Package,
    mut write: impl FnMut(&str, u64, &mut dyn Read) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let blobs: BTreeMap<&str, &Blob> = package.blobs.iter().map(|blob| (blob.sha256.as_str(), blob)).collect();
    for file in files(package) {
        match &file.content {
            Text::Bytes(bytes) => write(&file.path, bytes.len() as u64, &mut bytes.as_slice())?,
            Text::Blob(sha256) => {
                let blob = blobs[sha256.as_str()];
                match blob.snapshot()? {
                    Snapshot::Bytes(bytes) => write(&file.path, blob.size, &mut bytes.as_slice())?,
                    Snapshot::File(mut bytes) => write(&file.path, blob.size, &mut bytes)?,
                }
            }
        }
    }
    Ok(())
}

/// The directory that something lies in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Temporary files are closed to others; a package is no secret.
#[cfg(unix)]
fn open_to_all(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))
}

#[cfg(unix)]
fn open_file_to_all(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(MODE))
}

#[cfg(not(unix))]
fn open_to_all(_directory: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn open_file_to_all(_file: &Path) -> io::Result<()> {
    Ok(())
}
