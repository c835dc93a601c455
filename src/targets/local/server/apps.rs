//! All applications, and what changes them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use futures_util::FutureExt;
use hyper::StatusCode;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::control::{AppStatus, Cause, MakeLive, RollBack, ServerInfo};
use super::super::store::{Record, ReleaseRecord};
use super::app::App;
use super::live::{Live, Tools};
use super::refusal::Refusal;

/// The applications of a server.
pub struct Apps {
    tools: Arc<Tools>,
    listen: IpAddr,
    first_port: u16,
    stop: CancellationToken,
    apps: Mutex<BTreeMap<String, Arc<App>>>,
    /// One for each application that was ever changed, so that changes of it come one after the other.
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// The documents of packages that are in use, or about to be.
    claims: Mutex<Vec<Weak<str>>>,
    /// What is carried through whatever becomes of those who asked for it.
    tasks: TaskTracker,
}

impl Apps {
    /// None yet; all of them close when `stop` is cancelled.
    pub fn new(tools: Arc<Tools>, listen: IpAddr, first_port: u16, stop: CancellationToken) -> Apps {
        Apps {
            tools,
            listen,
            first_port,
            stop,
            apps: Mutex::default(),
            turns: Mutex::default(),
            claims: Mutex::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// Opens what is recorded; each application is started by itself, so that none waits for another.
    pub fn start(self: &Arc<Self>, records: Vec<Record>) {
        for record in records {
            let app = self.open(record, None);
            let apps = self.clone();
            self.tasks.spawn(async move {
                if AssertUnwindSafe(apps.revive(&app)).catch_unwind().await.is_err() {
                    let problem = "the server failed when it was started; its log says how";
                    app.set_problem(Cause::Application, problem.to_owned());
                }
            });
        }
        self.tidy();
    }

    /// Waits until all have finished what is in flight. `stop` must have been cancelled.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        let apps = std::mem::take(&mut *self.apps());
        for app in apps.values() {
            app.close().await;
        }
    }

    /// Carries a change through, also when nobody waits for it any more.
    pub async fn carry_through<T, C>(self: &Arc<Self>, change: impl FnOnce(Arc<Apps>) -> C) -> Result<T, Refusal>
    where
        T: Send + 'static,
        C: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        if self.stop.is_cancelled() {
            return Err(Refusal::stopping());
        }
        let broken = |error: tokio::task::JoinError| {
            tracing::error!(%error, "a change panicked");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says how")
        };
        self.tasks.spawn(change(self.clone())).await.map_err(broken)?
    }

