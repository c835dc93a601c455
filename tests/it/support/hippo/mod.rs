//! A fake Hippo that keeps state and answers as Hippo v0.20.2 was seen to.
//!
//! Its half of a scheduler really serves what is posted to it (without running any Wasm), so a test can ask what *runs*
//! and not only what is recorded. That it answers like the real one is proven by `tests/it/transcripts.rs`, which
//! replays conversations recorded with a real server. What no recording shows follows
//! Hippo's source (`deislabs/hippo@v0.20.2`); the recordings in `tests/fixtures/hippo-transcripts` stand above it.

pub mod asks;
pub mod clock;
pub mod faults;
pub mod guid;
pub mod listener;
pub mod nomad;
pub mod range_rule;
pub mod runner;
pub mod stand_in_bindle;
pub mod state;
pub mod token;

mod api;
mod bindle_client;
mod command;
mod events;
mod job;
mod json_text;
mod paging;
mod problem;
mod reply;
mod server;
mod spin_loader;
mod validation;
mod wire;

use std::{io, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Request, State as Shared},
    http::Response,
};

#[allow(unused_imports, reason = "not every program that includes this module needs every name")]
pub use self::{
    asks::{Ask, AskLog, Mode},
    clock::Clock,
    faults::Fault,
    guid::Guid,
    nomad::{JobStatus, PostedJob},
    runner::Start,
    state::{App, Channel, Revision, User},
    token::{Claims, Issuer},
};
use self::{
    bindle_client::BindleClient,
    faults::{Effect, When},
    listener::{Cut, CuttableListener, Serving},
    nomad::Nomad,
    reply::{Call, Reply},
    runner::Runner,
    server::{Server, Settings},
    state::{DESIRED_DEAD, DESIRED_RUNNING, DESIRED_UNSET, State, USE_RANGE_RULE, USE_SPECIFIED_REVISION},
};

/// Which Hippo is played; they differ in default domains and in the job's arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// v0.19.1
    V0_19,
    /// v0.20.2
    #[default]
    V0_20,
}

/// `Hippo:RegistrationMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Anybody may register.
    #[default]
    Open,
    /// Nobody may.
    Closed,
    /// Only with an administrator's token.
    AdministratorOnly,
}

/// Settings of a fake Hippo that is about to start.
#[derive(Debug)]
pub struct Builder {
    settings: Settings,
    users: Vec<(String, String, bool)>,
    clock: Clock,
    bindle: String,
    asks: AskLog,
    seed: u64,
    runs_jobs: bool,
    ports: (u16, u16),
}

impl Builder {
    /// Which Hippo is played; v0.20.2 unless told.
    pub fn generation(mut self, generation: Generation) -> Self {
        self.settings.generation = generation;
        self
    }

    /// Adds an account.
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.users.push((name.to_owned(), password.to_owned(), false));
        self
    }

    /// Adds an account that may register others.
    pub fn administrator(mut self, name: &str, password: &str) -> Self {
        self.users.push((name.to_owned(), password.to_owned(), true));
        self
    }

    /// `Hippo:PlatformDomain`; `hippo.localhost` unless told.
    pub fn platform_domain(mut self, domain: &str) -> Self {
        self.settings.platform_domain = domain.to_owned();
        self
    }

    /// Who may register; anybody unless told.
    pub fn registration_mode(mut self, mode: RegistrationMode) -> Self {
        self.settings.registration = mode;
        self
    }

    /// What time it is; the system's unless told.
    pub fn clock(mut self, clock: &Clock) -> Self {
        self.clock = clock.clone();
        self
    }

    /// The Bindle server's base URL, `/v1` included.
    pub fn bindle(mut self, url: &str) -> Self {
        self.bindle = url.to_owned();
        self
    }

    /// Writes what is asked of Nomad to this log.
    pub fn asks(mut self, asks: &AskLog) -> Self {
        self.asks = asks.clone();
        self
    }

    /// Which ids are made, and so the order of everything that Hippo walks by id.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Jobs are recorded and count as running, but nothing serves them.
    pub fn records_jobs_only(mut self) -> Self {
        self.runs_jobs = false;
        self
    }

    /// The loopback ports of the API and of the apps; free ones unless told.
    pub fn ports(mut self, api: u16, apps: u16) -> Self {
        self.ports = (api, apps);
        self
    }

    /// Starts it; it stops when it is dropped.
    pub async fn start(self) -> io::Result<FakeHippo> {
        let bindle = BindleClient::new(&self.bindle);
        let runner = self.runs_jobs.then(|| Runner::new(bindle.clone()));
        let nomad = Nomad::new(self.asks.clone(), runner.clone(), self.seed);
        let mut state = State::new(self.seed);
        for (name, password, administrator) in &self.users {
            state.add_user(name, password, *administrator);
        }
        let server = Arc::new(Server::new(self.settings, bindle, nomad, self.clock, state));
        let (listener, address) = CuttableListener::bind(self.ports.0).await?;
        let router = Router::new().fallback(answer).with_state(Arc::clone(&server));
        let mut serving = vec![Serving(listener.serve(router))];
        let (apps_listener, apps_address) = CuttableListener::bind(self.ports.1).await?;
        serving.extend(runner.as_ref().map(|runner| Serving(apps_listener.serve(runner.router()))));
        let url = format!("http://{address}");
        Ok(FakeHippo { server, runner, asks: self.asks, url, apps_port: apps_address.port(), _serving: serving })
    }
}

