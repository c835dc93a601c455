//! `deploy`: package, upload, release, wait.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::app;
use crate::auth::Credentials;
use crate::deploy::{self, Check, DeployError, Ending, OtherName, Outcome, Request};
use crate::event::{Event, Finished, OutcomeKind, Reporter, RouteUrl, Step};
use crate::fetch::Downloader;
use crate::http::Client;
use crate::package::{self, BuildInfo, Route};
use crate::settings::env::Environment;
use crate::settings::{self, Key, Layer, Local, Origin, Setting, Settings};
use crate::target::{AppName, Context, ErrorKind};
use crate::targets::{self, Driver};

use super::args::{DeployArgs, WaitingArgs};
use super::build::Builder;
use super::credentials::{self, Ask};
use super::decide;
use super::first_contact::{self, Purpose};
use super::former;
use super::machine::{block_on, machine, own_directories};
use super::signals::{self, Stop};
use super::variables::variables;
use super::visit::Visitor;
use super::watch::Watch;
use super::{ExitCode, Failure, NAME};

/// Decides the settings and deploys.
pub fn run(args: &DeployArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Event, Failure> {
    let started = Instant::now();
    let settings = decide::settings(args.layer(), &args.hippo, Some(&args.application.from), environment, watch)?;
    former::heed(&args.former, watch.as_ref())?;
    let package = packaging(args, &settings, environment, watch.as_ref())?;
    first_contact::refuse(&settings, Purpose::Deploy)?;
    let driver = settings.driver.value;
    refuse_flags_of_others(&args.layer(), driver)?;
    let build = Builder::wanted(args.application.build, environment);
    let request = Request {
        from: args.application.from.clone(),
        package,
        timeout: args.waiting.patience(settings.timeout.value),
        name: settings.app.clone().map(other_name),
        check: check(&settings, &args.waiting, watch.as_ref())?,
        built: build.is_some(),
    };
    // Not the request: it holds the values of variables, which may be secret.
    tracing::debug!(?settings, "decided");

    let machine = settings.local.is_some().then(|| machine(environment)).transpose()?;
    if let Some(message) = settings.local.as_ref().and_then(Local::open_to_others) {
        watch.report(Event::Warning { message });
    }
    // Nobody is asked for a password that would be of no use: whatever else is wrong is told first.
    app::find_manifest(&args.application.from).map_err(DeployError::Load)?;
    match (driver.connect)(&settings.config(machine.as_ref(), &Credentials::default())) {
        Err(error) if error.kind != ErrorKind::Unauthenticated => return Err(error.into()),
        _ => {}
    }
    let credentials = credentials::find(driver, &settings, &args.login, Ask::AtTerminal, environment, watch)?;
    let config = settings.config(machine.as_ref(), &credentials);
    let outcome = block_on(until_stopped(&Job { driver, config, build, request }, watch))?;
    Ok(Event::Finished(Box::new(finished(&outcome, started))))
}

/// What was decided to be done.
struct Job {
    driver: &'static Driver,
    config: targets::Config,
    build: Option<Builder>,
    request: Request,
}

/// Deploys, unless the user loses patience.
async fn until_stopped(job: &Job, watch: &Arc<Watch>) -> Result<Outcome, Failure> {
    let stop = Stop::default();
    let on_cancel = {
        let watch = Arc::clone(watch);
        let message = "stopping when nothing is in flight any more; once more stops at once";
        move || watch.report(Event::Note { message: message.to_owned() })
    };
    signals::listen(stop.clone(), on_cancel, signals::exit_if_stuck)
        .map_err(|error| Failure::of(ExitCode::Unexpected, &error))?;
    let cx = Context { reporter: Arc::clone(watch) as Arc<dyn Reporter>, cancel: stop.gently };
    tokio::select! {
        outcome = connect_and_deploy(job, &cx) => outcome,
        () = stop.at_once.cancelled() => Err(aborted(watch.step())),
    }
}

async fn connect_and_deploy(job: &Job, cx: &Context) -> Result<Outcome, Failure> {
    let Job { driver, config, build, request } = job;
    let target = (driver.connect)(config)?;
    let client = Client::new(&config.http)?;
    if let Some(builder) = build {
        builder.run(cx, &request.from).await?;
    }
    let visit = Visitor(client.clone());
    let fetch = Downloader { client, cache: cache(), reporter: Arc::clone(&cx.reporter) };
    Ok(deploy::run(cx, target.as_ref(), &fetch, &visit, request).await?)
}

/// What is known when everything was dropped.
fn aborted(step: Option<Step>) -> Failure {
    let live = match step {
        None | Some(Step::Build | Step::Fetch | Step::Load | Step::Package | Step::Plan | Step::Publish) => {
            "what was live before; nothing was released"
        }
        Some(Step::Release | Step::Restore | Step::Rollback | Step::Remove) => "not known: the release was under way",
        Some(Step::Wait) => "the new release, which had not answered yet",
    };
    let mut failure = Failure::new(ExitCode::Cancelled, "cancelled at once");
    failure.live = Some(live.to_owned());
    failure.hint("run the same command again: it converges")
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

fn other_name(Setting { value, origin }: Setting<String>) -> OtherName {
    OtherName { name: AppName(value), origin: origin.to_string() }
}

/// What has to answer, too. Only who waits can see whether it does: typed for a run that does not wait, it is refused.
fn check(settings: &Settings, waiting: &WaitingArgs, reporter: &dyn Reporter) -> Result<Option<Check>, Failure> {
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

fn packaging(
    args: &DeployArgs,
    settings: &Settings,
    environment: &Environment,
    reporter: &dyn Reporter,
) -> Result<package::Options, Failure> {
    let build_info = match (&args.packaging.buildinfo, settings.no_buildinfo.value) {
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
    Ok(package::Options { build_info, variables: variables(&args.application, environment)? })
}

fn finished(outcome: &Outcome, started: Instant) -> Finished {
    let (kind, proven) = match outcome.ending {
        Ending::Unchanged => (OutcomeKind::Unchanged, true),
        Ending::Ready(proof) => (OutcomeKind::Released, proof == crate::target::Proof::Version),
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
        changes: outcome.changes.iter().map(ToString::to_string).collect(),
        uploaded: outcome.uploaded,
        replaced: None,
        undo: None,
        elapsed: started.elapsed(),
    }
}

fn route_url(base: &str, route: &Route) -> RouteUrl {
    let url = format!("{}/{}", base.trim_end_matches('/'), route.path.trim_start_matches('/'));
    let Route { component, wildcard, description, .. } = route.clone();
    RouteUrl { component, url, wildcard, description }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Origin;

    #[test]
    fn routes_stand_below_the_url() {
        let route =
            |path: &str| Route { component: "c".to_owned(), path: path.to_owned(), wildcard: true, description: None };
        for (base, path, expected) in [
            ("https://a.example", "/", "https://a.example/"),
            ("https://a.example", "", "https://a.example/"),
            ("https://a.example", "/x/y", "https://a.example/x/y"),
        ] {
            assert_eq!(route_url(base, &route(path)).url, expected);
        }
    }

    #[test]
    fn flags_of_another_target_are_refused() {
        let mut flags = Layer::default();
        flags.set(Key::Channel, "x", Origin::Flag("--channel"));
        assert!(refuse_flags_of_others(&flags, targets::find("hippo").unwrap()).is_ok());
        let failure = refuse_flags_of_others(&flags, targets::find("local").unwrap()).unwrap_err();
        assert_eq!(failure.code, ExitCode::Usage);
        assert_eq!(failure.message, "--channel is for the target hippo, and this one is local");
    }

    #[test]
    fn a_run_that_was_dropped_says_what_is_live() {
        assert_eq!(aborted(Some(Step::Publish)).live.unwrap(), "what was live before; nothing was released");
        assert_eq!(aborted(Some(Step::Release)).live.unwrap(), "not known: the release was under way");
    }
}
