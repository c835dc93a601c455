//! The invoice, and the version tag that it decides.

use std::collections::HashMap;

use bindle::{BindleSpec, Condition, Group, Id, Invoice, Label, Parcel};
use semver::Version;
use sha2::{Digest as _, Sha256};

use crate::app::Application;
use crate::package::PackageId;
use crate::package::digest::{Digest, hex};
use crate::package::identity::Identity;

pub(super) const MANIFEST_TYPE: &str = "application/vnd.fermyon.spin+toml";
const WASM_TYPE: &str = "application/wasm";
/// Names the encoding that the version tag is a digest of: another encoding, another name.
const TAG_SCHEMA: &str = "spin-deploy bindle 1";

/// The parcels of a bindle.
#[derive(Debug, Default)]
pub(super) struct Parcels {
    manifest: Vec<Parcel>,
    wasm: Vec<Parcel>,
    assets: Vec<Parcel>,
    /// Where in `assets` a label is.
    known_assets: HashMap<Label, usize>,
}

impl Parcels {
    /// Sets the manifest parcel and returns its name.
    pub fn set_manifest(&mut self, digest: &Digest) -> String {
        let label = label(format!("spin.{}.toml", digest.sha256), digest, MANIFEST_TYPE);
        let name = label.name.clone();
        self.manifest = vec![Parcel { label, conditions: None }];
        name
    }

    /// Adds a module, in no group; once, however many components share it.
    pub fn add_wasm(&mut self, name: &str, digest: &Digest) {
        let label = label(name.to_owned(), digest, WASM_TYPE);
        if self.wasm.iter().all(|parcel| parcel.label != label) {
            self.wasm.push(Parcel { label, conditions: Some(Condition { member_of: None, requires: None }) });
        }
    }

    /// Adds a file to a group. The same file under the same name is one parcel in several groups.
    pub fn add_asset(&mut self, name: &str, digest: &Digest, group: &str) {
        let media_type = mime_guess::from_path(name).first_or_octet_stream();
        let label = label(name.to_owned(), digest, media_type.essence_str());
        let index = *self.known_assets.entry(label).or_insert_with_key(|label| {
            let conditions = Some(Condition { member_of: Some(Vec::new()), requires: None });
            self.assets.push(Parcel { label: label.clone(), conditions });
            self.assets.len() - 1
        });
        let groups = self.assets[index].conditions.as_mut().and_then(|conditions| conditions.member_of.as_mut());
        groups.expect("assets are pushed with groups").push(group.to_owned());
    }

    fn into_list(self) -> Vec<Parcel> {
        [self.manifest, self.wasm, self.assets].concat()
    }
}

fn label(name: String, digest: &Digest, media_type: &str) -> Label {
    Label { size: digest.size, media_type: media_type.to_owned(), ..Label::new(name, digest.sha256.clone()) }
}

/// Writes the invoice, unsigned, under the identity that its content gives it.
pub(super) fn write(
    app: &Application,
    identity: &Identity,
    groups: Vec<String>,
    parcels: Parcels,
) -> (PackageId, Invoice) {
    let parcels = parcels.into_list();
    let (version, description) = (identity.version(), app.description.as_deref());
    let digest = content_digest(&identity.name, version, description, &app.authors, &groups, &parcels);
    let package = identity.with_content(&digest);
    let id: Id = package.to_string().parse().expect("name and version were checked");
    let mut invoice = Invoice::new(BindleSpec {
        id,
        description: app.description.clone(),
        authors: (!app.authors.is_empty()).then(|| app.authors.clone()),
    });
    invoice.group = Some(groups.into_iter().map(|name| Group { name, required: None, satisfied_by: None }).collect());
    invoice.parcel = Some(parcels);
    (package, invoice)
}

/// A digest (hex) of all that the invoice says but its build metadata. Names, sizes and groups are part of it, so that
/// a renamed file or bytes moved from one file to the next make another build.
pub(super) fn content_digest(
    name: &str,
    version: &Version,
    description: Option<&str>,
    authors: &[String],
    groups: &[String],
    parcels: &[Parcel],
) -> String {
    let mut encoding = Encoding::default();
    encoding.text(TAG_SCHEMA);
    encoding.text(name);
    encoding.text(&version.to_string());
    encoding.list(description.into_iter().map(Encoding::of));
    encoding.list(authors.iter().map(|author| Encoding::of(author)));
    encoding.list(sorted(groups.iter().map(|group| Encoding::of(group))));
    encoding.list(sorted(parcels.iter().map(encode_parcel)));
    hex(&Sha256::digest(&encoding.0))
}

fn encode_parcel(parcel: &Parcel) -> Encoding {
    let label = &parcel.label;
    let mut encoding = Encoding::default();
    encoding.text(&label.sha256);
    encoding.text(&label.size.to_string());
    encoding.text(&label.media_type);
    encoding.text(&label.name);
    let groups = parcel.conditions.iter().flat_map(|conditions| conditions.member_of.iter().flatten());
    encoding.list(sorted(groups.map(|group| Encoding::of(group))));
    encoding
}

fn sorted(items: impl Iterator<Item = Encoding>) -> impl Iterator<Item = Encoding> {
    let mut items: Vec<_> = items.collect();
    items.sort_unstable();
    items.into_iter()
}

/// Bytes that say where each part ends: every text is preceded by its length, every list by its count.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
struct Encoding(Vec<u8>);

impl Encoding {
    fn of(text: &str) -> Encoding {
        let mut encoding = Encoding::default();
        encoding.text(text);
        encoding
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.0.extend(text.as_bytes());
    }

    fn list(&mut self, items: impl Iterator<Item = Encoding>) {
        let items: Vec<_> = items.collect();
        self.number(items.len());
        for item in items {
            self.0.extend(item.0);
        }
    }

    fn number(&mut self, number: usize) {
        self.0.extend((number as u64).to_be_bytes());
    }
}
