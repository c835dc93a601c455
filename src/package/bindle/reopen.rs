//! A bindle that was made before: the package again, of its invoice and its parcels.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use bindle::{Invoice, Label, Parcel};
use serde::Deserialize;

use super::invoice::{MANIFEST_TYPE, content_digest};
use super::route::Pattern;
use crate::package::digest::is_sha256;
use crate::package::identity::is_tag_of;
use crate::package::{Blob, Content, Description, Package, PackageId, ReopenError, Route};

/// What of Spin's manifest in a bindle is needed to say what it answers.
#[derive(Debug, Deserialize)]
struct Manifest {
    trigger: AppTrigger,
    #[serde(default)]
    component: Vec<Component>,
}

#[derive(Debug, Deserialize)]
struct AppTrigger {
    #[serde(default)]
    base: String,
}

#[derive(Debug, Deserialize)]
struct Component {
    id: String,
    description: Option<String>,
    trigger: Trigger,
}

#[derive(Debug, Deserialize)]
struct Trigger {
    route: Option<String>,
}

/// The files of a bindle, one for each digest, in the invoice's order. Refuses an invoice whose digests are none, for
/// they become file names, and one that says two things of a digest.
pub(crate) fn files(invoice: &Invoice) -> Result<Vec<Label>, ReopenError> {
    let (mut known, mut files) = (BTreeMap::new(), Vec::new());
    for Parcel { label, .. } in invoice.parcel.iter().flatten() {
        if !is_sha256(&label.sha256) {
            return Err(ReopenError::Wrong(format!("{} has no SHA-256 for a digest", quoted(&label.name))));
        }
        match known.insert(label.sha256.clone(), label.size) {
            None => files.push(label.clone()),
            Some(size) if size == label.size => {}
            Some(_) => return Err(ReopenError::Wrong(format!("{} has two lengths", quoted(&label.name)))),
        }
    }
    Ok(files)
}

/// See [`crate::package::reopen_bindle`].
pub(crate) fn reopen(mut invoice: Invoice, file: &dyn Fn(&str) -> PathBuf) -> Result<Package, ReopenError> {
    let id = PackageId { name: invoice.bindle.id.name().to_owned(), version: invoice.bindle.id.version().clone() };
    let labels = files(&invoice)?;
    let blob = |label: &Label| Blob {
        sha256: label.sha256.clone(),
        size: label.size,
        name: label.name.clone(),
        content: Content::File(file(&label.sha256)),
    };
    // Its own host's signature means nothing to another one, and a creator signs anew.
    invoice.signature = None;
    Ok(Package {
        derived: is_tag_of(&id.version, |base| digest_of(&invoice, &id.name, base)),
        routes: routes(&labels, file)?,
        blobs: labels.iter().map(blob).collect(),
        description: Description::Bindle(invoice),
        id,
    })
}

/// The digest that the tag of a version without one would be made of.
fn digest_of(invoice: &Invoice, name: &str, version: &semver::Version) -> String {
    let groups: Vec<String> = invoice.group.iter().flatten().map(|group| group.name.clone()).collect();
    let parcels = invoice.parcel.as_deref().unwrap_or_default();
    let authors = invoice.bindle.authors.as_deref().unwrap_or_default();
    content_digest(name, version, invoice.bindle.description.as_deref(), authors, &groups, parcels)
}

fn routes(labels: &[Label], file: &dyn Fn(&str) -> PathBuf) -> Result<Vec<Route>, ReopenError> {
    let label = labels.iter().find(|label| label.media_type == MANIFEST_TYPE);
    let label = label.ok_or_else(|| ReopenError::Wrong("it holds no manifest of Spin".to_owned()))?;
    let path = file(&label.sha256);
    let text = fs::read_to_string(&path).map_err(|source| ReopenError::Read { path, source })?;
    let manifest: Manifest = toml::from_str(&text)
        .map_err(|error| ReopenError::Wrong(format!("its manifest cannot be read: {}", error.message())))?;
    let mut seen = BTreeSet::new();
    let routed = manifest.component.iter().filter_map(|component| {
        let pattern = Pattern::new(&manifest.trigger.base, component.trigger.route.as_deref()?);
        seen.insert(pattern.clone()).then(|| route(component, &pattern))
    });
    Ok(routed.collect())
}

fn route(component: &Component, pattern: &Pattern) -> Route {
    Route {
        component: component.id.clone(),
        path: pattern.path().to_owned(),
        wildcard: pattern.wildcard,
        description: component.description.clone(),
    }
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.escape_debug())
}
