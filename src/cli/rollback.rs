//! `rollback`: makes an earlier release live again.

use std::sync::Arc;
use std::time::Instant;

use crate::deploy::{self, Expected, Return};
use crate::event::{Event, OutcomeKind};
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
    let answered =
        act(
            watch,
            async |cx| Ok(deploy::rollback(cx, subject.target.as_ref(), history, &subject.visit, &wish).await?),
        )?;
    let unchanged = answered.release.changes.iter().all(|change| change.action == Action::Keep);
    let kind = if unchanged { OutcomeKind::Unchanged } else { OutcomeKind::RolledBack };
    let undo = answered.replaced.as_ref().map(|before| subject.command(&["rollback", &before.id.0]));
    Ok(Event::Finished(Box::new(finished(&answered, &subject, kind, undo, started))))
}
