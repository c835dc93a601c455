//! A release that is ready to answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::try_join_all;
use http_body_util::BodyExt;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde::Serialize;
use tokio::time::Instant;

use super::super::engine::{Body, Engine, HandleError, Handler, Hold, Internal, Limits, Workload};
use super::super::logs::ComponentLog;
use super::super::store::{ReleaseRecord, Store, StoreError};
use super::chain::Inside;
use super::refusal::Refusal;
use super::request::{self, Arrival};
use super::router::Router;
use super::warnings::{Warnings, cut};
use super::{answer, on_disk, reply};
use crate::event::{Event, Reporter};
use crate::package::directory::{
    AllowedHosts, Document, Executor, ServedComponent, ServedTrigger, StaticResponse, TriggerRoute,
};

/// Paths below it are the server's own (`WELL_KNOWN_PREFIX` in `crates/http/src/lib.rs@v4.0.2`).
const WELL_KNOWN: &str = "/.well-known/spin/";

/// What every part of the server works with.
pub struct Tools {
    pub store: Store,
    pub engine: Arc<dyn Engine>,
    pub reporter: Arc<dyn Reporter>,
    pub limits: Limits,
    /// By application and component: all releases write to one log, since it is rotated by who writes to it.
    logs: Mutex<BTreeMap<String, BTreeMap<String, ComponentLog>>>,
}

impl Tools {
    pub fn new(store: Store, engine: Arc<dyn Engine>, reporter: Arc<dyn Reporter>, limits: Limits) -> Tools {
        Tools { store, engine, reporter, limits, logs: Mutex::default() }
    }

    /// Works with the store where it may block.
    pub async fn store<T, W>(&self, work: W) -> Result<T, Refusal>
    where
        T: Send + 'static,
        W: FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    {
        let store = self.store.clone();
        Ok(on_disk(move || work(&store)).await?)
    }

    pub fn note(&self, message: String) {
        self.reporter.report(Event::Note { message });
    }

    pub fn warn(&self, message: String) {
        self.reporter.report(Event::Warning { message });
    }

    /// Lets go of an application's logs.
    pub fn close_logs(&self, app: &str) {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).remove(app);
    }

    fn log(&self, app: &str, component: &str) -> ComponentLog {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let logs = logs.entry(app.to_owned()).or_default();
        let open = || ComponentLog::open(self.store.log(app, component));
        logs.entry(component.to_owned()).or_insert_with(open).clone()
    }
}

/// A release with everything prepared. Lives for as long as something answers with it.
pub struct Live {
    limits: Limits,
    warnings: Arc<Warnings>,
    release: ReleaseRecord,
    /// The application's name in its manifest.
    name: String,
    router: Router<Answer>,
    /// Every component, for calls within the application.
    components: BTreeMap<String, Arc<Prepared>>,
    /// Says that the package is in use.
    _claim: Arc<str>,
}

/// A component that is ready to answer.
pub struct Prepared {
    id: String,
    handler: Arc<dyn Handler>,
}

/// What a trigger answers with.
enum Answer {
    Component(Arc<Prepared>),
    Static(StaticAnswer),
}

/// A [`StaticResponse`] whose parts are valid.
struct StaticAnswer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// What a path leads to.
pub enum Found<'a> {
    /// An answer that takes no component.
    Reply(Response<Body>),
    /// A component.
    Component(&'a Prepared, Arrival<'a>),
}

/// What `/.well-known/spin/info` tells: `AppInfo` of `crates/http/src/app_info.rs@v4.0.2`, and the release.
#[derive(Serialize)]
struct Info<'a> {
    name: &'a str,
    version: &'a str,
    release: u64,
}

