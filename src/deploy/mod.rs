//! The pipeline, the only orchestration: load → check → package → plan → publish → release → wait.
//!
//! It never names a concrete target.

mod error;
mod outcome;

use std::path::PathBuf;
use std::time::Duration;

pub use error::DeployError;
pub use outcome::{Ending, Outcome};

use crate::app::Fetch;
use crate::package;
use crate::target::{Context, Target};

/// What to deploy, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// A manifest, or a directory that holds one.
    pub from: PathBuf,
    /// How to package it.
    pub package: package::Options,
    /// How long to wait until it answers; `None`: do not wait.
    pub timeout: Option<Duration>,
}

/// Deploys. Cancelling `cx.cancel` ends the run with [`DeployError::Cancelled`] as soon as nothing is in flight.
pub async fn run(
    cx: &Context,
    target: &dyn Target,
    fetch: &dyn Fetch,
    request: &Request,
) -> Result<Outcome, DeployError> {
    let _ = (cx, target, fetch, request);
    todo!()
}
