//! Events as JSON: one object a line on stdout, documented in `docs/events.md`.
//!
//! The structs here are the wire format. They are apart from [`Event`] so that the inside can change without the
//! outside: adding a field is no new version; renaming, removing, or changing the meaning of one is.

mod report;

use std::collections::BTreeMap;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Sink, Streams};
use crate::event::{
    Check, ConfiguredTarget, Direction, DriverSummary, Event, Examined, Failed, Finished, Identity, LoggedIn,
    OutcomeKind, Problem, Reporter, RouteUrl, ShownSetting, Standing, Stopped, Uploaded, Verdict,
};
use report::{AppStatusBody, DestroyedBody, LiveBody, LogLineBody, PackagedBody, PlannedBody, ReleasesBody};

/// The version of the format.
const VERSION: u8 = 1;

/// The progress of one transfer is written at most this often: uploads report every chunk.
const BETWEEN_PROGRESS: SignedDuration = SignedDuration::from_millis(500);

/// Writes events as JSON.
pub struct Json {
    state: Mutex<State>,
    now: fn() -> Timestamp,
    is_abandoned: fn() -> bool,
}

struct State {
    out: Sink,
    /// Whether the reader of `out` went away.
    unheard: bool,
    /// When each running transfer was last written of.
    progress: BTreeMap<u64, Timestamp>,
}

impl Json {
    /// Writes to `out`; `now` gives the time of each event.
    pub fn new(out: Sink, now: fn() -> Timestamp) -> Self {
        let state = State { out, unheard: false, progress: BTreeMap::new() };
        Json { state: Mutex::new(state), now, is_abandoned: || false }
    }

    /// The same, where it can be told without writing whether the reader of `out` went away.
    pub fn to(streams: Streams, now: fn() -> Timestamp) -> Self {
        Json { is_abandoned: streams.out_is_abandoned, ..Json::new(streams.out, now) }
    }
}

impl Reporter for Json {
    fn report(&self, event: Event) {
        let now = (self.now)();
        // A poisoned lock only means that another thread panicked while it wrote.
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if state.is_due(&event, now) {
            // There is no other stream for machines.
            let heard = super::write_heard(&mut state.out, &line(&event, now));
            state.unheard |= matches!(heard, Ok(false));
        }
    }

    fn is_unheard(&self) -> bool {
        let unheard = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).unheard;
        unheard || (self.is_abandoned)()
    }
}

impl State {
    fn is_due(&mut self, event: &Event, now: Timestamp) -> bool {
        match event {
            Event::TransferStarted { id, .. } => {
                self.progress.insert(*id, now);
            }
            Event::TransferFinished { id, .. } => {
                self.progress.remove(id);
            }
            Event::TransferProgress { id, .. } => {
                let last = self.progress.entry(*id).or_insert(now);
                if now.duration_since(*last) < BETWEEN_PROGRESS {
                    return false;
                }
                *last = now;
            }
            _ => {}
        }
        true
    }
}

/// The line of an event.
pub(super) fn line(event: &Event, now: Timestamp) -> String {
    // Milliseconds in UTC: `2026-08-01T09:30:00.000Z`.
    let record = Record { v: VERSION, time: format!("{now:.3}"), body: Body::of(event) };
    let json = serde_json::to_string(&record).expect("the wire structs have text for keys and no other way to fail");
    format!("{json}\n")
}