impl Prepared {
    /// The component's id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Live {
    /// Prepares everything that the release needs; nothing answers with it yet. The claim says that its package is in
    /// use.
    pub async fn prepare(
        tools: &Arc<Tools>,
        app: &str,
        release: &ReleaseRecord,
        claim: Arc<str>,
    ) -> Result<Arc<Live>, Refusal> {
        let document = Arc::new(read(tools, release).await?);
        let inside = Arc::new(Inside::new(app));
        let workshop = Workshop { tools, app, release, document: &document, inside: inside.clone() };
        let wanted = wanted(&document);
        let handlers = try_join_all(wanted.iter().map(|wanted| workshop.prepare(wanted))).await?;

        let mut components = BTreeMap::new();
        let mut prepared = Vec::new();
        for ((component, executor), handler) in wanted.into_iter().zip(handlers) {
            let ready = Arc::new(Prepared { id: component.id.clone(), handler });
            // Of several ways to run a component, calls within the application get the first trigger's.
            components.entry(component.id.clone()).or_insert_with(|| ready.clone());
            prepared.push((executor, ready));
        }
        let router = router(&document, &prepared)?;
        let live = Arc::new(Live {
            limits: tools.limits,
            warnings: Arc::new(Warnings::new(app, tools.reporter.clone())),
            release: release.clone(),
            name: app.to_owned(),
            router,
            components,
            _claim: claim,
        });
        inside.open(&live);
        Ok(live)
    }

    /// The release that it is.
    pub fn release(&self) -> &ReleaseRecord {
        &self.release
    }

    /// What answers that path.
    pub fn find(&self, path: &str) -> Found<'_> {
        if let Some(well_known) = path.strip_prefix(WELL_KNOWN) {
            return Found::Reply(match well_known {
                "health" => Response::new(reply::full("OK")),
                "info" => self.info(),
                _ => reply::not_found(),
            });
        }
        match self.router.find(path) {
            None => Found::Reply(reply::not_found()),
            Some((Answer::Static(answer), _)) => Found::Reply(answer.response()),
            Some((Answer::Component(component), arrival)) => Found::Component(component, arrival),
        }
    }

    /// The component of that id, whatever its routes.
    pub fn component(&self, id: &str) -> Option<&Prepared> {
        self.components.get(id).map(Arc::as_ref)
    }

    /// Lets a component answer. The release, and the request's [`Hold`], are kept until the answer's last byte, or until
    /// the time is up.
    pub async fn call(
        self: &Arc<Self>,
        component: &Prepared,
        arrival: &Arrival<'_>,
        client: SocketAddr,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, HandleError> {
        let deadline = Instant::now() + self.limits.time;
        request::set_spin_headers(&mut request, arrival, client);
        let hold = request.extensions().get::<Hold>().cloned();
        // Without the query, which may hold secrets.
        let what = format!("{} {}", request.method(), cut(request.uri().path()));
        let limit = self.limits.request_body;
        let result = if request::announced_length(&request).is_some_and(|length| length > limit) {
            Err(HandleError::RequestTooLarge { limit })
        } else {
            component.handler.handle(request).await
        };
        let (warnings, id) = (self.warnings.clone(), component.id.clone());
        let warn = move |error: &dyn std::error::Error| {
            warnings.warn(&format!("component `{id}` did not answer {what}: {}", cut(&reply::chain(error))));
        };
        let response = result.inspect_err(|error| match error {
            // Nothing is wrong with the component.
            HandleError::RequestTooLarge { .. } | HandleError::Busy => {}
            error => warn(error),
        })?;

        let kept = (self.clone(), hold);
        let told = move |error| {
            warn(&error);
            error
        };
        // Not `map_frame`, which would forget the body's length.
        Ok(response.map(|body| answer::until(deadline, self.limits.time, body, kept).map_err(told).boxed_unsync()))
    }

    fn info(&self) -> Response<Body> {
        let info = Info { name: &self.name, version: &self.release.version, release: self.release.id };
        let json = serde_json::to_vec_pretty(&info).expect("texts and numbers are valid JSON");
        reply::with_type(StatusCode::OK, "application/json", json)
    }
}

/// Reads the release's document, and makes sure that everything is there.
async fn read(tools: &Tools, release: &ReleaseRecord) -> Result<Document, Refusal> {
    let sha256 = release.document.clone();
    let found = tools.store(move |store| {
        let document = store.document(&sha256)?;
        Ok(document.map(|document| (store.missing(&document), document)))
    });
    let gone = || Refusal::not_found(format!("the package {} is not stored: deploy it again", release.version));
    let (missing, document) = found.await?.ok_or_else(gone)?;
    if let Some(name) = missing.first() {
        let more = if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
        let message = format!("of the package {}, {name}{more} is not stored: deploy it again", release.version);
        return Err(Refusal::not_found(message));
    }
    if document.version != release.version {
        let message = format!("the package has the version {}, not {}", document.version, release.version);
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message));
    }
    Ok(document)
}

