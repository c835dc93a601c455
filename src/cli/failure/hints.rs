//! What to do next, where the error itself does not say.
//!
//! A hint is advice in words with commands in backticks, or one command as a whole. Commands can be run as they stand, but
//! for what is written in capitals. `src/cli/hint_tests.rs` checks that.

use crate::app::FetchErrorKind;
use crate::event::Step;
use crate::http::Kind;
use crate::package::PackageError;
use crate::target::{ErrorKind, FailingLayer};

/// What to do about a bug.
pub const REPORT: &str = "report this bug, with the lines above";

/// About an application that is not there.
pub const OF_ABSENT: &str = "make it live first: `spin-deploy deploy`, with the options of this target";

/// These, or the other one where there are none.
pub fn or_else(hints: Vec<String>, other: &str) -> Vec<String> {
    if hints.is_empty() { vec![other.to_owned()] } else { hints }
}

/// About a manifest with problems that have no hint of their own.
pub fn of_manifest() -> &'static str {
    "correct the manifest, and run the same command again"
}

/// About an application that the target cannot carry.
pub fn of_refusals() -> &'static str {
    "change the application, or choose another target: `spin-deploy targets` lists them"
}

/// About a download that failed.
pub fn of_fetch(kind: FetchErrorKind) -> &'static str {
    match kind {
        FetchErrorKind::Unreachable => "check the address in the manifest, or run the same command again later",
        FetchErrorKind::DigestMismatch => "correct the digest in the manifest, if the new content is what you want",
        FetchErrorKind::Storage => "make room, or set XDG_CACHE_HOME to a directory that can be written",
    }
}

/// About a package that could not be made.
pub fn of_package(error: &PackageError) -> &'static str {
    match error {
        PackageError::Refused { .. } => of_refusals(),
        // The pipeline brings every source in before it packages.
        PackageError::NotDownloaded { .. } => REPORT,
        PackageError::Read { .. } => "make it readable, and run the same command again",
        PackageError::Changed { .. } => "run the same command again when the build has ended",
        PackageError::Stage { .. } => "make room, or set TMPDIR to a directory that can be written; then run it again",
    }
}

/// About a failure of a target that says nothing itself.
pub fn of_target(step: Step, kind: ErrorKind) -> &'static str {
    match (step, kind) {
        (Step::Publish, ErrorKind::Interrupted | ErrorKind::Unreachable) => {
            "run the same command again: it sends only what is missing"
        }
        (_, ErrorKind::OutcomeUnknown | ErrorKind::Interrupted | ErrorKind::Cancelled) => {
            "run the same command again: it converges"
        }
        (_, ErrorKind::Unauthenticated | ErrorKind::PermissionDenied) => {
            "log in as somebody who may: `spin-deploy login`, with the options of this target"
        }
        (_, ErrorKind::NotFound | ErrorKind::Rejected | ErrorKind::Unreachable) => {
            "see what is not well: `spin-deploy doctor`, with the options of this target"
        }
        (_, ErrorKind::Conflict) => "see what is live now; then run the same command again",
        (_, ErrorKind::Unsupported) => of_refusals(),
        (_, ErrorKind::InvalidConfig) => "see what is set, and where: `spin-deploy targets --show`",
        (_, ErrorKind::Unexpected) => REPORT,
    }
}

/// About what keeps an application from answering.
pub fn of_layer(layer: FailingLayer) -> &'static str {
    match layer {
        FailingLayer::Package => {
            "see whether packages can be read there: `spin-deploy doctor`, with the options of this target"
        }
        FailingLayer::Placement => {
            "ask who runs the platform for room, and wait on: `spin-deploy wait`, with the options of this target"
        }
        FailingLayer::Application => "read what it writes: `spin-deploy logs`, with the options of this target",
        FailingLayer::Route => {
            "compare its address with what is routed: `spin-deploy status`, with the options of this target"
        }
        FailingLayer::Dns => {
            "check the name and its record, or the resolver here, and wait on: `spin-deploy wait`, with the options of this target"
        }
        FailingLayer::Connection => {
            "start what shall listen there, and wait on: `spin-deploy wait`, with the options of this target"
        }
        FailingLayer::Tls => {
            "if its certificate is good, trust who signed it: `spin-deploy wait --ca-cert FILE`, with the options of this target"
        }
        FailingLayer::Proxy => {
            "read the proxy's log, and the application's: `spin-deploy logs`, with the options of this target"
        }
    }
}

/// About a request, or a client that could not be made.
pub fn of_http(kind: Kind) -> &'static str {
    match kind {
        Kind::InvalidConfig => "check the address, and the file of `--ca-cert FILE` or SPIN_DEPLOY_CA_CERT",
        Kind::Unauthenticated | Kind::PermissionDenied => of_target(Step::Load, ErrorKind::Unauthenticated),
        Kind::Conflict => of_target(Step::Load, ErrorKind::Conflict),
        Kind::NotFound | Kind::Rejected | Kind::Unreachable | Kind::Protocol => {
            of_target(Step::Load, ErrorKind::Unreachable)
        }
        Kind::ServerFailed | Kind::Interrupted => of_target(Step::Load, ErrorKind::Interrupted),
    }
}
