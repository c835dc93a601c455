//! Both manifest formats, turned into the model.

mod component;
mod dependencies;
mod http;
mod reader;
mod v1;
mod v2;
mod variables;

use std::path::Path;

use toml::de::{DeTable, DeValue};

use self::reader::{Item, Table};
use super::files::Selection;
use super::problem::Problems;
use super::{Application, Component, ManifestFormat, Place};

/// A manifest as it was read: the application, but for what lies on the disk.
#[derive(Debug)]
pub(super) struct Draft {
    /// The application without its components.
    pub application: Application,
    /// Its components, in order.
    pub components: Vec<DraftComponent>,
}

/// A component whose files are still to be found.
#[derive(Debug)]
pub(super) struct DraftComponent {
    /// The component without its files.
    pub component: Component,
    /// What selects its files.
    pub selection: Selection,
    /// Where its source is given.
    pub source_at: Place,
}

/// Reads a manifest's text; `root` is the directory that it lies in. `None` when there was no going on.
pub(super) fn read(problems: &Problems, manifest: &Path, root: &Path, text: &str) -> Option<Draft> {
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let at = error.span().map_or_else(|| problems.whole(), |span| problems.place(span.start, ""));
            problems.add(at, format!("not valid TOML: {}", error.message().trim().replace('\n', "; ")), None);
            return None;
        }
    };
    let mut top = Table::new(problems, document.get_ref(), 0, "");
    let format = format(&mut top)?;
    let mut application = Application {
        manifest: manifest.to_owned(),
        root: root.to_owned(),
        format,
        name: String::new(),
        version: None,
        description: None,
        authors: Vec::new(),
        variables: Default::default(),
        trigger_settings: Default::default(),
        triggers: Vec::new(),
        components: Vec::new(),
        warnings: Vec::new(),
    };
    let components = match format {
        ManifestFormat::V1 => v1::read(top, &mut application),
        ManifestFormat::V2 => v2::read(top, &mut application),
    };
    Some(Draft { application, components })
}

/// Tells the formats apart, as `crates/manifest/src/lib.rs@v4.0.2` does: the string `"1"`, the integer `2`, and
/// nothing else.
fn format(top: &mut Table) -> Option<ManifestFormat> {
    const BOTH_WAYS: &str = "format 1 is the string \"1\", format 2 is the number 2 without quotes";
    let version = top.take("spin_manifest_version");
    let alias = top.take("spin_version");
    let by_alias = alias.is_some();
    let item = match (version, alias) {
        (Some(_), Some(alias)) => {
            alias.problem("`spin_version` and `spin_manifest_version` are two spellings of one key: keep one");
            return None;
        }
        (None, None) => {
            let hint = "is this the manifest of a Spin application? It begins with `spin_manifest_version = 2`";
            top.problem("`spin_manifest_version` is missing", Some(hint.to_owned()));
            return None;
        }
        (Some(item), None) | (None, Some(item)) => item,
    };
    match item.value() {
        DeValue::String(text) if text == "1" => Some(ManifestFormat::V1),
        value if is_two(value) && by_alias => {
            item.problem_with_hint("format 2 does not know `spin_version`", "write `spin_manifest_version = 2`");
            None
        }
        value if is_two(value) => Some(ManifestFormat::V2),
        value => {
            item.problem_with_hint(format!("invalid manifest version: {}", show(value)), BOTH_WAYS);
            None
        }
    }
}

fn is_two(value: &DeValue) -> bool {
    value.as_integer().is_some_and(|number| i64::from_str_radix(number.as_str(), number.radix()) == Ok(2))
}

fn show(value: &DeValue) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(value) => value.to_string(),
        DeValue::Array(_) => "an array".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// `[application.trigger.<type>]`, or what format 1 says for all triggers. That of http triggers is read strictly, as
/// every http trigger would be at its start.
fn trigger_settings(kind: &str, settings: Table) -> toml::Table {
    let free = settings.free();
    if kind == "http" {
        http::check_settings(settings);
    }
    free
}

/// The name of a variable and its value; the name is the key of `item`.
fn check_variable_name(name: &str, item: &Item, format: ManifestFormat) {
    let valid = match format {
        ManifestFormat::V1 => super::validate::is_v1_variable(name),
        ManifestFormat::V2 => super::validate::is_lower_snake_id(name),
    };
    if !valid {
        item.problem_with_hint(
            format!("`{name}` is not a valid variable name"),
            match format {
                ManifestFormat::V1 => "use lower-case letters, digits and single `_`; begin with a letter",
                ManifestFormat::V2 => {
                    "use lower-case words joined by `_`; each begins with a letter and goes on with letters and digits"
                }
            },
        );
    }
}
