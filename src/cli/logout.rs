//! `logout`: forgets what `login` kept.

use std::sync::Arc;

use crate::event::Event;
use crate::settings::env::Environment;

use super::args::LogoutArgs;
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Forgets.
pub fn run(_args: &LogoutArgs, _environment: &Environment, _watch: &Arc<Watch>) -> Result<Event, Failure> {
    Err(Failure::new(ExitCode::Unexpected, "not written yet"))
}
