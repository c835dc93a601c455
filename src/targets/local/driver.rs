//! The client's half: what a deploy asks of this machine.

use std::sync::Arc;

use anyhow::anyhow;

use super::changes::{self, State, Wish};
use super::client::{Client, ControlError};
use super::config::Config;
use super::control::{AppStatus, MakeLive, ServerInfo};
use super::launch::{self, Sleep};
use super::lock::{LockError, ServerLock};
use super::paths::Paths;
use super::publish::{PublishError, publish};
use super::record::{Record, ReleaseRecord};
use super::store::{Store, StoreError};
use super::{engine, fault, logs, names, readiness, serve};
use crate::event::Event;
use crate::package::{Description, Format, Package};
use crate::target::{
    Action, AppName, Artifact, Capabilities, Change, Checked, Context, ErrorKind, History, LogBatch, LogFilters,
    LogLine, LogQuery, LogReader, Logs, Look, Phase, Plan, Proof, Release, ReleaseId, Released, Removal, Scope, Status,
    Target, TargetError, TargetInfo,
};
use crate::{http, targets};

/// What stands between the id of a package and the digest of its document in a reference.
const DIGEST: &str = "@sha256:";

/// Makes a target; nothing is read or written.
pub fn connect(config: &targets::Config) -> Result<Box<dyn Target>, TargetError> {
    let Some(local) = &config.local else {
        return Err(TargetError::new(ErrorKind::InvalidConfig, "find a directory for data: no home is known")
            .hint("--data-dir DIR"));
    };
    let http = http::Client::new(&config.http)
        .map_err(|error| TargetError::new(ErrorKind::InvalidConfig, "set up the HTTP client").because(error))?;
    Ok(Box::new(Local::new(config.name_or("local"), local, http)))
}

/// The data directory of this machine, and the server that goes with it.
#[derive(Debug)]
struct Local {
    info: TargetInfo,
    capabilities: Capabilities,
    config: Config,
    paths: Paths,
    http: http::Client,
    client: Client,
    sleep: Sleep,
}

impl Local {
    fn new(name: String, config: &Config, http: http::Client) -> Local {
        let paths = config.paths();
        let endpoint = paths.data.display().to_string();
        Local {
            info: TargetInfo { name, driver: "local", endpoint },
            capabilities: Capabilities {
                format: Format::Directory(Arc::new(engine::embedded::support())),
                name_rules: names::rules(),
                max_version_length: names::MAX_VERSION_LENGTH,
            },
            client: Client::new(&paths.socket),
            config: config.clone(),
            paths,
            http,
            sleep: serve::sleep,
        }
    }

    /// Does something with the store on a thread where it may block.
    async fn with_store<T: Send + 'static>(
        &self,
        operation: &str,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, TargetError> {
        let paths = self.paths.clone();
        let work = tokio::task::spawn_blocking(move || work(&Store::open(&paths)?)).await;
        let result = work.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        result.map_err(|error| fault::of_store(error, operation))
    }

    /// What is recorded of an application. Where nothing was ever stored, nothing is made either.
    async fn record(&self, app: &AppName) -> Result<Option<Record>, TargetError> {
        if !self.paths.apps().is_dir() {
            return Ok(None);
        }
        let name = app.0.clone();
        self.with_store(&format!("read what is recorded of {app}"), move |store| store.record(&name)).await
    }

    /// What is there, and where the application answers. Reads only.
    async fn observe(&self, app: &AppName) -> Result<(State, Option<String>), TargetError> {
        match self.client.app(&app.0).await {
            Ok(Some(AppStatus { record, url, serving, .. })) => {
                Ok((State { server: true, record: Some(record), serving }, Some(url)))
            }
            Ok(None) => Ok((State { server: true, record: None, serving: None }, None)),
            Err(ControlError::NotRunning) => {
                Ok((State { server: false, record: self.record(app).await?, serving: None }, None))
            }
            Err(error) => Err(fault::of_question(error, format!("ask the server for {app}"))),
        }
    }

    /// Makes sure that a server runs.
    async fn server(&self, cx: &Context) -> Result<(), TargetError> {
        let info = match self.client.server().await {
            Ok(info) => info,
            Err(ControlError::NotRunning) => return self.start(cx).await,
            Err(error) => return Err(fault::of_question(error, "ask the server who it is")),
        };
        if let Some(message) = other_version(&info) {
            cx.report(Event::Note { message });
        }
        Ok(())
    }

