//! Dependencies between components (Spin 3.0). Only their names and their shape matter here: no target that we know
//! can load composed components.

use std::path::Path;

use super::component;
use super::reader::{Item, Table};
use crate::app::validate::{is_kebab_id, is_package};

/// The dependencies of one component.
#[derive(Default)]
pub(super) struct Dependencies<'d> {
    /// Their names.
    pub names: Vec<String>,
    /// The components of this application among them, and where they are named.
    pub components: Vec<(String, Item<'d>)>,
}

/// `dependencies` of a component or of a profile. `inherit_all` says whether `dependencies_inherit_configuration` is
/// given: it rules out what a single dependency says.
pub(super) fn read<'d>(item: &Item<'d>, inherit_all: bool) -> Option<Dependencies<'d>> {
    let mut found = Dependencies::default();
    for (name, item) in item.table()?.into_entries() {
        found.names.push(name.to_owned());
        if let Some(component) = dependency(name, &item, inherit_all) {
            found.components.push((component, item));
        }
    }
    Some(found)
}

/// Checks one dependency; returns the id of the component that it names, if it does.
fn dependency(name: &str, item: &Item, inherit_all: bool) -> Option<String> {
    let plain = is_kebab_id(name);
    if !plain && !is_dependency_package(name) {
        item.problem_with_hint(
            format!("`{name}` is not a valid dependency name"),
            "it is a kebab-case name, or `namespace:package`, with `/interface` and `@version` where needed",
        );
    }
    if item.value().as_str().is_some() {
        if plain {
            item.problem(format!("dependency `{name}` must name its `package`"));
        }
        return None;
    }
    if !item.value().is_table() {
        return item.unexpected("a version or a table");
    }
    let mut table = item.table()?;
    if let Some(inherit) = table.take("inherit_configuration") {
        check_inherit(&inherit, inherit_all);
    }
    let export = table.take("export");
    let component = provider(name, plain, &mut table);
    if let Some(export) = export
        && export.string().is_some()
        && !plain
        && !name.contains('/')
    {
        export.problem(format!("`{name}` is a whole package, which takes no `export`"));
    }
    table.finish();
    component
}

/// Takes what provides the dependency.
fn provider(name: &str, plain: bool, table: &mut Table) -> Option<String> {
    if let Some(path) = table.take("path") {
        path.string();
    } else if let Some(url) = table.take("url") {
        url.string();
        table.required("digest", Item::string);
    } else if let Some(id) = table.take("component") {
        return id.string();
    } else if let Some(version) = table.take("version") {
        version.string();
        table.optional("registry", Item::string);
        if table.optional("package", Item::string).is_none() && plain {
            table.problem(format!("dependency `{name}` must name its `package`"), None);
        }
    } else {
        let hint = "give a `version`, a `path`, a `url` with its `digest`, or a `component`".to_owned();
        table.problem(format!("dependency `{name}` does not say what provides it"), Some(hint));
    }
    None
}

fn check_inherit(item: &Item, inherit_all: bool) {
    match item.value().is_array() {
        true => drop(item.strings()),
        false => drop(item.boolean()),
    }
    if inherit_all {
        item.problem("`inherit_configuration` cannot stand beside `dependencies_inherit_configuration`");
    }
}

/// `namespace:package[/interface][@version]`.
fn is_dependency_package(name: &str) -> bool {
    let (name, version) = match name.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (name, None),
    };
    let (package, interface) = match name.split_once('/') {
        Some((package, interface)) => (package, Some(interface)),
        None => (name, None),
    };
    is_package(package)
        && interface.is_none_or(is_kebab_id)
        && version.is_none_or(|version| semver::Version::parse(version).is_ok())
}

/// `profile.<name>`; returns the dependencies that its profiles bring.
pub(super) fn profiles<'d>(item: &Item<'d>, inherit_all: bool, root: &Path) -> Option<Dependencies<'d>> {
    let mut found = Dependencies::default();
    for (_, item) in item.table()?.into_entries() {
        let Some(mut table) = item.table() else { continue };
        table.optional("source", |item| component::source(item, root));
        table.optional("environment", Item::string_map);
        if let Some(more) = table.optional("dependencies", |item| read(item, inherit_all)) {
            found.names.extend(more.names);
            found.components.extend(more.components);
        }
        table.optional("build", |item| {
            let mut build = item.table()?;
            build.required("command", Item::string_or_strings);
            build.finish();
            Some(())
        });
        table.finish();
    }
    Some(found)
}
