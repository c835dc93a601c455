//! `whoami`: who we are at a target, and why.

use std::sync::Arc;

use crate::event::Event;
use crate::settings::env::Environment;

use super::args::WhoamiArgs;
use super::decide;
use super::first_contact::{self, Purpose};
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Says who we are.
pub fn run(args: &WhoamiArgs, environment: &Environment, _watch: &Arc<Watch>) -> Result<Event, Failure> {
    let settings = decide::settings(args.asking.layer(), &args.asking.project.from, environment)?;
    first_contact::refuse(&settings, Purpose::WhoAmI)?;
    Err(Failure::new(ExitCode::Unexpected, "not written yet"))
}
