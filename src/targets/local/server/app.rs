//! One application: its port, and which release answers there.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::control::{AppStatus, Cause};
use super::super::engine::{Body, Hold};
use super::super::store::{Record, ReleaseRecord};
use super::live::{Found, Live, Tools};
use super::{answer, connections, reply, request};

/// How long to wait before a port that is taken is tried again: doubled each time, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// An application that is recorded.
pub struct App {
    tools: Arc<Tools>,
    name: String,
    address: SocketAddr,
    /// One for each request that a component may answer at the same time.
    permits: Arc<Semaphore>,
    /// Counts the [`Hold`]s: components may go on when they have answered.
    running: TaskTracker,
    state: Mutex<State>,
    closing: CancellationToken,
    serving: Mutex<Option<JoinHandle<()>>>,
}

struct State {
    record: Record,
    /// What answers.
    live: Option<Arc<Live>>,
    /// Why the current release cannot be started, and what kind of reason that is.
    problem: Option<(Cause, String)>,
    /// Whether the port is ours.
    listening: bool,
    /// Why it is not.
    port_problem: Option<String>,
}

impl App {
    /// An application of which nothing is prepared. Listens at once, on `listener` or as soon as the port is free,
    /// until `closing` is cancelled.
    pub fn open(
        tools: &Arc<Tools>,
        address: SocketAddr,
        record: Record,
        listener: Option<TcpListener>,
        closing: CancellationToken,
    ) -> Arc<App> {
        let app = Arc::new(App {
            tools: tools.clone(),
            name: record.app.clone(),
            address,
            permits: Arc::new(Semaphore::new(
                usize::try_from(tools.limits.concurrent).unwrap_or(Semaphore::MAX_PERMITS),
            )),
            running: TaskTracker::new(),
            state: Mutex::new(State {
                record,
                live: None,
                problem: None,
                listening: listener.is_some(),
                port_problem: None,
            }),
            closing,
            serving: Mutex::new(None),
        });
        let serving = tokio::spawn(app.clone().serve(listener));
        *app.serving.lock().unwrap_or_else(PoisonError::into_inner) = Some(serving);
        app
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn record(&self) -> Record {
        self.state().record.clone()
    }

    /// Whether requests get that very release, as soon as the port is free.
    pub fn serves(&self, release: &ReleaseRecord) -> bool {
        self.state().live.as_ref().is_some_and(|live| live.release() == release)
    }

    /// Lets new requests get that release; those in flight finish with the one that they have.
    pub fn swap(&self, record: Record, live: Arc<Live>) {
        let mut state = self.state();
        state.record = record;
        state.problem = None;
        let old = state.live.replace(live);
        self.tell(&state);
        drop(state);
        // May be much: not under the lock.
        drop(old);
    }

    /// Says where the release answers, once it does.
    fn tell(&self, state: &State) {
        if let Some(live) = state.live.as_ref().filter(|_| state.listening) {
            self.tools.note(format!("{} {} at {}", self.name, live.release().version, self.url()));
        }
    }

    /// Says why the current release cannot be started.
    pub fn set_problem(&self, cause: Cause, problem: String) {
        self.state().problem = Some((cause, problem));
    }

    /// As it is now.
    pub fn status(&self) -> AppStatus {
        let state = self.state();
        let answers = state.port_problem.is_none() && !self.is_closing();
        let serving = state.live.as_ref().filter(|_| answers).map(|live| live.release().id);
        AppStatus {
            record: state.record.clone(),
            url: self.url(),
            serving,
            problem: state.port_problem.clone().or_else(|| self.silence(&state)),
            passing: serving.is_none() && state.port_problem.is_none() && state.problem.is_none(),
            cause: match &state.port_problem {
                Some(_) => Some(Cause::Port),
                None => state.problem.as_ref().map(|(cause, _)| *cause),
            },
        }
    }

    /// Where it answers, without a trailing slash.
    pub fn url(&self) -> String {
        url(self.address)
    }

    /// Whether nothing will answer any more.
    pub fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Closes the port, and waits for what is in flight, and for components that go on when they have answered.
    pub async fn close(&self) {
        self.closing.cancel();
        let serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(serving) = serving
            && let Err(error) = serving.await
        {
            tracing::debug!(%error, "an application's port ended badly");
        }
        let old = self.state().live.take();
        drop(old);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self: Arc<App>, listener: Option<TcpListener>) {
        let listener = match listener {
            Some(listener) => listener,
            None => tokio::select! {
                () = self.closing.cancelled() => return,
                listener = self.bind() => listener,
            },
        };
        let answer = {
            let app = self.clone();
            move |client, request| app.clone().answer(client, request)
        };
        let end = connections::serve(listener, &self.closing, self.tools.limits.time, answer).await;
        self.running.close();
        if timeout_at(end, self.running.wait()).await.is_err() {
            tracing::debug!(app = self.name, "components go on when their time is up");
        }
    }

    /// Listens on the application's port, however long it takes until it is free.
    async fn bind(&self) -> TcpListener {
        let mut pause = FIRST_PAUSE;
        loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => {
                    let mut state = self.state();
                    state.listening = true;
                    if state.port_problem.take().is_some() {
                        self.tools.note(format!("{}: port {} is free again", self.name, self.port()));
                    }
                    self.tell(&state);
                    return listener;
                }
                Err(error) => self.set_port_problem(port_problem(self.address, &error)),
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    fn set_port_problem(&self, problem: String) {
        let before = self.state().port_problem.replace(problem.clone());
        if before.as_ref() != Some(&problem) {
            self.tools.warn(format!("{}: {problem}", self.name));
        }
    }

    async fn answer(self: Arc<App>, client: SocketAddr, request: Request<Incoming>) -> Response<Body> {
        let method = request.method().clone();
        answer::fitting(&method, self.respond(client, request).await)
    }

    async fn respond(&self, client: SocketAddr, request: Request<Incoming>) -> Response<Body> {
        let mut request = match request::from_socket(request, self.address) {
            Ok(request) => request,
            Err(why) => return reply::line(StatusCode::BAD_REQUEST, why),
        };
        let live = match self.live() {
            Ok(live) => live,
            Err(problem) => return reply::line(StatusCode::SERVICE_UNAVAILABLE, &problem),
        };
        let path = request.uri().path().to_owned();
        let (component, arrival) = match live.find(&path) {
            Found::Reply(response) => return response,
            Found::Component(component, arrival) => (component, arrival),
        };
        let Ok(permit) = self.permits.clone().try_acquire_owned() else {
            return reply::busy(&format!("{} has too many requests at the same time", self.name));
        };
        request.extensions_mut().insert(Hold(Arc::new((permit, live.clone(), self.running.token()))));
        match live.call(component, &arrival, client, request).await {
            Ok(response) => response,
            Err(error) => reply::failure(component.id(), &error),
        }
    }

    /// What answers, or what anybody may know of why nothing does.
    fn live(&self) -> Result<Arc<Live>, String> {
        let state = self.state();
        state.live.clone().ok_or_else(|| match &state.problem {
            Some(_) => format!("{} does not answer: see the server's log", self.name),
            None => format!("{} does not answer: {}", self.name, self.silence(&state).unwrap_or_default()),
        })
    }

    /// Why the current release does not answer.
    fn silence(&self, state: &State) -> Option<String> {
        if self.is_closing() {
            return Some("it is being closed".to_owned());
        }
        state
            .problem
            .as_ref()
            .map(|(_, why)| why.clone())
            .or_else(|| state.live.is_none().then(|| "it is being started".to_owned()))
    }
}

/// The URL for that address. A server for all addresses is told by the loopback one, which is sure to be this machine's.
pub fn url(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}")
}

/// Why the port is not ours.
fn port_problem(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => format!("port {} is taken by another program", address.port()),
        _ => format!("cannot listen on {address}: {error}"),
    }
}
