//! `rollback`: makes an earlier release live again.

use std::sync::Arc;
use std::time::Instant;

use crate::deploy::{self, DeployError, Ending, Expected, Return};
use crate::event::{Event, OutcomeKind, Step};
use crate::settings::env::Environment;
use crate::target::{Action, ReleaseId};

use super::Failure;
use super::act::act;
use super::args::RollbackArgs;
use super::deploy::check;
use super::first_contact::Purpose;
use super::subject::Subject;
use super::wait::finished;
use super::watch::Watch;

/// Goes back.
pub fn run(args: &RollbackArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Event, Failure> {
    let started = Instant::now();
    let subject = Subject::find(&args.app, args.layer(), Purpose::App("rollback"), environment, watch)?;
    let history = subject.history()?;
    let settings = &subject.settings;
    let wish = Return {
        app: subject.app.clone(),
        to: args.release.clone().map(ReleaseId),
        expect: args.expect_release.as_deref().map(Expected::parse),
        timeout: args.waiting.patience(settings.timeout.value),
        check: check(settings, &args.waiting, watch.as_ref())?,
    };
    let answered = act(watch, async |cx| {
        let gone_back = deploy::rollback(cx, subject.target.as_ref(), history, &subject.visit, &wish).await;
        gone_back.map_err(|error| failure(error, &wish))
    })?;
    let unchanged = answered.release.changes.iter().all(|change| change.action == Action::Keep);
    let kind = match (unchanged, answered.ending) {
        (true, _) => OutcomeKind::Unchanged,
        (false, Ending::NotWaited) => OutcomeKind::RolledBackUnwatched,
        (false, _) => OutcomeKind::RolledBack,
    };
    let undo = answered.replaced.as_ref().map(|before| subject.command(&["rollback", &before.id.0]));
    Ok(Event::Finished(Box::new(finished(&answered, &subject, kind, undo, started))))
}

/// Where no release was named, and the earlier one is live already, the same command would go back one more: what is left
/// is to wait.
fn failure(error: DeployError, wish: &Return) -> Failure {
    let is_back = matches!(
        &error,
        DeployError::NotReady(_)
            | DeployError::ReleaseFailed(_)
            | DeployError::CheckFailed(..)
            | DeployError::Cancelled { step: Step::Wait, .. }
    );
    let mut failure = Failure::from(error);
    if is_back && wish.to.is_none() {
        failure.hints.retain(|hint| !hint.contains("run the same command again"));
        return failure.hint("wait on: `spin-deploy wait`, with the options of this target");
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::AppName;

    #[test]
    fn nobody_is_told_to_go_back_once_more() {
        let told = |step, to: Option<&str>| {
            let app = AppName("shop".to_owned());
            let to = to.map(|id| ReleaseId(id.to_owned()));
            let wish = Return { app, to, expect: None, timeout: None, check: None };
            failure(DeployError::Cancelled { step, live: None }, &wish).hints
        };
        let again = ["run the same command again: it converges"];
        assert_eq!(told(Step::Wait, None), ["wait on: `spin-deploy wait`, with the options of this target"]);
        assert_eq!(told(Step::Wait, Some("3")), again);
        assert_eq!(told(Step::Rollback, None), again, "it is as before");
    }
}
