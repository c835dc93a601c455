//! Hashing of files: in parallel, each once, in constant memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest as _, Sha256};

use super::PackageError;

/// How many bytes are read at once.
pub(super) const CHUNK: usize = 256 * 1024;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Digest {
    /// Lower-case hex of the SHA-256.
    pub sha256: String,
    /// Length in bytes.
    pub size: u64,
}

impl Digest {
    /// The digest of bytes in memory.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest { sha256: hex(&Sha256::digest(bytes)), size: bytes.len() as u64 }
    }
}

/// Whether a text is a SHA-256 in lower-case hex.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hashes files on as many threads as the machine runs at once: blocking. Of several failures the first by path is
/// returned among those that were seen.
pub(super) fn hash_all(paths: &BTreeSet<&Path>) -> Result<BTreeMap<PathBuf, Digest>, PackageError> {
    let work: Vec<&Path> = paths.iter().copied().collect();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(work.len());
    let results: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| hash_some(&work, &next))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("hashing has nothing to panic about")).collect()
    });
    let mut digests = BTreeMap::new();
    let mut failures = BTreeMap::new();
    for (path, result) in results {
        match result {
            Ok(digest) => drop(digests.insert(path.to_path_buf(), digest)),
            Err(error) => drop(failures.insert(path, error)),
        }
    }
    match failures.pop_first() {
        Some((path, source)) => Err(PackageError::Read { path: path.to_path_buf(), source }),
        None => Ok(digests),
    }
}

/// Takes files from the common list until it is empty; after a failure nobody goes on.
fn hash_some<'a>(work: &[&'a Path], next: &AtomicUsize) -> Vec<(&'a Path, std::io::Result<Digest>)> {
    let mut buffer = vec![0; CHUNK];
    let mut done = Vec::new();
    while let Some(path) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
        let result = hash_file(path, &mut buffer);
        if result.is_err() {
            next.store(work.len(), Ordering::Relaxed);
        }
        done.push((*path, result));
    }
    done
}

fn hash_file(path: &Path, buffer: &mut [u8]) -> std::io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut size = 0;
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok(Digest { sha256: hex(&hasher.finalize()), size }),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_gets_its_own_digest() {
        let dir = tempfile::tempdir().unwrap();
        let files: Vec<_> = (0..50_usize)
            .map(|n| {
                let path = dir.path().join(format!("{n}.bin"));
                let content = vec![n as u8; n * CHUNK / 10];
                std::fs::write(&path, &content).unwrap();
                (path, Digest::of(&content))
            })
            .collect();
        let digests = hash_all(&files.iter().map(|(path, _)| path.as_path()).collect()).unwrap();
        assert_eq!(digests, files.into_iter().collect());
    }

    #[test]
    fn known_digests() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b""), Digest { sha256: empty.into(), size: 0 });
        assert_eq!(hash_all(&BTreeSet::new()).unwrap(), BTreeMap::new());
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().join("here");
        std::fs::write(&here, "x").unwrap();
        let gone = dir.path().join("gone");
        let error = hash_all(&[here.as_path(), gone.as_path()].into()).unwrap_err();
        assert_eq!(error.to_string(), format!("could not read {}", gone.display()));
    }
}
