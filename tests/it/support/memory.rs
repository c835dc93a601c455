//! A target that lives in memory: proof that the pipeline needs no concrete one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use spin_deploy::event::Uploaded;
use spin_deploy::package::{Format, Package};
use spin_deploy::target::{
    Action, AppName, Artifact, Capabilities, Change, Checked, Context, ErrorKind, FailingLayer, History, LogBatch,
    LogFilters, LogLine, LogQuery, LogReader, Logs, Look, NameRule, Phase, Plan, Proof, Release, ReleaseId, Released,
    Removal, Scope, Status, Target, TargetError, TargetInfo,
};

/// What every handle of one place shares.
#[derive(Debug, Default)]
pub struct Place {
    /// The digests of stored files.
    pub stored: BTreeSet<String>,
    /// The version that runs, by application.
    pub running: BTreeMap<String, String>,
    /// The versions that were released, by application, newest last.
    pub released: BTreeMap<String, Vec<String>>,
    /// What `status` answers instead of the truth, first to last, the last one for ever.
    pub says: Vec<Phase>,
    /// What `status` says that keeps an application from answering.
    pub layer: Option<FailingLayer>,
    /// Whether it says so only until somebody goes back.
    pub says_until_rollback: bool,
    /// The next calls fail so, by the name of the operation.
    pub failing: BTreeMap<&'static str, ErrorKind>,
    /// Log lines by application.
    pub logs: BTreeMap<String, Vec<String>>,
    /// The operations that were called.
    pub calls: Vec<&'static str>,
}

/// A handle to a place.
#[derive(Debug, Clone)]
pub struct Memory {
    place: Arc<Mutex<Place>>,
    info: TargetInfo,
    capabilities: Capabilities,
}

impl Memory {
    /// An empty place.
    pub fn new() -> Self {
        let rule = NameRule { holds: |name| name != "forbidden", rule: "this name is taken by the house" };
        Memory {
            place: Arc::default(),
            info: TargetInfo { name: "memory".into(), driver: "memory", endpoint: "memory:".into() },
            capabilities: Capabilities { format: Format::Bindle, name_rules: vec![rule], max_version_length: 64 },
        }
    }

    /// The place itself, to look at and to meddle with.
    pub fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().expect("no test panics while it holds the lock")
    }

    fn called(&self, cx: &Context, operation: &'static str) -> Result<MutexGuard<'_, Place>, TargetError> {
        let mut place = self.place();
        place.calls.push(operation);
        if cx.cancel.is_cancelled() {
            return Err(TargetError::new(ErrorKind::Cancelled, operation));
        }
        match place.failing.get(operation) {
            Some(kind) => Err(TargetError::new(*kind, format!("{operation} in memory"))),
            None => Ok(place),
        }
    }
}

impl Place {
    fn changes(&self, app: &AppName, version: &str) -> Vec<Change> {
        let (action, detail) = match self.running.get(&app.0) {
            None => (Action::Create, None),
            Some(running) if running == version => (Action::Keep, None),
            Some(running) => (Action::Update, Some(format!("{running} to {version}"))),
        };
        vec![Change { action, subject: format!("app {app}"), detail }]
    }
}

fn release(app: &AppName, version: &str, changes: Vec<Change>) -> Release {
    Release {
        id: ReleaseId(format!("{app}@{version}")),
        version: version.to_owned(),
        url: Some(format!("http://{app}.localhost")),
        changes,
    }
}

