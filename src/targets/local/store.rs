//! What is on disk: blobs by digest, and a record for each application. Everything that the server knows is here.
//!
//! | below the data directory | |
//! |---|---|
//! | `blobs/<sha256>` | the contents of packages, read-only |
//! | `mounts/<sha256 of a document>.<component>` | what a guest sees as its root: hard links to blobs |
//! | `apps/<name>/record.json` | the [`Record`] |
//! | `apps/<name>/kv.redb`, `apps/<name>/logs/` | the application's key-value stores and logs |
//! | `unfinished/` | what is being written or removed; whatever a killed process leaves is here |
//! | `store.lock` | held while something is looked up and spared, or removed |
//!
//! Whatever has a name outside `unfinished` is complete: it was written there, synced, and renamed. Several processes
//! may use a store at once. Everything here blocks.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempDir};

use super::logs;
use super::paths::{Paths, PathsError, escaped, private_dir};
pub use super::record::{KEPT_RELEASES, Record, RecordError, ReleaseRecord};
use crate::package::directory::{self, Document, DocumentError, ServedComponent};
use crate::package::{Blob, PackageError, Snapshot, is_sha256};

/// How old something has to be before [`Store::collect`] removes it. A deploy stores its blobs before the release that
/// needs them is recorded, and they look like waste until then; no deploy takes that long in between.
pub const GRACE: Duration = Duration::from_secs(3600);

/// The longest name of an application, in bytes: file systems take 255.
const LONGEST_NAME: usize = 200;
/// The file of a record in its application's directory.
const RECORD: &str = "record.json";

/// A store. Cheap to clone; all clones are the same store.
#[derive(Debug, Clone)]
pub struct Store {
    paths: Arc<Paths>,
}

/// What [`Store::collect`] removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// How many blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What can go wrong with a store. Shows paths, never contents.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Paths(#[from] PathsError),
    /// A file or directory could not be read, written, …
    #[error("could not {doing} {}", .path.display())]
    Io {
        /// A verb: `read`.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file of the application could not be taken in.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The name of an application cannot be that of a directory.
    #[error(
        "{0:?} is no name that an application can have here: names are no longer than 200 bytes, do not begin with `.`, and hold neither `/` nor control characters"
    )]
    AppName(String),
    /// It would become a path.
    #[error("{0:?} is no SHA-256 in lower-case hex")]
    NoDigest(String),
    /// A record is not what this program has written.
    #[error("the record {} is damaged: {why}", .path.display())]
    DamagedRecord {
        /// The record.
        path: PathBuf,
        /// What is wrong.
        why: RecordError,
    },
    /// A document is not what was stored, or is none of the format that this program knows.
    #[error("the document {} {why}", .path.display())]
    DamagedDocument {
        /// The document's blob.
        path: PathBuf,
        /// A fragment.
        why: String,
    },
    /// Something was removed that is needed.
    #[error("the content of {name} is not stored: deploy the application again")]
    Missing {
        /// A name for people.
        name: String,
    },
    /// A file would lie outside of the guest's root, or two in one place.
    #[error("component `{component}` cannot have a file at {path:?}: {why}")]
    GuestPath {
        /// The component's id.
        component: String,
        /// The path.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl StoreError {
    /// Whether the disk, or what the user may use of it, is full.
    pub fn is_full(&self) -> bool {
        let source = match self {
            StoreError::Io { source, .. }
            | StoreError::Paths(PathsError::Directory { source, .. })
            | StoreError::Package(PackageError::Stage { source, .. }) => source,
            _ => return false,
        };
        matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
    }
}

/// Says what was done to which path when it failed.
trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, StoreError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Io { doing, path: path.to_owned(), source })
    }
}

/// Copies a file, and gives the SHA-256 of what was copied.
fn copy_hashed(from: &Path, to: &Path) -> io::Result<String> {
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 256 * 1024]);
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(format!("{:x}", hasher.finalize())),
            count => {
                hasher.update(&buffer[..count]);
                to.write_all(&buffer[..count])?;
            }
        }
    }
}

/// What is not there is `None`; every other failure stays one.
fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

impl Store {
    /// Opens the store of a data directory and makes what is not there. What lies in it is ours by its name, and is
    /// closed to others where it is not; of the data directory itself see [`Paths::make_data_dir`].
    pub fn open(paths: &Paths) -> Result<Store, StoreError> {
        paths.make_data_dir()?;
        for dir in [paths.blobs(), paths.mounts(), paths.apps(), paths.unfinished()] {
            private_dir(&dir).doing("make", &dir)?;
        }
        Ok(Store { paths: Arc::new(paths.clone()) })
    }

