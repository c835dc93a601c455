//! Why a deployment failed.

use std::time::Duration;

use crate::app::{FetchError, LoadError, Place};
use crate::event::Step;
use crate::package::{PackageError, PackageId, Refusal};
use crate::target::{Release, Status, TargetError};

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
    /// The package could not be made.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The target failed at a step.
    #[error("could not {} {subject}", .step.name())]
    Target {
        step: Step,
        subject: String,
        #[source]
        source: TargetError,
    },
    /// Released, and it failed.
    #[error("{package} was released, but it failed")]
    ReleaseFailed { package: PackageId, release: Release, status: Status, logs: Vec<String> },
    /// Released, and the time ran out.
    #[error("{package} was released, but did not answer within {}", humantime::format_duration(*.timeout))]
    NotReady { package: PackageId, release: Release, status: Option<Status>, logs: Vec<String>, timeout: Duration },
    /// The user stopped the run.
    #[error("cancelled")]
    Cancelled {
        /// The step that was under way.
        step: Step,
        /// What is live now, as far as it is known.
        live: Option<String>,
    },
}
