//! `completions`: a script for the user's shell.

use clap::Command;
use clap_complete::Shell;

use super::ExitCode;
use crate::ui::Streams;

/// Writes the script to stdout.
pub fn run(_shell: Shell, _command: Command, _streams: Streams) -> ExitCode {
    ExitCode::Unexpected
}
