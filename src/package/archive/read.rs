//! Reads a package and trusts nothing: what is not named is refused, and so is what is not as it is named.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bindle::Invoice;
use flate2::read::GzDecoder;

use super::ArchiveError;
use super::layout::{HEADER, Header, Kind};
use crate::package::digest::{Digest, hash_all};
use crate::package::directory::Document;
use crate::package::{Package, bindle_files, is_sha256, reopen_bindle, reopen_directory};

/// The longest header, in bytes.
const LONGEST_HEADER: u64 = 64 * 1024;
/// The longest description of the files, in bytes: an invoice of ten thousand parcels has some megabytes.
const LONGEST_DESCRIPTION: u64 = 32 * 1024 * 1024;

/// The package in a directory. `shown` is what errors call it.
pub fn directory(dir: &Path, shown: &Path) -> Result<Package, ArchiveError> {
    let wrong = |why: String| ArchiveError::Wrong { path: shown.to_owned(), why };
    let header = header(&small(dir, HEADER, LONGEST_HEADER, shown)?).map_err(wrong)?;
    let described = header.description().ok_or_else(|| wrong(format!("{HEADER} names no document")))?;
    let description = small(dir, &described, LONGEST_DESCRIPTION, shown)?;
    let named = named(&header, &description).map_err(wrong)?;
    refuse_others(dir, &header, &named, shown)?;

    let paths: BTreeMap<PathBuf, &String> = named.keys().map(|sha256| (file(dir, &header, sha256), sha256)).collect();
    let digests = hash_all(&paths.keys().map(PathBuf::as_path).collect())?;
    for (path, sha256) in &paths {
        let expected = Digest { sha256: (*sha256).clone(), size: named[*sha256] };
        if digests[path] != expected {
            return Err(wrong(format!("{} is damaged", header.format.path(sha256))));
        }
    }
    let place = |sha256: &str| file(dir, &header, sha256);
    let package = match header.format {
        Kind::Bindle => reopen_bindle(invoice(&description).map_err(wrong)?, &place),
        Kind::Directory => reopen_directory(header.document.as_deref().unwrap_or_default(), &place),
    };
    let package = package.map_err(|error| wrong(error.to_string()))?;
    match (package.id.name == header.name, package.id.version.to_string() == header.version) {
        (true, true) => Ok(package),
        _ => Err(wrong(format!("{HEADER} says {}/{}, and it is {}", header.name, header.version, package.id))),
    }
}

/// Unpacks an archive into an empty directory. Each file has to come where and as long as those before it say, so that
/// nothing is written that does not belong there, however large an archive pretends to be.
pub fn unpack(archive: &Path, into: &Path) -> Result<(), ArchiveError> {
    let read_error = |source| ArchiveError::Read { path: archive.to_owned(), source };
    let wrong = |why: String| ArchiveError::Wrong { path: archive.to_owned(), why };
    // What is no archive, or a damaged one, shows as an odd input.
    let odd = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => read_error(error),
        _ => wrong(format!("it cannot be unpacked: {error}")),
    };
    let mut tar = tar::Archive::new(GzDecoder::new(io::BufReader::new(File::open(archive).map_err(read_error)?)));
    let mut expected = Expected::Header;
    for entry in tar.entries().map_err(odd)? {
        let mut entry = entry.map_err(odd)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(wrong(format!("{} is no file", path.escape_debug())));
        }
        let length = entry.header().size().map_err(odd)?;
        let limit =
            expected.limit(&path).ok_or_else(|| wrong(format!("{} does not belong there", path.escape_debug())))?;
        if length > limit {
            return Err(wrong(format!("{path} is longer than it may be")));
        }
        let mut bytes = Vec::new();
        let target = into.join(&path);
        let write_error = |source| ArchiveError::Write { path: target.clone(), source };
        fs::create_dir_all(target.parent().unwrap_or(into)).map_err(write_error)?;
        let mut file = File::create(&target).map_err(write_error)?;
        match &expected {
            Expected::Files { .. } => drop(io::copy(&mut entry, &mut file).map_err(odd)?),
            _ => {
                entry.read_to_end(&mut bytes).map_err(odd)?;
                io::copy(&mut bytes.as_slice(), &mut file).map_err(write_error)?;
            }
        }
        expected = expected.after(&path, &bytes).map_err(wrong)?;
    }
    match expected {
        Expected::Files { left, .. } if left.is_empty() => Ok(()),
        _ => Err(wrong("it is not whole".to_owned())),
    }
}

/// What has to come next in an archive.
enum Expected {
    /// The header.
    Header,
    /// What describes the files.
    Description(Header),
    /// One of the files that are left: their paths, and their lengths.
    Files { left: BTreeMap<String, u64> },
}

impl Expected {
    /// How long the file of that path may be; `None`: it must not come.
    fn limit(&self, path: &str) -> Option<u64> {
        match self {
            Expected::Header => (path == HEADER).then_some(LONGEST_HEADER),
            Expected::Description(header) => {
                (header.description().as_deref() == Some(path)).then_some(LONGEST_DESCRIPTION)
            }
            Expected::Files { left } => left.get(path).copied(),
        }
    }