    /// Starts a server in the background, and says so.
    async fn start(&self, cx: &Context) -> Result<(), TargetError> {
        let start = launch::start(&self.paths, &self.config.launch, &self.client, self.sleep);
        let Some(started) = cx.cancel.run_until_cancelled(start).await else {
            return Err(fault::cancelled("start a server"));
        };
        let info = started.map_err(|error| fault::of_launch(error, "start a server"))?;
        let log = self.paths.server_log();
        cx.report(Event::Note { message: format!("started a server (process {}), log {}", info.pid, log.display()) });
        Ok(())
    }

    /// What the server says of an application, or, without one, what is recorded.
    async fn full_status(&self, app: &AppName) -> Result<Status, TargetError> {
        match self.client.app(&app.0).await {
            Ok(Some(status)) => Ok(judge(&status)),
            Ok(None) => Ok(absent()),
            Err(ControlError::NotRunning) => Ok(match self.record(app).await? {
                None => absent(),
                Some(_) => Status {
                    detail: Some("no server is running; start it: `spin-deploy serve`".to_owned()),
                    ..Status::new(Phase::Pending)
                },
            }),
            Err(error) => Err(fault::of_question(error, format!("ask the server for {app}"))),
        }
    }

    /// Whether that release answers. The server is asked first: at the application's address something else could answer
    /// in its name.
    async fn quick_status(&self, app: &AppName, release: &Release) -> Result<Status, TargetError> {
        let Ok(Some(found)) = self.client.app(&app.0).await else { return self.full_status(app).await };
        let current = found.record.current();
        // Ids begin anew when an application was removed in between.
        if (current.id.to_string(), &current.version) != (release.id.0.clone(), &release.version) {
            return Ok(replaced(current));
        }
        let status = judge(&found);
        match status.phase {
            Phase::Ready(_) => Ok(readiness::look(&self.http, &found.url, &app.0, release).await),
            _ => Ok(status),
        }
    }

    /// Removes an application without a server, which must not be started meanwhile. `None`: one has been started.
    async fn forget(&self, app: &AppName, operation: &str) -> Result<Option<()>, TargetError> {
        let _lock = match ServerLock::acquire(&self.paths) {
            Ok(lock) => lock,
            Err(LockError::Held { .. }) => return Ok(None),
            Err(LockError::Paths(error)) => return Err(fault::of_paths(error, operation)),
            Err(error) => return Err(TargetError::new(ErrorKind::InvalidConfig, operation).because(error)),
        };
        let name = app.0.clone();
        self.with_store(operation, move |store| store.forget(&name)).await?;
        Ok(Some(()))
    }
}

#[async_trait::async_trait]
impl Target for Local {
    fn info(&self) -> &TargetInfo {
        &self.info
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn check(&self, _cx: &Context) -> Result<Checked, TargetError> {
        let operation = || format!("use the data directory {}", self.paths.data.display());
        self.paths.make_data_dir().map_err(|error| fault::of_paths(error, operation()))?;
        Ok(Checked { identity: None })
    }

    async fn plan(&self, _cx: &Context, app: &AppName, package: &Package) -> Result<Plan, TargetError> {
        let operation = || format!("use the data directory {}", self.paths.data.display());
        self.paths.look().map_err(|error| fault::of_paths(error, operation()))?;
        let wish = Wish {
            app: app.0.clone(),
            version: package.id.version.to_string(),
            document: document_of(package)?.to_owned(),
        };
        let (state, url) = self.observe(app).await?;
        let current = state.record.as_ref().map(|record| release(record.current(), url, Vec::new()));
        Ok(Plan { changes: changes::changes(&state, &wish), current })
    }

    async fn publish(&self, cx: &Context, package: &Package) -> Result<Artifact, TargetError> {
        let operation = format!("store {}", package.id);
        if cx.cancel.is_cancelled() {
            return Err(fault::cancelled(operation));
        }
        let reference = format!("{}{DIGEST}{}", package.id, document_of(package)?);
        let store = self.with_store(&operation, |store| Ok(store.clone())).await?;
        let uploaded = publish(&store, &package.blobs, cx.reporter.as_ref(), &cx.cancel).await;
        let uploaded = uploaded.map_err(|error| match error {
            PublishError::Cancelled => fault::cancelled(&operation),
            PublishError::Store(error) => fault::of_store(error, &operation),
        })?;
        Ok(Artifact { package: package.id.clone(), reference, routes: package.routes.clone(), uploaded })
    }

    async fn release(&self, cx: &Context, app: &AppName, artifact: &Artifact) -> Result<Release, TargetError> {
        let operation = format!("release {}", artifact.package);
        if cx.cancel.is_cancelled() {
            return Err(fault::cancelled(operation));
        }
        let Some((_, document)) = artifact.reference.rsplit_once(DIGEST) else {
            let why = anyhow!("{} names no document", artifact.reference);
            return Err(TargetError::new(ErrorKind::Unexpected, operation).because(why));
        };
        let version = artifact.package.version.to_string();
        let wish = Wish { app: app.0.clone(), version: version.clone(), document: document.to_owned() };
        let (before, _) = self.observe(app).await?;
        self.server(cx).await?;
        let order = MakeLive { document: document.to_owned(), version };
        let live = self.client.make_live(&app.0, &order).await;
        let live = live.map_err(|error| fault::of_release(error, &operation))?;
        let live = answering(live, &operation)?;
        Ok(release(live.record.current(), Some(live.url.clone()), changes::changes(&before, &wish)))
    }

    async fn status(&self, _cx: &Context, app: &AppName, look: Look<'_>) -> Result<Status, TargetError> {
        match look {
            Look::Quick(release) => self.quick_status(app, release).await,
            Look::Full => self.full_status(app).await,
        }
    }

    fn logs(&self) -> Option<&dyn Logs> {
        Some(self)
    }

    fn history(&self) -> Option<&dyn History> {
        Some(self)
    }

    fn removal(&self) -> Option<&dyn Removal> {
        Some(self)
    }
}

impl Logs for Local {
    fn filters(&self) -> LogFilters {
        LogFilters { since: true, component: true }
    }

