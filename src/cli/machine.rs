//! What commands need of this machine: a runtime, directories, this program.

use std::path::Path;

use tokio::runtime::Runtime;

use super::{ExitCode, Failure, NAME};
use crate::settings::Machine;
use crate::settings::env::Environment;

/// Runs a command's future. Whatever still runs on a blocking thread when it ends is not waited for.
pub fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let result = runtime.block_on(command);
    runtime.shutdown_background();
    result
}

/// Makes a runtime.
pub fn runtime() -> Result<Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| Failure::of(ExitCode::Unexpected, &error))
}

/// What the target `local` is made from.
pub fn machine(environment: &Environment) -> Result<Machine, Failure> {
    let unexpected = |error| Failure::of(ExitCode::Unexpected, &error);
    Ok(Machine {
        directories: own_directories(),
        runtime: directories::BaseDirs::new()
            .and_then(|user| user.runtime_dir().map(Path::to_owned))
            .filter(|directory| directory.is_dir()),
        program: std::env::current_exe().map_err(unexpected)?,
        environment: environment.inherited(),
    })
}

/// The user's directories for this program; `None`: not even a home is known.
pub fn own_directories() -> Option<directories::ProjectDirs> {
    directories::ProjectDirs::from("", "", NAME)
}
