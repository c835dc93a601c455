//! The client's half: what a deploy asks of this machine. The files below it are the optional powers, and the status.

mod history;
mod logs;
mod removal;
mod retrieval;
mod status;

use std::sync::Arc;

use anyhow::anyhow;

use super::changes::{self, State, Wish};
use super::client::{Client, ControlError};
use super::config::Config;
use super::control::{AppStatus, MakeLive, ServerInfo};
use super::launch::{self, Sleep};
use super::paths::Paths;
use super::publish::{PublishError, publish};
use super::record::{Record, ReleaseRecord};
use super::store::{Store, StoreError};
use super::{engine, fault, names, serve};
use crate::event::{Event, Uploaded};
use crate::package::{Description, Format, Package};
use crate::target::{
    AppName, Artifact, Capabilities, Change, Checked, Context, ErrorKind, History, Logs, Look, Missing, Plan, Release,
    ReleaseId, Removal, Retrieval, Status, Target, TargetError, TargetInfo,
};
use crate::{http, targets};

/// What stands between the id of a package and the digest of its document in a reference.
const DIGEST: &str = "@sha256:";

/// The format of the packages that this machine runs.
pub fn format() -> Result<Format, TargetError> {
    Ok(Format::Directory(Arc::new(engine::embedded::support())))
}

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
            Err(error) => Err(fault::of_question(error, format!("ask the server for {app}"), &self.paths.data)),
        }
    }

    /// Makes sure that a server runs.
    async fn server(&self, cx: &Context) -> Result<(), TargetError> {
        let info = match self.client.server().await {
            Ok(info) => info,
            Err(ControlError::NotRunning) => return self.start(cx).await,
            Err(error) => return Err(fault::of_question(error, "ask the server who it is", &self.paths.data)),
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
        let info = started.map_err(|error| fault::of_launch(error, "start a server", &self.paths.data))?;
        let log = self.paths.server_log();
        cx.report(Event::Note { message: format!("started a server (process {}), log {}", info.pid, log.display()) });
        Ok(())
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

    async fn missing(&self, _cx: &Context, package: &Package, _plan: &Plan) -> Result<Missing, TargetError> {
        let blobs = package.blobs.clone();
        // Where nothing was ever stored, nothing is made either.
        let lacking = match self.paths.apps().is_dir() {
            true => self.with_store("look at what is stored", move |store| store.lacking(blobs)).await?,
            false => blobs,
        };
        let upload = Uploaded { files: lacking.len() as u64, bytes: lacking.iter().map(|blob| blob.size).sum() };
        Ok(Missing { upload, certain: true })
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
        let live = live.map_err(|error| fault::of_release(error, &operation, &self.paths.data))?;
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

    fn retrieval(&self) -> Option<&dyn Retrieval> {
        Some(self)
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

/// Refuses what is recorded, and does not answer: its port may be taken by another program.
fn answering(status: AppStatus, operation: &str) -> Result<AppStatus, TargetError> {
    if status.serving == Some(status.record.current) {
        return Ok(status);
    }
    let why = status.problem.unwrap_or_else(|| "it does not answer".to_owned());
    Err(TargetError::new(ErrorKind::Rejected, operation)
        .because(anyhow!(why))
        .hint("mend that: the release is recorded, and is served as soon as it can be")
        .hint("wait for it: `spin-deploy wait`, with the options of this target"))
}

fn unknown(app: &AppName, operation: String) -> TargetError {
    TargetError::new(ErrorKind::NotFound, operation).because(anyhow!("there is no application {app} on this machine"))
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