    fn open<'a>(&'a self, app: &AppName, query: LogQuery) -> Box<dyn LogReader + 'a> {
        Box::new(Reader { target: self, app: app.clone(), query })
    }
}

/// Reads an application's log files.
struct Reader<'a> {
    target: &'a Local,
    app: AppName,
    query: LogQuery,
}

#[async_trait::async_trait]
impl LogReader for Reader<'_> {
    async fn read(&mut self, _cx: &Context) -> Result<LogBatch, TargetError> {
        let operation = format!("read the log of {}", self.app);
        if self.target.record(&self.app).await?.is_none() {
            return Err(unknown(&self.app, operation));
        }
        let directory = self.target.paths.logs(&self.app.0);
        let count = self.query.count.unwrap_or(usize::MAX);
        let tail = tokio::task::spawn_blocking(move || logs::tail(&directory, count)).await;
        let tail = tail.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let tail = tail.map_err(|error| TargetError::new(ErrorKind::InvalidConfig, operation).because(error))?;
        Ok(LogBatch { lines: tail.into_iter().map(LogLine::bare).collect(), gap: None })
    }
}

#[async_trait::async_trait]
impl History for Local {
    async fn releases(&self, _cx: &Context, app: &AppName) -> Result<Vec<Released>, TargetError> {
        let Some(record) = self.record(app).await? else {
            return Err(unknown(app, format!("list the releases of {app}")));
        };
        let released = |release: &ReleaseRecord| Released {
            id: ReleaseId(release.id.to_string()),
            version: release.version.clone(),
            created: Some(release.created),
            active: release.id == record.current,
            channels: Vec::new(),
            gone: false,
        };
        Ok(record.releases.iter().rev().map(released).collect())
    }

    async fn rollback(&self, cx: &Context, app: &AppName, to: &ReleaseId) -> Result<Release, TargetError> {
        let operation = format!("go back to release {to} of {app}");
        if cx.cancel.is_cancelled() {
            return Err(fault::cancelled(operation));
        }
        let (before, _) = self.observe(app).await?;
        let Some(record) = &before.record else { return Err(unknown(app, operation)) };
        let Some(wanted) = record.releases.iter().find(|release| release.id.to_string() == to.0) else {
            return Err(TargetError::new(ErrorKind::NotFound, operation)
                .because(anyhow!("it is not among the releases that are remembered")));
        };
        self.server(cx).await?;
        let live = self.client.roll_back(&app.0, wanted.id).await;
        let live = answering(live.map_err(|error| fault::of_order(error, &operation))?, &operation)?;
        let wish = Wish { app: app.0.clone(), version: wanted.version.clone(), document: wanted.document.clone() };
        Ok(release(live.record.current(), Some(live.url.clone()), rolled_back(&before, &wish, wanted.id)))
    }
}

