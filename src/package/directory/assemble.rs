//! Hashes the files of a layout and writes its [`Document`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::layout::{Layout, Placed};
use super::{Document, File, ServedComponent};
use crate::app::Application;
use crate::package::blobs::Blobs;
use crate::package::digest::{Digest, hash_all};
use crate::package::identity::Identity;
use crate::package::source::{check_download, wasm_file};
use crate::package::{Content, Description, Downloads, Package, PackageError};

/// How the document is called among the blobs.
pub(super) const DOCUMENT_NAME: &str = "application.json";

/// See [`crate::package::assemble`].
pub(super) fn assemble(
    app: &Application,
    identity: &Identity,
    layout: &Layout<'_>,
    downloads: &Downloads,
) -> Result<Package, PackageError> {
    let mut paths: BTreeSet<&Path> = BTreeSet::new();
    for Placed { component, .. } in &layout.components {
        paths.insert(wasm_file(&component.source, downloads)?.1);
        paths.extend(component.files.iter().map(|file| file.path.as_path()));
    }
    let digests = hash_all(&paths)?;

    let mut blobs = Blobs::default();
    let mut components = Vec::new();
    for placed in &layout.components {
        components.push(served_component(placed, &digests, downloads, &mut blobs)?);
    }
    let mut document = Document {
        format: Document::FORMAT,
        name: identity.name.clone(),
        version: identity.version().to_string(),
        description: app.description.clone(),
        base: layout.base.clone(),
        triggers: layout.triggers.clone(),
        components,
    };
    // The tag is a digest of all that the document says but the tag itself.
    let id = identity.with_content(&Digest::of(&document.to_bytes()).sha256);
    document.version = id.version.to_string();
    let bytes = document.to_bytes();
    let digest = Digest::of(&bytes);
    blobs.add_first(&digest, DOCUMENT_NAME.into(), Content::Bytes(bytes));
    let description = Description::Directory { document: digest.sha256 };
    Ok(Package { id, blobs: blobs.list, description, routes: layout.routes.clone(), derived: identity.derived })
}

fn served_component(
    placed: &Placed<'_>,
    digests: &BTreeMap<PathBuf, Digest>,
    downloads: &Downloads,
    blobs: &mut Blobs,
) -> Result<ServedComponent, PackageError> {
    let component = placed.component;
    let mut file = |path: &Path, name: String| {
        let digest = &digests[path];
        blobs.add(digest, name.clone(), Content::File(path.to_path_buf()));
        File { path: name, sha256: digest.sha256.clone(), size: digest.size }
    };
    let (name, path) = wasm_file(&component.source, downloads)?;
    check_download(&component.source, path, &digests[path])?;
    // Without its directories, which may be those of this machine.
    let name = name.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(ServedComponent {
        id: component.id.clone(),
        description: component.description.clone(),
        wasm: file(path, name),
        files: component.files.iter().map(|mounted| file(&mounted.path, mounted.guest.clone())).collect(),
        environment: component.environment.clone(),
        variables: placed.variables.clone(),
        allowed_outbound_hosts: placed.allowed_outbound_hosts.clone(),
        key_value_stores: component.key_value_stores.clone(),
    })
}
