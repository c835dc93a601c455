//! The manifest inside a bindle: `RawAppManifest` of `fermyon/spin crates/loader/src/bindle/config.rs@v0.10.1`, which
//! takes no unknown key. Equal layouts give equal text: keys in a fixed order, maps sorted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::layout::{Layout, Placed};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    trigger: AppTrigger<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    variables: &'a BTreeMap<String, Variable>,
    component: Vec<Component<'a>>,
}

/// Spin 0.10 takes a trigger without `base` for one of another kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AppTrigger<'a> {
    r#type: &'static str,
    base: &'a str,
}

/// An application variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Variable {
    pub required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    pub secret: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Component<'a> {
    /// The digest of the Wasm parcel.
    source: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    /// The name of the group of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    allowed_http_hosts: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    key_value_stores: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    environment: &'a BTreeMap<String, String>,
    trigger: Trigger<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    config: &'a BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Trigger<'a> {
    route: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    executor: Option<&'a Executor>,
}

/// How a component is run, other than by default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub(super) enum Executor {
    Wagi {
        #[serde(skip_serializing_if = "Option::is_none")]
        argv: Option<String>,
        entrypoint: String,
    },
}

/// Writes the manifest. `sources` are the digests of the components' Wasm, in the layout's order.
pub(super) fn render(layout: &Layout<'_>, sources: &[String]) -> String {
    let manifest = Manifest {
        trigger: AppTrigger { r#type: "http", base: &layout.base },
        variables: &layout.variables,
        component: layout.components.iter().zip(sources).map(|(placed, source)| component(placed, source)).collect(),
    };
    toml::to_string(&manifest).expect("tables with string keys, strings, booleans and lists of them are TOML")
}

fn component<'a>(placed: &'a Placed<'_>, source: &'a str) -> Component<'a> {
    let component = placed.component;
    Component {
        source,
        id: &placed.id,
        description: component.description.as_deref(),
        files: component.has_files.then(|| placed.group()),
        allowed_http_hosts: &placed.allowed_hosts,
        key_value_stores: &component.key_value_stores,
        environment: &component.environment,
        trigger: Trigger { route: &placed.route, executor: placed.executor.as_ref() },
        config: &component.variables,
    }
}
