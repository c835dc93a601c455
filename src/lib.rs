//! The house of `spin-deploy`. ARCHITECTURE.md has the drawing.

pub mod app;
pub mod auth;
pub mod cli;
pub mod deploy;
pub mod event;
pub mod fetch;
pub mod http;
pub mod package;
pub mod registry;
pub mod settings;
pub mod target;
pub mod targets;
pub mod ui;

use std::ffi::OsString;
use std::process::ExitCode;

/// The whole program: `args` begin with the program's own name.
pub fn run(args: Vec<OsString>, environment: settings::env::Environment, streams: ui::Streams) -> ExitCode {
    cli::main(args, &environment, streams).into()
}
