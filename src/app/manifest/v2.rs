//! Format 2, as Spin 4.0 takes it (`crates/manifest/src/schema/v2.rs` and `normalize.rs@v4.0.2`).

use std::collections::BTreeSet;

use super::component::{self, Surroundings};
use super::dependencies::{self, Dependencies};
use super::reader::{Item, Table, nearest};
use super::{DraftComponent, http, trigger_settings, variables};
use crate::app::validate::is_kebab_id;
use crate::app::{Application, ManifestFormat, Trigger};

/// Reads a manifest of format 2.
pub(super) fn read(mut top: Table, app: &mut Application) -> Vec<DraftComponent> {
    top.required("application", |item| application(item, app));
    app.variables = top.optional("variables", |item| variables::read(item, ManifestFormat::V2)).unwrap_or_default();
    let components = top.take("component");
    let triggers = top.required("trigger", |item| Some(item.table()?.into_entries()));
    if triggers.as_ref().is_some_and(Vec::is_empty) {
        let hint = "add a `[[trigger.http]]` with its `route` and `component`";
        top.problem("the application has no trigger, so nothing in it would ever run", Some(hint.to_owned()));
    }
    top.finish();

    let around = Surroundings {
        format: ManifestFormat::V2,
        root: &app.root,
        variables: app.variables.keys().cloned().collect(),
    };
    let mut parts = Parts::default();
    for (id, item) in components.and_then(|item| Some(item.table()?.into_entries())).unwrap_or_default() {
        check_component_id(id, &item);
        parts.ids.insert(id.to_owned());
        if let Some(draft) = component(&item, id, &around, &mut parts.references) {
            parts.components.push(draft);
        }
    }
    let mut triggers: Vec<_> = triggers
        .unwrap_or_default()
        .iter()
        .filter_map(|(kind, item)| read_triggers(kind, item, &around, &mut parts.references))
        .flatten()
        .collect();
    name_triggers(&mut triggers);
    for trigger in &mut triggers {
        parts.hoist(trigger);
    }
    parts.check_references();
    triggers.sort_by_key(|draft| draft.offset);
    app.triggers = triggers.into_iter().map(|draft| draft.trigger).collect();
    parts.components
}

/// `[application]`.
fn application(item: &Item, app: &mut Application) -> Option<()> {
    let mut table = item.table()?;
    app.name = table.required("name", Item::string).unwrap_or_default();
    app.version = table.text("version");
    app.description = table.text("description");
    app.authors = table.strings("authors");
    table.optional("targets", Item::array);
    table.optional("tool", tools);
    if let Some(kinds) = table.optional("trigger", |item| Some(item.table()?.into_entries())) {
        for (kind, item) in kinds {
            if let Some(settings) = item.table() {
                app.trigger_settings.insert(kind.to_owned(), trigger_settings(kind, settings));
            }
        }
    }
    table.finish();
    Some(())
}

/// `tool`: tables for others, in which anything goes.
fn tools(item: &Item) -> Option<()> {
    item.map(|_, item| item.table().map(drop)).map(drop)
}

fn check_component_id(id: &str, item: &Item) {
    if is_kebab_id(id) {
        return;
    }
    let message = format!("`{id}` is not a valid component id");
    let kebab = id.replace('_', "-").to_ascii_lowercase();
    if is_kebab_id(&kebab) {
        item.problem_with_hint(message, format!("write `{kebab}`"));
    } else {
        item.problem_with_hint(message, "use words joined by `-`; each begins with a letter and is all lower case");
    }
}

/// A component, declared on its own or in a trigger. Components that it names are added to `references`.
fn component<'d>(
    item: &Item<'d>,
    id: &str,
    around: &Surroundings,
    references: &mut Vec<(String, Item<'d>)>,
) -> Option<DraftComponent> {
    let mut table = item.table()?;
    let draft = component::read(&mut table, id.to_owned(), around);
    table.optional("targets", Item::array);
    table.optional("tool", tools);
    let inherit = table.take("dependencies_inherit_configuration");
    inherit.as_ref().and_then(Item::boolean);
    let own = table.optional("dependencies", |item| dependencies::read(item, inherit.is_some()));
    let profiles = table.optional("profile", |item| dependencies::profiles(item, inherit.is_some(), around.root));
    table.finish();

    let mut draft = draft?;
    for Dependencies { names, components } in own.into_iter().chain(profiles) {
        draft.component.dependencies.extend(names);
        references.extend(components);
    }
    draft.component.dependencies.sort();
    draft.component.dependencies.dedup();
    Some(draft)
}

/// A trigger whose id, and whose components' ids, may still be missing.
struct DraftTrigger<'d> {
    /// The trigger; its id is empty where none is given.
    trigger: Trigger,
    /// What `component` says.
    component: Option<Spec<'d>>,
    /// What `components` says, by name.
    others: Vec<(String, Vec<Spec<'d>>)>,
    /// Where it stands.
    offset: usize,
}

/// How a trigger names a component.
enum Spec<'d> {
    /// By its id.
    Reference(String, Item<'d>),
    /// By being it; its id is still empty.
    Inline(Box<DraftComponent>),
}

/// `[[trigger.<kind>]]`.
fn read_triggers<'d>(
    kind: &str,
    item: &Item<'d>,
    around: &Surroundings,
    references: &mut Vec<(String, Item<'d>)>,
) -> Option<Vec<DraftTrigger<'d>>> {
    if item.value().is_table() {
        item.problem_with_hint("expected an array of tables, found a table", format!("write `[[trigger.{kind}]]`"));
        return None;
    }
    item.list(|item| read_trigger(kind, &item, around, references))
}

