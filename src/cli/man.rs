//! `man`: the manual page.

use clap::Command;

use super::ExitCode;
use crate::ui::Streams;

/// Writes the page to stdout.
pub fn run(_command: Command, _streams: Streams) -> ExitCode {
    ExitCode::Unexpected
}
