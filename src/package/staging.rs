//! Snapshots: the bytes that are sent are the bytes that were hashed, whatever happens to the files meanwhile.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::digest::{CHUNK, hex};
use super::{Blob, Content, PackageError};

/// The longest blob, in bytes, that is kept in memory.
const IN_MEMORY: u64 = 1024 * 1024;

/// The very bytes that were hashed, unable to change any more.
#[derive(Debug)]
pub enum Snapshot {
    /// Small ones are kept in memory.
    Bytes(Vec<u8>),
    /// Others in a file without a name, which vanishes with its handle; it stands at its start.
    File(File),
}

impl Blob {
    /// Copies the bytes to where nobody else writes, hashing on the way: blocking. A file that is no longer what was
    /// hashed is [`PackageError::Changed`].
    pub fn snapshot(&self) -> Result<Snapshot, PackageError> {
        let path = match &self.content {
            Content::Bytes(bytes) => return Ok(Snapshot::Bytes(bytes.clone())),
            Content::File(path) => path,
        };
        if self.size <= IN_MEMORY {
            let mut bytes = Vec::with_capacity(self.size as usize);
            self.copy(path, &mut bytes)?;
            return Ok(Snapshot::Bytes(bytes));
        }
        let stage_error = |source| PackageError::Stage { path: path.clone(), source };
        let mut file = tempfile::tempfile().map_err(stage_error)?;
        self.copy(path, &mut file)?;
        file.rewind().map_err(stage_error)?;
        Ok(Snapshot::File(file))
    }

    /// Copies the file and makes sure that what was copied is what was hashed. Reads one byte more than expected at
    /// most, so that a file that keeps growing comes to an end.
    fn copy(&self, path: &Path, sink: &mut impl Write) -> Result<(), PackageError> {
        let read_error = |source| PackageError::Read { path: path.to_path_buf(), source };
        let mut source = File::open(path).map_err(read_error)?.take(self.size + 1);
        let mut buffer = vec![0; CHUNK];
        let mut hasher = Sha256::new();
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(read_error(error)),
            };
            hasher.update(&buffer[..count]);
            sink.write_all(&buffer[..count])
                .map_err(|source| PackageError::Stage { path: path.to_path_buf(), source })?;
        }
        // The length is part of the digest: a shorter or longer file has another one.
        if hex(&hasher.finalize()) != self.sha256 {
            return Err(PackageError::Changed { path: path.to_path_buf() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::digest::Digest;
    use super::*;

    fn blob(path: &Path, content: &[u8]) -> Blob {
        std::fs::write(path, content).unwrap();
        let Digest { sha256, size } = Digest::of(content);
        Blob { sha256, size, name: "asset".into(), content: Content::File(path.to_path_buf()) }
    }

    fn bytes(snapshot: Snapshot) -> Vec<u8> {
        match snapshot {
            Snapshot::Bytes(bytes) => bytes,
            Snapshot::File(mut file) => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).unwrap();
                bytes
            }
        }
    }

    #[test]
    fn small_ones_stay_in_memory_and_large_ones_go_to_a_file() {
        let dir = tempfile::tempdir().unwrap();
        for (size, in_memory) in [(0, true), (IN_MEMORY, true), (IN_MEMORY + 1, false), (3 * IN_MEMORY + 7, false)] {
            let content: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            let snapshot = blob(&dir.path().join("asset"), &content).snapshot().unwrap();
            assert_eq!(matches!(snapshot, Snapshot::Bytes(_)), in_memory, "{size}");
            assert!(bytes(snapshot) == content, "{size}");
        }
    }

    #[test]
    fn a_snapshot_does_not_see_later_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("asset");
        let content = vec![1; IN_MEMORY as usize + 1];
        let snapshot = blob(&path, &content).snapshot().unwrap();
        std::fs::write(&path, "other").unwrap();
        assert!(bytes(snapshot) == content);
    }

    #[test]
    fn a_changed_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("asset");
        for (name, size) in [("small", 100), ("large", IN_MEMORY as usize + 1)] {
            let content = vec![1; size];
            let shorter = vec![1; size - 1];
            let longer = vec![1; size + 1];
            let mut other = content.clone();
            other[size / 2] = 2;
            for now in [shorter, longer, other, Vec::new()] {
                let blob = blob(&path, &content);
                std::fs::write(&path, now).unwrap();
                let error = blob.snapshot().unwrap_err();
                assert!(matches!(error, PackageError::Changed { .. }), "{name}: {error:?}");
                assert_eq!(error.to_string(), format!("{} changed while it was being deployed", path.display()));
            }
        }
    }

    #[test]
    fn a_vanished_file_cannot_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let blob = blob(&dir.path().join("asset"), b"x");
        std::fs::remove_file(dir.path().join("asset")).unwrap();
        assert!(matches!(blob.snapshot(), Err(PackageError::Read { .. })));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_no_fault_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("asset");
        let mut full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = blob(&path, b"content").copy(&path, &mut full).unwrap_err();
        assert!(matches!(error, PackageError::Stage { .. }), "{error:?}");
    }
}
