//! What targets and the pipeline know, as events tell it.

use std::time::Duration;

use crate::deploy::Planning;
use crate::event::{Layer, LiveRelease, Planned, PlannedChange, PlannedUpload, RouteUrl};
use crate::package::Route;
use crate::target::{Action, Change, FailingLayer, Release, TargetInfo};

use super::ExitCode;

/// A change in a sentence.
pub fn change(change: &Change) -> String {
    change.to_string()
}

/// A change in its parts.
pub fn planned_change(change: &Change) -> PlannedChange {
    let action = match change.action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Remove => "remove",
        Action::Keep => "keep",
    };
    PlannedChange { action, subject: change.subject.clone(), detail: change.detail.clone() }
}

/// A release by its names.
pub fn live_release(release: &Release) -> LiveRelease {
    LiveRelease { release: release.id.to_string(), version: release.version.clone() }
}

/// What keeps an application from answering.
pub fn layer(layer: FailingLayer) -> Layer {
    Layer { name: layer.name(), meaning: layer.meaning() }
}

/// What a deployment would do.
pub fn planned(planning: &Planning, target: &TargetInfo, code: ExitCode, elapsed: Duration) -> Planned {
    let Planning { app, package, content, plan, missing } = planning;
    Planned {
        target: target.name.clone(),
        app: app.to_string(),
        version: package.version.to_string(),
        current: plan.current.as_ref().map(live_release),
        changes: plan.changes.iter().map(planned_change).collect(),
        upload: PlannedUpload { missing: missing.upload, all: *content, certain: missing.certain },
        unchanged: plan.is_unchanged(),
        elapsed,
        code: code.number(),
    }
}

/// A route below an application's URL.
pub fn route_url(base: &str, route: &Route) -> RouteUrl {
    let url = format!("{}/{}", base.trim_end_matches('/'), route.path.trim_start_matches('/'));
    let Route { component, wildcard, description, .. } = route.clone();
    RouteUrl { component, url, wildcard, description }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_stand_below_the_url() {
        let route =
            |path: &str| Route { component: "c".to_owned(), path: path.to_owned(), wildcard: true, description: None };
        for (base, path, expected) in [
            ("https://a.example", "/", "https://a.example/"),
            ("https://a.example", "", "https://a.example/"),
            ("https://a.example", "/x/y", "https://a.example/x/y"),
        ] {
            assert_eq!(route_url(base, &route(path)).url, expected);
        }
    }
}
