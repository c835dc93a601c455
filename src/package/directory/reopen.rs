//! A package of the directory format that was made before: the package again, of its document and its files.

use std::fs;
use std::path::PathBuf;

use super::{Document, RoutePattern, TriggerRoute};
use crate::package::blobs::Blobs;
use crate::package::digest::Digest;
use crate::package::identity::is_tag_of;
use crate::package::{Content, Description, Package, PackageId, ReopenError, Route};

use super::assemble::DOCUMENT_NAME;

/// See [`crate::package::reopen_directory`].
pub(crate) fn reopen(sha256: &str, file: &dyn Fn(&str) -> PathBuf) -> Result<Package, ReopenError> {
    let path = file(sha256);
    let bytes = fs::read(&path).map_err(|source| ReopenError::Read { path: path.clone(), source })?;
    let document = Document::parse(&bytes)?;
    let version = document.version.parse().map_err(|error| {
        ReopenError::Wrong(format!("`{}` is no semantic version ({error})", document.version.escape_debug()))
    })?;
    let mut blobs = Blobs::default();
    for named in document.files() {
        let digest = Digest { sha256: named.sha256.clone(), size: named.size };
        blobs.add(&digest, named.path.clone(), Content::File(file(&named.sha256)));
    }
    let digest = Digest { sha256: sha256.to_owned(), size: bytes.len() as u64 };
    blobs.add_first(&digest, DOCUMENT_NAME.to_owned(), Content::File(path));
    let routes = routes(&document)?;
    let id = PackageId { name: document.name.clone(), version };
    let derived = is_tag_of(&id.version, |base| {
        let bare = Document { version: base.to_string(), ..document.clone() };
        Digest::of(&bare.to_bytes()).sha256
    });
    let description = Description::Directory { document: sha256.to_owned() };
    Ok(Package { id, blobs: blobs.list, description, routes, derived })
}

fn routes(document: &Document) -> Result<Vec<Route>, ReopenError> {
    let mut routes = Vec::new();
    for trigger in &document.triggers {
        let TriggerRoute::Path(path) = &trigger.route else { continue };
        let pattern = RoutePattern::new(&document.base, path)
            .map_err(|error| ReopenError::Wrong(format!("route `{}` {error}", path.escape_debug())))?;
        let component = trigger.component.as_deref().and_then(|id| document.component(id));
        routes.push(Route {
            component: trigger.component.as_ref().unwrap_or(&trigger.id).clone(),
            path: pattern.path().to_owned(),
            wildcard: pattern.is_wildcard(),
            description: component.and_then(|component| component.description.clone()),
        });
    }
    Ok(routes)
}
