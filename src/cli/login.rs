//! `login`: asks for what is missing, tries it, and keeps the token.

use std::sync::Arc;

use crate::event::Event;
use crate::settings::env::Environment;

use super::args::LoginArgs;
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Logs in.
pub fn run(_args: &LoginArgs, _environment: &Environment, _watch: &Arc<Watch>) -> Result<Event, Failure> {
    Err(Failure::new(ExitCode::Unexpected, "not written yet"))
}
