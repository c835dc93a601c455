//! Goes back to an earlier release.

use std::time::Duration;

use anyhow::anyhow;

use super::answer::{self, Patience};
use super::check::{Check, Visit};
use super::step::Stage;
use super::{Answered, DeployError, Ending, Expected, expect, place};
use crate::event::Step;
use crate::target::{AppName, Context, ErrorKind, History, Release, ReleaseId, Released, Target, TargetError};

/// Which release to go back to, and how.
#[derive(Debug, Clone)]
pub struct Return {
    /// The application at the target.
    pub app: AppName,
    /// The release; `None`: the one before the active one.
    pub to: Option<ReleaseId>,
    /// What has to be live now; `None`: it does not matter.
    pub expect: Option<Expected>,
    /// How long to wait until it answers; `None`: do not wait.
    pub timeout: Option<Duration>,
    /// A path that has to answer, too.
    pub check: Option<Check>,
}

/// Makes an earlier release live again, and waits until it answers.
pub async fn rollback(
    cx: &Context,
    target: &dyn Target,
    history: &dyn History,
    visit: &dyn Visit,
    wish: &Return,
) -> Result<Answered, DeployError> {
    let app = &wish.app;
    let stage = Stage::start(cx, Step::Plan, place(target));
    let releases = stage.target(app.to_string(), None, history.releases(cx, app)).await;
    let releases = releases.map_err(|error| match error {
        DeployError::Target { source, .. } if source.kind == ErrorKind::NotFound => {
            DeployError::Absent { app: app.clone(), target: target.info().name.clone(), source }
        }
        error => error,
    })?;
    let active = releases.iter().find(|release| release.active).map(named);
    expect::meet(target, app, wish.expect.as_ref(), active.as_ref())?;
    let wanted = choose(&releases, wish.to.as_ref()).map_err(|why| {
        let operation = format!("go back to an earlier release of {app}");
        let source = TargetError::new(ErrorKind::NotFound, operation).because(anyhow!(why)).hint(SEE);
        DeployError::Target { step: Step::Rollback, subject: app.to_string(), source }
    })?;
    stage.finish(match &active {
        Some(active) if active.id == wanted.id => format!("{} is active already", wanted.version),
        Some(active) => format!("{} to {}", active.version, wanted.version),
        None => wanted.version.clone(),
    });
    stage.go_on(active.as_ref())?;

    let stage = Stage::start(cx, Step::Rollback, format!("{app} {}", wanted.version));
    let going_back = history.rollback(cx, app, &wanted.id);
    let going_on = |error| going_on(error, &wanted.id);
    let release = stage.target(app.to_string(), active.as_ref(), going_back).await.map_err(going_on)?;
    stage.finish(format!("release {}", release.id));

    let replaced = active.filter(|active| active.id != release.id);
    let patience = Patience { timeout: wish.timeout, check: wish.check.as_ref(), visit };
    let subject = format!("{app} {}", release.version);
    let ending = match answer::waiting(target, &patience, &subject, &release, replaced.is_some())? {
        None => Ending::NotWaited,
        Some(waiting) => Ending::Ready(answer::wait(cx, target, app, &subject, &waiting).await?),
    };
    Ok(Answered { app: app.clone(), release, ending, replaced })
}

/// How to see what there is.
const SEE: &str = "see which there are: `spin-deploy releases`, with the options of this target";

/// Names the release where the target may have begun: without a name, the same command could go back one more.
fn going_on(error: DeployError, to: &ReleaseId) -> DeployError {
    let DeployError::Target { step, subject, source } = error else { return error };
    let begun = match source.kind {
        ErrorKind::OutcomeUnknown | ErrorKind::Interrupted | ErrorKind::Conflict => true,
        // Where the target gives no advice itself, the usual one does not say to repeat the command.
        ErrorKind::Rejected | ErrorKind::Unreachable => !source.hints.is_empty(),
        _ => false,
    };
    let hint = || format!("then go on: `spin-deploy rollback {to}`, with the options of this target");
    let source = if begun { source.hint(hint()) } else { source };
    DeployError::Target { step, subject, source }
}

