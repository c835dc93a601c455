//! The bindle dialect of Spin 0.10.1, the newest Spin that runs bindles.
//!
//! `layout.rs` decides what a bindle will hold without reading a file, feature by feature: kept exactly, widened with
//! a warning, or refused with a stable code (E1 to E12). `manifest.rs` and `invoice.rs` write it down. Facts:
//! `fermyon/spin crates/publish`, `crates/loader/src/bindle@v0.10.1`.

mod hosts;
mod invoice;
mod layout;
mod manifest;
pub(super) mod reopen;
mod route;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use super::blobs::Blobs;
use super::common::{below, quoted};
use super::digest::{Digest, hash_all};
use super::source::{self, Looks, wasm_file};
use super::wasm::Binary;
use super::{Content, Description, Downloads, Findings, Options, Package, PackageError};
use crate::app::{Application, Component};
use invoice::Parcels;
use layout::Layout;

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
    let mut looks = Looks::new(downloads);
    for component in layout::used_components(app) {
        if let Some((file, binary)) = looks.usable(component, None, &mut findings)? {
            check_binary(component, &file, &binary, &mut findings);
        }
    }
    Ok(findings)
}

fn check_binary(component: &Component, file: &str, binary: &Binary, findings: &mut Findings) {
    let id = &component.id;
    match binary {
        Binary::Invalid(_) => {}
        Binary::Component { .. } => findings.refuse(
            "E8",
            below(&component.at, "source"),
            format!("component `{id}`: {file} is a WebAssembly component; bindles run on Spin 0.10, which loads core modules only"),
            "rebuild it as a core module for wasm32-wasip1 (an SDK of that era, or the wagi executor), or choose a \
             target that runs components",
        ),
        Binary::Module { imports } => {
            let unknown: Vec<_> = imports.iter().filter(|name| !HOST_MODULES.contains(&name.as_str())).collect();
            if !unknown.is_empty() {
                findings.warn(format!(
                    "component `{id}`: {file} imports from {}, which Spin 0.10 does not offer; it will not start there",
                    quoted(unknown)
                ));
            }
        }
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
        let (name, path) = wasm_file(&placed.component.source, downloads)?;
        let digest = &digests[path];
        source::check_download(&placed.component.source, path, digest)?;
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
        paths.insert(wasm_file(&component.source, downloads)?.1);
        paths.extend(component.files.iter().map(|file| file.path.as_path()));
    }
    Ok(paths)
}
