//! Refuses to replace what somebody else has made live meanwhile.

use super::DeployError;
use crate::target::{AppName, Release, ReleaseId, Target};

/// What has to be live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Nothing.
    Nothing,
    /// This release.
    Release(ReleaseId),
}

impl Expected {
    /// What stands for nothing on the command line.
    const NOTHING: &str = "none";

    /// As the command line has it: an id, or `none`.
    pub fn parse(text: &str) -> Expected {
        match text {
            Self::NOTHING => Expected::Nothing,
            id => Expected::Release(ReleaseId(id.to_owned())),
        }
    }

    fn is_met(&self, live: Option<&ReleaseId>) -> bool {
        match self {
            Expected::Nothing => live.is_none(),
            Expected::Release(id) => live == Some(id),
        }
    }
}

/// Refuses to go on where something else is live than has to be.
pub(super) fn meet(
    target: &dyn Target,
    app: &AppName,
    expected: Option<&Expected>,
    live: Option<&Release>,
) -> Result<(), DeployError> {
    match expected.filter(|expected| !expected.is_met(live.map(|live| &live.id))) {
        None => Ok(()),
        Some(expected) => Err(DeployError::Unexpected {
            target: target.info().name.clone(),
            app: app.clone(),
            expected: expected.clone(),
            live: live.cloned(),
        }),
    }
}

/// What is live, and what should be.
pub(super) fn unmet(target: &str, app: &AppName, expected: &Expected, live: Option<&Release>) -> String {
    let live = live.map_or("nothing".to_owned(), |live| match live.id.0 == live.version {
        true => format!("release {}", live.id),
        false => format!("release {} ({})", live.id, live.version),
    });
    match expected {
        Expected::Nothing => format!("{live} of {app} is live at {target}, where nothing was expected"),
        Expected::Release(id) => format!("{live} of {app} is live at {target}, where release {id} was expected"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expectation_is_met_by_that_release_alone() {
        let (one, two) = (ReleaseId("1".into()), ReleaseId("2".into()));
        for (text, live, met) in [
            ("none", None, true),
            ("none", Some(&one), false),
            ("1", Some(&one), true),
            ("1", Some(&two), false),
            ("1", None, false),
        ] {
            assert_eq!(Expected::parse(text).is_met(live), met, "{text} {live:?}");
        }
    }

    #[test]
    fn what_is_live_is_named() {
        let live = Release { id: ReleaseId("2".into()), version: "1.1.0".into(), url: None, changes: Vec::new() };
        let app = AppName("shop".into());
        for (text, live, words) in [
            ("1", Some(&live), "release 2 (1.1.0) of shop is live at here, where release 1 was expected"),
            ("1", None, "nothing of shop is live at here, where release 1 was expected"),
            ("none", Some(&live), "release 2 (1.1.0) of shop is live at here, where nothing was expected"),
        ] {
            assert_eq!(unmet("here", &app, &Expected::parse(text), live), words);
        }
    }
}
