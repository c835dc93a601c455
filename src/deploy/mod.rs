//! The pipeline, the only orchestration: load → check → package → plan → publish → release → wait.
//!
//! It never names a concrete target, and it speaks only in events. `preflight.rs` compares the application with what
//! the target can take, `wait.rs` polls until the release answers, `check.rs` until a path of it does, `step.rs` frames
//! each step with its events.

mod check;
mod error;
mod outcome;
mod preflight;
mod step;
mod wait;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use check::{Check, Visit};
pub use error::{Complaint, DeployError, Unanswered};
pub use outcome::{Ending, Outcome};

use crate::app::{self, Application, Fetch, Source};
use crate::event::{Event, Step, Uploaded};
use crate::package::{self, Downloads, Package, PackageId};
use crate::target::{AppName, Artifact, Context, Plan, Proof, Release, Target};
use check::Checking;
use step::Stage;
use wait::Waiting;

/// What to deploy, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// A manifest, or a directory that holds one.
    pub from: PathBuf,
    /// How to package it.
    pub package: package::Options,
    /// How long to wait until it answers; `None`: do not wait.
    pub timeout: Option<Duration>,
    /// What the application is called at the target, where that is not what the manifest calls it. The package keeps the
    /// manifest's name.
    pub name: Option<OtherName>,
    /// A path that has to answer, too, while it is waited.
    pub check: Option<Check>,
    /// Whether the application was built for this run: nobody has to be told of sources that are newer.
    pub built: bool,
}

/// A name for an application, and where it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherName {
    /// The name.
    pub name: AppName,
    /// What gave it, for messages: `--name`.
    pub origin: String,
}

/// Deploys. Cancelling `cx.cancel` ends the run with [`DeployError::Cancelled`] as soon as nothing is in flight.
pub async fn run(
    cx: &Context,
    target: &dyn Target,
    fetch: &dyn Fetch,
    visit: &dyn Visit,
    request: &Request,
) -> Result<Outcome, DeployError> {
    let app = load(cx, request).await?;
    let package = package(cx, target, fetch, &app, request).await?;
    let name = request.name.as_ref().map_or_else(|| AppName(app.name.clone()), |other| other.name.clone());

    let plan = plan(cx, target, &name, &package).await?;
    let leave = async |release: Release, uploaded| {
        if let Some(waiting) = waiting(target, visit, request, &package.id, &release, false)? {
            check(cx, target, &name, &package, &waiting).await?;
        }
        Ok(Outcome::unchanged(name.clone(), &package, release.clone(), &plan, uploaded))
    };
    let unchanged = plan.current.clone().filter(|_| plan.is_unchanged());
    if let (Some(release), true) = (&unchanged, package.derived) {
        return leave(release.clone(), Uploaded::default()).await;
    }
    let artifact = publish(cx, target, &package, &plan).await?;
    // Now the registry has confirmed that the version, which the user chose, stands for this content.
    if let Some(release) = unchanged {
        return leave(release, artifact.uploaded).await;
    }
    let release = release(cx, target, &name, &artifact, &plan).await?;
    let replaced = plan.current.as_ref().is_some_and(|current| current.version != release.version);
    let ending = match waiting(target, visit, request, &package.id, &release, replaced)? {
        None => Ending::NotWaited,
        Some(waiting) => Ending::Ready(wait(cx, target, &name, &package, &waiting).await?),
    };
    Ok(Outcome {
        app: name,
        package: package.id,
        routes: package.routes,
        changes: release.changes.clone(),
        release,
        ending,
        uploaded: artifact.uploaded,
    })
}

/// Reads the manifest and everything that it names.
async fn load(cx: &Context, request: &Request) -> Result<Application, DeployError> {
    let stage = Stage::start(cx, Step::Load, request.from.display().to_string());
    let (from, built) = (request.from.clone(), request.built);
    let load = step::blocking(move || {
        let app = app::load(&app::find_manifest(&from)?)?;
        let stale = if built { Vec::new() } else { app::stale(&app) };
        Ok::<_, app::LoadError>((app, stale))
    });
    let (app, stale) = stage.watch(load).await?;
    for message in app.warnings.iter().cloned().chain(stale) {
        cx.report(Event::Warning { message });
    }
    stage.finish(count(app.components.len(), "component"));
    stage.go_on(None)?;
    Ok(app)
}

