//! The pipeline, the only orchestration: load → check → package → plan → publish → release → wait.
//!
//! It never names a concrete target, and it speaks only in events. `make.rs` makes the package, `preflight.rs` compares the application with what
//! the target can take, `answer.rs` waits until the release answers (`wait.rs` polls, `check.rs` looks at a path of it),
//! `step.rs` frames each step with its events. `restore.rs` puts the previous release back when the new one fails.
//!
//! [`plan()`] stops before anything is changed; [`rollback()`] and [`resume()`] begin with what is at the target already.

mod answer;
mod check;
mod error;
mod expect;
mod make;
mod outcome;
mod preflight;
mod restore;
mod resume;
mod rollback;
mod step;
mod wait;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use check::{Check, Visit};
pub use error::{Complaint, DeployError, Unanswered};
pub use expect::{Expected, Unmet};
pub use make::pack;
pub use outcome::{Answered, Ending, Outcome, Planning};
pub use resume::{Resume, resume};
pub use rollback::{Return, rollback};

use crate::app::Fetch;
use crate::event::{Step, Uploaded};
use crate::package::{self, Package};
use crate::target::{AppName, Artifact, Context, Plan, Release, Target};
use answer::Patience;
use step::Stage;

/// What to deploy, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where the package comes from.
    pub input: Input,
    /// How long to wait until it answers; `None`: do not wait.
    pub timeout: Option<Duration>,
    /// What the application is called at the target, where that is not what the manifest calls it. The package keeps the
    /// manifest's name.
    pub name: Option<OtherName>,
    /// A path that has to answer, too, while it is waited.
    pub check: Option<Check>,
    /// What has to be live now, or nothing is released; `None`: it does not matter.
    pub expect: Option<Expected>,
    /// Whether the previous release is put back when this one fails.
    pub restore: bool,
}

/// Where a package comes from.
#[derive(Debug, Clone)]
pub enum Input {
    /// It is made of an application.
    Project(Project),
    /// It was made before.
    Package(Arc<Package>),
}

/// An application to make a package of.
#[derive(Debug, Clone)]
pub struct Project {
    /// A manifest, or a directory that holds one.
    pub from: PathBuf,
    /// How to package it.
    pub package: package::Options,
    /// Whether it was built for this run: nobody has to be told of sources that are newer.
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
    restore::promise(target, request)?;
    let (name, package) = make::prepare(cx, target, fetch, request).await?;
    let plan = look(cx, target, &name, &package).await?;
    let patience = Patience { timeout: request.timeout, check: request.check.as_ref(), visit };
    let subject = package.id.to_string();
    let leave = async |release: Release, uploaded| {
        if let Some(waiting) = answer::waiting(target, &patience, &subject, &release, false)? {
            let checked = answer::check(cx, target, &name, &subject, &waiting).await;
            checked.inspect_err(|failure| restore::untouched(cx, request, failure))?;
        }
        Ok(Outcome::unchanged(name.clone(), &package, release.clone(), &plan, uploaded))
    };
    let unchanged = plan.current.clone().filter(|_| plan.is_unchanged());
    if let (Some(release), true) = (&unchanged, package.derived) {
        return leave(release.clone(), Uploaded::default()).await;
    }
    if unchanged.is_none() {
        expect::meet(target, &name, request.expect.as_ref(), plan.current.as_ref())?;
    }
    let artifact = publish(cx, target, &package, &plan).await?;
    // Now the registry has confirmed that the version, which the user chose, stands for this content.
    if let Some(release) = unchanged {
        return leave(release, artifact.uploaded).await;
    }
    let previous = plan.current.clone();
    let released = match release(cx, target, &name, &package, &artifact, &plan, request).await {
        Ok(release) => answered(cx, target, &name, &subject, &patience, &plan, release).await,
        Err(failure) => Err(failure),
    };
    match released {
        Ok((release, ending)) => Ok(Outcome {
            app: name,
            package: package.id,
            routes: package.routes,
            changes: release.changes.clone(),
            replaced: previous.filter(|previous| previous.version != release.version),
            release,
            ending,
            uploaded: artifact.uploaded,
        }),
        Err(failure) => Err(restore::after(cx, target, &name, request, previous.as_ref(), failure).await),
    }
}

