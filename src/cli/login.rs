//! `login`: asks for what is missing, tries it, and keeps the token.

use std::sync::Arc;

use crate::event::Event;
use crate::settings::env::Environment;

use super::args::LoginArgs;
use super::decide;
use super::first_contact::{self, Purpose};
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Logs in.
pub fn run(args: &LoginArgs, environment: &Environment, _watch: &Arc<Watch>) -> Result<Event, Failure> {
    let settings = decide::settings(args.asking.layer(), &args.asking.project.from, environment)?;
    first_contact::refuse(&settings, Purpose::LogIn)?;
    Err(Failure::new(ExitCode::Unexpected, "not written yet"))
}
