//! What a bindle will hold, decided without reading a file: the features of an application, one by one.

use std::collections::BTreeMap;

use super::hosts;
use super::manifest::{Executor as WireExecutor, Variable as WireVariable};
use super::route::{Pattern, has_newer_parts};
use crate::app::{
    Application, Component, Executor, HttpRoute, HttpTrigger, ManifestFormat, Place, Source, Trigger, Variable,
};
use crate::package::common::{below, check_runs, check_variable_names, http_base, quoted, rooted};
use crate::package::identity::{self, Identity, Naming};
use crate::package::{Findings, Options, Route};

const NAMING: Naming = Naming { code: "E12", bundle: "a bindle", without_version: None };

/// What a bindle will hold.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    pub identity: Identity,
    /// The common base of all routes.
    pub base: String,
    /// The application's variables with the values that they will have.
    pub variables: BTreeMap<String, WireVariable>,
    /// In the bindle's order.
    pub components: Vec<Placed<'a>>,
    /// In the manifest's order.
    pub routes: Vec<Route>,
}

/// A component of the bindle: one of the application with one of its triggers.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    /// The component's own id, or that of its copy for a further trigger.
    pub id: String,
    pub component: &'a Component,
    trigger: &'a Trigger,
    /// The route with a leading slash.
    pub route: String,
    /// The route with its base.
    pub pattern: Pattern,
    /// `None` for the default.
    pub executor: Option<WireExecutor>,
    pub allowed_hosts: Vec<String>,
}

impl Placed<'_> {
    /// The name of its group of files.
    pub fn group(&self) -> String {
        format!("files-{}", self.id)
    }
}

/// Lays the application out as a bindle. There is no layout where something is refused.
pub(super) fn lay_out<'a>(app: &'a Application, options: &Options) -> (Option<Layout<'a>>, Findings) {
    let mut findings = Findings::default();
    let identity = identity::identify(app, &NAMING, &options.build_info, &mut findings);
    check_trigger_types(app, &mut findings);
    let variables = map_variables(app, options, &mut findings);
    let base = http_base(app);
    let mut components = place_components(app, &base, &mut findings);
    check_routes(&components, &mut findings);
    let routes = components.iter().map(route).collect();
    order(&mut components, app.format, &mut findings);
    let layout = identity.filter(|_| findings.refusals.is_empty()).map(|identity| Layout {
        identity,
        base,
        variables,
        components,
        routes,
    });
    (layout, findings)
}

/// The components that triggers run, in the manifest's order.
pub(super) fn used_components(app: &Application) -> impl Iterator<Item = &Component> {
    app.components.iter().filter(|component| triggers_of(app, component).next().is_some())
}

fn triggers_of<'a>(app: &'a Application, component: &'a Component) -> impl Iterator<Item = &'a Trigger> {
    app.triggers.iter().filter(|trigger| trigger.component.as_ref() == Some(&component.id))
}

