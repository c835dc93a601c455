//! Waits for a release that somebody made before.

use std::time::Duration;

use anyhow::anyhow;

use super::answer::{self, Patience};
use super::check::{Check, Visit};
use super::step::Stage;
use super::{Answered, DeployError, Ending, Expected, expect, place};
use crate::event::Step;
use crate::target::{AppName, Context, ErrorKind, Look, Phase, ReleaseId, Target, TargetError};

/// What to wait for.
#[derive(Debug, Clone)]
pub struct Resume {
    /// The application at the target.
    pub app: AppName,
    /// The release; `None`: the one that is, or should be, live.
    pub release: Option<ReleaseId>,
    /// How long to wait until it answers.
    pub timeout: Duration,
    /// A path that has to answer, too.
    pub check: Option<Check>,
}

/// Waits until a release answers that is, or should be, live. Changes nothing.
pub async fn resume(
    cx: &Context,
    target: &dyn Target,
    visit: &dyn Visit,
    wish: &Resume,
) -> Result<Answered, DeployError> {
    let app = &wish.app;
    let stage = Stage::start(cx, Step::Plan, place(target));
    let status = stage.target(app.to_string(), None, target.status(cx, app, Look::Full)).await?;
    let Some(release) = status.release.filter(|_| status.phase != Phase::Absent) else {
        let why = status.detail.unwrap_or_else(|| "nothing was released".to_owned());
        let source = TargetError::new(ErrorKind::NotFound, format!("find a release of {app}")).because(anyhow!(why));
        return Err(DeployError::Absent { app: app.clone(), target: target.info().name.clone(), source });
    };
    let expected = wish.release.clone().map(Expected::Release);
    expect::meet(target, app, expected.as_ref(), Some(&release))?;
    stage.finish(format!("release {}", release.id));
    stage.go_on(Some(&release))?;

    let patience = Patience { timeout: Some(wish.timeout), check: wish.check.as_ref(), visit };
    let subject = format!("{app} {}", release.version);
    // Whether another version was there before is not known: what cannot name its version has to settle.
    let ending = match answer::waiting(target, &patience, &subject, &release, true)? {
        None => Ending::NotWaited,
        Some(waiting) => Ending::Ready(answer::wait(cx, target, app, &subject, &waiting).await?),
    };
    Ok(Answered { app: app.clone(), release, ending, replaced: None })
}
