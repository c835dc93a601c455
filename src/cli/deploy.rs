//! `deploy`: package, upload, release, wait. And `plan`: what that would do.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::deploy::{Check, Ending, OtherName, Outcome, Project};
use crate::event::{Event, Finished, OutcomeKind, Reporter};
use crate::fetch::Downloader;
use crate::http::Client;
use crate::package::{self, BuildInfo};
use crate::settings::env::Environment;
use crate::settings::{self, Key, Layer, Origin, Setting, Settings};
use crate::target::{AppName, Context, Proof, TargetInfo};
use crate::targets::Driver;

use super::act::act;
use super::args::{ApplicationArgs, DeployArgs, PackagingArgs, PlanArgs, SourceArgs, WaitingArgs};
use super::build::Builder;
use super::decide;
use super::former;
use super::job::{Conditions, Job, Source, chosen_name};
use super::machine::own_directories;
use super::tell::{self, change, live_release, route_url};
use super::variables::variables;
use super::watch::Watch;
use super::{Ended, ExitCode, Failure, NAME};

/// Decides the settings and deploys, or says what that would do.
pub fn run(args: &DeployArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Ended, Failure> {
    let started = Instant::now();
    let (typed, from) = (args.layer(), &args.application.source.from);
    let settings = decide::settings(typed.clone(), &args.destination.hippo, Some(from), environment, watch)?;
    former::heed(&args.former, watch.as_ref())?;
    let source = source(&args.application, &args.packaging, &settings, environment, watch)?;
    let timeout = args.waiting.patience(settings.timeout.value);
    let conditions = Conditions::of(&args.releasing, timeout, check(&settings, &args.waiting, watch.as_ref())?);
    let job = Job::new(&settings, &typed, &args.login, || Ok(source), conditions, environment, watch)?;
    let name = chosen_name(&settings);
    if args.releasing.dry_run {
        return plan(&job, name, false, started, watch);
    }
    let outcome = act(watch, async |cx| job.deploy(cx, name).await)?;
    Ok(ended(&outcome, job.target.info(), started))
}

/// Says what a deploy would do.
pub fn run_plan(args: &PlanArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Ended, Failure> {
    let started = Instant::now();
    let (typed, from) = (args.layer(), &args.application.source.from);
    let settings = decide::settings(typed.clone(), &args.destination.hippo, Some(from), environment, watch)?;
    let source = source(&args.application, &args.packaging, &settings, environment, watch)?;
    let conditions = Conditions::default();
    let job = Job::new(&settings, &typed, &args.login, || Ok(source), conditions, environment, watch)?;
    plan(&job, chosen_name(&settings), args.exit_code, started, watch)
}

/// Plans; the exit code says whether there is something to do where that is wanted.
pub fn plan(
    job: &Job,
    name: Option<OtherName>,
    exit_code: bool,
    started: Instant,
    watch: &Arc<Watch>,
) -> Result<Ended, Failure> {
    let planning = act(watch, async |cx| job.plan(cx, name).await)?;
    let code = match exit_code && !planning.plan.is_unchanged() {
        true => ExitCode::Changes,
        false => ExitCode::Success,
    };
    let event = tell::planned(&planning, job.target.info(), code, started.elapsed());
    Ok(Ended { event: Event::Planned(Box::new(event)), code })
}

/// Where the package comes from, as it was typed.
fn source(
    application: &ApplicationArgs,
    packaging: &PackagingArgs,
    settings: &Settings,
    environment: &Environment,
    watch: &Watch,
) -> Result<Source, Failure> {
    match &application.package {
        Some(path) => Ok(Source::Package(path.clone())),
        None => {
            let project = project(&application.source, packaging, settings, environment, watch)?;
            Ok(Source::Project(project, Builder::wanted(application.source.build, environment)))
        }
    }
}

/// An application to make a package of, as it was typed.
pub fn project(
    source: &SourceArgs,
    packaging: &PackagingArgs,
    settings: &Settings,
    environment: &Environment,
    watch: &Watch,
) -> Result<Project, Failure> {
    Ok(Project {
        from: source.from.clone(),
        package: self::packaging(packaging, source, settings, environment, watch)?,
        built: Builder::wanted(source.build, environment).is_some(),
    })
}

/// Brings in the sources that are given by URL.
pub fn downloader(client: &Client, cx: &Context) -> Downloader {
    Downloader { client: client.clone(), cache: cache(), reporter: Arc::clone(&cx.reporter) }
}

/// Where downloads are kept.
fn cache() -> PathBuf {
    match own_directories() {
        Some(directories) => directories.cache_dir().to_owned(),
        // Not even a home directory: contents are checked against their digests anyway.
        None => std::env::temp_dir().join(NAME),
    }
}

/// Refuses flags that mean nothing to the target; variables may be there for another command.
pub fn refuse_flags_of_others(flags: &Layer, driver: &Driver) -> Result<(), Failure> {
    let of_another = |key: &Key| flags.has(*key) && key.target().is_some_and(|target| target != driver.kind);
    let Some(key) = Key::ALL.iter().copied().find(of_another) else { return Ok(()) };
    let meant = key.target().unwrap_or_default();
    Err(Failure::new(
        ExitCode::Usage,
        format!("{} is for the target {meant}, and this one is {}", key.flag(), driver.kind),
    )
    .hint(format!("leave it out, or choose that target: `--target {meant}`")))
}

/// The name that was chosen, and who chose it.
pub fn other_name(Setting { value, origin }: Setting<String>) -> OtherName {
    OtherName { name: AppName(value), origin: origin.to_string() }
}

/// What has to answer, too. Only who waits can see whether it does: typed for a run that does not wait, it is refused.
pub fn check(settings: &Settings, waiting: &WaitingArgs, reporter: &dyn Reporter) -> Result<Option<Check>, Failure> {
    let check = settings.check.clone();
    let Some(Setting { value: settings::Check { path, status }, origin }) = check else { return Ok(None) };
    if waiting.patience(settings.timeout.value).is_some() {
        return Ok(Some(Check { path, status }));
    }
    let none = format!("a timeout of 0 ({})", settings.timeout.origin);
    let why = if waiting.no_wait { "--no-wait" } else { &none };
    if let Origin::Flag(flag) = origin {
        let message = format!("{flag} cannot be used together with {why}");
        return Err(Failure::new(ExitCode::Usage, message).hint(format!("leave out {flag} or {why}")));
    }
    reporter.report(Event::Note { message: format!("{origin} is not used: {why} is") });
    Ok(None)
}

/// How to package.
fn packaging(
    args: &PackagingArgs,
    source: &SourceArgs,
    settings: &Settings,
    environment: &Environment,
    reporter: &dyn Reporter,
) -> Result<package::Options, Failure> {
    let build_info = match (&args.buildinfo, settings.no_buildinfo.value) {
        (Some(given), omit) => {
            if omit {
                let message = format!("--buildinfo is used and not {}", settings.no_buildinfo.origin);
                reporter.report(Event::Note { message });
            }
            BuildInfo::Given(given.clone())
        }
        (None, true) => BuildInfo::Omitted,
        (None, false) => BuildInfo::Derived,
    };
    Ok(package::Options { build_info, variables: variables(source, environment)? })
}

/// How a deployment ended well.
pub fn ended(outcome: &Outcome, target: &TargetInfo, started: Instant) -> Ended {
    Event::Finished(Box::new(finished(outcome, target, started))).into()
}

fn finished(outcome: &Outcome, target: &TargetInfo, started: Instant) -> Finished {
    let (kind, proven) = match outcome.ending {
        Ending::Unchanged => (OutcomeKind::Unchanged, true),
        Ending::Ready(proof) => (OutcomeKind::Released, proof == Proof::Version),
        Ending::NotWaited => (OutcomeKind::ReleasedUnwatched, false),
    };
    let url = outcome.release.url.clone();
    let routes = url.iter().flat_map(|url| outcome.routes.iter().map(move |route| route_url(url, route)));
    Finished {
        outcome: kind,
        target: target.name.clone(),
        app: outcome.app.to_string(),
        version: outcome.package.version.to_string(),
        release: Some(outcome.release.id.to_string()),
        routes: routes.collect(),
        url,
        proven,
        changes: outcome.changes.iter().map(change).collect(),
        uploaded: outcome.uploaded,
        replaced: outcome.replaced.as_ref().map(live_release),
        undo: None,
        elapsed: started.elapsed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Origin;
    use crate::targets;

    #[test]
    fn flags_of_another_target_are_refused() {
        let mut flags = Layer::default();
        flags.set(Key::Channel, "x", Origin::Flag("--channel"));
        assert!(refuse_flags_of_others(&flags, targets::find("hippo").unwrap()).is_ok());
        let failure = refuse_flags_of_others(&flags, targets::find("local").unwrap()).unwrap_err();
        assert_eq!(failure.code, ExitCode::Usage);
        assert_eq!(failure.message, "--channel is for the target hippo, and this one is local");
    }
}
