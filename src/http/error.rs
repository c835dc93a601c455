//! What a failed request means. Statuses become kinds in this file and nowhere else.

use super::SafeUrl;

/// A request that did not lead to a usable answer.
#[derive(Debug, thiserror::Error)]
#[error("{method} {url}: {message}")]
pub struct HttpError {
    /// Decides what to do.
    pub kind: Kind,
    /// The method.
    pub method: String,
    /// The address, safe to print.
    pub url: SafeUrl,
    /// The status, where there was an answer.
    pub status: Option<u16>,
    /// What is wrong, in words; what the server said, cleaned for printing.
    pub message: String,
    /// The cause below HTTP.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 401.
    Unauthenticated,
    /// 403.
    PermissionDenied,
    /// 404, 410.
    NotFound,
    /// 409.
    Conflict,
    /// Any other 4xx: understood and refused.
    Rejected,
    /// No name, no connection, no TLS: the server saw nothing.
    Unreachable,
    /// What answers speaks another protocol: HTML for JSON, a redirect, an answer over the limit.
    Protocol,
    /// 408, 425, 429, 5xx: the server could not. Whether it acted on the request is unknown after a 5xx.
    ServerFailed,
    /// The connection broke after the request was begun, or no answer came in time: the outcome is unknown.
    Interrupted,
    /// The client itself could not be set up (a CA file).
    InvalidConfig,
}

impl Kind {
    /// Whether the server may have acted on the request although it failed.
    pub fn outcome_unknown(self) -> bool {
        matches!(self, Kind::ServerFailed | Kind::Interrupted)
    }
}