    /// Stores a blob, and says whether it was not there: the very bytes that were hashed, whatever happens to their
    /// file. One that is there is spared by [`Store::collect`] for [`GRACE`] from now on; one of another length than it
    /// should have is replaced.
    pub fn put(&self, blob: &Blob) -> Result<bool, StoreError> {
        check_digest(&blob.sha256)?;
        let path = self.blob(&blob.sha256);
        if self.spare(&path, blob)? {
            return Ok(false);
        }
        let snapshot = blob.snapshot()?;
        self.publish(&path, 0o400, |file| match snapshot {
            Snapshot::Bytes(bytes) => file.write_all(&bytes),
            Snapshot::File(mut bytes) => io::copy(&mut bytes, file).map(drop),
        })?;
        Ok(true)
    }

    /// Where the blob of that digest is, if it is there.
    pub fn blob(&self, sha256: &str) -> PathBuf {
        self.paths.blobs().join(sha256)
    }

    /// Those of these blobs that are not there.
    pub fn lacking(&self, mut blobs: Vec<Blob>) -> Result<Vec<Blob>, StoreError> {
        blobs.retain(|blob| !holds(&self.blob(&blob.sha256), blob.size));
        Ok(blobs)
    }

    /// Copies a document and everything that it names into a directory, each file under its digest and checked against
    /// it.
    pub fn copy_package(&self, document: &str, into: &Path) -> Result<(), StoreError> {
        let lacks = |name: &str| StoreError::Missing { name: name.to_owned() };
        let found = self.document(document)?.ok_or_else(|| lacks("its document"))?;
        let digests = found.files().map(|file| file.sha256.as_str()).chain([document]);
        for sha256 in digests.collect::<BTreeSet<_>>() {
            let (from, to) = (self.blob(sha256), into.join(sha256));
            let copied = if_there(copy_hashed(&from, &to)).doing("copy", &from)?;
            match copied {
                Some(found) if found == sha256 => {}
                Some(_) => {
                    let why = "is damaged: remove it and deploy the application again".to_owned();
                    return Err(StoreError::DamagedDocument { path: from, why });
                }
                None => return Err(lacks(sha256)),
            }
        }
        Ok(())
    }

    /// The names, for people, of the files that a document needs and the store does not have.
    pub fn missing(&self, document: &Document) -> Vec<String> {
        document.files().filter(|file| !self.has(file)).map(|file| file.path.clone()).collect()
    }

    /// The document of that digest; `None` where it is not there.
    pub fn document(&self, sha256: &str) -> Result<Option<Document>, StoreError> {
        check_digest(sha256)?;
        let path = self.blob(sha256);
        let Some(json) = if_there(fs::read(&path)).doing("read", &path)? else { return Ok(None) };
        let damaged = |why: String| StoreError::DamagedDocument { path: path.clone(), why };
        if format!("{:x}", Sha256::digest(&json)) != sha256 {
            return Err(damaged("is damaged: remove it and deploy the application again".into()));
        }
        Document::parse(&json).map(Some).map_err(|error| match error {
            // serde's own messages quote what they stumble over, and documents hold the values of variables.
            DocumentError::Unreadable(error) => {
                damaged(format!("cannot be understood at line {}, column {}", error.line(), error.column()))
            }
            error => damaged(format!("cannot be used: {error}")),
        })
    }

    /// What is recorded of an application.
    pub fn record(&self, app: &str) -> Result<Option<Record>, StoreError> {
        let path = self.app(app)?.join(RECORD);
        let Some(json) = if_there(fs::read(&path)).doing("read", &path)? else { return Ok(None) };
        match Record::parse(app, &json) {
            Ok(record) => Ok(Some(record)),
            Err(why) => Err(StoreError::DamagedRecord { path, why }),
        }
    }

    /// What is recorded of all applications, sorted by name, and why some could not be read.
    pub fn records(&self) -> Result<(Vec<Record>, Vec<StoreError>), StoreError> {
        let (mut records, mut errors) = (Vec::new(), Vec::new());
        for (app, _) in entries(&self.paths.apps())?.into_iter().filter(|(_, metadata)| metadata.is_dir()) {
            match self.record(&app) {
                Ok(record) => records.extend(record),
                Err(error) => errors.push(error),
            }
        }
        Ok((records, errors))
    }

    /// Records an application: the old record or the new one is there, whenever the process dies.
    pub fn write_record(&self, record: &Record) -> Result<(), StoreError> {
        let dir = self.app(&record.app)?;
        private_dir(&dir).doing("make", &dir)?;
        sync(&self.paths.apps())?;
        let json = serde_json::to_vec_pretty(record).expect("a record is plain data");
        self.publish(&dir.join(RECORD), 0o600, |file| file.write_all(&json))
    }