/// A running fake Hippo.
#[derive(Debug)]
pub struct FakeHippo {
    server: Arc<Server>,
    runner: Option<Runner>,
    asks: AskLog,
    url: String,
    apps_port: u16,
    _serving: Vec<Serving>,
}

impl FakeHippo {
    /// A Hippo v0.20.2 without users, open for registration, whose Bindle server nobody has named yet.
    pub fn builder() -> Builder {
        let settings = Settings {
            generation: Generation::default(),
            platform_domain: "hippo.localhost".to_owned(),
            registration: RegistrationMode::default(),
            issuer: Issuer::default(),
        };
        Builder {
            settings,
            users: Vec::new(),
            clock: Clock::system(),
            bindle: "http://127.0.0.1:1/v1".to_owned(),
            asks: AskLog::default(),
            seed: 1,
            runs_jobs: true,
            ports: (0, 0),
        }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port on which all apps answer; the host tells them apart.
    pub fn apps_port(&self) -> u16 {
        self.apps_port
    }

    /// `http://DOMAIN:PORT`
    pub fn app_url(&self, domain: &str) -> String {
        format!("http://{domain}:{}", self.apps_port)
    }

    /// The requests that clients sent and nobody has taken: method, path and query.
    pub fn requests(&self) -> Vec<(String, String)> {
        self.server.door(|door| door.requests.clone())
    }

    /// Takes them away.
    pub fn take_requests(&self) -> Vec<(String, String)> {
        self.server.door(|door| std::mem::take(&mut door.requests))
    }

    /// What was asked of Nomad (and of a stand-in Bindle with the same log) and not taken.
    pub fn asks(&self) -> Vec<Ask> {
        self.asks.all()
    }

    /// Takes it away.
    pub fn take_asks(&self) -> Vec<Ask> {
        self.asks.take()
    }

    /// Sets a fault.
    pub fn fail(&self, fault: Fault) {
        self.server.door(|door| door.faults.add(fault));
    }

    /// Removes all faults, those of Nomad too.
    pub fn clear_faults(&self) {
        self.server.door(|door| door.faults.clear());
        self.fail_nomad(Mode::Up, 0);
    }

    /// Nomad takes `after` more requests and meets all later ones so.
    pub fn fail_nomad(&self, mode: Mode, after: usize) {
        self.server.nomad.gate().set(mode, after);
    }

    /// Tokens that exist now expire once `requests` more requests with them were let in.
    pub fn expire_tokens_after(&self, requests: usize) {
        self.server.door(|door| door.expire_tokens_after(requests));
    }

    /// How jobs start that are posted from now on.
    pub fn set_start(&self, start: Start) {
        if let Some(runner) = &self.runner {
            runner.set_start(start);
        }
    }

    /// What a path of every app answers with, first to last, the last one for ever.
    pub fn set_statuses(&self, path: &str, statuses: &[u16]) {
        if let Some(runner) = &self.runner {
            runner.set_statuses(path, statuses);
        }
    }

    /// Whether hosts answer `/.well-known/spin/info`; Spin before 0.7 did not.
    pub fn set_info(&self, has_info: bool) {
        if let Some(runner) = &self.runner {
            runner.set_info(has_info);
        }
    }

    /// What a test has let a channel's app write so far.
    pub fn log(&self, channel: Guid) -> String {
        self.server.nomad.written(channel)
    }

    /// What a channel's app wrote to its standard output.
    pub fn set_log(&self, channel: Guid, text: &str) {
        self.server.nomad.set_log(channel, text);
    }

    /// The bindle that answers for a channel now: not what is recorded, what runs.
    pub fn running(&self, channel: Guid) -> Option<String> {
        self.runner.as_ref()?.running(channel)
    }

    /// Why a channel's build never came up.
    pub fn crash_reason(&self, channel: Guid) -> Option<String> {
        self.runner.as_ref()?.crash_reason(channel)
    }

    /// Every job that was accepted.
    pub fn jobs_posted(&self) -> Vec<PostedJob> {
        self.server.nomad.jobs_posted()
    }

    /// Posts the job of a channel's recorded revision, as if Hippo had started it before the test.
    pub async fn run_channel(&self, channel: Guid) {
        let row = self.server.with(|state| state.channel(channel).cloned());
        let row = row.expect("a test runs channels that it has seeded");
        events::start_job(&self.server, &row, false).await.expect("Nomad is up while a test seeds");
    }

    /// The users that are recorded.
    pub fn users(&self) -> Vec<User> {
        self.server.with(|state| state.users.clone())
    }

    /// The apps that are recorded, oldest first.
    pub fn apps(&self) -> Vec<App> {
        self.server.with(|state| state.apps.clone())
    }

    /// The revisions that are recorded, oldest first.
    pub fn revisions(&self) -> Vec<Revision> {
        self.server.with(|state| state.revisions.clone())
    }

    /// The channels that are recorded, oldest first.
    pub fn channels(&self) -> Vec<Channel> {
        self.server.with(|state| state.channels.clone())
    }

    /// The recorded channel with this id.
    pub fn channel(&self, id: Guid) -> Option<Channel> {
        self.server.with(|state| state.channel(id).cloned())
    }

    /// Changes the rows directly.
    pub fn edit<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.server.with(change)
    }

