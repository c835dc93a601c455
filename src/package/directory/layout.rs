//! What a package will hold, decided without reading a file.

use std::collections::{BTreeMap, BTreeSet};

use super::hosts::{self, AllowedHosts};
use super::{Executor, RoutePattern, ServedTrigger, StaticResponse, TriggerRoute, Values};
use crate::app::{self, Application, Component, HttpRoute, HttpTrigger, Trigger, expand_template};
use crate::package::common::{below, check_runs, check_variable_names, http_base, top_place};
use crate::package::identity::{self, Identity, Naming};
use crate::package::{Findings, Options, Route};

const NAMING: Naming =
    Naming { code: "L15", bundle: "a package", without_version: Some(semver::Version::new(0, 0, 0)) };

/// What a package will hold.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    /// `None` where name or version are refused.
    pub identity: Option<Identity>,
    /// The common base of all routes.
    pub base: String,
    /// In the manifest's order.
    pub triggers: Vec<ServedTrigger>,
    /// In the manifest's order.
    pub components: Vec<Placed<'a>>,
    /// In the manifest's order.
    pub routes: Vec<Route>,
}

/// A component of the package.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    pub component: &'a Component,
    /// With the values of variables.
    pub variables: Values,
    /// One list, with the values of variables.
    pub allowed_outbound_hosts: Vec<String>,
}

/// Lays the application out. What is refused is left out, and the layout good for checking only.
pub(super) fn lay_out<'a>(app: &'a Application, options: &Options) -> (Layout<'a>, Findings) {
    let mut findings = Findings::default();
    let identity = identity::identify(app, &NAMING, &options.build_info, &mut findings);
    let values = values(app, options, &mut findings);
    let base = http_base(app);
    let (triggers, routes) = place_triggers(app, &base, &mut findings);
    let components = place_components(app, &triggers, &values, &mut findings);
    (Layout { identity, base, triggers, components, routes }, findings)
}

/// The values of the application's variables; those without one are refused and left out.
fn values<'a>(app: &'a Application, options: &'a Options, findings: &mut Findings) -> BTreeMap<&'a str, &'a str> {
    check_variable_names(app, options, Some("L13"), findings);
    let mut values = BTreeMap::new();
    for (name, variable) in &app.variables {
        match options.variables.get(name).or(variable.default.as_ref()) {
            Some(value) => {
                values.insert(name.as_str(), value.as_str());
            }
            None => findings.refuse(
                "L12",
                variable.at.clone(),
                format!("variable `{name}` is required and has no value"),
                format!("pass `--variable {name}=VALUE`, or give it a `default`"),
            ),
        }
    }
    values
}

fn http_triggers(app: &Application) -> impl Iterator<Item = (&Trigger, &HttpTrigger)> {
    app.triggers.iter().filter_map(|trigger| Some((trigger, trigger.http.as_ref()?)))
}

fn place_triggers(app: &Application, base: &str, findings: &mut Findings) -> (Vec<ServedTrigger>, Vec<Route>) {
    if http_triggers(app).next().is_none() {
        findings.refuse(
            "L1",
            top_place(app, "trigger"),
            "the application has no http trigger, so nothing of it would ever answer",
            "add an http trigger",
        );
    }
    let (mut triggers, mut routes) = (Vec::new(), Vec::new());
    let mut known: Vec<(RoutePattern, &Trigger)> = Vec::new();
    for (trigger, http) in http_triggers(app) {
        if http.static_response.is_none() {
            check_runs(app, trigger, findings);
        }
        triggers.push(served_trigger(trigger, http));
        let HttpRoute::Path(written) = &http.route else { continue };
        let Some(pattern) = check_route(base, written, trigger, &known, findings) else { continue };
        routes.push(route(app, trigger, &pattern));
        known.push((pattern, trigger));
    }
    (triggers, routes)
}

fn check_route(
    base: &str,
    written: &str,
    trigger: &Trigger,
    known: &[(RoutePattern, &Trigger)],
    findings: &mut Findings,
) -> Option<RoutePattern> {
    let at = below(&trigger.at, "route");
    let pattern = match RoutePattern::new(base, written) {
        Ok(pattern) => pattern,
        Err(error) => {
            let message = format!("route `{}` {error}", written.escape_debug());
            findings.refuse(
                "L2",
                at,
                message,
                "write a path, with parts like `/:name` or `/...` at its end if need be",
            );
            return None;
        }
    };
    if pattern.is_reserved() {
        findings.refuse(
            "L4",
            at.clone(),
            format!("route `{pattern}` lies below `/.well-known/spin/`, where Spin itself answers"),
            "choose another path",
        );
    }
    if let Some((_, earlier)) = known.iter().find(|(earlier, _)| earlier.is_same_as(&pattern)) {
        findings.refuse(
            "L3",
            at,
            format!("route `{pattern}` is that of trigger `{}` already", earlier.id),
            "give each trigger a route of its own",
        );
    }
    Some(pattern)
}