    /// Removes everything that belongs to an application alone, and says whether there was anything. Its blobs go with
    /// the next [`Store::collect`].
    pub fn forget(&self, app: &str) -> Result<bool, StoreError> {
        self.discard(&self.app(app)?)
    }

    /// The file that holds an application's key-value stores.
    pub fn database(&self, app: &str) -> PathBuf {
        self.paths.app(app).join("kv.redb")
    }

    /// The file for [`logs::ComponentLog::open`].
    pub fn log(&self, app: &str, component: &str) -> PathBuf {
        logs::file_of(&self.paths.logs(app), component)
    }

    /// The directory with a component's files as its guest sees them; `None` where it has none. Made where it is not
    /// there, or not as it should be.
    ///
    /// The files are read-only, since they are the blobs themselves. The directories are not, so that a user can remove
    /// them without ado.
    pub fn mount(&self, document: &str, component: &ServedComponent) -> Result<Option<PathBuf>, StoreError> {
        check_digest(document)?;
        check_guest_paths(component)?;
        if component.files.is_empty() {
            return Ok(None);
        }
        let mount = self.paths.mounts().join(format!("{document}.{}", escaped(&component.id)));
        let _lock = self.lock()?;
        if component.files.iter().all(|file| holds(&mount.join(&file.path), file.size)) {
            touch(&mount)?;
            return Ok(Some(mount));
        }
        self.discard(&mount)?;
        let unfinished = self.unfinished_dir()?;
        for file in &component.files {
            self.place(file, &unfinished.path().join(&file.path))?;
        }
        fs::rename(unfinished.path(), &mount).doing("write", &mount)?;
        // It has another name now, nothing is left to be removed.
        let _ = unfinished.keep();
        Ok(Some(mount))
    }

    /// Removes the blobs and mounts that no recorded release needs and no document `in_use` (documents by digest),
    /// and what killed processes have left, as far as it is older than [`GRACE`]. Where a record or a document cannot
    /// be read, nobody knows what it needs: nothing is removed then.
    pub fn collect(&self, in_use: &BTreeSet<String>, now: SystemTime) -> Result<Collected, StoreError> {
        let _lock = self.lock()?;
        let (records, errors) = self.records()?;
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        let recorded = records.into_iter().flat_map(|record| record.releases).map(|release| release.document);
        let documents: BTreeSet<String> = in_use.iter().cloned().chain(recorded).collect();
        let mut blobs = documents.clone();
        for document in &documents {
            let files = self.document(document)?;
            blobs.extend(files.iter().flat_map(Document::files).map(|file| file.sha256.clone()));
        }
        let mut collected = Collected::default();
        for (path, bytes) in waste(&self.paths.blobs(), now, |name| blobs.contains(name))? {
            if_there(fs::remove_file(&path)).doing("remove", &path)?;
            collected.blobs += 1;
            collected.bytes += bytes;
        }
        let of_document = |name: &str| name.split_once('.').is_some_and(|(digest, _)| documents.contains(digest));
        for (path, _) in waste(&self.paths.mounts(), now, of_document)? {
            self.discard(&path)?;
        }
        for (path, _) in waste(&self.paths.unfinished(), now, |_| false)? {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            if_there(removed).doing("remove", &path)?;
        }
        Ok(collected)
    }

    /// The directory of an application. Names that begin with a dot, and those that could lead elsewhere, are refused.
    fn app(&self, app: &str) -> Result<PathBuf, StoreError> {
        let odd = |character: char| character == '/' || character.is_control();
        if app.is_empty() || app.len() > LONGEST_NAME || app.starts_with('.') || app.contains(odd) {
            return Err(StoreError::AppName(app.into()));
        }
        Ok(self.paths.app(app))
    }

    fn has(&self, file: &directory::File) -> bool {
        is_sha256(&file.sha256) && holds(&self.blob(&file.sha256), file.size)
    }

    /// Whether the file is there as it should be; if so, [`Store::collect`] takes it for a new one. Without the lock it
    /// could be removed between the two.
    fn spare(&self, path: &Path, blob: &Blob) -> Result<bool, StoreError> {
        let _lock = self.lock()?;
        // Its name is a promise, which a disk or a hand may have broken: deploying again mends it.
        let there = holds(path, blob.size) && digest(path)? == blob.sha256;
        if there {
            touch(path)?;
        }
        Ok(there)
    }

