//! `doctor`: looks at everything that a deploy needs.

mod spin;

use std::sync::Arc;
use std::time::Instant;

use crate::auth::Credentials;
use crate::event::{Check, Event, Examined, Reporter, Step, Verdict};
use crate::settings::env::Environment;
use crate::settings::{Local, Settings};
use crate::target::{Context, ErrorKind, Finding};
use crate::targets::{self, Driver};

use super::args::DoctorArgs;
use super::credentials::{self, Ask};
use super::decide;
use super::deploy::refuse_flags_of_others;
use super::failure::target_code;
use super::first_contact::{self, Purpose};
use super::machine::{block_on, machine};
use super::signals::{self, Stop};
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Looks at everything.
pub fn run(args: &DoctorArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Event, Failure> {
    let started = Instant::now();
    let asking = &args.asking;
    let settings = decide::settings(args.layer(), &asking.hippo, Some(&asking.project.from), environment, watch)?;
    first_contact::refuse(&settings, Purpose::Examine)?;
    let driver = settings.driver.value;
    refuse_flags_of_others(&args.layer(), driver)?;
    tracing::debug!(?settings, "decided");

    let machine = settings.local.is_some().then(|| machine(environment)).transpose()?;
    // Whoever is nobody is looked at as well: why that is so is among the looks.
    let credentials = credentials::find(driver, &settings, &asking.login, Ask::Never, environment, watch);
    let (credentials, nobody) = match credentials {
        Ok(credentials) => (credentials, None),
        Err(failure) => (Credentials::default(), Some(why_nobody(failure))),
    };
    let config = settings.config(machine.as_ref(), &credentials);
    let mut looks = Looks { watch, seen: Vec::new() };
    let known = known(&settings, driver).into_iter().map(Finding::from).chain(nobody).collect();
    block_on(until_stopped(driver, &config, environment, known, &mut looks))?;
    looks.examined(config.name_or(driver.kind), started)
}

/// Why it is not known who we are.
fn why_nobody(failure: Failure) -> Finding {
    let kind = match failure.code {
        ExitCode::Unauthenticated => ErrorKind::Unauthenticated,
        _ => ErrorKind::InvalidConfig,
    };
    let detail = std::iter::once(failure.message).chain(failure.causes).collect::<Vec<_>>().join("; ");
    let check = Check { name: "a login".to_owned(), verdict: Verdict::Failed, detail, hints: failure.hints };
    Finding { check, kind: Some(kind) }
}

/// What the settings alone tell.
fn known(settings: &Settings, driver: &Driver) -> Vec<Check> {
    let open = settings.local.as_ref().and_then(Local::open_to_others).map(|detail| Check {
        name: "who can reach it".to_owned(),
        verdict: Verdict::Warned,
        detail,
        hints: vec!["for this machine alone: `export SPIN_DEPLOY_LISTEN=127.0.0.1`".to_owned()],
    });
    std::iter::once(decided(settings, driver)).chain(open).collect()
}

/// What was chosen, and by whom.
fn decided(settings: &Settings, driver: &Driver) -> Check {
    let target = &settings.target;
    Check {
        name: "target".to_owned(),
        verdict: Verdict::Passed,
        detail: format!("{} ({}), from {}", target.value, driver.summary, target.origin),
        hints: Vec::new(),
    }
}

/// Looks at one thing after the other, unless the user loses patience. Nothing is changed, so nothing is carried through.
async fn until_stopped(
    driver: &Driver,
    config: &targets::Config,
    environment: &Environment,
    known: Vec<Finding>,
    looks: &mut Looks<'_>,
) -> Result<(), Failure> {
    let stop = Stop::default();
    signals::listen(stop.clone(), || {}, signals::exit_if_stuck)
        .map_err(|error| Failure::of(ExitCode::Unexpected, &error))?;
    let cx = Context { reporter: Arc::clone(looks.watch) as Arc<dyn Reporter>, cancel: stop.gently.clone() };
    let examine = async {
        known.into_iter().for_each(|finding| looks.tell(finding));
        let spin = spin::find(environment).await;
        looks.tell(spin.check().into());
        looks.tell(spin.wiring(environment.deploy_plugin().as_deref()).into());
        (driver.examine)(config).examine(&cx, &mut |finding| looks.tell(finding)).await;
    };
    tokio::select! {
        // Looks that are cancelled are no looks.
        biased;
        () = stop.gently.cancelled() => {
            Err(Failure::new(ExitCode::Cancelled, "cancelled").hint("run the same command again: it changes nothing"))
        }
        () = examine => Ok(()),
    }
}

/// A look that does not end a deployment.
impl From<Check> for Finding {
    fn from(check: Check) -> Self {
        Finding { check, kind: None }
    }
}

/// What was seen so far.
struct Looks<'a> {
    watch: &'a Arc<Watch>,
    seen: Vec<Finding>,
}

impl Looks<'_> {
    /// Tells of one look at once, and remembers it.
    fn tell(&mut self, finding: Finding) {
        self.watch.report(Event::Checked(finding.check.clone()));
        self.seen.push(finding);
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.seen.iter().filter(|finding| finding.check.verdict == verdict).count()
    }

    /// What all of it came to.
    fn examined(self, target: String, started: Instant) -> Result<Event, Failure> {
        let failed = |finding: &&Finding| finding.check.verdict == Verdict::Failed;
        let passed = self.count(Verdict::Passed) + self.count(Verdict::Warned);
        match self.seen.iter().find(failed) {
            None => Ok(Event::Examined(Examined { target, passed, elapsed: started.elapsed() })),
            Some(first) => Err(self.failure(first)),
        }
    }

    fn failure(&self, first: &Finding) -> Failure {
        // No look is at a step of a deployment; what fails here would have failed before one was begun.
        let code = target_code(Step::Load, first.kind.unwrap_or(ErrorKind::Unexpected));
        let message = format!("{} of {} looks failed", self.count(Verdict::Failed), self.seen.len());
        let causes = vec![format!("{}: {}", first.check.name, first.check.detail)];
        Failure { causes, hints: first.check.hints.clone(), ..Failure::new(code, message) }
    }
}

#[cfg(test)]
mod tests;