/// A component, and a way to run it.
type Wanted<'a> = (&'a ServedComponent, Executor);

/// Every component in every way in which a trigger runs it; over HTTP where none does.
fn wanted(document: &Document) -> Vec<Wanted<'_>> {
    let mut wanted = Vec::<Wanted>::new();
    for component in &document.components {
        let runs = |trigger: &&ServedTrigger| trigger.component.as_deref() == Some(&component.id);
        let mut executors = document.triggers.iter().filter(runs).map(|trigger| &trigger.executor).peekable();
        if executors.peek().is_none() {
            wanted.push((component, Executor::Http));
        }
        for executor in executors {
            if !wanted.iter().any(|(other, same)| other.id == component.id && same == executor) {
                wanted.push((component, executor.clone()));
            }
        }
    }
    wanted
}

/// Where the components of one release are prepared.
struct Workshop<'a> {
    tools: &'a Tools,
    app: &'a str,
    release: &'a ReleaseRecord,
    document: &'a Document,
    inside: Arc<Inside>,
}

impl Workshop<'_> {
    async fn prepare(&self, (component, executor): &Wanted<'_>) -> Result<Arc<dyn Handler>, Refusal> {
        let (sha256, mounted) = (self.release.document.clone(), ServedComponent::clone(component));
        let files = self.tools.store(move |store| store.mount(&sha256, &mounted)).await?;
        let allowed_hosts =
            AllowedHosts::parse(&component.allowed_outbound_hosts).map_err(|error| Refusal::cannot_run(&error))?;
        let workload = Workload {
            component: component.id.clone(),
            executor: executor.clone(),
            wasm: self.tools.store.blob(&component.wasm.sha256),
            files,
            environment: component.environment.clone(),
            variables: component.variables.0.clone(),
            allowed_hosts,
            key_value_stores: component.key_value_stores.iter().cloned().collect(),
            database: self.tools.store.database(self.app),
            log: self.tools.log(self.app, &component.id),
            internal: self.inside.clone() as Arc<dyn Internal>,
            limits: self.tools.limits,
        };
        tracing::debug!(app = self.app, name = self.document.name, component = component.id, "preparing");
        self.tools.engine.prepare(workload).await.map_err(|error| Refusal::cannot_run(&error))
    }
}

/// The routes that answer from outside.
fn router(document: &Document, prepared: &[(Executor, Arc<Prepared>)]) -> Result<Router<Answer>, Refusal> {
    let mut routes = Vec::new();
    for trigger in &document.triggers {
        if let TriggerRoute::Path(route) = &trigger.route {
            routes.push((route.clone(), answer(trigger, prepared)?));
        }
    }
    Router::new(&document.base, routes).map_err(|error| Refusal::cannot_run(&error))
}

fn answer(trigger: &ServedTrigger, prepared: &[(Executor, Arc<Prepared>)]) -> Result<Answer, Refusal> {
    let invalid = |why: &str| {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, format!("trigger `{}` cannot be served: {why}", trigger.id))
    };
    match (&trigger.component, &trigger.static_response) {
        (Some(id), None) => {
            let same =
                |(executor, ready): &&(Executor, Arc<Prepared>)| ready.id == *id && *executor == trigger.executor;
            let (_, ready) =
                prepared.iter().find(same).ok_or_else(|| invalid("its component is not in the package"))?;
            Ok(Answer::Component(ready.clone()))
        }
        (None, Some(response)) => StaticAnswer::new(response).map(Answer::Static).map_err(invalid),
        _ => Err(invalid("it has to have either a component or a static response")),
    }
}

impl StaticAnswer {
    fn new(response: &StaticResponse) -> Result<StaticAnswer, &'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in &response.headers {
            let name: HeaderName = name.parse().map_err(|_| "a header's name is none")?;
            headers.insert(name, HeaderValue::from_str(value).map_err(|_| "a header's value is none")?);
        }
        let status = StatusCode::from_u16(response.status).map_err(|_| "its status is none")?;
        Ok(StaticAnswer { status, headers, body: Bytes::copy_from_slice(response.body.as_bytes()) })
    }

    fn response(&self) -> Response<Body> {
        let mut response = Response::new(reply::full(self.body.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }
}
