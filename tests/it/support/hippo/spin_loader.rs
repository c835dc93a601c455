//! Reads a bindle as Spin 0.10.1 does before it serves it, and refuses what that Spin refuses.
//!
//! Facts: `fermyon/spin crates/loader/src/bindle/{mod,config,assets}.rs@v0.10.1`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::bindle_client::{BindleClient, MANIFEST_MEDIA_TYPE};

const CORE_MODULE: [u8; 8] = [0, b'a', b's', b'm', 1, 0, 0, 0];

/// An app as it would be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedApp {
    /// `<name>/<version>` as in the job's arguments.
    pub bindle: String,
    /// From the invoice.
    pub name: String,
    /// From the invoice, build metadata included.
    pub version: String,
    pub base: String,
    pub components: Vec<LoadedComponent>,
}

/// A component and what is mounted into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedComponent {
    pub id: String,
    pub source: String,
    pub route: String,
    /// Names under `/` and the digests of their contents, sorted.
    pub files: BTreeMap<String, String>,
}

/// Loads the bindle `id` or says why Spin would not.
pub async fn load(client: &BindleClient, id: &str) -> Result<LoadedApp, String> {
    let invoice = client.invoice_text(id).await?;
    let invoice: bindle::Invoice = toml::from_str(&invoice).map_err(|error| format!("invoice: {error}"))?;
    let parcels = invoice.parcel.unwrap_or_default();
    let manifest = client.parcel(id, manifest_digest(&parcels)?).await?;
    let manifest = String::from_utf8(manifest).map_err(|_| "the manifest is no text".to_owned())?;
    let manifest: Manifest = toml::from_str(&manifest).map_err(|error| format!("manifest: {error}"))?;
    let base = http_base(&manifest.trigger)?;
    let mut components = Vec::new();
    for component in manifest.component {
        components.push(load_component(client, id, &parcels, component).await?);
    }
    let (name, version) = (invoice.bindle.id.name().to_owned(), invoice.bindle.id.version_string());
    Ok(LoadedApp { bindle: id.to_owned(), name, version, base, components })
}

fn manifest_digest(parcels: &[bindle::Parcel]) -> Result<&str, String> {
    let mut manifests = parcels.iter().filter(|parcel| parcel.label.media_type == MANIFEST_MEDIA_TYPE);
    match (manifests.next(), manifests.next()) {
        (Some(manifest), None) => Ok(&manifest.label.sha256),
        (None, _) => Err("the invoice has no manifest parcel".to_owned()),
        (Some(_), Some(_)) => Err("the invoice has several manifest parcels".to_owned()),
    }
}

/// Without `base` an HTTP trigger silently becomes an external one, which nothing serves.
fn http_base(trigger: &toml::Table) -> Result<String, String> {
    let text = |key: &str| trigger.get(key).and_then(toml::Value::as_str);
    match (text("type"), text("base")) {
        (Some("http"), Some(base)) if trigger.len() == 2 => Ok(base.to_owned()),
        (kind, _) => Err(format!("nothing serves the trigger {kind:?} as it is written")),
    }
}

async fn load_component(
    client: &BindleClient,
    id: &str,
    parcels: &[bindle::Parcel],
    component: Component,
) -> Result<LoadedComponent, String> {
    if !parcels.iter().any(|parcel| parcel.label.sha256 == component.source) {
        return Err(format!("component {}: its source is no parcel of the invoice", component.id));
    }
    let module = client.parcel(id, &component.source).await?;
    if !module.starts_with(&CORE_MODULE) {
        return Err(format!("component {}: its source is no core module", component.id));
    }
    let route = component.trigger.route;
    let files = match &component.files {
        Some(group) => mount(client, id, parcels, group).await?,
        None => BTreeMap::new(),
    };
    Ok(LoadedComponent { id: component.id, source: component.source, route, files })
}

/// Every parcel that names the group is written under its label's name.
async fn mount(
    client: &BindleClient,
    id: &str,
    parcels: &[bindle::Parcel],
    group: &str,
) -> Result<BTreeMap<String, String>, String> {
    let mut files = BTreeMap::new();
    for parcel in parcels.iter().filter(|parcel| is_member(parcel, group)) {
        let name = &parcel.label.name;
        if !stays_inside(name) {
            return Err(format!("the file {name:?} would lie outside of its component"));
        }
        client.parcel(id, &parcel.label.sha256).await?;
        files.insert(name.clone(), parcel.label.sha256.clone());
    }
    Ok(files)
}

fn is_member(parcel: &bindle::Parcel, group: &str) -> bool {
    let groups = parcel.conditions.as_ref().and_then(|conditions| conditions.member_of.as_ref());
    groups.is_some_and(|groups| groups.iter().any(|name| name == group))
}

fn stays_inside(name: &str) -> bool {
    !name.is_empty() && !name.contains('\\') && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Manifest {
    trigger: toml::Table,
    #[serde(default)]
    component: Vec<Component>,
    #[serde(rename = "variables")]
    _variables: Option<BTreeMap<String, Variable>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    #[serde(rename = "required")]
    _required: Option<bool>,
    #[serde(rename = "default")]
    _default: Option<String>,
    #[serde(rename = "secret")]
    _secret: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Component {
    source: String,
    id: String,
    #[serde(rename = "description")]
    _description: Option<String>,
    files: Option<String>,
    #[serde(rename = "environment")]
    _environment: Option<BTreeMap<String, String>>,
    #[serde(rename = "allowedHttpHosts")]
    _allowed_http_hosts: Option<Vec<String>>,
    #[serde(rename = "keyValueStores")]
    _key_value_stores: Option<Vec<String>>,
    trigger: ComponentTrigger,
    #[serde(rename = "config")]
    _config: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentTrigger {
    route: String,
    #[serde(rename = "executor")]
    _executor: Option<toml::Table>,
}
