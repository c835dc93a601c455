//! The bindle dialect of Spin 0.10.1, the newest Spin that runs bindles.
//!
//! `layout.rs` decides what a bindle will hold without reading a file, feature by feature: kept exactly, widened with
//! a warning, or refused with a stable code (E1 to E12). `manifest.rs` and `invoice.rs` write it down. Facts:
//! `fermyon/spin crates/publish`, `crates/loader/src/bindle@v0.10.1`.

mod hosts;
mod identity;
mod invoice;
mod layout;
mod manifest;
mod route;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::digest::{Digest, hash_all};
use super::wasm::{self, Binary};
use super::{Blob, Content, Description, Downloads, Findings, Options, Package, PackageError};
use crate::app::{Application, Component, Source};
use invoice::Parcels;
use layout::{Layout, below};

/// The import modules that a Spin 0.10.1 host offers to core modules
/// (`fermyon/spin crates/trigger/src/lib.rs@v0.10.1`; wasmtime's WASI brings preview 1 and its predecessor).
const HOST_MODULES: &[&str] = &[
    "wasi_snapshot_preview1",
    "wasi_unstable",
    "key-value",
    "outbound-mysql",
    "outbound-pg",
    "outbound-redis",
    "spin-config",
    "wasi-outbound-http",
];

/// See [`super::check`].
pub(super) fn check(app: &Application, options: &Options, downloads: &Downloads) -> Result<Findings, PackageError> {
    let (_, mut findings) = layout::lay_out(app, options);
    let mut seen = BTreeMap::new();
    for component in layout::used_components(app) {
        let Some(path) = wasm_file(&component.source, downloads) else { continue };
        if !seen.contains_key(path) {
            seen.insert(path, look(path)?);
        }
        check_binary(component, path, seen[path].as_ref(), &mut findings);
    }
    Ok(findings)
}

