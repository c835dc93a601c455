//! What can go wrong at a target.

/// A failure at a target.
#[derive(Debug, thiserror::Error)]
#[error("{operation}")]
pub struct TargetError {
    /// Decides exit code, hint and retry.
    pub kind: ErrorKind,
    /// What we were doing, to which thing: a lowercase fragment that reads after "failed to".
    pub operation: String,
    /// Why.
    #[source]
    pub source: Option<anyhow::Error>,
    /// What to do next: runnable commands or short advice.
    pub hints: Vec<String>,
}

/// The kinds of failures. "Absent" is only ever [`ErrorKind::NotFound`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// No credential, a wrong one, or one that ran out.
    Unauthenticated,
    /// Known, but not allowed to.
    PermissionDenied,
    /// The thing is not there.
    NotFound,
    /// Someone else changed it, or it exists with other content.
    Conflict,
    /// Understood and refused.
    Rejected,
    /// No connection, no TLS, or what answers speaks another protocol.
    Unreachable,
    /// The server failed, the connection broke, or no answer came in time; nothing was made live.
    Interrupted,
    /// The release may or may not be live: sight was lost after it was asked for.
    OutcomeUnknown,
    /// The target cannot carry this application.
    Unsupported,
    /// A setting is missing or wrong.
    InvalidConfig,
    /// The user stopped the run.
    Cancelled,
    /// A bug.
    Unexpected,
}

impl TargetError {
    /// A failure without a cause of its own.
    pub fn new(kind: ErrorKind, operation: impl Into<String>) -> Self {
        TargetError { kind, operation: operation.into(), source: None, hints: Vec::new() }
    }

    /// Adds the cause.
    pub fn because(mut self, source: impl Into<anyhow::Error>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}