fn route(app: &Application, trigger: &Trigger, pattern: &RoutePattern) -> Route {
    let component = trigger.component.as_ref().and_then(|id| app.components.iter().find(|it| it.id == *id));
    Route {
        component: trigger.component.as_ref().unwrap_or(&trigger.id).clone(),
        path: pattern.path().to_owned(),
        wildcard: pattern.is_wildcard(),
        description: component.and_then(|component| component.description.clone()),
    }
}

fn served_trigger(trigger: &Trigger, http: &HttpTrigger) -> ServedTrigger {
    ServedTrigger {
        id: trigger.id.clone(),
        route: match &http.route {
            HttpRoute::Path(path) => TriggerRoute::Path(path.clone()),
            HttpRoute::Private => TriggerRoute::Private,
        },
        component: trigger.component.clone(),
        executor: served_executor(&http.executor),
        static_response: http.static_response.as_ref().map(|response| StaticResponse {
            status: response.status,
            headers: response.headers.clone(),
            body: response.body.clone(),
        }),
    }
}

/// The defaults are those of `crates/http/src/config.rs@v4.0.2`.
fn served_executor(executor: &app::Executor) -> Executor {
    match executor {
        app::Executor::Http => Executor::Http,
        app::Executor::Wagi { argv, entrypoint } => Executor::Wagi {
            argv: argv.clone().unwrap_or_else(|| "${SCRIPT_NAME} ${ARGS}".into()),
            entrypoint: entrypoint.clone().unwrap_or_else(|| "_start".into()),
        },
    }
}

/// The components that triggers run and those that these may call, directly or not, in the manifest's order.
fn place_components<'a>(
    app: &'a Application,
    triggers: &[ServedTrigger],
    values: &BTreeMap<&str, &str>,
    findings: &mut Findings,
) -> Vec<Placed<'a>> {
    let run = |component: &Component| triggers.iter().any(|it| it.component.as_ref() == Some(&component.id));
    let (mut next, mut rest): (Vec<&Component>, Vec<&Component>) = app.components.iter().partition(|it| run(it));
    let mut placed: Vec<Placed<'a>> = Vec::new();
    while !next.is_empty() {
        let mut called = AllowedHosts::default();
        for component in next {
            let (one, hosts) = place(app, component, values, findings);
            called.extend(hosts);
            placed.push(one);
        }
        (next, rest) = rest.into_iter().partition(|it| called.allow_component(&it.id));
    }
    for component in rest {
        findings.warn(format!("component `{}` is left out: nothing runs it", component.id));
    }
    placed.sort_by_key(|one| app.components.iter().position(|it| it.id == one.component.id));
    placed
}

fn place<'a>(
    app: &Application,
    component: &'a Component,
    values: &BTreeMap<&str, &str>,
    findings: &mut Findings,
) -> (Placed<'a>, AllowedHosts) {
    // The manifest's templates are valid: what cannot be expanded lacks a value, and that is refused already.
    let expand = |text: &str| expand_template(text, |name| values.get(name).copied()).ok();
    let variables = component.variables.iter();
    let variables = variables.filter_map(|(name, text)| Some((name.clone(), expand(text)?))).collect();
    let mut list: Vec<String> = hosts::implied(component, app.format).iter().map(|entry| entry.to_string()).collect();
    for listed in hosts::listed(component) {
        let meaning =
            listed.meaning.map(|entries| entries.iter().filter_map(|entry| expand(entry)).collect::<Vec<_>>());
        match meaning.map_err(str::to_owned).and_then(|entries| check_entries(entries).map_err(|error| error.why)) {
            Ok(entries) => list.extend(entries),
            // The values, which may be secret, are not repeated.
            Err(why) => findings.refuse(
                "L14",
                below(&component.at, listed.key),
                format!("component `{}`: `{}` is no host to allow: {why}", component.id, listed.written.escape_debug()),
                "write it like `https://example.com:8443`; `*` stands for any scheme, host or port",
            ),
        }
    }
    let mut known = BTreeSet::new();
    list.retain(|entry| known.insert(entry.clone()));
    let parsed = AllowedHosts::parse(&list).unwrap_or_default();
    (Placed { component, variables: Values(variables), allowed_outbound_hosts: list }, parsed)
}

fn check_entries(entries: Vec<String>) -> Result<Vec<String>, super::HostsError> {
    AllowedHosts::parse(&entries).map(|_| entries)
}
