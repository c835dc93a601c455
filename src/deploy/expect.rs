//! Refuses to replace what somebody else has made live meanwhile.

use std::fmt;

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
        Some(expected) => Err(DeployError::Unexpected(Box::new(Unmet {
            target: target.info().name.clone(),
            app: app.clone(),
            expected: expected.clone(),
            live: live.cloned(),
        }))),
    }
}

/// Something else is live than has to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Unmet {
    /// The target's name.
    pub target: String,
    /// The application at the target.
    pub app: AppName,
    /// What should be live.
    pub expected: Expected,
    /// What is.
    pub live: Option<Release>,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unmet { target, app, expected, live } = self;
        match live {
            None => write!(f, "nothing of {app} is live at {target}, where ")?,
            Some(live) if live.id.0 == live.version => {
                write!(f, "release {} of {app} is live at {target}, where ", live.id)?;
            }
            Some(live) => {
                write!(f, "release {} ({}) of {app} is live at {target}, where ", live.id, live.version)?;
            }
        }
        match expected {
            Expected::Nothing => f.write_str("nothing was expected"),
            Expected::Release(id) => write!(f, "release {id} was expected"),
        }
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
            let (target, app, live) = ("here".to_owned(), app.clone(), live.cloned());
            let unmet = Unmet { target, app, expected: Expected::parse(text), live };
            assert_eq!(unmet.to_string(), words);
        }
    }
}
