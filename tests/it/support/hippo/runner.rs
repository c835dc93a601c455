//! Serves what the scheduler placed: one listener for all apps, told apart by their hosts, as Traefik does.
//!
//! No Wasm is run. A route answers with the names of its component, its bindle and its mounted files, so that tests see
//! which build answers.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Response, StatusCode, header},
};
use serde_json::json;

use super::{
    bindle_client::BindleClient,
    guid::Guid,
    nomad::{DEFAULT_LOG, JobStatus},
    spin_loader::{self, LoadedApp, LoadedComponent},
};

/// What happens to jobs that are posted from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// The new build answers as soon as the job is accepted.
    #[default]
    AtOnce,
    /// `probes` more requests to its host meet the old build, and then the new one answers.
    AfterProbesOfOld { probes: usize },
    /// `probes` more requests to its host meet a 503, and then the new build answers.
    AfterProbesOfNothing { probes: usize },
    /// It ends as soon as it was started, and the job's status is this. What it wrote is what a test lets it write.
    Crash(JobStatus),
    /// Its host cannot read the bindle: it ends with Spin's words about that.
    Unreadable,
    /// No host takes it: there is no new allocation, and so no route, and no log but that of the build before.
    NotPlaced,
    /// It runs, and the proxy has no route to it: 404.
    Unrouted,
    /// It runs, and the proxy gets nothing from it: 502.
    Unreached,
    /// The job is accepted and the old build goes on.
    KeepOld,
}

/// What the proxy has of a placement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Route {
    #[default]
    Leads,
    None,
    Broken,
}

/// A build that never came up.
#[derive(Debug)]
struct Crash {
    status: JobStatus,
    reason: String,
    /// What the newest allocation wrote, where no test says otherwise; `None`: no host ever took a build.
    log: Option<String>,
}

impl Crash {
    fn new(status: JobStatus, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), log: Some(String::new()) }
    }
}

#[derive(Debug, Default)]
struct Placement {
    host: String,
    serving: Option<LoadedApp>,
    coming: Option<(usize, LoadedApp)>,
    crash: Option<Crash>,
    route: Route,
}

#[derive(Debug)]
struct Shared {
    start: Start,
    has_info: bool,
    /// What paths answer with, first to last, the last one for ever; every other path what its route makes it.
    statuses: BTreeMap<String, Vec<u16>>,
    placements: BTreeMap<Guid, Placement>,
}

/// All running apps. Clones share them.
#[derive(Clone, Debug)]
pub struct Runner {
    shared: Arc<Mutex<Shared>>,
    bindle: BindleClient,
}

impl Runner {
    /// A runner that reads bindles with `bindle`.
    pub fn new(bindle: BindleClient) -> Self {
        let shared =
            Shared { start: Start::default(), has_info: true, statuses: BTreeMap::new(), placements: BTreeMap::new() };
        Self { shared: Arc::new(Mutex::new(shared)), bindle }
    }

    /// How later jobs start.
    pub fn set_start(&self, start: Start) {
        self.with(|shared| shared.start = start);
    }

    /// Whether hosts answer `/.well-known/spin/info` (Spin 0.7 and later do).
    pub fn set_info(&self, has_info: bool) {
        self.with(|shared| shared.has_info = has_info);
    }

    /// What a path of every app answers with, first to last, the last one for ever.
    pub fn set_statuses(&self, path: &str, statuses: &[u16]) {
        self.with(|shared| shared.statuses.insert(path.to_owned(), statuses.to_vec()));
    }

    /// The bindle that answers for a channel now.
    pub fn running(&self, channel: Guid) -> Option<String> {
        self.with(|shared| Some(shared.placements.get(&channel)?.serving.as_ref()?.bindle.clone()))
    }

    /// Why a channel's build never came up.
    pub fn crash_reason(&self, channel: Guid) -> Option<String> {
        self.with(|shared| shared.placements.get(&channel)?.crash.as_ref().map(|crash| crash.reason.clone()))
    }

    /// What is in the log of a channel whose build never came up, where that is the case; `None` within: no host ever took
    /// one.
    pub(super) fn crash_log(&self, channel: Guid) -> Option<Option<String>> {
        self.with(|shared| shared.placements.get(&channel)?.crash.as_ref().map(|crash| crash.log.clone()))
    }

    pub(super) fn has_crashed(&self, channel: Guid) -> bool {
        self.crash_reason(channel).is_some()
    }

    pub(super) fn status(&self, channel: Guid) -> JobStatus {
        self.with(|shared| match shared.placements.get(&channel) {
            Some(Placement { crash: Some(crash), .. }) => crash.status,
            Some(Placement { serving: Some(_), .. }) => JobStatus::Running,
            Some(Placement { coming: Some(_), .. }) | None => JobStatus::Pending,
            Some(_) => JobStatus::Running,
        })
    }

    pub(super) fn stop(&self, channel: Guid) {
        self.with(|shared| shared.placements.remove(&channel));
    }

    /// Loads the bindle and puts it in the channel's place, as the knob says.
    pub(super) async fn place(&self, channel: Guid, host: &str, bindle: &str) {
        let start = self.with(|shared| shared.start);
        let loaded = match start {
            Start::Crash(status) => Err(Crash::new(status, "told to crash")),
            Start::Unreadable => {
                Err(Crash { log: Some(unreadable(bindle)), ..Crash::new(JobStatus::Pending, "unreadable") })
            }
            Start::NotPlaced => Err(Crash { log: None, ..Crash::new(JobStatus::Pending, "no host takes it") }),
            _ => spin_loader::load(&self.bindle, bindle).await.map_err(|why| Crash::new(JobStatus::Pending, why)),
        };
        self.with(|shared| {
            let placement = shared.placements.entry(channel).or_default();
            placement.host = host.to_owned();
            let log_before = placement.log();
            placement.put(start, loaded);
            if let (Start::NotPlaced, Some(crash)) = (start, &mut placement.crash) {
                crash.log = log_before;
            }
        });
    }

