//! `doctor`: looks at everything that a deploy needs.

use std::sync::Arc;

use crate::event::Event;
use crate::settings::env::Environment;

use super::args::DoctorArgs;
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Looks at everything.
pub fn run(_args: &DoctorArgs, _environment: &Environment, _watch: &Arc<Watch>) -> Result<Event, Failure> {
    Err(Failure::new(ExitCode::Unexpected, "not written yet"))
}
