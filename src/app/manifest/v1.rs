//! Format 1, as Spin 0.1 to 1.5 took it (`fermyon/spin crates/loader/src/local/config.rs`).

use std::collections::BTreeMap;

use super::component::{self, Surroundings};
use super::reader::{Item, Table};
use super::{DraftComponent, http, trigger_settings, variables};
use crate::app::{Application, ManifestFormat, Place, Trigger, Variable};

/// Reads a manifest of format 1.
pub(super) fn read(mut top: Table, app: &mut Application) -> Vec<DraftComponent> {
    app.name = top.required("name", Item::string).unwrap_or_default();
    app.version = top.text("version");
    app.description = top.text("description");
    app.authors = top.strings("authors");
    app.variables = variables(&mut top);
    // Deprecated since 1.1; it never had a meaning.
    top.text("namespace");
    let kind = top.required("trigger", |item| {
        let mut table = item.table()?;
        let kind = table.required("type", Item::string)?;
        app.trigger_settings.insert(kind.clone(), trigger_settings(&kind, table));
        Some(kind)
    });
    let components = top.take("component").map_or_else(|| Some(Vec::new()), |item| item.array());
    if components.as_ref().is_some_and(Vec::is_empty) {
        let hint = "add a `[[component]]` with its `trigger`";
        top.problem("the application has no component", Some(hint.to_owned()));
    }
    top.finish();

    let around = Surroundings {
        format: ManifestFormat::V1,
        root: &app.root,
        variables: app.variables.keys().cloned().collect(),
    };
    let mut ids = BTreeMap::new();
    let mut drafts = Vec::new();
    for item in components.unwrap_or_default() {
        let (draft, trigger) = component(&item, kind.as_deref(), &around, &mut ids).unwrap_or_default();
        drafts.extend(draft);
        app.triggers.extend(trigger);
    }
    drafts
}

/// `[variables]`, in Spin 0.2 to 0.4 spelt `[config]`.
fn variables(top: &mut Table) -> BTreeMap<String, Variable> {
    let (new, old) = (top.take("variables"), top.take("config"));
    if let (Some(_), Some(old)) = (&new, &old) {
        old.problem("`config` is an older spelling of `variables`: keep one");
    }
    new.or(old).and_then(|item| variables::read(&item, ManifestFormat::V1)).unwrap_or_default()
}

/// One `[[component]]` with its one trigger.
fn component(
    item: &Item,
    kind: Option<&str>,
    around: &Surroundings,
    ids: &mut BTreeMap<String, Place>,
) -> Option<(Option<DraftComponent>, Option<Trigger>)> {
    let mut table = item.table()?;
    let id = table.take("id");
    let trigger = table.take("trigger");
    let id_item = match id {
        Some(item) => item,
        None => {
            table.problem("`id` is missing", None);
            return None;
        }
    };
    let id = id_item.string()?;
    if let Some(first) = ids.insert(id.clone(), id_item.place()) {
        id_item.problem(format!("component id `{id}` is taken: it is used on line {} already", first.line));
    }
    let draft = component::read(&mut table, id.clone(), around);
    let trigger = match trigger {
        Some(item) => item.table().map(|table| Trigger {
            id: format!("trigger-{id}"),
            kind: kind.unwrap_or_default().to_owned(),
            component: Some(id),
            config: table.free(),
            at: item.place(),
            http: (kind == Some("http")).then(|| http::trigger(table, true)).flatten(),
        }),
        None => {
            table.problem(format!("component `{id}` has no `trigger`"), None);
            None
        }
    };
    table.finish();
    Some((draft, trigger))
}