/// Refuses what the target cannot run, all reasons at once, and makes the package.
async fn package(
    cx: &Context,
    target: &dyn Target,
    fetch: &dyn Fetch,
    app: &Application,
    request: &Request,
) -> Result<Package, DeployError> {
    let stage = Stage::start(cx, Step::Package, describe(app));
    stage.watch(refuse(target, app, request, &Downloads::new())).await?;
    // A download harms nobody when it is dropped.
    let downloads = cx.cancel.run_until_cancelled(stage.watch(download(fetch, app))).await;
    let Some(downloads) = downloads.transpose()? else { return Err(stage.cancelled(None)) };
    for warning in stage.watch(refuse(target, app, request, &downloads)).await? {
        cx.report(Event::Warning { message: warning });
    }

    let format = target.capabilities().format.clone();
    let work = (Arc::new(app.clone()), request.package.clone());
    let assemble = step::blocking(move || package::assemble(&work.0, &format, &work.1, &downloads));
    let package = stage.watch(assemble).await?;
    preflight::version(target, &package)?;
    stage.finish(format!("{}, {}", package.id, volume(package.blobs.len() as u64, package.size())));
    stage.go_on(None)?;
    Ok(package)
}

/// Everything that speaks against this application at this target; the warnings where nothing does.
async fn refuse(
    target: &dyn Target,
    app: &Application,
    request: &Request,
    downloads: &Downloads,
) -> Result<Vec<String>, DeployError> {
    let format = target.capabilities().format.clone();
    let work = (app.clone(), request.package.clone(), downloads.clone());
    let findings = step::blocking(move || package::check(&work.0, &format, &work.1, &work.2)).await?;
    let mut refusals = preflight::application(target.capabilities(), app, request.name.as_ref());
    refusals.extend(findings.refusals);
    match refusals.is_empty() {
        true => Ok(findings.warnings),
        false => Err(DeployError::Refused { target: target.info().name.clone(), refusals }),
    }
}

/// Brings in the sources that are given by URL.
async fn download(fetch: &dyn Fetch, app: &Application) -> Result<Downloads, DeployError> {
    let mut downloads = Downloads::new();
    for component in &app.components {
        if let Source::Url { url, sha256 } = &component.source {
            let fetched = fetch.fetch(url, sha256).await;
            let path = fetched.map_err(|source| DeployError::Fetch { at: component.at.clone(), source })?;
            downloads.insert(sha256.clone(), path);
        }
    }
    Ok(downloads)
}

/// Asks the target what it would do.
async fn plan(cx: &Context, target: &dyn Target, app: &AppName, package: &Package) -> Result<Plan, DeployError> {
    let stage = Stage::start(cx, Step::Plan, place(target));
    let plan = stage.target(app.to_string(), None, target.plan(cx, app, package)).await?;
    stage.finish(match (plan.is_unchanged(), &plan.current) {
        (true, _) if !package.derived => {
            "this version is live; whether with this content, the registry tells".to_owned()
        }
        (true, _) => "nothing to do".to_owned(),
        (false, Some(current)) if current.version == package.id.version.to_string() => "to be started again".to_owned(),
        (false, Some(current)) => format!("replaces {}", current.version),
        (false, None) => "a first release".to_owned(),
    });
    stage.go_on(plan.current.as_ref())?;
    Ok(plan)
}

/// Uploads what the registry lacks.
async fn publish(cx: &Context, target: &dyn Target, package: &Package, plan: &Plan) -> Result<Artifact, DeployError> {
    let stage = Stage::start(cx, Step::Publish, package.id.to_string());
    let live = plan.current.as_ref();
    let artifact = stage.target(package.id.to_string(), live, target.publish(cx, package)).await?;
    stage.finish(match artifact.uploaded.files {
        0 => "everything was there".to_owned(),
        files => volume(files, artifact.uploaded.bytes),
    });
    stage.go_on(live)?;
    Ok(artifact)
}

/// Makes it live.
async fn release(
    cx: &Context,
    target: &dyn Target,
    app: &AppName,
    artifact: &Artifact,
    plan: &Plan,
) -> Result<Release, DeployError> {
    let stage = Stage::start(cx, Step::Release, artifact.package.to_string());
    let live = plan.current.as_ref();
    let release = stage.target(artifact.package.to_string(), live, target.release(cx, app, artifact)).await?;
    stage.finish(format!("release {}", release.id));
    Ok(release)
}