/// Looks into a Wasm file; `None` where there is none.
fn look(path: &Path) -> Result<Option<Binary>, PackageError> {
    match wasm::inspect(path) {
        Ok(binary) => Ok(Some(binary)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => Ok(None),
        Err(source) => Err(PackageError::Read { path: path.to_path_buf(), source }),
    }
}

fn check_binary(component: &Component, path: &Path, binary: Option<&Binary>, findings: &mut Findings) {
    let id = &component.id;
    let at = below(&component.at, "source");
    let file = match &component.source {
        Source::File { written, .. } => written.clone(),
        // Not the address itself, which may hold secrets.
        Source::Url { url, sha256 } => name_of_url(url, sha256),
        Source::Registry { .. } => path.display().to_string(),
    };
    match binary {
        None => findings.refuse(
            None,
            at,
            format!("component `{id}`: there is no file {file}"),
            "build the application first: `spin build`",
        ),
        Some(Binary::Invalid(why)) => findings.refuse(
            None,
            at,
            format!("component `{id}`: {file} {why}"),
            "build the component again, and make sure that `source` names its WebAssembly module",
        ),
        Some(Binary::Component) => findings.refuse(
            "E8",
            at,
            format!("component `{id}`: {file} is a WebAssembly component; bindles run on Spin 0.10, which loads core modules only"),
            "rebuild it as a core module for wasm32-wasip1 (an SDK of that era, or the wagi executor), or choose a \
             target that runs components",
        ),
        Some(Binary::Module { imports }) => {
            let unknown: Vec<_> = imports.iter().filter(|name| !HOST_MODULES.contains(&name.as_str())).collect();
            if !unknown.is_empty() {
                let names = unknown.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                findings.warn(format!(
                    "component `{id}`: {file} imports from {names}, which Spin 0.10 does not offer; it will not start \
                     there"
                ));
            }
        }
    }
}

/// Where a component's Wasm is on this machine, as far as it has been brought in.
fn wasm_file<'a>(source: &'a Source, downloads: &'a Downloads) -> Option<&'a Path> {
    match source {
        Source::File { path, .. } => Some(path),
        Source::Url { sha256, .. } => downloads.get(sha256).map(PathBuf::as_path),
        Source::Registry { .. } => None,
    }
}

/// See [`super::assemble`].
pub(super) fn assemble(app: &Application, options: &Options, downloads: &Downloads) -> Result<Package, PackageError> {
    let (layout, findings) = layout::lay_out(app, options);
    let Some(layout) = layout else {
        return Err(PackageError::Refused { refusals: findings.refusals });
    };
    let digests = hash_all(&selected_files(&layout, downloads)?)?;

    let mut parcels = Parcels::default();
    let mut blobs = Blobs::default();
    let mut sources = Vec::new();
    for placed in &layout.components {
        let (name, path) = wasm_parcel(&placed.component.source, downloads)?;
        let digest = &digests[path];
        check_download(&placed.component.source, path, digest)?;
        parcels.add_wasm(&name, digest);
        blobs.add(digest, name, Content::File(path.to_path_buf()));
        sources.push(digest.sha256.clone());
    }
    for placed in &layout.components {
        for file in &placed.component.files {
            let digest = &digests[&file.path];
            parcels.add_asset(&file.guest, digest, &placed.group());
            blobs.add(digest, file.guest.clone(), Content::File(file.path.clone()));
        }
    }

    let manifest = manifest::render(&layout, &sources).into_bytes();
    let manifest_digest = Digest::of(&manifest);
    let manifest_name = parcels.set_manifest(&manifest_digest);
    blobs.add_first(&manifest_digest, manifest_name, Content::Bytes(manifest));

    let groups = layout.components.iter().map(layout::Placed::group).collect();
    let (id, invoice) = invoice::write(app, &layout.identity, groups, parcels);
    let (description, derived) = (Description::Bindle(invoice), layout.identity.derived);
    Ok(Package { id, blobs: blobs.list, description, routes: layout.routes, derived })
}

/// Every distinct file that goes into the bindle.
fn selected_files<'a>(layout: &Layout<'a>, downloads: &'a Downloads) -> Result<BTreeSet<&'a Path>, PackageError> {
    let mut paths = BTreeSet::new();
    for placed in &layout.components {
        let component = placed.component;
        paths.insert(wasm_parcel(&component.source, downloads)?.1);
        paths.extend(component.files.iter().map(|file| file.path.as_path()));
    }
    Ok(paths)
}

/// The name of a component's Wasm parcel, and the file.
fn wasm_parcel<'a>(source: &'a Source, downloads: &'a Downloads) -> Result<(String, &'a Path), PackageError> {
    match source {
        Source::File { written, path } => Ok((written.clone(), path)),
        Source::Url { url, sha256 } => {
            let path =
                downloads.get(sha256).ok_or_else(|| PackageError::NotDownloaded { name: name_of_url(url, sha256) })?;
            Ok((name_of_url(url, sha256), path))
        }
        // `lay_out` refuses these.
        Source::Registry { package, .. } => Err(PackageError::NotDownloaded { name: package.clone() }),
    }
}

/// Makes sure that a download is still what the manifest promises.
fn check_download(source: &Source, path: &Path, digest: &Digest) -> Result<(), PackageError> {
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

/// The files of a package, one for each digest.
#[derive(Default)]
struct Blobs {
    list: Vec<Blob>,
    known: BTreeSet<String>,
}

impl Blobs {
    fn add(&mut self, digest: &Digest, name: String, content: Content) {
        if self.known.insert(digest.sha256.clone()) {
            self.list.push(blob(digest, name, content));
        }
    }

    /// Puts the blob in front of all others, and in place of one with the same bytes.
    fn add_first(&mut self, digest: &Digest, name: String, content: Content) {
        self.list.retain(|blob| blob.sha256 != digest.sha256);
        self.list.insert(0, blob(digest, name, content));
    }
}

fn blob(digest: &Digest, name: String, content: Content) -> Blob {
    Blob { sha256: digest.sha256.clone(), size: digest.size, name, content }
}
