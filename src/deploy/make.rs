//! Makes the package, or takes one that was made before, and refuses what cannot go to the target.

use std::sync::Arc;

use super::step::{self, Stage};
use super::{DeployError, Input, OtherName, Project, Request, content, count, preflight, volume};
use crate::app::{self, Application, Fetch, Source};
use crate::event::{Event, Step};
use crate::package::{self, Downloads, Format, Package};
use crate::target::{AppName, Capabilities, Context, Target};

/// Where a package is to go.
pub(super) struct Place<'a> {
    /// The target's name.
    pub name: &'a str,
    /// What it takes.
    pub capabilities: &'a Capabilities,
    /// What the application is called there, where that is not what its manifest calls it.
    pub other_name: Option<&'a OtherName>,
}

/// The package, and what the application is called at the target.
pub(super) async fn prepare(
    cx: &Context,
    target: &dyn Target,
    fetch: &dyn Fetch,
    request: &Request,
) -> Result<(AppName, Package), DeployError> {
    let place =
        Place { name: &target.info().name, capabilities: target.capabilities(), other_name: request.name.as_ref() };
    let other = request.name.as_ref().map(|other| other.name.clone());
    match &request.input {
        Input::Project(project) => {
            let app = load(cx, project).await?;
            let package = package(cx, &place, fetch, &app, &project.package).await?;
            Ok((other.unwrap_or(AppName(app.name)), package))
        }
        Input::Package(package) => {
            refuse_format(&place, package)?;
            preflight::name(&place, package)?;
            preflight::version(&place, package)?;
            Ok((other.unwrap_or_else(|| AppName(package.id.name.clone())), Package::clone(package)))
        }
    }
}

/// Makes the package of an application, and no more.
pub async fn pack(
    cx: &Context,
    fetch: &dyn Fetch,
    project: &Project,
    driver: &str,
    format: Format,
) -> Result<Package, DeployError> {
    // Where it will go is not known yet, and what it will be called there neither.
    let capabilities = Capabilities { format, name_rules: Vec::new(), max_version_length: usize::MAX };
    let place = Place { name: driver, capabilities: &capabilities, other_name: None };
    let app = load(cx, project).await?;
    package(cx, &place, fetch, &app, &project.package).await
}

/// A package is of one format for ever.
fn refuse_format(place: &Place<'_>, package: &Package) -> Result<(), DeployError> {
    let (theirs, ours) = (package.description.format(), place.capabilities.format.name());
    match theirs == ours {
        true => Ok(()),
        false => Err(DeployError::OtherFormat { target: place.name.to_owned(), theirs, ours }),
    }
}

/// Reads the manifest and everything that it names.
async fn load(cx: &Context, project: &Project) -> Result<Application, DeployError> {
    let stage = Stage::start(cx, Step::Load, project.from.display().to_string());
    let (from, built) = (project.from.clone(), project.built);
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
    place: &Place<'_>,
    fetch: &dyn Fetch,
    app: &Application,
    options: &package::Options,
) -> Result<Package, DeployError> {
    let stage = Stage::start(cx, Step::Package, describe(app));
    stage.watch(refuse(place, app, options, &Downloads::new())).await?;
    // A download harms nobody when it is dropped.
    let downloads = cx.cancel.run_until_cancelled(stage.watch(download(fetch, app))).await;
    let Some(downloads) = downloads.transpose()? else { return Err(stage.cancelled(None)) };
    for warning in stage.watch(refuse(place, app, options, &downloads)).await? {
        cx.report(Event::Warning { message: warning });
    }

    let format = place.capabilities.format.clone();
    let work = (Arc::new(app.clone()), options.clone());
    let assemble = step::blocking(move || package::assemble(&work.0, &format, &work.1, &downloads));
    let package = stage.watch(assemble).await?;
    preflight::version(place, &package)?;
    stage.finish(format!("{}, {}", package.id, volume(content(&package))));
    stage.go_on(None)?;
    Ok(package)
}

/// Everything that speaks against this application at this target; the warnings where nothing does.
async fn refuse(
    place: &Place<'_>,
    app: &Application,
    options: &package::Options,
    downloads: &Downloads,
) -> Result<Vec<String>, DeployError> {
    let format = place.capabilities.format.clone();
    let work = (app.clone(), options.clone(), downloads.clone());
    let findings = step::blocking(move || package::check(&work.0, &format, &work.1, &work.2)).await?;
    let mut refusals = preflight::application(place, app);
    refusals.extend(findings.refusals);
    match refusals.is_empty() {
        true => Ok(findings.warnings),
        false => Err(DeployError::Refused { target: place.name.to_owned(), refusals }),
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

/// `shop 1.4.0`, as the manifest has it.
fn describe(app: &Application) -> String {
    match &app.version {
        Some(version) => format!("{} {version}", app.name),
        None => app.name.clone(),
    }
}
