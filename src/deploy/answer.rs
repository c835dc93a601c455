//! Whether a release answers, told as a step.

use std::time::Duration;

use tokio::time::Instant;

use super::check::{Check, Checking, Visit};
use super::error::{Complaint, DeployError, Unanswered};
use super::step::Stage;
use super::wait::{self, Waiting};
use crate::event::{Event, Step};
use crate::target::{AppName, Context, Proof, Release, Target};

/// How long somebody waits, and for what.
#[derive(Clone, Copy)]
pub(super) struct Patience<'a> {
    /// `None`: nobody waits.
    pub timeout: Option<Duration>,
    /// What has to answer, too.
    pub check: Option<&'a Check>,
    /// Looks at it.
    pub visit: &'a dyn Visit,
}

/// How a release is to be waited for; `None`: not at all. `subject` is what was released.
pub(super) fn waiting<'a>(
    target: &dyn Target,
    patience: &Patience<'a>,
    subject: &str,
    release: &'a Release,
    replaced: bool,
) -> Result<Option<Waiting<'a>>, DeployError> {
    let Some(timeout) = patience.timeout else { return Ok(None) };
    let checking = match (patience.check, release.url.as_deref()) {
        (None, _) => None,
        (Some(check), Some(base)) => Some(Checking { check, base: base.trim_end_matches('/'), visit: patience.visit }),
        (Some(_), None) => {
            let (target, subject) = (target.info().name.clone(), subject.to_owned());
            return Err(DeployError::NoUrl { target, subject, release: Box::new(release.clone()) });
        }
    };
    Ok(Some(Waiting { release, replaced, timeout, checking }))
}

/// Waits until the check of what is live already holds.
pub(super) async fn check(
    cx: &Context,
    target: &dyn Target,
    app: &AppName,
    subject: &str,
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
        Err(end) => Err(not_ready(cx, target, app, subject, waiting, end).await),
    }
}

/// Waits until the release answers.
pub(super) async fn wait(
    cx: &Context,
    target: &dyn Target,
    app: &AppName,
    subject: &str,
    waiting: &Waiting<'_>,
) -> Result<Proof, DeployError> {
    let stage = Stage::start(cx, Step::Wait, waiting.release.url.clone().unwrap_or_else(|| app.to_string()));
    let proof = match wait::until_ready(cx, target, app, waiting).await {
        Ok(proof) => proof,
        Err(end) => return Err(not_ready(cx, target, app, subject, waiting, end).await),
    };
    if proof == Proof::Health {
        let message = "the application is healthy, but its host cannot say which version answers \
                       (Spin before 0.7): the version could not be proven";
        cx.report(Event::Warning { message: message.to_owned() });
    }
    stage.finish(format!("{} answers", waiting.release.version));
    Ok(proof)
}

/// Says why the wait ended without an answer, with the application's last words.
async fn not_ready(
    cx: &Context,
    target: &dyn Target,
    app: &AppName,
    subject: &str,
    waiting: &Waiting<'_>,
    end: wait::Unready,
) -> DeployError {
    type Kind = Box<dyn FnOnce(Box<Unanswered>) -> DeployError + Send>;
    let (kind, status): (Kind, _) = match end {
        wait::Unready::Cancelled => {
            let live = format!("{subject} was released; whether it answers is not known yet");
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
    let subject = subject.to_owned();
    kind(Box::new(Unanswered { subject, release, status, logs, hints: target.unanswered_hints(), waited }))
}