#[async_trait::async_trait]
impl Removal for Local {
    fn has_channels(&self) -> bool {
        false
    }

    async fn doomed(&self, _cx: &Context, app: &AppName, _scope: Scope) -> Result<Vec<Change>, TargetError> {
        let (state, _) = self.observe(app).await?;
        Ok(state.record.as_ref().map(removed).unwrap_or_default())
    }

    async fn destroy(&self, cx: &Context, app: &AppName, _scope: Scope) -> Result<Vec<Change>, TargetError> {
        let operation = format!("remove {app}");
        if cx.cancel.is_cancelled() {
            return Err(fault::cancelled(operation));
        }
        let (before, _) = self.observe(app).await?;
        let Some(record) = before.record else { return Ok(Vec::new()) };
        if !before.server && self.forget(app, &operation).await?.is_some() {
            return Ok(removed(&record));
        }
        self.client.remove(&app.0).await.map_err(|error| fault::of_order(error, operation))?;
        Ok(removed(&record))
    }
}

/// The digest of what describes a package.
fn document_of(package: &Package) -> Result<&str, TargetError> {
    match &package.description {
        Description::Directory { document } => Ok(document),
        Description::Bindle(_) => {
            let operation = format!("take {}", package.id);
            Err(TargetError::new(ErrorKind::Unexpected, operation).because(anyhow!("it is a bindle")))
        }
    }
}

fn release(record: &ReleaseRecord, url: Option<String>, changes: Vec<Change>) -> Release {
    Release { id: ReleaseId(record.id.to_string()), version: record.version.clone(), url, changes }
}

/// Where an application stands, as the server has it.
fn judge(status: &AppStatus) -> Status {
    let version_of = |id| status.record.releases.iter().find(|release| release.id == id);
    let version = status.serving.and_then(version_of).map(|release| release.version.clone());
    let phase = match status.serving == Some(status.record.current) {
        true => Phase::Ready(Proof::Version),
        false if status.passing => Phase::Progressing,
        false => Phase::Failed,
    };
    Status { version, detail: status.problem.clone(), ..Status::new(phase) }
}

/// Another release was made live meanwhile.
fn replaced(by: &ReleaseRecord) -> Status {
    let detail = format!("release {} ({}) was made live meanwhile", by.id, by.version);
    Status { version: Some(by.version.clone()), detail: Some(detail), ..Status::new(Phase::Replaced) }
}

/// Refuses what is recorded, and does not answer: its port may be taken by another program.
fn answering(status: AppStatus, operation: &str) -> Result<AppStatus, TargetError> {
    if status.serving == Some(status.record.current) {
        return Ok(status);
    }
    let why = status.problem.unwrap_or_else(|| "it does not answer".to_owned());
    Err(TargetError::new(ErrorKind::Rejected, operation).because(anyhow!(why)).hint(
        "mend that: the release is recorded, and is served as soon as it can be; then run the same command again",
    ))
}

fn absent() -> Status {
    Status::new(Phase::Absent)
}

fn unknown(app: &AppName, operation: String) -> TargetError {
    TargetError::new(ErrorKind::NotFound, operation).because(anyhow!("there is no application {app} on this machine"))
}

/// What a rollback does: what a release of that content would do, but for the release, which exists.
fn rolled_back(before: &State, wish: &Wish, id: u64) -> Vec<Change> {
    let is_release = |change: &Change| change.subject.starts_with("release ");
    let others = changes::changes(before, wish).into_iter().filter(|change| !is_release(change));
    let action = match before.serving == Some(id) {
        true => Action::Keep,
        false => Action::Update,
    };
    let detail = (action == Action::Update).then(|| wish.version.clone());
    others.chain([Change { action, subject: format!("release {id}"), detail }]).collect()
}

fn removed(record: &Record) -> Vec<Change> {
    let detail = format!("{} releases, key-value stores, logs", record.releases.len());
    vec![Change { action: Action::Remove, subject: format!("application {}", record.app), detail: Some(detail) }]
}

/// What to say of a server that another version of this program runs.
pub fn other_version(info: &ServerInfo) -> Option<String> {
    const OURS: &str = env!("CARGO_PKG_VERSION");
    let ServerInfo { version, pid, .. } = info;
    (version != OURS).then(|| {
        format!("the server (process {pid}) is of spin-deploy {version}, this is {OURS}: to renew it, `spin-deploy serve --stop`")
    })
}

#[cfg(test)]
mod tests;
