//! `deploy`: package, upload, release, wait. And `plan`: what that would do.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::app;
use crate::deploy::{self, Check, DeployError, Ending, Expected, OtherName, Outcome, Request};
use crate::event::{Event, Finished, OutcomeKind, Reporter};
use crate::fetch::Downloader;
use crate::http::Client;
use crate::package::{self, BuildInfo};
use crate::settings::env::Environment;
use crate::settings::{self, Key, Layer, Local, Origin, Setting, Settings};
use crate::target::{AppName, Context, Proof, Target};
use crate::targets::Driver;

use super::act::act;
use super::args::{ApplicationArgs, DeployArgs, HippoArgs, LoginStoreArgs, PackagingArgs, PlanArgs, WaitingArgs};
use super::build::Builder;
use super::decide;
use super::first_contact::{self, Purpose};
use super::former;
use super::machine::own_directories;
use super::subject::connect;
use super::tell::{change, live_release, route_url};
use super::variables::variables;
use super::visit::Visitor;
use super::watch::Watch;
use super::{Ended, ExitCode, Failure, NAME};

/// Decides the settings and deploys, or says what that would do.
pub fn run(args: &DeployArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Ended, Failure> {
    let started = Instant::now();
    let what = What {
        layer: args.layer(),
        application: &args.application,
        packaging: &args.packaging,
        hippo: &args.destination.hippo,
        login: &args.login,
        purpose: Purpose::Deploy,
    };
    let settings = what.settings(environment, watch)?;
    former::heed(&args.former, watch.as_ref())?;
    let request = Request {
        timeout: args.waiting.patience(settings.timeout.value),
        check: check(&settings, &args.waiting, watch.as_ref())?,
        expect: args.releasing.expect_release.as_deref().map(Expected::parse),
        restore: args.releasing.rollback_on_failure,
        ..what.request(&settings, environment, watch)?
    };
    refuse_unwatched(&request, &settings)?;
    let job = what.job(settings, request, environment, watch)?;
    if args.releasing.dry_run {
        return plan(&job, false, started, watch);
    }
    let outcome = act(watch, async |cx| job.deploy(cx).await)?;
    Ok(Event::Finished(Box::new(finished(&outcome, started))).into())
}

/// Says what a deploy would do.
pub fn run_plan(args: &PlanArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Ended, Failure> {
    let started = Instant::now();
    let what = What {
        layer: args.layer(),
        application: &args.application,
        packaging: &args.packaging,
        hippo: &args.destination.hippo,
        login: &args.login,
        purpose: Purpose::Deploy,
    };
    let settings = what.settings(environment, watch)?;
    let request = what.request(&settings, environment, watch)?;
    let job = what.job(settings, request, environment, watch)?;
    plan(&job, args.exit_code, started, watch)
}

fn plan(job: &Job, exit_code: bool, started: Instant, watch: &Arc<Watch>) -> Result<Ended, Failure> {
    let planning = act(watch, async |cx| job.plan(cx).await)?;
    let code = match exit_code && !planning.plan.is_unchanged() {
        true => ExitCode::Changes,
        false => ExitCode::Success,
    };
    let event = super::tell::planned(&planning, job.target.info(), code, started.elapsed());
    Ok(Ended { event: Event::Planned(Box::new(event)), code })
}

/// What was typed of a deployment.
struct What<'a> {
    layer: Layer,
    application: &'a ApplicationArgs,
    packaging: &'a PackagingArgs,
    hippo: &'a HippoArgs,
    login: &'a LoginStoreArgs,
    purpose: Purpose,
}

impl What<'_> {
    fn settings(&self, environment: &Environment, watch: &Watch) -> Result<Settings, Failure> {
        let from = &self.application.from;
        decide::settings(self.layer.clone(), self.hippo, Some(from), environment, watch)
    }

    /// The request, of somebody who does not wait.
    fn request(&self, settings: &Settings, environment: &Environment, watch: &Watch) -> Result<Request, Failure> {
        Ok(Request {
            from: self.application.from.clone(),
            package: packaging(self.packaging, self.application, settings, environment, watch)?,
            timeout: None,
            name: settings.app.clone().map(other_name),
            check: None,
            built: Builder::wanted(self.application.build, environment).is_some(),
            expect: None,
            restore: false,
        })
    }

    /// Everything that has to be known before the first request is sent.
    fn job(
        &self,
        settings: Settings,
        request: Request,
        environment: &Environment,
        watch: &Arc<Watch>,
    ) -> Result<Job, Failure> {
        first_contact::refuse(&settings, self.purpose)?;
        let driver = settings.driver.value;
        refuse_flags_of_others(&self.layer, driver)?;
        let build = Builder::wanted(self.application.build, environment);
        // Not the request: it holds the values of variables, which may be secret.
        tracing::debug!(?settings, "decided");
        if let Some(message) = settings.local.as_ref().and_then(Local::open_to_others) {
            watch.report(Event::Warning { message });
        }
        app::find_manifest(&request.from).map_err(DeployError::Load)?;
        let (target, config) = connect(driver, &settings, self.login, environment, watch)?;
        Ok(Job { target, client: Client::new(&config.http)?, build, request })
    }
}

/// What was decided to be done.
struct Job {
    target: Box<dyn Target>,
    client: Client,
    build: Option<Builder>,
    request: Request,
}

impl Job {
    async fn deploy(&self, cx: &Context) -> Result<Outcome, Failure> {
        self.build(cx).await?;
        let visit = Visitor(self.client.clone());
        Ok(deploy::run(cx, self.target.as_ref(), &self.downloader(cx), &visit, &self.request).await?)
    }

    async fn plan(&self, cx: &Context) -> Result<deploy::Planning, Failure> {
        self.build(cx).await?;
        Ok(deploy::plan(cx, self.target.as_ref(), &self.downloader(cx), &self.request).await?)
    }

    async fn build(&self, cx: &Context) -> Result<(), Failure> {
        match &self.build {
            Some(builder) => builder.run(cx, &self.request.from).await,
            None => Ok(()),
        }
    }

    fn downloader(&self, cx: &Context) -> Downloader {
        downloader(&self.client, cx)
    }
}

/// Brings in the sources that are given by URL.
pub fn downloader(client: &Client, cx: &Context) -> Downloader {
    Downloader { client: client.clone(), cache: cache(), reporter: Arc::clone(&cx.reporter) }
}

/// Who does not wait cannot see a release fail.
fn refuse_unwatched(request: &Request, settings: &Settings) -> Result<(), Failure> {
    match request.restore && request.timeout.is_none() {
        false => Ok(()),
        true => {
            let why = format!("a timeout of 0 ({})", settings.timeout.origin);
            Err(Failure::new(ExitCode::Usage, format!("--rollback-on-failure cannot be used together with {why}"))
                .hint("wait for it: `--timeout 5m`"))
        }
    }
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
pub fn packaging(
    args: &PackagingArgs,
    application: &ApplicationArgs,
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
    Ok(package::Options { build_info, variables: variables(application, environment)? })
}

fn finished(outcome: &Outcome, started: Instant) -> Finished {
    let (kind, proven) = match outcome.ending {
        Ending::Unchanged => (OutcomeKind::Unchanged, true),
        Ending::Ready(proof) => (OutcomeKind::Released, proof == Proof::Version),
        Ending::NotWaited => (OutcomeKind::ReleasedUnwatched, false),
    };
    let url = outcome.release.url.clone();
    let routes = url.iter().flat_map(|url| outcome.routes.iter().map(move |route| route_url(url, route)));
    Finished {
        outcome: kind,
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
