//! What the formats have in common in reading an application.

use super::{Findings, Options};
use crate::app::{Application, ManifestFormat, Place, Trigger};

/// A place below another one.
pub(super) fn below(place: &Place, key: &str) -> Place {
    let key = if place.key.is_empty() { key.to_owned() } else { format!("{}.{key}", place.key) };
    Place { key, ..place.clone() }
}

/// Where the manifest has one of the application's own keys.
pub(super) fn app_place(app: &Application, key: &str) -> Place {
    match app.format {
        ManifestFormat::V1 => top_place(app, key),
        ManifestFormat::V2 => top_place(app, &format!("application.{key}")),
    }
}

/// Where the manifest has a key of its first level.
pub(super) fn top_place(app: &Application, key: &str) -> Place {
    Place { file: app.manifest.clone(), line: 0, key: key.to_owned() }
}

/// The common base of all routes.
pub(super) fn http_base(app: &Application) -> String {
    let given =
        app.trigger_settings.get("http").and_then(|settings| settings.get("base")).and_then(toml::Value::as_str);
    rooted(given.unwrap_or("/"))
}

/// Adds the leading slash that older versions of Spin do not add by themselves.
pub(super) fn rooted(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

pub(super) fn quoted(names: impl IntoIterator<Item: std::fmt::Display>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Refuses values for variables that the application does not have.
pub(super) fn check_variable_names(
    app: &Application,
    options: &Options,
    code: Option<&'static str>,
    findings: &mut Findings,
) {
    for name in options.variables.keys().filter(|name| !app.variables.contains_key(*name)) {
        findings.refuse(
            code,
            top_place(app, "variables"),
            format!("the application has no variable `{name}`"),
            format!("declare `{name}` under `variables` in the manifest, or leave out `--variable {name}=…`"),
        );
    }
}

/// Makes sure that a trigger runs a component that there is.
pub(super) fn check_runs(app: &Application, trigger: &Trigger, findings: &mut Findings) {
    let id = &trigger.id;
    match &trigger.component {
        Some(name) if app.components.iter().any(|component| component.id == *name) => {}
        Some(name) => findings.refuse(
            None,
            trigger.at.clone(),
            format!("trigger `{id}` runs component `{name}`, which the manifest does not define"),
            format!("define component `{name}`, or correct its name in the trigger"),
        ),
        None => findings.refuse(
            None,
            trigger.at.clone(),
            format!("trigger `{id}` runs no component"),
            "name a `component` in the trigger",
        ),
    }
}