/// Says exactly what [`run`] would do. Reads only, and more than a deployment reads before it begins.
pub async fn plan(
    cx: &Context,
    target: &dyn Target,
    fetch: &dyn Fetch,
    request: &Request,
) -> Result<Planning, DeployError> {
    let (app, package) = make::prepare(cx, target, fetch, request).await?;
    let stage = Stage::start(cx, Step::Plan, place(target));
    let plan = stage.target(app.to_string(), None, target.foresee(cx, &app, &package)).await?;
    let missing = stage.target(app.to_string(), plan.current.as_ref(), target.missing(cx, &package, &plan)).await?;
    if !plan.is_unchanged() {
        expect::meet(target, &app, request.expect.as_ref(), plan.current.as_ref())?;
    }
    stage.finish(foresight(&plan, &package));
    Ok(Planning { app, package: package.id.clone(), content: content(&package), plan, missing })
}

/// Waits until the release answers, where that is wanted.
async fn answered(
    cx: &Context,
    target: &dyn Target,
    app: &AppName,
    subject: &str,
    patience: &Patience<'_>,
    plan: &Plan,
    release: Release,
) -> Result<(Release, Ending), DeployError> {
    let replaced = plan.current.as_ref().is_some_and(|current| current.version != release.version);
    let ending = match answer::waiting(target, patience, subject, &release, replaced)? {
        None => Ending::NotWaited,
        Some(waiting) => Ending::Ready(answer::wait(cx, target, app, subject, &waiting).await?),
    };
    Ok((release, ending))
}

/// Asks the target what it would do.
async fn look(cx: &Context, target: &dyn Target, app: &AppName, package: &Package) -> Result<Plan, DeployError> {
    let stage = Stage::start(cx, Step::Plan, place(target));
    let plan = stage.target(app.to_string(), None, target.plan(cx, app, package)).await?;
    stage.finish(foresight(&plan, package));
    stage.go_on(plan.current.as_ref())?;
    Ok(plan)
}

/// What a plan comes to, in a few words.
fn foresight(plan: &Plan, package: &Package) -> String {
    match (plan.is_unchanged(), &plan.current) {
        (true, _) if !package.derived => {
            "this version is live; whether with this content, the registry tells".to_owned()
        }
        (true, _) => "nothing to do".to_owned(),
        (false, Some(current)) if current.version == package.id.version.to_string() => "to be started again".to_owned(),
        (false, Some(current)) => format!("replaces {}", current.version),
        (false, None) => "a first release".to_owned(),
    }
}

/// Uploads what the registry lacks.
async fn publish(cx: &Context, target: &dyn Target, package: &Package, plan: &Plan) -> Result<Artifact, DeployError> {
    let stage = Stage::start(cx, Step::Publish, package.id.to_string());
    let live = plan.current.as_ref();
    let artifact = stage.target(package.id.to_string(), live, target.publish(cx, package)).await?;
    stage.finish(match artifact.uploaded.files {
        0 => "everything was there".to_owned(),
        _ => volume(artifact.uploaded),
    });
    stage.go_on(live)?;
    Ok(artifact)
}

/// Makes it live. Where something certain has to be live before, a look just before shows whether it is.
async fn release(
    cx: &Context,
    target: &dyn Target,
    app: &AppName,
    package: &Package,
    artifact: &Artifact,
    plan: &Plan,
    request: &Request,
) -> Result<Release, DeployError> {
    let stage = Stage::start(cx, Step::Release, artifact.package.to_string());
    let (live, subject) = (plan.current.as_ref(), artifact.package.to_string());
    if request.expect.is_some() {
        let again = stage.target(subject.clone(), live, target.plan(cx, app, package)).await?;
        if !again.is_unchanged() {
            expect::meet(target, app, request.expect.as_ref(), again.current.as_ref())?;
        }
    }
    let release = stage.target(subject, live, target.release(cx, app, artifact)).await?;
    stage.finish(format!("release {}", release.id));
    Ok(release)
}

/// `staging (a-driver at https://staging.example.com)`.
fn place(target: &dyn Target) -> String {
    let info = target.info();
    match info.name == info.driver {
        true => format!("{} at {}", info.driver, info.endpoint),
        false => format!("{} ({} at {})", info.name, info.driver, info.endpoint),
    }
}

/// How much is in a package.
pub fn content(package: &Package) -> Uploaded {
    Uploaded { files: package.blobs.len() as u64, bytes: package.size() }
}

/// `3 files, 1.2 MiB`.
fn volume(content: Uploaded) -> String {
    let Uploaded { files, bytes } = content;
    format!("{}, {}", count(files as usize, "file"), indicatif::HumanBytes(bytes))
}

/// `1 file`, `2 files`.
fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}