fn read_trigger<'d>(
    kind: &str,
    item: &Item<'d>,
    around: &Surroundings,
    references: &mut Vec<(String, Item<'d>)>,
) -> Option<DraftTrigger<'d>> {
    let mut table = item.table()?;
    let id = table.text("id").unwrap_or_default();
    let component_item = table.take("component");
    let component = component_item.as_ref().and_then(|item| spec(item, around, references));
    let others_item = table.take("components");
    let others = others_item.as_ref().and_then(|item| other_specs(item, around, references)).unwrap_or_default();
    let config = table.free();
    let http = if kind == "http" {
        if let Some(item) = &others_item {
            item.problem("an http trigger runs one `component`; it takes no `components`");
        }
        http::trigger(table, component_item.is_some())
    } else {
        None
    };
    let trigger = Trigger { id, kind: kind.to_owned(), component: None, config, at: item.place(), http };
    Some(DraftTrigger { trigger, component, others, offset: item.offset })
}

/// A component's id, or the component itself.
fn spec<'d>(item: &Item<'d>, around: &Surroundings, references: &mut Vec<(String, Item<'d>)>) -> Option<Spec<'d>> {
    if let Some(id) = item.value().as_str() {
        return Some(Spec::Reference(id.to_owned(), item.clone()));
    }
    if !item.value().is_table() {
        return item.unexpected("a component's id, or a component as a table");
    }
    Some(Spec::Inline(Box::new(component(item, "", around, references)?)))
}

/// `components`: each name has one component or a list of them.
fn other_specs<'d>(
    item: &Item<'d>,
    around: &Surroundings,
    references: &mut Vec<(String, Item<'d>)>,
) -> Option<Vec<(String, Vec<Spec<'d>>)>> {
    let entries = item.table()?.into_entries().into_iter();
    Some(
        entries
            .filter_map(|(name, item)| {
                let specs = match item.value().is_array() {
                    true => item.list(|item| spec(&item, around, references))?,
                    false => vec![spec(&item, around, references)?],
                };
                Some((name.to_owned(), specs))
            })
            .collect(),
    )
}

/// Gives an id to every trigger without one: `<component>-<kind>-trigger`, where it refers to a component and the id
/// is free, else `<kind>-trigger<N>` with a count for each kind.
fn name_triggers(triggers: &mut [DraftTrigger]) {
    let mut taken: BTreeSet<String> = triggers.iter().map(|draft| draft.trigger.id.clone()).collect();
    for DraftTrigger { trigger, component, .. } in triggers {
        if !trigger.id.is_empty() {
            continue;
        }
        let natural = match component {
            Some(Spec::Reference(component, _)) => Some(format!("{component}-{}-trigger", trigger.kind)),
            _ => None,
        };
        trigger.id = natural
            .filter(|id| !taken.contains(id))
            .unwrap_or_else(|| first_free(&format!("{}-trigger", trigger.kind), &taken));
        taken.insert(trigger.id.clone());
    }
}

/// `<stem><N>` with the smallest N that makes it free.
fn first_free(stem: &str, taken: &BTreeSet<String>) -> String {
    (1..=taken.len() + 1)
        .map(|count| format!("{stem}{count}"))
        .find(|id| !taken.contains(id))
        .expect("one of n + 1 different ids is not among n taken ones")
}

/// The components of the application, and who refers to them.
#[derive(Default)]
struct Parts<'d> {
    components: Vec<DraftComponent>,
    /// The ids of all components, those that could not be read included.
    ids: BTreeSet<String>,
    /// Ids that something refers to, and where.
    references: Vec<(String, Item<'d>)>,
}

impl<'d> Parts<'d> {
    /// Moves a trigger's inline components among the application's own, and leaves their ids with the trigger.
    fn hoist(&mut self, draft: &mut DraftTrigger<'d>) {
        let count =
            usize::from(draft.component.is_some()) + draft.others.iter().map(|(_, specs)| specs.len()).sum::<usize>();
        let natural = Some(format!("{}-component", draft.trigger.id)).filter(|id| count == 1 && is_kebab_id(id));
        draft.trigger.component = draft.component.take().map(|spec| self.settle(spec, &natural));
        let others: toml::Table = std::mem::take(&mut draft.others)
            .into_iter()
            .map(|(name, specs)| {
                let ids = specs.into_iter().map(|spec| toml::Value::String(self.settle(spec, &natural)));
                (name, toml::Value::Array(ids.collect()))
            })
            .collect();
        if !others.is_empty() {
            draft.trigger.config.insert("components".to_owned(), others.into());
        }
    }

    /// The id of a component that a trigger names; an inline one gets the `natural` id, where that is free, else
    /// `inline-component<N>`.
    fn settle(&mut self, spec: Spec<'d>, natural: &Option<String>) -> String {
        match spec {
            Spec::Reference(id, item) => {
                self.references.push((id.clone(), item));
                id
            }
            Spec::Inline(mut draft) => {
                let free = natural.clone().filter(|id| !self.ids.contains(id));
                let id = free.unwrap_or_else(|| first_free("inline-component", &self.ids));
                self.ids.insert(id.clone());
                draft.component.id.clone_from(&id);
                self.components.push(*draft);
                id
            }
        }
    }

    /// Reports references to components that do not exist.
    fn check_references(&self) {
        for (id, item) in &self.references {
            if self.ids.contains(id) {
                continue;
            }
            let message = format!("the application has no component `{id}`");
            match nearest(id, self.ids.iter().map(String::as_str)) {
                Some(near) => item.problem_with_hint(message, format!("did you mean `{near}`?")),
                None => item.problem_with_hint(message, format!("declare it in `[component.{id}]`")),
            }
        }
    }
}
