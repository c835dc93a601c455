//! `whoami`: who we are at a target, and why.

use std::sync::Arc;

use crate::event::Event;
use crate::settings::env::Environment;

use super::args::WhoamiArgs;
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Says who we are.
pub fn run(_args: &WhoamiArgs, _environment: &Environment, _watch: &Arc<Watch>) -> Result<Event, Failure> {
    Err(Failure::new(ExitCode::Unexpected, "not written yet"))
}