fn check_trigger_types(app: &Application, findings: &mut Findings) {
    let mut kinds: Vec<&str> = app.triggers.iter().map(|trigger| trigger.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds == ["http"] {
        return;
    }
    let remedy =
        "keep the http triggers in this application and move the others to one of their own, for another target";
    match app.triggers.iter().find(|trigger| trigger.kind != "http") {
        Some(trigger) => findings.refuse(
            "E1",
            trigger.at.clone(),
            format!(
                "a bindle is run for its http triggers only; this application has triggers of type {}",
                kinds.join(", ")
            ),
            remedy,
        ),
        None => findings.refuse(
            "E1",
            Place { file: app.manifest.clone(), line: 0, key: "trigger".into() },
            "a bindle is run for its http triggers only; this application has no trigger",
            "add an http trigger",
        ),
    }
}

fn map_variables(app: &Application, options: &Options, findings: &mut Findings) -> BTreeMap<String, WireVariable> {
    check_variable_names(app, options, None, findings);
    app.variables
        .iter()
        .map(|(name, variable)| {
            let given = options.variables.get(name);
            check_variable(name, variable, given.is_some(), findings);
            let default = given.or(variable.default.as_ref()).cloned();
            (name.clone(), WireVariable { required: default.is_none(), default, secret: variable.secret })
        })
        .collect()
}

/// Hippo passes no variables to an application, so that a bindle can carry values only as defaults, in clear text.
fn check_variable(name: &str, variable: &Variable, given: bool, findings: &mut Findings) {
    match (given, variable.secret) {
        (true, true) => findings.refuse(
            None,
            variable.at.clone(),
            format!("variable `{name}` is secret, and its value would stand in clear text in the bindle"),
            format!(
                "choose a target that keeps secrets, or remove `secret = true` from `{name}` if everybody may read it"
            ),
        ),
        (true, false) => findings.warn(format!(
            "the value of variable `{name}` stands in clear text in the bindle, for everybody who can read that"
        )),
        (false, _) if variable.required => findings.refuse(
            "E9",
            variable.at.clone(),
            format!("variable `{name}` is required, and bindles run with the values that they carry"),
            format!("pass `--variable {name}=…`, or give it a `default`"),
        ),
        (false, true) => findings.warn(format!(
            "variable `{name}` is secret, and its default stands in clear text in the bindle, for everybody who can \
             read that"
        )),
        (false, false) => {}
    }
}

/// The bindle's components in the manifest's order: one for each trigger.
fn place_components<'a>(app: &'a Application, base: &str, findings: &mut Findings) -> Vec<Placed<'a>> {
    for trigger in &app.triggers {
        if let Some(http) = &trigger.http {
            check_http_trigger(app, trigger, http, findings);
        }
    }
    let mut placed = Vec::new();
    for component in &app.components {
        let triggers: Vec<&Trigger> = triggers_of(app, component).collect();
        if triggers.is_empty() {
            findings.warn(format!("component `{}` is left out: no trigger runs it", component.id));
            continue;
        }
        check_component(component, findings);
        let allowed_hosts = hosts::map(component, app.format, findings);
        let triggers: Vec<&Trigger> = triggers.into_iter().filter(|trigger| trigger.kind == "http").collect();
        let ids = copy_ids(app, &component.id, triggers.len());
        if ids.len() > 1 {
            findings.warn(format!(
                "component `{}` has {} triggers and is packaged once for each, as {}: a component of Spin 0.10 has one",
                component.id,
                ids.len(),
                quoted(&ids)
            ));
        }
        for (id, trigger) in ids.into_iter().zip(triggers) {
            // A trigger of another type and a private route are refused elsewhere.
            let Some(http) = &trigger.http else { continue };
            let HttpRoute::Path(route) = &http.route else { continue };
            placed.push(Placed {
                id,
                component,
                trigger,
                pattern: Pattern::new(base, route),
                route: rooted(route),
                executor: wire_executor(&http.executor),
                allowed_hosts: allowed_hosts.clone(),
            });
        }
    }
    placed
}

fn wire_executor(executor: &Executor) -> Option<WireExecutor> {
    match executor {
        Executor::Http => None,
        Executor::Wagi { argv, entrypoint } => {
            let entrypoint = entrypoint.clone().unwrap_or_else(|| "_start".into());
            Some(WireExecutor::Wagi { argv: argv.clone(), entrypoint })
        }
    }
}

/// The component's own id, then `<id>--2` and so on, without those that the manifest has already.
fn copy_ids(app: &Application, id: &str, count: usize) -> Vec<String> {
    let taken = |copy: &String| app.components.iter().any(|component| component.id == *copy);
    let copies = (2_usize..).map(|n| format!("{id}--{n}")).filter(|copy| !taken(copy));
    std::iter::once(id.to_owned()).chain(copies).take(count).collect()
}

fn check_http_trigger(app: &Application, trigger: &Trigger, http: &HttpTrigger, findings: &mut Findings) {
    let id = &trigger.id;
    if http.static_response.is_some() {
        findings.refuse(
            "E2",
            trigger.at.clone(),
            format!("trigger `{id}` answers with static_response, which needs Spin 3.5; bindles run on Spin 0.10"),
            "let a component answer, or choose a target with a newer Spin",
        );
        return;
    }
    check_runs(app, trigger, findings);
    match &http.route {
        HttpRoute::Private => findings.refuse(
            "E3",
            trigger.at.clone(),
            format!("trigger `{id}` has a private route, which needs Spin 2.5; bindles run on Spin 0.10"),
            "give it a public route, or choose a target with a newer Spin",
        ),
        HttpRoute::Path(route) if has_newer_parts(route) => findings.refuse(
            "E4",
            below(&trigger.at, "route"),
            format!("route `{route}` has `:name` or `*` parts, which need Spin 2.5; bindles run on Spin 0.10"),
            "write an exact route, or one that ends in `/...`, or choose a target with a newer Spin",
        ),
        HttpRoute::Path(_) => {}
    }
}