#[derive(Serialize)]
struct Record<'a> {
    v: u8,
    time: String,
    #[serde(flatten)]
    body: Body<'a>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Body<'a> {
    StepStarted { step: &'static str, subject: &'a str },
    StepFinished { step: &'static str, summary: &'a str, elapsed_ms: u64 },
    Warning { message: &'a str },
    Note { message: &'a str },
    TransferStarted { id: u64, direction: &'static str, name: &'a str, bytes: Option<u64> },
    TransferProgress { id: u64, sent: u64 },
    TransferFinished { id: u64, ok: bool },
    Retrying { what: &'a str, reason: &'a str, attempt: u32, delay_ms: u64 },
    Waiting { what: &'a str, elapsed_ms: u64 },
    Finished(FinishedBody<'a>),
    Stopped { pid: Option<u32>, elapsed_ms: u64 },
    Checked { check: &'a str, verdict: &'static str, detail: &'a str, hints: &'a [String] },
    Examined { target: &'a str, passed: usize, elapsed_ms: u64 },
    LoggedIn(LoggedInBody<'a>),
    LoggedOut { servers: &'a [String] },
    Identities { identities: Vec<IdentityBody<'a>> },
    Targets { configured: Vec<ConfiguredBody<'a>>, drivers: Vec<DriverBody<'a>> },
    ShownTarget { target: &'a str, driver: &'a str, settings: Vec<SettingBody<'a>> },
    Planned(PlannedBody<'a>),
    AppStatus(AppStatusBody<'a>),
    LogLine(LogLineBody<'a>),
    LogsEnded { lines: u64 },
    Releases(ReleasesBody<'a>),
    Destroyed(DestroyedBody<'a>),
    Packaged(PackagedBody<'a>),
    Failed { target: Option<&'a str>, app: Option<&'a str>, error: ErrorBody<'a> },
}

#[derive(Serialize)]
struct FinishedBody<'a> {
    outcome: &'static str,
    target: &'a str,
    app: &'a str,
    version: &'a str,
    release: Option<&'a str>,
    url: Option<&'a str>,
    routes: Vec<RouteBody<'a>>,
    proven: bool,
    changes: &'a [String],
    uploaded: UploadedBody,
    replaced: Option<LiveBody<'a>>,
    undo: Option<&'a str>,
    elapsed_ms: u64,
}

#[derive(Serialize)]
pub struct RouteBody<'a> {
    component: &'a str,
    url: &'a str,
    wildcard: bool,
    description: Option<&'a str>,
}

#[derive(Serialize)]
struct UploadedBody {
    files: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct LoggedInBody<'a> {
    target: &'a str,
    server: &'a str,
    username: Option<&'a str>,
    registered: bool,
    expires: Option<String>,
    registry: Option<&'a str>,
    stored: &'a str,
}

#[derive(Serialize)]
struct IdentityBody<'a> {
    server: &'a str,
    username: Option<&'a str>,
    expires: Option<String>,
    origin: &'a str,
    standing: &'static str,
}

#[derive(Serialize)]
struct ConfiguredBody<'a> {
    name: &'a str,
    driver: &'a str,
    origin: &'a str,
    default: bool,
}

#[derive(Serialize)]
struct DriverBody<'a> {
    kind: &'a str,
    summary: &'a str,
    powers: &'a [&'static str],
}

#[derive(Serialize)]
struct SettingBody<'a> {
    key: &'a str,
    value: Option<&'a str>,
    origin: &'a str,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: u8,
    reason: &'static str,
    message: &'a str,
    causes: &'a [String],
    problems: Vec<ProblemBody<'a>>,
    hints: &'a [String],
    live: Option<&'a str>,
    logs: &'a [String],
    layer: Option<&'static str>,
}

#[derive(Serialize)]
struct ProblemBody<'a> {
    code: Option<&'static str>,
    at: Option<&'a str>,
    message: &'a str,
    hint: Option<&'a str>,
}

impl<'a> Body<'a> {
    fn of(event: &'a Event) -> Self {
        match event {
            Event::StepStarted { step, subject } => Body::StepStarted { step: step.name(), subject },
            Event::StepFinished { step, summary, elapsed } => {
                Body::StepFinished { step: step.name(), summary, elapsed_ms: millis(*elapsed) }
            }
            Event::Warning { message } => Body::Warning { message },
            Event::Note { message } => Body::Note { message },
            Event::TransferStarted { id, direction, name, bytes } => {
                Body::TransferStarted { id: *id, direction: direction_name(*direction), name, bytes: *bytes }
            }
            Event::TransferProgress { id, sent } => Body::TransferProgress { id: *id, sent: *sent },
            Event::TransferFinished { id, ok } => Body::TransferFinished { id: *id, ok: *ok },
            Event::Retrying { what, reason, attempt, delay } => {
                Body::Retrying { what, reason, attempt: *attempt, delay_ms: millis(*delay) }
            }
            Event::Waiting { what, elapsed } => Body::Waiting { what, elapsed_ms: millis(*elapsed) },
            Event::Finished(finished) => Body::Finished(FinishedBody::of(finished)),
            Event::Stopped(Stopped { pid, elapsed }) => Body::Stopped { pid: *pid, elapsed_ms: millis(*elapsed) },
            Event::Checked(Check { name, verdict, detail, hints }) => {
                Body::Checked { check: name, verdict: verdict_name(*verdict), detail, hints }
            }
            Event::Examined(Examined { target, passed, elapsed }) => {
                Body::Examined { target, passed: *passed, elapsed_ms: millis(*elapsed) }
            }
            Event::LoggedIn(login) => Body::LoggedIn(LoggedInBody::of(login)),
            Event::LoggedOut(logout) => Body::LoggedOut { servers: &logout.servers },
            Event::Identities(identities) => {
                Body::Identities { identities: identities.iter().map(IdentityBody::of).collect() }
            }
            Event::Targets(targets) => Body::Targets {
                configured: targets.configured.iter().map(ConfiguredBody::of).collect(),
                drivers: targets.drivers.iter().map(DriverBody::of).collect(),
            },
            Event::ShownTarget(target) => Body::ShownTarget {
                target: &target.name,
                driver: &target.driver,
                settings: target.settings.iter().map(SettingBody::of).collect(),
            },
            Event::Planned(planned) => Body::Planned(PlannedBody::of(planned)),
            Event::AppStatus(status) => Body::AppStatus(AppStatusBody::of(status)),
            Event::Logged(line) => Body::LogLine(LogLineBody::of(line)),
            Event::LogsEnded { lines } => Body::LogsEnded { lines: *lines },
            Event::Releases(releases) => Body::Releases(ReleasesBody::of(releases)),
            Event::Destroyed(destroyed) => Body::Destroyed(DestroyedBody::of(destroyed)),
            Event::Packaged(packaged) => Body::Packaged(PackagedBody::of(packaged)),
            Event::Failed(failed) => Body::Failed {
                target: failed.about.target.as_deref(),
                app: failed.about.app.as_deref(),
                error: ErrorBody::of(failed),
            },
        }
    }
}

impl<'a> FinishedBody<'a> {
    fn of(finished: &'a Finished) -> Self {
        FinishedBody {
            outcome: outcome_name(finished.outcome),
            target: &finished.target,
            app: &finished.app,
            version: &finished.version,
            release: finished.release.as_deref(),
            url: finished.url.as_deref(),
            routes: finished.routes.iter().map(RouteBody::of).collect(),
            proven: finished.proven,
            changes: &finished.changes,
            uploaded: UploadedBody::of(finished.uploaded),
            replaced: finished.replaced.as_ref().map(LiveBody::of),
            undo: finished.undo.as_deref(),
            elapsed_ms: millis(finished.elapsed),
        }
    }
}

impl UploadedBody {
    fn of(uploaded: Uploaded) -> Self {
        UploadedBody { files: uploaded.files, bytes: uploaded.bytes }
    }
}

impl<'a> RouteBody<'a> {
    fn of(route: &'a RouteUrl) -> Self {
        RouteBody {
            component: &route.component,
            url: &route.url,
            wildcard: route.wildcard,
            description: route.description.as_deref(),
        }
    }
}

impl<'a> LoggedInBody<'a> {
    fn of(login: &'a LoggedIn) -> Self {
        LoggedInBody {
            target: &login.target,
            server: &login.server,
            username: login.username.as_deref(),
            registered: login.registered,
            expires: login.expires.map(seconds),
            registry: login.registry.as_deref(),
            stored: &login.stored,
        }
    }
}

impl<'a> IdentityBody<'a> {
    fn of(identity: &'a Identity) -> Self {
        IdentityBody {
            server: &identity.server,
            username: identity.username.as_deref(),
            expires: identity.expires.map(seconds),
            origin: &identity.origin,
            standing: standing_name(identity.standing),
        }
    }
}

impl<'a> ConfiguredBody<'a> {
    fn of(target: &'a ConfiguredTarget) -> Self {
        let ConfiguredTarget { name, driver, origin, default } = target;
        ConfiguredBody { name, driver, origin, default: *default }
    }
}

impl<'a> DriverBody<'a> {
    fn of(driver: &'a DriverSummary) -> Self {
        DriverBody { kind: driver.kind, summary: driver.summary, powers: &driver.powers }
    }
}

impl<'a> SettingBody<'a> {
    fn of(setting: &'a ShownSetting) -> Self {
        SettingBody { key: setting.key, value: setting.value.as_deref(), origin: &setting.origin }
    }
}

impl<'a> ErrorBody<'a> {
    fn of(failed: &'a Failed) -> Self {
        ErrorBody {
            code: failed.code,
            reason: failed.reason,
            message: &failed.message,
            causes: &failed.causes,
            problems: failed.problems.iter().map(ProblemBody::of).collect(),
            hints: &failed.hints,
            live: failed.live.as_deref(),
            logs: &failed.logs,
            layer: failed.layer.map(|layer| layer.name),
        }
    }
}

impl<'a> ProblemBody<'a> {
    fn of(problem: &'a Problem) -> Self {
        ProblemBody {
            code: problem.code,
            at: problem.at.as_deref(),
            message: &problem.message,
            hint: problem.hint.as_deref(),
        }
    }
}

fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Upload => "upload",
        Direction::Download => "download",
    }
}

fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Warned => "warned",
        Verdict::Failed => "failed",
        Verdict::Skipped => "skipped",
    }
}

fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Accepted => "accepted",
        Standing::Stored => "stored",
        Standing::Expired => "expired",
    }
}

/// A time in UTC, in whole seconds: tokens are told so.
fn seconds(time: Timestamp) -> String {
    format!("{time:.0}")
}

/// An outcome in one word.
pub(super) fn outcome_name(outcome: OutcomeKind) -> &'static str {
    match outcome {
        OutcomeKind::Unchanged => "unchanged",
        OutcomeKind::Released => "released",
        OutcomeKind::ReleasedUnwatched => "released_unwatched",
        OutcomeKind::RolledBack => "rolled_back",
        OutcomeKind::RolledBackUnwatched => "rolled_back_unwatched",
        OutcomeKind::Live => "live",
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