/// The release that is meant; the releases stand newest first. One of the very build that is active is nothing to go back
/// to, unless it is named.
fn choose<'a>(releases: &'a [Released], to: Option<&ReleaseId>) -> Result<&'a Released, String> {
    let wanted = match to {
        Some(id) => releases.iter().find(|release| release.id == *id).ok_or(format!("there is no release {id}"))?,
        None => {
            let active = releases.iter().position(|release| release.active);
            let active = active.ok_or("no release is active: name the one that is meant")?;
            let mut before = releases[active + 1..].iter();
            let other = before.find(|release| release.version != releases[active].version);
            other.ok_or("no other build is remembered from before the active release")?
        }
    };
    match wanted.gone {
        true => Err(format!("the package of release {} ({}) is gone", wanted.id, wanted.version)),
        false => Ok(wanted),
    }
}

/// A remembered release by its names.
fn named(released: &Released) -> Release {
    Release { id: released.id.clone(), version: released.version.clone(), url: None, changes: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn releases(marks: &str) -> Vec<Released> {
        let released = |(index, mark): (usize, char)| Released {
            id: ReleaseId((marks.len() - index).to_string()),
            version: format!("1.{}.0", marks.len() - index),
            created: None,
            active: mark == '*',
            channels: Vec::new(),
            gone: mark == 'x',
        };
        marks.chars().enumerate().map(released).collect()
    }

    #[test]
    fn the_release_before_the_active_one_is_meant_unless_one_is_named() {
        let chosen = |marks: &str, to: Option<&str>| {
            let to = to.map(|id| ReleaseId(id.to_owned()));
            choose(&releases(marks), to.as_ref()).map(|release| release.id.0.clone())
        };
        for (marks, to, expected) in [
            ("*..", None, Ok("2")),
            (".*.", None, Ok("1")),
            (".*.", Some("3"), Ok("3")),
            (".*.", Some("2"), Ok("2")),
            ("..*", None, Err("no other build is remembered from before the active release")),
            ("...", None, Err("no release is active: name the one that is meant")),
            ("", None, Err("no release is active: name the one that is meant")),
            ("*x.", None, Err("the package of release 2 (1.2.0) is gone")),
            ("*x.", Some("1"), Ok("1")),
            ("*..", Some("9"), Err("there is no release 9")),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(chosen(marks, to), expected, "{marks} {to:?}");
        }
    }

    #[test]
    fn the_active_build_itself_is_nothing_to_go_back_to_unless_it_is_named() {
        let mut releases = releases("*...");
        releases[1].version = releases[0].version.clone();
        assert_eq!(choose(&releases, None).map(|release| release.id.0.as_str()), Ok("2"));
        let named = ReleaseId("3".to_owned());
        assert_eq!(choose(&releases, Some(&named)).map(|release| release.id.0.as_str()), Ok("3"));
        assert!(choose(&releases[..2], None).is_err());
    }

    #[test]
    fn a_failure_on_the_way_back_names_the_release() {
        let hints = |kind, hints: &[&str]| {
            let source = hints.iter().fold(TargetError::new(kind, "go back"), |error, hint| error.hint(*hint));
            let error = DeployError::Target { step: Step::Rollback, subject: "shop".to_owned(), source };
            let DeployError::Target { source, .. } = going_on(error, &ReleaseId("3".to_owned())) else {
                unreachable!()
            };
            source.hints
        };
        let named = "then go on: `spin-deploy rollback 3`, with the options of this target";
        assert_eq!(hints(ErrorKind::OutcomeUnknown, &[]), [named]);
        assert_eq!(hints(ErrorKind::Rejected, &["mend that"]), ["mend that", named]);
        assert_eq!(hints(ErrorKind::Unauthenticated, &[]), [""; 0]);
    }
}
