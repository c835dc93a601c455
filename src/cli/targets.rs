//! `targets`: what there is to deploy to, and each setting with its origin.

use std::sync::Arc;

use crate::event::Event;
use crate::settings::env::Environment;

use super::args::TargetsArgs;
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Lists targets, or shows one.
pub fn run(_args: &TargetsArgs, _environment: &Environment, _watch: &Arc<Watch>) -> Result<Event, Failure> {
    Err(Failure::new(ExitCode::Unexpected, "not written yet"))
}