    /// The server itself.
    pub fn info(&self) -> ServerInfo {
        ServerInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            listen: self.listen,
            apps: self.apps().keys().cloned().collect(),
        }
    }

    /// Ends the server.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// An application as it is now.
    pub async fn status(&self, name: &str) -> Result<AppStatus, Refusal> {
        if let Some(app) = self.app(name) {
            return Ok(app.status());
        }
        // A record that cannot be read is not one that is not there.
        let owned = name.to_owned();
        self.tools.store(move |store| store.record(&owned)).await?;
        Err(unknown(name))
    }

    /// Makes a package live.
    pub async fn make_live(&self, name: &str, wish: MakeLive) -> Result<AppStatus, Refusal> {
        let _turn = self.turn(name).await?;
        let now = Timestamp::now();
        let app = match self.record(name).await? {
            Some(record) => self.change(record.with_release(&wish.version, &wish.document, now)).await?,
            None => self.create(name, &wish, now).await?,
        };
        Ok(app.status())
    }

    /// Makes an earlier release live again.
    pub async fn roll_back(&self, name: &str, wish: RollBack) -> Result<AppStatus, Refusal> {
        let _turn = self.turn(name).await?;
        let record = self.record(name).await?.ok_or_else(|| unknown(name))?;
        let forgotten = || Refusal::not_found(format!("{name} has no release {}", wish.release));
        let app = self.change(record.rolled_back(wish.release, Timestamp::now()).ok_or_else(forgotten)?).await?;
        Ok(app.status())
    }

    /// Removes an application and all that belongs to it; nothing where there is none.
    pub async fn delete(&self, name: &str) -> Result<(), Refusal> {
        let _turn = self.turn(name).await?;
        // It stays known, closed, until it is forgotten: its port is nobody else's before.
        if let Some(app) = self.app(name) {
            app.close().await;
        }
        self.tools.close_logs(name);
        let owned = name.to_owned();
        if self.tools.store(move |store| store.forget(&owned)).await? {
            self.tools.note(format!("{name} is removed"));
        }
        self.apps().remove(name);
        self.tidy();
        Ok(())
    }

    /// Starts what is recorded as current, unless somebody was faster.
    async fn revive(&self, app: &Arc<App>) {
        let Ok(_turn) = self.turn(app.name()).await else { return };
        let record = app.record();
        let current = record.current().clone();
        let removed = !self.open_app(app.name()).is_some_and(|known| Arc::ptr_eq(&known, app));
        if removed || app.serves(&current) {
            return;
        }
        match self.prepare(app.name(), &current).await {
            Ok(live) => app.swap(record, live),
            Err(_) if self.stop.is_cancelled() => {}
            Err(refusal) => {
                let problem =
                    format!("release {} ({}) cannot be started: {}", current.id, current.version, refusal.message);
                self.tools.warn(format!("{}: {problem}", app.name()));
                let cause = match refusal.status {
                    StatusCode::UNPROCESSABLE_ENTITY => Cause::Application,
                    _ => Cause::Package,
                };
                app.set_problem(cause, problem);
            }
        }
    }

    /// Makes the record's current release answer, and records that. All or nothing.
    async fn change(&self, record: Record) -> Result<Arc<App>, Refusal> {
        let current = record.current().clone();
        let open = self.open_app(&record.app);
        if let Some(app) = open.as_ref().filter(|app| app.serves(&current)) {
            return Ok(app.clone());
        }
        let live = self.prepare(&record.app, &current).await?;
        let written = record.clone();
        self.tools.store(move |store| store.write_record(&written)).await?;
        let app = open.unwrap_or_else(|| self.open(record.clone(), None));
        app.swap(record, live);
        self.tidy();
        Ok(app)
    }

    /// Makes an application with its first release.
    async fn create(&self, name: &str, wish: &MakeLive, now: Timestamp) -> Result<Arc<App>, Refusal> {
        let record = |port| Record::first(name, port, &wish.version, &wish.document, now);
        let first = record(0).current().clone();
        let live = self.prepare(name, &first).await?;
        let (listener, port) = self.free_port().await?;
        let record = record(port);
        let written = record.clone();
        self.tools.store(move |store| store.write_record(&written)).await?;
        let app = self.open(record.clone(), Some(listener));
        app.swap(record, live);
        self.tidy();
        Ok(app)
    }

    async fn prepare(&self, name: &str, release: &ReleaseRecord) -> Result<Arc<Live>, Refusal> {
        // Before anything is looked up: what is found must stay.
        let claim: Arc<str> = release.document.as_str().into();
        self.claims().push(Arc::downgrade(&claim));
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Refusal::stopping()),
            live = Live::prepare(&self.tools, name, release, claim) => live,
        }
    }

    /// What is recorded of an application, also where none is open: a removal may have failed half-way.
    async fn record(&self, name: &str) -> Result<Option<Record>, Refusal> {
        if let Some(app) = self.open_app(name) {
            return Ok(Some(app.record()));
        }
        let owned = name.to_owned();
        self.tools.store(move |store| store.record(&owned)).await
    }

    fn open(&self, record: Record, listener: Option<TcpListener>) -> Arc<App> {
        let address = SocketAddr::new(self.listen, record.port);
        let name = record.app.clone();
        let app = App::open(&self.tools, address, record, listener, self.stop.child_token());
        self.apps().insert(name, app.clone());
        app
    }

    /// The first port that is free and that no application claims.
    async fn free_port(&self) -> Result<(TcpListener, u16), Refusal> {
        let cannot = |port: u16, error: &std::io::Error| {
            let message = format!("cannot listen on {}: {error}", SocketAddr::new(self.listen, port));
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message)
        };
        let claimed: BTreeSet<u16> = self.apps().values().map(|app| app.port()).collect();
        for port in self.first_port..=u16::MAX {
            if claimed.contains(&port) {
                continue;
            }
            // Port 0 is the system's choice; the next turn makes it 1, which is as good as any.
            match TcpListener::bind(SocketAddr::new(self.listen, port)).await {
                Ok(listener) => {
                    let port = listener.local_addr().map_err(|error| cannot(port, &error))?.port();
                    return Ok((listener, port));
                }
                Err(error) if matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {}
                Err(error) => return Err(cannot(port, &error)),
            }
        }
        let message = format!("no port from {} on is free", self.first_port);
        Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message))
    }

    /// Removes, in the background, what nobody needs any more.
    fn tidy(&self) {
        let in_use = self.in_use();
        let tools = self.tools.clone();
        self.tasks.spawn_blocking(move || match tools.store.collect(&in_use, SystemTime::now()) {
            Ok(collected) => tracing::debug!(?collected, "tidied up"),
            Err(error) => tools.warn(format!("could not tidy up: {}", super::reply::chain(&error))),
        });
    }

    fn in_use(&self) -> BTreeSet<String> {
        let mut claims = self.claims();
        claims.retain(|claim| claim.strong_count() > 0);
        claims.iter().filter_map(Weak::upgrade).map(|document| document.to_string()).collect()
    }

    /// The right to change an application, once all earlier changes of it are done.
    async fn turn(&self, name: &str) -> Result<tokio::sync::OwnedMutexGuard<()>, Refusal> {
        let turn =
            self.turns.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default().clone();
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Refusal::stopping()),
            turn = turn.lock_owned() => Ok(turn),
        }
    }

    fn open_app(&self, name: &str) -> Option<Arc<App>> {
        self.app(name).filter(|app| !app.is_closing())
    }

    fn app(&self, name: &str) -> Option<Arc<App>> {
        self.apps().get(name).cloned()
    }

    fn apps(&self) -> MutexGuard<'_, BTreeMap<String, Arc<App>>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claims(&self) -> MutexGuard<'_, Vec<Weak<str>>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown(name: &str) -> Refusal {
    Refusal::not_found(format!("there is no application {name:?}"))
}