    /// Waits until no other process or thread looks something up to spare it, or removes; until the result is dropped.
    fn lock(&self) -> Result<File, StoreError> {
        let path = self.paths.data.join("store.lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        file.and_then(|file| file.lock().map(|()| file)).doing("lock", &path)
    }

    /// A file that is there with all its content, or not at all, even after a loss of power.
    fn publish(
        &self,
        path: &Path,
        mode: u32,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<(), StoreError> {
        let unfinished = self.paths.unfinished();
        let mut file = NamedTempFile::new_in(&unfinished).doing("write to", &unfinished)?;
        write(file.as_file_mut())
            .and_then(|()| file.as_file().set_permissions(Permissions::from_mode(mode)))
            .and_then(|()| file.as_file().sync_all())
            .doing("write", path)?;
        file.persist(path).map_err(|error| error.error).doing("write", path)?;
        sync(path.parent().unwrap_or(path))
    }

    /// A directory that vanishes when it is dropped.
    fn unfinished_dir(&self) -> Result<TempDir, StoreError> {
        let dir = self.paths.unfinished();
        tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir_in(&dir).doing("write to", &dir)
    }

    /// Removes a directory, at once for whoever looks, and says whether it was there. Where that is cut short, the rest
    /// is out of the way.
    fn discard(&self, path: &Path) -> Result<bool, StoreError> {
        let away = self.unfinished_dir()?;
        let there = if_there(fs::rename(path, away.path().join("removed"))).doing("remove", path)?.is_some();
        sync(path.parent().unwrap_or(path))?;
        Ok(there)
    }

    /// Puts a file where a guest will see it.
    fn place(&self, file: &directory::File, path: &Path) -> Result<(), StoreError> {
        if !self.has(file) {
            return Err(StoreError::Missing { name: file.path.clone() });
        }
        let dir = path.parent().unwrap_or(path);
        private_dir(dir).doing("make", dir)?;
        link_or_copy(&self.blob(&file.sha256), path).doing("write", path)
    }
}

fn check_digest(text: &str) -> Result<(), StoreError> {
    if is_sha256(text) { Ok(()) } else { Err(StoreError::NoDigest(text.into())) }
}

/// A document is input: no file of it may lie outside of the root, or where another one is.
fn check_guest_paths(component: &ServedComponent) -> Result<(), StoreError> {
    let mut paths = BTreeSet::new();
    for file in &component.files {
        let refuse = |why| Err(StoreError::GuestPath { component: component.id.clone(), path: file.path.clone(), why });
        if file.path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return refuse("it is no plain path below the root");
        }
        if !paths.insert(Path::new(&file.path)) {
            return refuse("it has another one there");
        }
    }
    Ok(())
}

/// Whether a file of that length is there.
fn holds(path: &Path, size: u64) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == size)
}

/// Lower-case hex of the SHA-256 of a file.
fn digest(path: &Path) -> Result<String, StoreError> {
    let mut hasher = Sha256::new();
    File::open(path).and_then(|mut file| io::copy(&mut file, &mut hasher)).doing("read", path)?;
    Ok(format!("{:x}", hasher.finalize()))
}

fn touch(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.set_modified(SystemTime::now())).doing("touch", path)
}

/// Makes sure that the names in a directory survive a loss of power.
fn sync(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).doing("sync", dir)
}

/// Some file systems have no hard links, or not between any two directories, or not that many to one file.
fn link_or_copy(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        // Copying would write into what is there.
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            fs::copy(from, to)?;
            File::open(to)?.sync_all()
        }
        result => result,
    }
}

/// What is in a directory, sorted by name. What has no name of ours is passed over.
fn entries(dir: &Path) -> Result<Vec<(String, Metadata)>, StoreError> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir).doing("read", dir)? {
        let entry = entry.doing("read", dir)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // Another process may have removed it meanwhile.
        if let Some(metadata) = if_there(entry.metadata()).doing("read", &entry.path())? {
            entries.push((name, metadata));
        }
    }
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(entries)
}

/// What is in a directory, has not been touched for [`GRACE`], and is not needed; and the bytes of files.
fn waste(dir: &Path, now: SystemTime, needed: impl Fn(&str) -> bool) -> Result<Vec<(PathBuf, u64)>, StoreError> {
    let mut waste = Vec::new();
    for (name, metadata) in entries(dir)? {
        let modified = metadata.modified().doing("read", dir)?;
        let old = now.duration_since(modified).is_ok_and(|age| age > GRACE);
        if old && !needed(&name) {
            waste.push((dir.join(name), metadata.len()));
        }
    }
    Ok(waste)
}

#[cfg(test)]
mod tests;