fn check_component(component: &Component, findings: &mut Findings) {
    let id = &component.id;
    if !component.dependencies.is_empty() {
        findings.refuse(
            "E6",
            below(&component.at, "dependencies"),
            format!(
                "component `{id}` depends on other components ({}), which needs Spin 3.0; bindles run on Spin 0.10",
                quoted(&component.dependencies)
            ),
            "build everything into one core module, or choose a target with a newer Spin",
        );
    }
    if let Source::Registry { package, version, .. } = &component.source {
        findings.refuse(
            "E7",
            below(&component.at, "source"),
            format!("component `{id}` comes from a component registry ({package}@{version}), which needs Spin 2.6; bindles run on Spin 0.10"),
            "download a core module and name it as `source`, by its path or by `url` and `digest`",
        );
    }
    for (needs, key, feature) in [
        (&component.sqlite_databases, "sqlite_databases", "SQLite, which needs Spin 1.3"),
        (&component.ai_models, "ai_models", "AI models, which need Spin 1.5"),
    ] {
        if !needs.is_empty() {
            findings.refuse(
                "E11",
                below(&component.at, key),
                format!("component `{id}` uses {feature}; bindles run on Spin 0.10"),
                format!("remove `{key}`, or choose a target with a newer Spin"),
            );
        }
    }
    warn_of_key_value_stores(component, findings);
}

/// An application from a bindle has only the store `default`, which lives in memory
/// (`fermyon/spin crates/trigger/src/lib.rs@v0.10.1`).
fn warn_of_key_value_stores(component: &Component, findings: &mut Findings) {
    let id = &component.id;
    let (default, others): (Vec<&String>, Vec<&String>) =
        component.key_value_stores.iter().partition(|store| *store == "default");
    if !default.is_empty() {
        findings.warn(format!(
            "component `{id}`: the key-value store of a bindle lives in memory; it is empty after every restart, and \
             each instance of the application has its own"
        ));
    }
    for store in others {
        findings.warn(format!(
            "component `{id}`: a bindle has no key-value store but `default`; opening `{store}` will fail"
        ));
    }
}

fn check_routes(components: &[Placed<'_>], findings: &mut Findings) {
    let mut known = BTreeMap::new();
    for placed in components {
        let Some(earlier) = known.insert(&placed.pattern, placed) else { continue };
        let (one, other) = (&earlier.component.id, &placed.component.id);
        findings.refuse(
            "E5",
            below(&placed.trigger.at, "route"),
            match one == other {
                true => format!("route `{}` leads to component `{one}` twice", placed.pattern),
                false => format!("route `{}` leads to components `{one}` and `{other}`", placed.pattern),
            },
            "give each trigger a route of its own",
        );
    }
}

fn route(placed: &Placed<'_>) -> Route {
    Route {
        component: placed.component.id.clone(),
        path: placed.pattern.path().to_owned(),
        wildcard: placed.pattern.wildcard,
        description: placed.component.description.clone(),
    }
}

/// Of several components whose routes match, Spin up to 0.10 lets the *last* one answer, newer ones the most specific
/// one. So an application of the newer kind gets its most specific routes last; one of the old kind keeps its order.
fn order(components: &mut [Placed<'_>], format: ManifestFormat, findings: &mut Findings) {
    if format == ManifestFormat::V2 {
        components.sort_by(|one, other| one.pattern.specificity().cmp(&other.pattern.specificity()));
        return;
    }
    for (index, hidden) in components.iter().enumerate() {
        let by = components[index + 1..]
            .iter()
            .find(|later| later.pattern != hidden.pattern && later.pattern.covers(&hidden.pattern));
        if let Some(later) = by {
            findings.warn(format!(
                "component `{}` will not answer on `{}`: Spin 0.10 asks the last component whose route matches, which \
                 is `{}` with `{}`; move that one up in the manifest",
                hidden.id, hidden.pattern, later.id, later.pattern
            ));
        }
    }
}