#[async_trait]
impl Target for Memory {
    fn info(&self) -> &TargetInfo {
        &self.info
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn check(&self, cx: &Context) -> Result<Checked, TargetError> {
        drop(self.called(cx, "check")?);
        Ok(Checked { identity: Some("tester".to_owned()) })
    }

    async fn plan(&self, cx: &Context, app: &AppName, package: &Package) -> Result<Plan, TargetError> {
        let place = self.called(cx, "plan")?;
        let current = place.running.get(&app.0).map(|version| release(app, version, Vec::new()));
        Ok(Plan { changes: place.changes(app, &package.id.version.to_string()), current })
    }

    async fn publish(&self, cx: &Context, package: &Package) -> Result<Artifact, TargetError> {
        let mut place = self.called(cx, "publish")?;
        let mut uploaded = Uploaded::default();
        for blob in &package.blobs {
            if place.stored.insert(blob.sha256.clone()) {
                uploaded.files += 1;
                uploaded.bytes += blob.size;
            }
        }
        Ok(Artifact {
            package: package.id.clone(),
            reference: package.id.to_string(),
            routes: package.routes.clone(),
            uploaded,
        })
    }

    async fn release(&self, cx: &Context, app: &AppName, artifact: &Artifact) -> Result<Release, TargetError> {
        let mut place = self.called(cx, "release")?;
        let version = artifact.package.version.to_string();
        let changes = place.changes(app, &version);
        place.running.insert(app.0.clone(), version.clone());
        let released = place.released.entry(app.0.clone()).or_default();
        released.retain(|other| *other != version);
        released.push(version.clone());
        Ok(release(app, &version, changes))
    }

    async fn status(&self, cx: &Context, app: &AppName, _look: Look<'_>) -> Result<Status, TargetError> {
        let mut place = self.called(cx, "status")?;
        let version = place.running.get(&app.0).cloned();
        let truth = match &version {
            Some(_) => Phase::Ready(Proof::Version),
            None => Phase::Absent,
        };
        let phase = match place.says.len() {
            0 => truth,
            1 => place.says[0],
            _ => place.says.remove(0),
        };
        let release = version.as_ref().map(|version| release(app, version, Vec::new()));
        let layer = place.layer;
        Ok(Status { version, detail: Some(format!("{phase:?}")), layer, release, ..Status::new(phase) })
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

impl Logs for Memory {
    fn filters(&self) -> LogFilters {
        LogFilters::default()
    }

    fn open<'a>(&'a self, app: &AppName, query: LogQuery) -> Box<dyn LogReader + 'a> {
        Box::new(Reader { target: self, app: app.clone(), query, told: None })
    }
}

/// Reads what an application wrote.
struct Reader<'a> {
    target: &'a Memory,
    app: AppName,
    query: LogQuery,
    /// How many lines were handed out, or passed over.
    told: Option<usize>,
}

#[async_trait]
impl LogReader for Reader<'_> {
    async fn read(&mut self, cx: &Context) -> Result<LogBatch, TargetError> {
        let place = self.target.called(cx, "logs")?;
        if !place.running.contains_key(&self.app.0) {
            return Err(TargetError::new(ErrorKind::NotFound, "logs in memory"));
        }
        let lines = place.logs.get(&self.app.0).cloned().unwrap_or_default();
        let wanted = self.query.count.unwrap_or(usize::MAX);
        let begin = self.told.unwrap_or_else(|| lines.len().saturating_sub(wanted));
        self.told = Some(lines.len());
        Ok(LogBatch { lines: lines[begin..].iter().map(LogLine::bare).collect(), gap: None })
    }
}

#[async_trait]
impl History for Memory {
    async fn releases(&self, cx: &Context, app: &AppName) -> Result<Vec<Released>, TargetError> {
        let place = self.called(cx, "releases")?;
        let unknown = || TargetError::new(ErrorKind::NotFound, "releases in memory");
        let versions = place.released.get(&app.0).ok_or_else(unknown)?;
        let released = |version: &String| Released {
            id: release(app, version, Vec::new()).id,
            version: version.clone(),
            created: None,
            active: place.running.get(&app.0) == Some(version),
            channels: Vec::new(),
            gone: false,
        };
        Ok(versions.iter().rev().map(released).collect())
    }

    async fn rollback(&self, cx: &Context, app: &AppName, to: &ReleaseId) -> Result<Release, TargetError> {
        let mut place = self.called(cx, "rollback")?;
        let unknown = || TargetError::new(ErrorKind::NotFound, "rollback in memory");
        let mut versions = place.released.get(&app.0).into_iter().flatten();
        let version = versions.find(|version| release(app, version, Vec::new()).id == *to).ok_or_else(unknown)?.clone();
        let changes = place.changes(app, &version);
        place.running.insert(app.0.clone(), version.clone());
        if place.says_until_rollback {
            place.says.clear();
        }
        Ok(release(app, &version, changes))
    }
}

#[async_trait]
impl Removal for Memory {
    fn has_channels(&self) -> bool {
        false
    }

    async fn doomed(&self, cx: &Context, app: &AppName, scope: Scope) -> Result<Vec<Change>, TargetError> {
        refuse_channels(scope)?;
        let place = self.called(cx, "doomed")?;
        Ok(place.running.get(&app.0).map(|version| removed(app, version)).into_iter().collect())
    }

    async fn destroy(&self, cx: &Context, app: &AppName, scope: Scope) -> Result<Vec<Change>, TargetError> {
        refuse_channels(scope)?;
        let mut place = self.called(cx, "destroy")?;
        place.released.remove(&app.0);
        Ok(place.running.remove(&app.0).map(|version| removed(app, &version)).into_iter().collect())
    }
}

fn refuse_channels(scope: Scope) -> Result<(), TargetError> {
    match scope {
        Scope::App => Ok(()),
        Scope::Channel => Err(TargetError::new(ErrorKind::Unsupported, "remove a channel in memory")),
    }
}

fn removed(app: &AppName, version: &str) -> Change {
    Change { action: Action::Remove, subject: format!("app {app}"), detail: Some(version.to_owned()) }
}
