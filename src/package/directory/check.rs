//! What speaks against running an application on a host: all of it at once. The codes are documented in
//! `docs/targets/local.md`.

use std::collections::BTreeSet;

use super::layout::{Layout, Placed};
use super::{Executor, Support, stands_for};
use crate::app::{Application, Component, Source};
use crate::package::common::{below, quoted};
use crate::package::source::Looks;
use crate::package::wasm::Binary;
use crate::package::{Downloads, Findings, PackageError};

/// What a component must export to be run by the Wagi executor.
const COMMAND: &str = "wasi:cli/run@0.2";

/// Refuses the triggers that the host does not run.
pub(super) fn check_triggers(app: &Application, support: &Support, findings: &mut Findings) {
    for trigger in app.triggers.iter().filter(|trigger| !support.triggers.contains(&trigger.kind)) {
        findings.refuse(
            "L1",
            trigger.at.clone(),
            format!("trigger `{}` is of type {}, which this target does not run", trigger.id, trigger.kind),
            "move it to an application of its own, for another target",
        );
    }
}

/// Looks at what those components need that a layout leaves out because only refused triggers run them: whoever moves the
/// trigger should not find the next refusal then.
pub(super) fn check_left_out(app: &Application, layout: &Layout<'_>, support: &Support, findings: &mut Findings) {
    let placed = |component: &&Component| layout.components.iter().any(|it| it.component.id == component.id);
    let run = |component: &&Component| app.triggers.iter().any(|it| it.component.as_ref() == Some(&component.id));
    for component in app.components.iter().filter(run).filter(|component| !placed(component)) {
        check_features(component, support, findings);
    }
}

/// Looks at what the components of a layout need and at their Wasm.
pub(super) fn check_components(
    layout: &Layout<'_>,
    support: &Support,
    downloads: &Downloads,
    findings: &mut Findings,
) -> Result<(), PackageError> {
    let mut looks = Looks::new(downloads);
    for Placed { component, .. } in &layout.components {
        check_features(component, support, findings);
        let Some((file, binary)) = looks.usable(component, Some("L5"), findings)? else { continue };
        let of_this = |trigger: &&super::ServedTrigger| trigger.component.as_ref() == Some(&component.id);
        let mut wagi: Vec<bool> =
            layout.triggers.iter().filter(of_this).map(|it| it.executor != Executor::Http).collect();
        wagi.sort_unstable();
        wagi.dedup();
        // One that only other components call is run like one without an executor of its own.
        if wagi.is_empty() {
            wagi.push(false);
        }
        let subject = Subject { component, file: &file, support };
        for wagi in &wagi {
            subject.check_executor(&binary, *wagi, findings);
        }
        // A module that nothing could run is refused, and its imports do not matter.
        if wagi.contains(&true) || !matches!(binary, Binary::Module { .. }) {
            subject.check_imports(&binary, findings);
        }
    }
    Ok(())
}

fn check_features(component: &Component, support: &Support, findings: &mut Findings) {
    let id = &component.id;
    if let Source::Registry { package, version, .. } = &component.source {
        findings.refuse(
            "L9",
            below(&component.at, "source"),
            format!("component `{id}` comes from a component registry ({package}@{version}), which is not asked"),
            "download it and name it as `source`, by its path or by `url` and `digest`",
        );
    }
    for (supported, needs, code, key, feature) in [
        (support.dependencies, &component.dependencies, "L10", "dependencies", "depends on other components"),
        (support.sqlite_databases, &component.sqlite_databases, "L11", "sqlite_databases", "uses SQLite databases"),
        (support.ai_models, &component.ai_models, "L11", "ai_models", "uses AI models"),
    ] {
        if !supported && !needs.is_empty() {
            let remedy = match code {
                "L10" => "compose them into one component before deploying, or choose another target".to_owned(),
                _ => format!("remove `{key}`, or choose another target"),
            };
            findings.refuse(
                code,
                below(&component.at, key),
                format!("component `{id}` {feature} ({}), which this target does not offer", quoted(needs)),
                remedy,
            );
        }
    }
}

/// A component whose Wasm is looked at.
struct Subject<'a> {
    component: &'a Component,
    /// The name of the file.
    file: &'a str,
    support: &'a Support,
}

impl Subject<'_> {
    fn refuse(&self, code: &'static str, message: &str, remedy: String, findings: &mut Findings) {
        let message = format!("component `{}`: {} {message}", self.component.id, self.file);
        findings.refuse(code, below(&self.component.at, "source"), message, remedy);
    }

    fn check_executor(&self, binary: &Binary, wagi: bool, findings: &mut Findings) {
        let exports_one_of = |wanted: &[String], exports: &BTreeSet<String>| {
            exports.iter().any(|export| wanted.iter().any(|entry| stands_for(entry, export)))
        };
        match (binary, wagi) {
            (Binary::Module { .. }, false) => self.refuse(
                "L6",
                "is a core module, and the http executor runs components",
                "rebuild it as a component with an SDK of Spin 2 or newer, or use the wagi executor: \
                 `executor = { type = \"wagi\" }`"
                    .into(),
                findings,
            ),
            (Binary::Component { exports, .. }, false) if !exports_one_of(&self.support.handlers, exports) => {
                let handlers = quoted(&self.support.handlers);
                let http =
                    |name: &&String| name.starts_with("wasi:http/") || name.starts_with("fermyon:spin/inbound-http");
                let found: Vec<_> = exports.iter().filter(http).collect();
                let found = if found.is_empty() { String::new() } else { format!("; it exports {}", quoted(found)) };
                let message = format!("exports none of {handlers}, so it cannot answer requests{found}");
                self.refuse("L7", &message, format!("build it with an SDK that exports one of {handlers}"), findings);
            }
            (Binary::Component { exports, .. }, true) if !exports_one_of(&[COMMAND.into()], exports) => self.refuse(
                "L8",
                &format!("exports no `{COMMAND}`, which the wagi executor calls"),
                "build it as a command (a program with `main`), or leave out the wagi executor".into(),
                findings,
            ),
            _ => {}
        }
    }

    fn check_imports(&self, binary: &Binary, findings: &mut Findings) {
        let (imports, verb, outcome): (Vec<_>, _, _) = match binary {
            Binary::Module { imports } => {
                let unknown = imports.iter().filter(|name| !self.support.modules.contains(name));
                (unknown.collect(), "imports from", "it will not start")
            }
            Binary::Component { imports, .. } => {
                let unknown = imports.iter().filter(|name| !self.support.supports(name));
                (unknown.collect(), "imports", "a call to them will trap")
            }
            Binary::Invalid(_) => return,
        };
        if !imports.is_empty() {
            let (id, file) = (&self.component.id, self.file);
            findings.warn(format!(
                "component `{id}`: {file} {verb} {}, which this target does not offer; {outcome}",
                quoted(imports)
            ));
        }
    }
}