/// How a release is to be waited for; `None`: not at all.
fn waiting<'a>(
    target: &dyn Target,
    visit: &'a dyn Visit,
    request: &'a Request,
    package: &PackageId,
    release: &'a Release,
    replaced: bool,
) -> Result<Option<Waiting<'a>>, DeployError> {
    let Some(timeout) = request.timeout else { return Ok(None) };
    let checking = match (&request.check, release.url.as_deref()) {
        (None, _) => None,
        (Some(check), Some(base)) => Some(Checking { check, base: base.trim_end_matches('/'), visit }),
        (Some(_), None) => {
            let target = target.info().name.clone();
            return Err(DeployError::NoUrl { target, package: package.clone(), release: Box::new(release.clone()) });
        }
    };
    Ok(Some(Waiting { release, replaced, timeout, checking }))
}

/// Waits until the check of what is live already holds.
async fn check(
    cx: &Context,
    target: &dyn Target,
    app: &AppName,
    package: &Package,
    waiting: &Waiting<'_>,
) -> Result<(), DeployError> {
    let Some(checking) = &waiting.checking else { return Ok(()) };
    let stage = Stage::start(cx, Step::Wait, format!("{} at {}", checking.check, checking.base));
    match wait::until_checked(cx, waiting, Instant::now() + waiting.timeout).await {
        Ok(()) => {
            stage.finish(format!("{} is answered as it should be", checking.check));
            Ok(())
        }
        Err(wait::Unready::Cancelled) => Err(stage.cancelled(Some(waiting.release))),
        Err(end) => Err(not_ready(cx, target, app, package, waiting, end).await),
    }
}

/// Waits until the release answers.
async fn wait(
    cx: &Context,
    target: &dyn Target,
    app: &AppName,
    package: &Package,
    waiting: &Waiting<'_>,
) -> Result<Proof, DeployError> {
    let stage = Stage::start(cx, Step::Wait, waiting.release.url.clone().unwrap_or_else(|| app.to_string()));
    let proof = match wait::until_ready(cx, target, app, waiting).await {
        Ok(proof) => proof,
        Err(end) => return Err(not_ready(cx, target, app, package, waiting, end).await),
    };
    if proof == Proof::Health {
        let message = "the application is healthy, but its host cannot say which version answers \
                       (Spin before 0.7): the version could not be proven";
        cx.report(Event::Warning { message: message.to_owned() });
    }
    stage.finish(format!("{} answers", package.id.version));
    Ok(proof)
}

/// Says why the wait ended without an answer, with the application's last words.
async fn not_ready(
    cx: &Context,
    target: &dyn Target,
    app: &AppName,
    package: &Package,
    waiting: &Waiting<'_>,
    end: wait::Unready,
) -> DeployError {
    let package = package.id.clone();
    type Kind = Box<dyn FnOnce(Box<Unanswered>) -> DeployError + Send>;
    let (kind, status): (Kind, _) = match end {
        wait::Unready::Cancelled => {
            let live = format!("{package} was released; whether it answers is not known yet");
            return DeployError::Cancelled { step: Step::Wait, live: Some(live) };
        }
        wait::Unready::Failed(status) => (Box::new(DeployError::ReleaseFailed), Some(status)),
        wait::Unready::Replaced(status) => (Box::new(DeployError::Replaced), Some(status)),
        wait::Unready::TimedOut(status) => (Box::new(DeployError::NotReady), status),
        wait::Unready::Unchecked(complaint) => {
            (Box::new(|unanswered| DeployError::CheckFailed(unanswered, Complaint(complaint))), None)
        }
    };
    let logs = wait::last_words(cx, target, app).await;
    let (release, waited) = (waiting.release.clone(), waiting.timeout);
    kind(Box::new(Unanswered { package, release, status, logs, hints: target.unanswered_hints(), waited }))
}

/// `shop 1.4.0`, as the manifest has it.
fn describe(app: &Application) -> String {
    match &app.version {
        Some(version) => format!("{} {version}", app.name),
        None => app.name.clone(),
    }
}

/// `staging (a-driver at https://staging.example.com)`.
fn place(target: &dyn Target) -> String {
    let info = target.info();
    match info.name == info.driver {
        true => format!("{} at {}", info.driver, info.endpoint),
        false => format!("{} ({} at {})", info.name, info.driver, info.endpoint),
    }
}

/// `3 files, 1.2 MiB`.
fn volume(files: u64, bytes: u64) -> String {
    format!("{}, {}", count(files as usize, "file"), indicatif::HumanBytes(bytes))
}

/// `1 file`, `2 files`.
fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}