    /// Records an app, even one whose name is taken.
    pub fn seed_app(&self, name: &str, storage_id: &str) -> Guid {
        self.edit(|state| state.add_app(name, storage_id))
    }

    /// Records a revision, even one whose number is there already.
    pub fn seed_revision(&self, app: Guid, number: &str) -> Guid {
        self.edit(|state| state.add_revision(app, number))
    }

    /// Records a channel; nothing runs until [`Self::run_channel`].
    pub fn seed_channel(&self, seed: ChannelSeed) -> Guid {
        self.edit(|state| state.add_channel(seed.0))
    }

    /// A valid token for a user, who need not have logged in.
    pub fn token_of(&self, name: &str) -> String {
        let user = self.server.with(|state| state.user_named(name).map(|user| user.id));
        self.server.issue_token(user.expect("a test asks for tokens of users that it has added")).0
    }

    /// The server's key, issuer and audience, to forge tokens with.
    pub fn issuer(&self) -> Issuer {
        self.server.settings.issuer.clone()
    }
}

/// A channel to record.
#[derive(Clone, Debug)]
pub struct ChannelSeed(Channel);

impl ChannelSeed {
    /// A channel of an app, with a domain, that has no revision and follows `*`.
    pub fn new(app_id: Guid, name: &str, domain: &str) -> Self {
        Self(Channel {
            id: Guid::ZERO,
            app_id,
            name: name.to_owned(),
            domain: domain.to_owned(),
            strategy: USE_RANGE_RULE,
            range_rule: Some("*".to_owned()),
            active_revision: None,
            certificate: None,
            last_publish: None,
            desired_status: DESIRED_UNSET,
            variables: Vec::new(),
        })
    }

    /// Pinned to a revision.
    pub fn pinned(mut self, revision: Guid) -> Self {
        self.0.strategy = USE_SPECIFIED_REVISION;
        self.0.range_rule = None;
        self.0.active_revision = Some(revision);
        self
    }

    /// Following a rule, with a revision that it chose before.
    pub fn following(mut self, rule: &str, revision: Option<Guid>) -> Self {
        self.0.range_rule = Some(rule.to_owned());
        self.0.active_revision = revision;
        self
    }

    /// Somebody asked for it to run.
    pub fn wanted(mut self) -> Self {
        self.0.desired_status = DESIRED_RUNNING;
        self
    }

    /// Somebody stopped it.
    pub fn stopped(mut self) -> Self {
        self.0.desired_status = DESIRED_DEAD;
        self
    }
}

/// Logs the request, lets faults strike, and answers.
async fn answer(
    Shared(server): Shared<Arc<Server>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response<Body> {
    let Some(call) = take_apart(request).await else { return Reply::empty(400).into_response() };
    let struck = server.door(|door| {
        door.requests.push((call.method.clone(), call.path_and_query.clone()));
        door.faults.strike(&call)
    });
    let effect = match struck {
        Some((When::BeforeCommit, effect)) => effect,
        Some((When::AfterCommit, effect)) => {
            carry_out(server, call).await;
            effect
        }
        None => Effect::Answer(carry_out(server, call).await),
    };
    match effect {
        Effect::Answer(reply) => reply.into_response(),
        Effect::Cut => {
            cut.cut();
            Reply::empty(500).into_response()
        }
    }
}

/// On a task of its own: a client that goes away does not stop a command half-way.
async fn carry_out(server: Arc<Server>, call: Call) -> Reply {
    let task = tokio::spawn(async move { api::answer(&server, &call).await });
    task.await.expect("handlers do not panic")
}

async fn take_apart(request: Request) -> Option<Call> {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.ok()?;
    let path_and_query = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
    Some(Call { method, path_and_query, path, query, headers: parts.headers, body })
}