    /// What has to come after that file.
    fn after(self, path: &str, bytes: &[u8]) -> Result<Expected, String> {
        match self {
            Expected::Header => header(bytes).map(Expected::Description),
            Expected::Description(header) => {
                let named = named(&header, bytes)?;
                let mut left: BTreeMap<String, u64> =
                    named.into_iter().map(|(sha256, size)| (header.format.path(&sha256), size)).collect();
                left.remove(path);
                Ok(Expected::Files { left })
            }
            Expected::Files { mut left } => {
                left.remove(path);
                Ok(Expected::Files { left })
            }
        }
    }
}

fn header(bytes: &[u8]) -> Result<Header, String> {
    /// All that headers of every version have.
    #[derive(serde::Deserialize)]
    struct Version {
        spin_deploy_package: u32,
    }
    let unreadable = |error: serde_json::Error| format!("{HEADER} cannot be read: {error}");
    let Version { spin_deploy_package: version } = serde_json::from_slice(bytes).map_err(unreadable)?;
    if version != Header::VERSION {
        let ours = Header::VERSION;
        return Err(format!("it is of layout {version}, and this version of spin-deploy reads layout {ours}"));
    }
    let header: Header = serde_json::from_slice(bytes).map_err(unreadable)?;
    match header.document.as_deref() {
        // It becomes a path.
        Some(document) if !is_sha256(document) => Err(format!("{HEADER} names no SHA-256 for a document")),
        _ => Ok(header),
    }
}

fn invoice(bytes: &[u8]) -> Result<Invoice, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "its invoice is no text".to_owned())?;
    toml::from_str(text).map_err(|error| format!("its invoice cannot be read: {}", error.message()))
}

/// The digests of all files that a description names, with their lengths.
fn named(header: &Header, description: &[u8]) -> Result<BTreeMap<String, u64>, String> {
    match header.format {
        Kind::Bindle => {
            let labels = bindle_files(&invoice(description)?).map_err(|error| error.to_string())?;
            Ok(labels.into_iter().map(|label| (label.sha256, label.size)).collect())
        }
        Kind::Directory => {
            let document = Document::parse(description).map_err(|error| error.to_string())?;
            let files = document.files().map(|file| (file.sha256.clone(), file.size));
            let own = header.document.clone().map(|sha256| (sha256, description.len() as u64));
            Ok(files.chain(own).collect())
        }
    }
}

fn file(dir: &Path, header: &Header, sha256: &str) -> PathBuf {
    dir.join(header.format.path(sha256))
}

/// A small file of a package, whole.
fn small(dir: &Path, name: &str, limit: u64, shown: &Path) -> Result<Vec<u8>, ArchiveError> {
    let wrong = |why: String| ArchiveError::Wrong { path: shown.to_owned(), why };
    let path = dir.join(name);
    let read_error = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => wrong(format!("it has no {name}")),
        _ => ArchiveError::Read { path: path.clone(), source },
    };
    if !fs::symlink_metadata(&path).map_err(read_error)?.is_file() {
        return Err(wrong(format!("{name} is no file")));
    }
    let mut bytes = Vec::new();
    File::open(&path).map_err(read_error)?.take(limit + 1).read_to_end(&mut bytes).map_err(read_error)?;
    match bytes.len() as u64 > limit {
        true => Err(wrong(format!("{name} is longer than it may be"))),
        false => Ok(bytes),
    }
}

/// Refuses what is missing, and what does not belong there.
fn refuse_others(dir: &Path, header: &Header, named: &BTreeMap<String, u64>, shown: &Path) -> Result<(), ArchiveError> {
    let wrong = |why: String| ArchiveError::Wrong { path: shown.to_owned(), why };
    let expected: BTreeSet<String> = named.keys().map(|sha256| header.format.path(sha256)).collect();
    let mut own = expected.clone();
    own.extend([HEADER.to_owned()].into_iter().chain(header.description()));
    let mut found = BTreeSet::new();
    let folder = header.format.path("");
    let folder = folder.split('/').next().unwrap_or_default();
    for (prefix, place) in [(String::new(), dir.to_owned()), (format!("{folder}/"), dir.join(folder))] {
        let read_error = |source| ArchiveError::Read { path: place.clone(), source };
        let entries = match fs::read_dir(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(read_error)?,
        };
        for entry in entries {
            let entry = entry.map_err(read_error)?;
            let kind = entry.file_type().map_err(read_error)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match (kind.is_dir(), kind.is_file()) {
                (true, _) if name == folder => {}
                (_, true) if own.contains(&name) => drop(found.insert(name)),
                _ => return Err(wrong(format!("{} does not belong there", name.escape_debug()))),
            }
        }
    }
    match expected.difference(&found).next() {
        Some(missing) => Err(wrong(format!("it lacks {missing}"))),
        None => Ok(()),
    }
}
