//! What failures mean to the pipeline.

use std::path::Path;

use reqwest::StatusCode;

use super::client::ControlError;
use super::launch::LaunchError;
use super::lock::LockError;
use super::paths::PathsError;
use super::server::ServeError;
use super::store::StoreError;
use crate::auth::shell::shell_word;
use crate::package::PackageError;
use crate::target::{ErrorKind, TargetError};

/// What to do when something is missing that was stored before.
const DEPLOY_AGAIN: &str = "run the same command again: it stores what is missing";
/// What to do with a server of another version.
const END_THE_OTHER: &str =
    "end it with the version that started it: `spin-deploy serve --stop`; then run the same command again";

/// What to do about a package that the engine cannot run.
const CORRECT: &str = "correct the component, and run the same command again: what was live before is live still";

/// How a server is started for a data directory.
pub fn serve(data: &Path) -> String {
    format!("`spin-deploy serve --data-dir {}`", shell_word(data))
}

/// The user stopped the run.
pub fn cancelled(operation: impl Into<String>) -> TargetError {
    TargetError::new(ErrorKind::Cancelled, operation)
}

/// The places cannot be used.
pub fn of_paths(error: PathsError, operation: impl Into<String>) -> TargetError {
    TargetError::new(ErrorKind::InvalidConfig, operation)
        .because(error)
        .hint("choose another directory: `--data-dir DIR`")
}

/// Something on the disk could not be read or written.
pub fn of_store(error: StoreError, operation: impl Into<String>) -> TargetError {
    let (kind, hint) = match &error {
        StoreError::Package(PackageError::Stage { .. }) => {
            (ErrorKind::InvalidConfig, Some("make room for temporary files, or set TMPDIR"))
        }
        error if error.is_full() => (ErrorKind::Rejected, Some("make room, or choose another disk with --data-dir")),
        StoreError::Package(PackageError::Changed { .. }) => {
            (ErrorKind::Rejected, Some("run the same command again when the build has ended"))
        }
        StoreError::Package(_) => (ErrorKind::InvalidConfig, None),
        StoreError::Missing { .. } => (ErrorKind::Conflict, Some(DEPLOY_AGAIN)),
        // The name rules and the package have made sure of these.
        StoreError::AppName(_) | StoreError::NoDigest(_) | StoreError::GuestPath { .. } => {
            (ErrorKind::Unexpected, None)
        }
        StoreError::Paths(_) | StoreError::Io { .. } => (ErrorKind::InvalidConfig, None),
        StoreError::DamagedRecord { .. } | StoreError::DamagedDocument { .. } => (ErrorKind::InvalidConfig, None),
    };
    let failure = TargetError::new(kind, operation).because(error);
    hint.into_iter().fold(failure, TargetError::hint)
}

/// The server could not be asked, and nothing was to be changed.
pub fn of_question(error: ControlError, operation: impl Into<String>, data: &Path) -> TargetError {
    of_control(error, operation, data, ErrorKind::Interrupted)
}

/// The server was asked to change what is live.
pub fn of_order(error: ControlError, operation: impl Into<String>, data: &Path) -> TargetError {
    of_control(error, operation, data, ErrorKind::OutcomeUnknown)
}

fn of_control(error: ControlError, operation: impl Into<String>, data: &Path, lost: ErrorKind) -> TargetError {
    let (kind, hint) = match &error {
        ControlError::NotRunning => (ErrorKind::Unreachable, Some(format!("start a server: {}", serve(data)))),
        ControlError::Foreign { .. } | ControlError::Socket { .. } => {
            let hint = "choose a directory that nobody else can write to: --data-dir DIR";
            (ErrorKind::InvalidConfig, Some(hint.to_owned()))
        }
        ControlError::OtherVersion => (ErrorKind::Unreachable, Some(END_THE_OTHER.to_owned())),
        ControlError::Lost(_) => (lost, None),
        ControlError::Refused { status, .. } => (of_status(*status), None),
    };
    let failure = TargetError::new(kind, operation).because(error);
    hint.into_iter().fold(failure, TargetError::hint)
}

fn of_status(status: StatusCode) -> ErrorKind {
    match status {
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::CONFLICT => ErrorKind::Conflict,
        status if status.is_client_error() => ErrorKind::Rejected,
        _ => ErrorKind::Interrupted,
    }
}

/// The server was asked to make a package live. One that lacks a blob of it lost it after it was stored.
pub fn of_release(error: ControlError, operation: impl Into<String>, data: &Path) -> TargetError {
    match error {
        ControlError::Refused { status: StatusCode::NOT_FOUND, .. } => {
            TargetError::new(ErrorKind::Conflict, operation).because(error).hint(DEPLOY_AGAIN)
        }
        ControlError::Refused { status: StatusCode::UNPROCESSABLE_ENTITY, .. } => {
            TargetError::new(ErrorKind::Rejected, operation).because(error).hint(CORRECT)
        }
        error => of_order(error, operation, data),
    }
}

/// This process could not be the server.
pub fn of_serve(error: ServeError, operation: impl Into<String>) -> TargetError {
    match error {
        ServeError::Store(error) => of_store(error, operation),
        ServeError::Lock(error @ LockError::Held { .. }) => TargetError::new(ErrorKind::Conflict, operation)
            .because(error)
            .hint("use the server that is running, or end it: `spin-deploy serve --stop`"),
        error => TargetError::new(ErrorKind::InvalidConfig, operation).because(error),
    }
}

/// No server could be started.
pub fn of_launch(error: LaunchError, operation: impl Into<String>, data: &Path) -> TargetError {
    match error {
        LaunchError::Control(error) => of_question(error, operation, data),
        LaunchError::Paths(error) => of_paths(error, operation),
        error @ LaunchError::Elsewhere { .. } => TargetError::new(ErrorKind::Unreachable, operation)
            .because(error)
            .hint("it may be finishing the requests in flight: run the same command again; if it stays, kill it"),
        error @ LaunchError::Silent { .. } => TargetError::new(ErrorKind::Interrupted, operation).because(error),
        error => TargetError::new(ErrorKind::Unreachable, operation)
            .because(error)
            .hint(format!("look at what it says in the foreground: {}", serve(data))),
    }
}
