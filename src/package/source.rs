//! The Wasm of components: where it is on this machine, how it is called, and whether it is WebAssembly at all.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::common::below;
use super::digest::Digest;
use super::wasm::{self, Binary};
use super::{Downloads, Findings, PackageError};
use crate::app::{Component, Source};

/// Looks into Wasm files, into each once.
pub(super) struct Looks<'a> {
    downloads: &'a Downloads,
    /// `None` where there is no file.
    seen: BTreeMap<&'a Path, Option<Binary>>,
}

impl<'a> Looks<'a> {
    pub fn new(downloads: &'a Downloads) -> Self {
        Looks { downloads, seen: BTreeMap::new() }
    }

    /// The name of a component's Wasm for people, and what it is. A file that is missing, or that no WebAssembly host
    /// could load, is refused under that code; one that has not been brought in is nothing to speak of.
    pub fn usable(
        &mut self,
        component: &'a Component,
        code: Option<&'static str>,
        findings: &mut Findings,
    ) -> Result<Option<(String, Binary)>, PackageError> {
        let Ok((file, path)) = wasm_file(&component.source, self.downloads) else { return Ok(None) };
        if !self.seen.contains_key(path) {
            self.seen.insert(path, look(path)?);
        }
        let (id, at) = (&component.id, below(&component.at, "source"));
        match &self.seen[path] {
            None => findings.refuse(
                code,
                at,
                format!("component `{id}`: there is no file {file}"),
                "build the application first: `spin build`",
            ),
            Some(Binary::Invalid(why)) => findings.refuse(
                code,
                at,
                format!("component `{id}`: {file} {why}"),
                "build the component again, and make sure that `source` names its WebAssembly module",
            ),
            Some(binary) => return Ok(Some((file, binary.clone()))),
        }
        Ok(None)
    }
}

/// Looks into a Wasm file; `None` where there is none.
fn look(path: &Path) -> Result<Option<Binary>, PackageError> {
    match wasm::inspect(path) {
        Ok(binary) => Ok(Some(binary)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => Ok(None),
        Err(source) => Err(PackageError::Read { path: path.to_path_buf(), source }),
    }
}

/// A name for a component's Wasm, and the file.
pub(super) fn wasm_file<'a>(source: &'a Source, downloads: &'a Downloads) -> Result<(String, &'a Path), PackageError> {
    match source {
        Source::File { written, path } => Ok((written.clone(), path)),
        Source::Url { url, sha256 } => {
            // Not the address itself, which may hold secrets.
            let name = name_of_url(url, sha256);
            match downloads.get(sha256).map(PathBuf::as_path) {
                Some(path) => Ok((name, path)),
                None => Err(PackageError::NotDownloaded { name }),
            }
        }
        Source::Registry { package, .. } => Err(PackageError::NotDownloaded { name: package.clone() }),
    }
}

/// Makes sure that a download is still what the manifest promises.
pub(super) fn check_download(source: &Source, path: &Path, digest: &Digest) -> Result<(), PackageError> {
    match source {
        Source::Url { sha256, .. } if *sha256 != digest.sha256 => {
            Err(PackageError::Changed { path: path.to_path_buf() })
        }
        _ => Ok(()),
    }
}

/// The path of a URL, as Spin has named parcels of such sources since 0.7; of a URL without one the digest.
fn name_of_url(url: &str, sha256: &str) -> String {
    let path = url::Url::parse(url).map(|url| url.path().trim_start_matches('/').to_owned()).unwrap_or_default();
    if path.is_empty() { format!("{sha256}.wasm") } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_urls() {
        for (url, expected) in [
            ("https://h/a/b.wasm", "a/b.wasm"),
            ("https://h//b.wasm#x", "b.wasm"),
            ("https://h", "abc.wasm"),
            ("https://h/", "abc.wasm"),
            ("nonsense", "abc.wasm"),
        ] {
            assert_eq!(name_of_url(url, "abc"), expected, "{url}");
        }
    }
}
