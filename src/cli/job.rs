//! A deployment that was decided: from where, to where, and under which conditions.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

use crate::app;
use crate::deploy::{self, Check, DeployError, Expected, Input, OtherName, Outcome, Planning, Project, Request};
use crate::event::{Event, Reporter, Step};
use crate::fetch::Downloader;
use crate::http::Client;
use crate::package::archive::{self, Opened};
use crate::settings::env::Environment;
use crate::settings::{Layer, Local, Settings};
use crate::target::{Context, Target};

use super::args::{LoginStoreArgs, ReleasingArgs};
use super::build::Builder;
use super::deploy::{downloader, other_name, refuse_flags_of_others};
use super::elsewhere::Elsewhere;
use super::first_contact::{self, Purpose};
use super::subject::connect;
use super::visit::Visitor;
use super::watch::Watch;
use super::{ExitCode, Failure};

/// A deployment that was decided.
pub struct Job {
    /// Where to.
    pub target: Box<dyn Target>,
    client: Client,
    source: Source,
    conditions: Conditions,
    watch: Arc<Watch>,
}

/// Where the package comes from.
pub enum Source {
    /// It is made of an application, which is built first where that is wanted.
    Project(Project, Option<Builder>),
    /// It lies on disk.
    Package(PathBuf),
    /// It is live at another target.
    Elsewhere(Box<Elsewhere>),
}

/// How it is to be deployed.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    /// How long to wait; `None`: not at all.
    pub timeout: Option<Duration>,
    /// What has to answer, too.
    pub check: Option<Check>,
    /// What has to be live now.
    pub expect: Option<Expected>,
    /// Whether the previous release is put back when this one fails.
    pub restore: bool,
}

impl Conditions {
    /// As they were typed.
    pub fn of(releasing: &ReleasingArgs, timeout: Option<Duration>, check: Option<Check>) -> Conditions {
        let expect = releasing.expect_release.as_deref().map(Expected::parse);
        Conditions { timeout, check, expect, restore: releasing.rollback_on_failure }
    }

    /// Who does not wait cannot see a release fail.
    fn refuse_unwatched(&self, settings: &Settings) -> Result<(), Failure> {
        match self.restore && self.timeout.is_none() {
            false => Ok(()),
            true => {
                let why = format!("a timeout of 0 ({})", settings.timeout.origin);
                Err(Failure::new(ExitCode::Usage, format!("--rollback-on-failure cannot be used together with {why}"))
                    .hint("wait for it: `--timeout 5m`"))
            }
        }
    }
}

impl Job {
    /// Finds out everything that has to be known before the first request is sent.
    pub fn new(
        settings: &Settings,
        typed: &Layer,
        login: &LoginStoreArgs,
        source: impl FnOnce() -> Result<Source, Failure>,
        conditions: Conditions,
        environment: &Environment,
        watch: &Arc<Watch>,
    ) -> Result<Job, Failure> {
        first_contact::refuse(settings, Purpose::Deploy)?;
        let driver = settings.driver.value;
        refuse_flags_of_others(typed, driver)?;
        conditions.refuse_unwatched(settings)?;
        // Not the source: it holds the values of variables, which may be secret.
        tracing::debug!(?settings, "decided");
        if let Some(message) = settings.local.as_ref().and_then(Local::open_to_others) {
            watch.report(Event::Warning { message });
        }
        let source = source()?;
        if let Source::Project(project, _) = &source {
            app::find_manifest(&project.from).map_err(DeployError::Load)?;
        }
        if let Some(app) = settings.app.as_ref().map(|name| name.value.clone()).or_else(|| source.app()) {
            watch.is_about_app(&app);
        }
        let (target, config) = connect(driver, settings, login, environment, watch)?;
        Ok(Job { target, client: Client::new(&config.http)?, source, conditions, watch: Arc::clone(watch) })
    }

    /// Deploys. `name` is what was chosen for the application.
    pub async fn deploy(&self, cx: &Context, name: Option<OtherName>) -> Result<Outcome, Failure> {
        let (request, _unpacked) = self.request(cx, name).await?;
        let visit = Visitor(self.client.clone());
        Ok(deploy::run(cx, self.target.as_ref(), &self.downloader(cx), &visit, &request).await?)
    }

    /// Says what that would do.
    pub async fn plan(&self, cx: &Context, name: Option<OtherName>) -> Result<Planning, Failure> {
        let (request, _unpacked) = self.request(cx, name).await?;
        Ok(deploy::plan(cx, self.target.as_ref(), &self.downloader(cx), &request).await?)
    }

    /// The request, and where its package was unpacked.
    async fn request(&self, cx: &Context, name: Option<OtherName>) -> Result<(Request, Option<TempDir>), Failure> {
        let (input, unpacked) = self.source.input(cx).await?;
        if let (None, Input::Package(package)) = (&name, &input) {
            self.watch.is_about_app(&package.id.name);
        }
        let Conditions { timeout, check, expect, restore } = self.conditions.clone();
        Ok((Request { input, timeout, name, check, expect, restore }, unpacked))
    }

    fn downloader(&self, cx: &Context) -> Downloader {
        downloader(&self.client, cx)
    }
}

impl Source {
    /// What the application calls itself, where that can be told without getting a package.
    fn app(&self) -> Option<String> {
        match self {
            // What is wrong with a manifest is told in its place.
            Source::Project(project, _) => app::find_manifest(&project.from).and_then(|found| app::name(&found)).ok(),
            Source::Package(_) | Source::Elsewhere(_) => None,
        }
    }

    async fn input(&self, cx: &Context) -> Result<(Input, Option<TempDir>), Failure> {
        match self {
            Source::Project(project, builder) => {
                if let Some(builder) = builder {
                    builder.run(cx, &project.from).await?;
                }
                Ok((Input::Project(project.clone()), None))
            }
            Source::Package(path) => {
                let opened = open(cx, path.clone()).await?;
                Ok((Input::Package(Arc::new(opened.package)), opened.unpacked))
            }
            Source::Elsewhere(elsewhere) => {
                let (package, stored) = elsewhere.fetch(cx).await?;
                Ok((Input::Package(Arc::new(package)), Some(stored)))
            }
        }
    }
}

/// Reads a package, told as a step.
async fn open(cx: &Context, path: PathBuf) -> Result<Opened, Failure> {
    let begun = Instant::now();
    cx.report(Event::StepStarted { step: Step::Fetch, subject: path.display().to_string() });
    let read = tokio::task::spawn_blocking(move || archive::read(&path)).await;
    let opened = read.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    cx.report(Event::StepFinished {
        step: Step::Fetch,
        summary: opened.package.id.to_string(),
        elapsed: begun.elapsed(),
    });
    Ok(opened)
}

/// What was chosen as the application's name, by whom.
pub fn chosen_name(settings: &Settings) -> Option<OtherName> {
    settings.app.clone().map(other_name)
}
