//! `promote`: makes live at one target what is live at another, the same bytes.

use std::sync::Arc;
use std::time::Instant;

use crate::settings::env::Environment;
use crate::settings::{Key, Origin, Settings};
use crate::targets::Driver;

use super::args::PromoteArgs;
use super::deploy::{check, ended, plan};
use super::elsewhere::Elsewhere;
use super::job::{Conditions, Job, Source, chosen_name};
use super::subject::{app_name, connect};
use super::watch::Watch;
use super::{Ended, ExitCode, Failure, act, decide};

/// What only the target that it goes to is given by flags and variables: addresses, and who we are there.
const OF_ONE_SERVER: &[Key] = &[
    Key::Target,
    Key::HippoUrl,
    Key::HippoToken,
    Key::HippoUsername,
    Key::HippoPassword,
    Key::BindleServer,
    Key::BindleUsername,
    Key::BindlePassword,
    Key::Channel,
    Key::Domain,
    Key::AppUrl,
    Key::SigningKey,
    Key::DataDir,
];

/// Promotes.
pub fn run(args: &PromoteArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Ended, Failure> {
    let started = Instant::now();
    let typed = args.layer();
    let settings = decide::settings(typed.clone(), &args.destination.hippo, Some(&args.file), environment, watch)?;
    let source = || {
        let from = source_settings(args, environment, watch)?;
        refuse_the_same(&from, &settings)?;
        let driver: &Driver = from.driver.value;
        refuse_other_format(driver, settings.driver.value, &from, &settings)?;
        let app = app_name(&from, &args.file).map_err(with_own_option)?;
        let (target, _) = connect(driver, &from, &args.login, environment, watch)?;
        Ok(Source::Elsewhere(Box::new(Elsewhere { target, app })))
    };
    let timeout = args.waiting.patience(settings.timeout.value);
    let conditions = Conditions::of(&args.releasing, timeout, check(&settings, &args.waiting, watch.as_ref())?);
    let job = Job::new(&settings, &typed, &args.login, source, conditions, environment, watch)?;
    // Its name there is its name here, whatever its package is called.
    let name = chosen_name(&settings);
    if args.releasing.dry_run {
        return plan(&job, name, false, started, watch);
    }
    let outcome = act::act(watch, async |cx| job.deploy(cx, name).await)?;
    Ok(ended(&outcome, job.target.info(), started))
}

/// The settings of the target that it is taken from: those of files alone, for what flags and variables say is about the
/// target that it goes to, and a credential belongs to one server.
fn source_settings(args: &PromoteArgs, environment: &Environment, watch: &Watch) -> Result<Settings, Failure> {
    let mut flags = args.layer().without(OF_ONE_SERVER);
    flags.set(Key::Target, args.from.as_str(), Origin::Flag("--from"));
    let layers = [flags, environment.layer().without(OF_ONE_SERVER)];
    decide::settings_of(&layers, &args.file, watch)
}

/// Here `--from` is a target, and `--file` names the application.
fn with_own_option(mut failure: Failure) -> Failure {
    for hint in failure.problems.iter_mut().filter_map(|problem| problem.hint.as_mut()) {
        *hint = hint.replace("`--from path", "`--file path");
    }
    failure
}

/// What is there already is not promoted.
fn refuse_the_same(from: &Settings, to: &Settings) -> Result<(), Failure> {
    match from.target.value == to.target.value {
        false => Ok(()),
        true => {
            let message = format!("--from and --target are the same: {}", to.target.value);
            Err(Failure::new(ExitCode::Usage, message)
                .hint("name two targets: `spin-deploy promote --from NAME --target NAME`"))
        }
    }
}

/// A package is of one format for ever.
fn refuse_other_format(from: &Driver, to: &Driver, source: &Settings, destination: &Settings) -> Result<(), Failure> {
    let kinds = ((from.format)()?.name(), (to.format)()?.name());
    match kinds.0 == kinds.1 {
        true => Ok(()),
        false => {
            let message = format!(
                "{} holds packages of the format {}, and {} takes {}",
                source.target.value, kinds.0, destination.target.value, kinds.1
            );
            let failure = Failure::new(ExitCode::InvalidApplication, message);
            Err(failure
                .hint(format!("deploy the application itself: `spin-deploy --target {}`", destination.target.value)))
        }
    }
}
