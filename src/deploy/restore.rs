//! Puts the previous release back when the new one fails (`--rollback-on-failure`).

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::answer;
use super::step::Stage;
use super::wait::Waiting;
use super::{DeployError, Request};
use crate::event::{Event, Step};
use crate::target::{AppName, Context, ErrorKind, History, Look, Phase, Release, Target};

/// How long the previous release is waited for where the new one was not.
const PATIENCE: Duration = Duration::from_secs(300);

/// Refuses to promise what the target cannot do.
pub(super) fn promise(target: &dyn Target, request: &Request) -> Result<(), DeployError> {
    match request.restore && target.history().is_none() {
        true => Err(DeployError::CannotRestore { target: target.info().name.clone() }),
        false => Ok(()),
    }
}

/// Puts the previous release back after `failure`, where that is wanted and does any good. Gives what the run ends with.
pub(super) async fn after(
    cx: &Context,
    target: &dyn Target,
    app: &AppName,
    request: &Request,
    previous: Option<&Release>,
    failure: DeployError,
) -> DeployError {
    let (true, true, Some(history)) = (request.restore, calls_for_it(&failure), target.history()) else {
        return failure;
    };
    let Some(previous) = previous else {
        let message = "nothing was live before: there is nothing to put back".to_owned();
        cx.report(Event::Note { message });
        return failure;
    };
    if failed_to_begin(&failure) && is_live(cx, target, app, previous).await {
        return failure;
    }
    let failure = Box::new(failure);
    match put_back(cx, target, history, app, request, previous).await {
        Ok(previous) => DeployError::Restored { failure, previous: Box::new(previous) },
        Err(error) => {
            DeployError::NotRestored { failure, previous: Box::new(previous.clone()), source: Box::new(error) }
        }
    }
}

/// Says that there is nothing to put back where the check of a build fails that was live already.
pub(super) fn untouched(cx: &Context, request: &Request, failure: &DeployError) {
    if request.restore && matches!(failure, DeployError::CheckFailed(..)) {
        cx.report(Event::Note { message: "nothing was put back: this build was live already".to_owned() });
    }
}

/// Whether a failure is the release's own. What somebody else has made live is theirs, and who cancels has reasons.
fn calls_for_it(failure: &DeployError) -> bool {
    match failure {
        DeployError::ReleaseFailed(_) | DeployError::NotReady(_) | DeployError::CheckFailed(..) => true,
        failure => failed_to_begin(failure),
    }
}

/// Whether the target failed while it made the release live: it may have begun to.
fn failed_to_begin(failure: &DeployError) -> bool {
    let DeployError::Target { step: Step::Release, source, .. } = failure else { return false };
    matches!(source.kind, ErrorKind::OutcomeUnknown | ErrorKind::Rejected | ErrorKind::Interrupted)
}

/// Whether a release is live, untouched.
async fn is_live(cx: &Context, target: &dyn Target, app: &AppName, release: &Release) -> bool {
    let Ok(status) = target.status(cx, app, Look::Full).await else { return false };
    matches!(status.phase, Phase::Ready(_)) && status.release.is_some_and(|live| live.id == release.id)
}

/// Makes a release live again, and waits until it answers. Once begun, it is carried through.
async fn put_back(
    cx: &Context,
    target: &dyn Target,
    history: &dyn History,
    app: &AppName,
    request: &Request,
    previous: &Release,
) -> Result<Release, DeployError> {
    let stage = Stage::start(cx, Step::Restore, format!("{app} {}", previous.version));
    let carried = Context { cancel: CancellationToken::new(), ..cx.clone() };
    let release = stage.target(app.to_string(), None, history.rollback(&carried, app, &previous.id)).await?;
    stage.finish(format!("release {}", release.id));
    let timeout = request.timeout.unwrap_or(PATIENCE);
    let waiting = Waiting { release: &release, replaced: true, timeout, checking: None };
    answer::wait(cx, target, app, &format!("{app} {}", previous.version), &waiting).await?;
    Ok(release)
}
