//! The wire structs of the answers about an application: `planned`, `app_status`, `log_line`, `releases`, `destroyed`,
//! `packaged`.

use serde::Serialize;

use super::{RouteBody, UploadedBody, millis};
use crate::event::{
    AppStatus, Destroyed, Difference, LiveRelease, LoggedLine, Packaged, Planned, PlannedChange, Releases,
    RememberedRelease,
};

#[derive(Serialize)]
pub struct PlannedBody<'a> {
    target: &'a str,
    app: &'a str,
    version: &'a str,
    current: Option<LiveBody<'a>>,
    changes: Vec<ChangeBody<'a>>,
    upload: UploadBody,
    unchanged: bool,
    elapsed_ms: u64,
    code: u8,
}

#[derive(Serialize)]
pub struct LiveBody<'a> {
    release: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
pub struct ChangeBody<'a> {
    action: &'static str,
    subject: &'a str,
    detail: Option<&'a str>,
}

#[derive(Serialize)]
struct UploadBody {
    files: u64,
    bytes: u64,
    of_files: u64,
    of_bytes: u64,
    certain: bool,
}

#[derive(Serialize)]
pub struct AppStatusBody<'a> {
    target: &'a str,
    app: &'a str,
    phase: &'static str,
    release: Option<LiveBody<'a>>,
    since: Option<String>,
    answering: Option<&'a str>,
    url: Option<&'a str>,
    routes: Vec<RouteBody<'a>>,
    layer: Option<&'static str>,
    reason: Option<&'a str>,
    difference: Option<DifferenceBody<'a>>,
    hints: &'a [String],
    code: u8,
}

#[derive(Serialize)]
struct DifferenceBody<'a> {
    version: &'a str,
    same: bool,
    changes: Vec<ChangeBody<'a>>,
}

#[derive(Serialize)]
pub struct LogLineBody<'a> {
    written: Option<String>,
    component: Option<&'a str>,
    stream: Option<&'static str>,
    text: &'a str,
}

#[derive(Serialize)]
pub struct ReleasesBody<'a> {
    target: &'a str,
    app: &'a str,
    releases: Vec<ReleaseBody<'a>>,
}

#[derive(Serialize)]
struct ReleaseBody<'a> {
    release: &'a str,
    version: &'a str,
    created: Option<String>,
    active: bool,
    channels: &'a [String],
    gone: bool,
}

#[derive(Serialize)]
pub struct DestroyedBody<'a> {
    target: &'a str,
    app: &'a str,
    changes: Vec<ChangeBody<'a>>,
    elapsed_ms: u64,
}

#[derive(Serialize)]
pub struct PackagedBody<'a> {
    path: &'a str,
    app: &'a str,
    version: &'a str,
    format: &'static str,
    files: u64,
    bytes: u64,
    elapsed_ms: u64,
}

impl<'a> PlannedBody<'a> {
    pub fn of(planned: &'a Planned) -> Self {
        let Planned { target, app, version, current, changes, upload, unchanged, elapsed, code } = planned;
        let UploadedBody { files, bytes } = UploadedBody::of(upload.missing);
        PlannedBody {
            target,
            app,
            version,
            current: current.as_ref().map(LiveBody::of),
            changes: ChangeBody::list(changes),
            upload: UploadBody {
                files,
                bytes,
                of_files: upload.all.files,
                of_bytes: upload.all.bytes,
                certain: upload.certain,
            },
            unchanged: *unchanged,
            elapsed_ms: millis(*elapsed),
            code: *code,
        }
    }
}

impl<'a> LiveBody<'a> {
    pub fn of(release: &'a LiveRelease) -> Self {
        LiveBody { release: &release.release, version: &release.version }
    }
}

impl<'a> ChangeBody<'a> {
    fn list(changes: &'a [PlannedChange]) -> Vec<Self> {
        let body = |change: &'a PlannedChange| ChangeBody {
            action: change.action,
            subject: &change.subject,
            detail: change.detail.as_deref(),
        };
        changes.iter().map(body).collect()
    }
}

impl<'a> AppStatusBody<'a> {
    pub fn of(status: &'a AppStatus) -> Self {
        AppStatusBody {
            target: &status.target,
            app: &status.app,
            phase: status.phase.name(),
            release: status.release.as_ref().map(LiveBody::of),
            since: status.since.map(moment),
            answering: status.answering.as_deref(),
            url: status.url.as_deref(),
            routes: status.routes.iter().map(RouteBody::of).collect(),
            layer: status.layer.map(|layer| layer.name),
            reason: status.reason.as_deref(),
            difference: status.difference.as_ref().map(DifferenceBody::of),
            hints: &status.hints,
            code: status.code,
        }
    }
}

impl<'a> DifferenceBody<'a> {
    fn of(difference: &'a Difference) -> Self {
        let Difference { version, same, changes } = difference;
        DifferenceBody { version, same: *same, changes: ChangeBody::list(changes) }
    }
}

impl<'a> LogLineBody<'a> {
    pub fn of(line: &'a LoggedLine) -> Self {
        let LoggedLine { time, component, stream, text } = line;
        LogLineBody { written: time.map(moment), component: component.as_deref(), stream: *stream, text }
    }
}

impl<'a> ReleasesBody<'a> {
    pub fn of(releases: &'a Releases) -> Self {
        let Releases { target, app, releases } = releases;
        ReleasesBody { target, app, releases: releases.iter().map(ReleaseBody::of).collect() }
    }
}

impl<'a> ReleaseBody<'a> {
    fn of(remembered: &'a RememberedRelease) -> Self {
        let RememberedRelease { release, version, created, active, channels, gone } = remembered;
        ReleaseBody { release, version, created: created.map(moment), active: *active, channels, gone: *gone }
    }
}

impl<'a> DestroyedBody<'a> {
    pub fn of(destroyed: &'a Destroyed) -> Self {
        let Destroyed { target, app, changes, elapsed } = destroyed;
        DestroyedBody { target, app, changes: ChangeBody::list(changes), elapsed_ms: millis(*elapsed) }
    }
}

impl<'a> PackagedBody<'a> {
    pub fn of(packaged: &'a Packaged) -> Self {
        let Packaged { path, app, version, format, content, elapsed } = packaged;
        let UploadedBody { files, bytes } = UploadedBody::of(*content);
        PackagedBody { path, app, version, format, files, bytes, elapsed_ms: millis(*elapsed) }
    }
}

/// A time in UTC with milliseconds, like that of the event itself.
fn moment(time: jiff::Timestamp) -> String {
    format!("{time:.3}")
}
