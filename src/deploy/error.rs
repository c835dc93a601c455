//! Why a deployment failed.

use std::time::Duration;

use super::Unmet;
use crate::app::{FetchError, LoadError, Place};
use crate::event::Step;
use crate::package::{PackageError, Refusal};
use crate::target::{AppName, Release, Status, TargetError};

/// Why a deployment failed, and what is live now.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The application is invalid.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A component's source could not be brought in.
    #[error("could not get the source of a component ({at})")]
    Fetch {
        at: Place,
        #[source]
        source: FetchError,
    },
    /// The target cannot carry the application: all reasons at once.
    #[error("{target} cannot run this application")]
    Refused { target: String, refusals: Vec<Refusal> },
    /// A package that was made before is of another format than the target takes.
    #[error("the package is of the format {theirs}, and {target} takes {ours}")]
    OtherFormat { target: String, theirs: &'static str, ours: &'static str },
    /// The package could not be made.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The target failed at a step.
    #[error("could not {} {subject}", verb(*.step))]
    Target {
        step: Step,
        subject: String,
        #[source]
        source: TargetError,
    },
    /// Released, and it failed.
    #[error("{} was released, but it failed", .0.subject)]
    ReleaseFailed(Box<Unanswered>),
    /// Released, and replaced by somebody else before it was seen to answer.
    #[error("{} was released, but another release took its place", .0.subject)]
    Replaced(Box<Unanswered>),
    /// Released, and the time ran out.
    #[error("{} was released, but did not answer within {}", .0.subject, humantime::format_duration(.0.waited))]
    NotReady(Box<Unanswered>),
    /// It answers, and the path that has to answer as well did not until the time ran out.
    #[error("{} answers, but its check did not hold within {}", .0.subject, humantime::format_duration(.0.waited))]
    CheckFailed(Box<Unanswered>, #[source] Complaint),
    /// A path has to answer, and the target does not say where the application answers.
    #[error("could not check {subject}: {target} does not know the URL of the application")]
    NoUrl { target: String, subject: String, release: Box<Release> },
    /// There is no such application where it was looked for, or nothing of it is released.
    #[error("there is no release of {app} at {target}")]
    Absent {
        app: AppName,
        target: String,
        #[source]
        source: TargetError,
    },
    /// Something else is live than has to be.
    #[error(transparent)]
    Unexpected(Box<Unmet>),
    /// The previous release shall be put back when the new one fails, and the target cannot do that.
    #[error("{target} cannot put a previous release back: it keeps none")]
    CannotRestore { target: String },
    /// It failed, and the previous release was put back and answers.
    #[error("{failure}; {} was put back and answers", .previous.version)]
    Restored { failure: Box<DeployError>, previous: Box<Release> },
    /// It failed, and the previous release could not be put back.
    #[error("{failure}, and {} could not be put back", .previous.version)]
    NotRestored {
        failure: Box<DeployError>,
        previous: Box<Release>,
        #[source]
        source: Box<DeployError>,
    },
    /// The user stopped the run.
    #[error("cancelled")]
    Cancelled {
        /// The step that was under way.
        step: Step,
        /// What is live now, as far as it is known.
        live: Option<String>,
    },
}

/// What was being done, as a verb.
fn verb(step: Step) -> &'static str {
    match step {
        Step::Rollback => "roll back",
        Step::Wait => "wait for",
        step => step.name(),
    }
}

/// What was wrong with the last answer to a check.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Complaint(pub String);

/// A release that was waited for in vain.
#[derive(Debug)]
pub struct Unanswered {
    /// What was released: `shop/1.4.0+s1f`.
    pub subject: String,
    /// The release.
    pub release: Release,
    /// What the last look gave, which may be why the target could not be asked; `None`: no look came to its end.
    pub status: Option<Status>,
    /// The application's last log lines, where the target has them.
    pub logs: Vec<String>,
    /// What else may be the matter, as far as the target knows.
    pub hints: &'static [&'static str],
    /// For how long it was, or would have been, waited.
    pub waited: Duration,
}