    /// The listener's routes.
    pub(super) fn router(&self) -> Router {
        Router::new().fallback(serve).with_state(self.clone())
    }

    fn with<T>(&self, look: impl FnOnce(&mut Shared) -> T) -> T {
        look(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn answer(&self, host: &str, path: &str) -> Response<Body> {
        self.with(|shared| {
            let has_info = shared.has_info;
            let Some(placement) = shared.placements.values_mut().find(|placement| placement.host == host) else {
                return text(StatusCode::NOT_FOUND, "404 page not found\n");
            };
            match placement.route {
                Route::Leads => {}
                Route::None => return text(StatusCode::NOT_FOUND, "404 page not found\n"),
                Route::Broken => return text(StatusCode::BAD_GATEWAY, "Bad Gateway"),
            }
            placement.count_probe();
            match &placement.serving {
                Some(app) => match shared.statuses.get_mut(path) {
                    Some(statuses) => text(next(statuses), ""),
                    None => answer_for(app, path, has_info),
                },
                None if placement.crash.is_some() => text(StatusCode::BAD_GATEWAY, "Bad Gateway"),
                None => text(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
            }
        })
    }
}

impl Placement {
    /// What its newest allocation wrote, where there is one.
    fn log(&self) -> Option<String> {
        match &self.crash {
            Some(crash) => crash.log.clone(),
            None if self.serving.is_some() || self.coming.is_some() => Some(DEFAULT_LOG.to_owned()),
            None => None,
        }
    }

    fn put(&mut self, start: Start, loaded: Result<LoadedApp, Crash>) {
        if start == Start::KeepOld {
            return;
        }
        self.route = match start {
            Start::Unrouted | Start::NotPlaced => Route::None,
            Start::Unreached => Route::Broken,
            _ => Route::Leads,
        };
        self.coming = None;
        self.crash = None;
        match (loaded, start) {
            (Err(crash), _) => {
                self.serving = None;
                self.crash = Some(crash);
            }
            (Ok(app), Start::AfterProbesOfOld { probes }) => self.coming = Some((probes, app)),
            (Ok(app), Start::AfterProbesOfNothing { probes }) => {
                self.serving = None;
                self.coming = Some((probes, app));
            }
            (Ok(app), _) => self.serving = Some(app),
        }
    }

    fn count_probe(&mut self) {
        self.coming = match self.coming.take() {
            Some((0, app)) => {
                self.serving = Some(app);
                None
            }
            Some((left, app)) => Some((left - 1, app)),
            None => None,
        };
    }
}

async fn serve(State(runner): State<Runner>, request: Request) -> Response<Body> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    runner.answer(&host, request.uri().path())
}

/// What Spin says of a bindle that it cannot get (`crates/loader/src/bindle/mod.rs@v0.10.1`). Spin writes it to its
/// standard error, of which Hippo knows nothing: here a host has led both streams into one file.
fn unreadable(bindle: &str) -> String {
    format!("Error: Failed to load invoice '{bindle}' from 'http://bindle.internal/v1'\n")
}

/// The next status, which is the last one for ever.
fn next(statuses: &mut Vec<u16>) -> StatusCode {
    let status = if statuses.len() > 1 { statuses.remove(0) } else { statuses[0] };
    StatusCode::from_u16(status).expect("tests set statuses that there are")
}

fn answer_for(app: &LoadedApp, path: &str, has_info: bool) -> Response<Body> {
    match path {
        "/.well-known/spin/health" => text(StatusCode::OK, "OK"),
        "/.well-known/spin/info" if has_info => info(app),
        _ => match route(app, path) {
            Some(component) => describe(app, component),
            None => text(StatusCode::NOT_FOUND, ""),
        },
    }
}

fn info(app: &LoadedApp) -> Response<Body> {
    let body = json!({ "name": app.name, "version": app.version, "bindle_version": app.version });
    let mut response = Response::new(Body::from(body.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// One line for each fact: component, bindle, source, and the files with their digests.
fn describe(app: &LoadedApp, component: &LoadedComponent) -> Response<Body> {
    let mut body = format!("component: {}\nbindle: {}\nsource: {}\n", component.id, app.bindle, component.source);
    for (name, digest) in &component.files {
        writeln!(body, "file: {name} {digest}").expect("a String takes everything");
    }
    text(StatusCode::OK, &body)
}

fn text(status: StatusCode, body: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The component whose route fits best: an exact one, else the longest with `/...`.
fn route<'a>(app: &'a LoadedApp, path: &str) -> Option<&'a LoadedComponent> {
    let path = path.trim_end_matches('/');
    let fits = app.components.iter().filter_map(|component| {
        let pattern = format!("{}/{}", app.base.trim_end_matches('/'), component.route.trim_start_matches('/'));
        Some((closeness(&pattern, path)?, component))
    });
    fits.max_by_key(|(closeness, _)| *closeness).map(|(_, component)| component)
}

fn closeness(pattern: &str, path: &str) -> Option<usize> {
    match pattern.strip_suffix("/...") {
        Some(prefix) => {
            let rest = path.strip_prefix(prefix)?;
            (rest.is_empty() || rest.starts_with('/')).then_some(prefix.len())
        }
        None => (pattern.trim_end_matches('/') == path).then_some(usize::MAX),
    }
}
