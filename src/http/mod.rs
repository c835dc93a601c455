//! One HTTP client for every request of the run: TLS, timeouts, retries and the meaning of statuses live here only.

mod body;
mod client;
mod dns;
mod echo;
mod error;
pub mod inspect;
mod retry;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod text;
mod tls;
mod url;

use std::path::PathBuf;
use std::time::Duration;

use ::url::Url;

pub use self::url::{SafeUrl, is_loopback};
pub use client::{Client, Download};
pub use error::{Barrier, HttpError, Kind};
pub use retry::Backoff;

use error::Subject;

/// The longest JSON answer to accept, in bytes.
pub const JSON_LIMIT: usize = 4 * 1024 * 1024;

/// How to speak HTTP.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// A PEM file with further certificate authorities to trust.
    pub ca_cert: Option<PathBuf>,
    /// Whether to accept any certificate.
    pub insecure: bool,
    /// Whether credentials may go over plain HTTP to a host that is not loopback.
    pub allow_insecure_credentials: bool,
}

/// Whether a request may be sent again after an unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Sending it twice is the same as once: GET, PUT and PATCH with absolute values, logins.
    Freely,
    /// Only when it is certain that the server did not act on it (no connection, 408, 425, 429, 503 with Retry-After).
    /// Everything else is for the caller to read back.
    IfUntouched,
    /// One attempt, whatever comes: readiness probes, which have a rhythm of their own.
    Never,
}

/// What to send as the body.
pub enum Body {
    /// Nothing.
    Empty,
    /// These bytes, of this media type.
    Bytes { content: Vec<u8>, media_type: &'static str },
    /// A file from its start, streamed in large chunks with its Content-Length; `progress` hears how many bytes went.
    File { file: std::fs::File, length: u64, media_type: &'static str, progress: Progress },
}

/// Hears how many bytes of a body have been handed to the network so far. Each further attempt begins at none again.
#[derive(Clone)]
pub struct Progress(pub std::sync::Arc<dyn Fn(u64) + Send + Sync>);

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}

/// Lengths only: contents may be secret.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Body::Empty => f.write_str("nothing"),
            Body::Bytes { content, media_type } => write!(f, "{} bytes of {media_type}", content.len()),
            Body::File { length, media_type, .. } => write!(f, "a file of {length} bytes of {media_type}"),
        }
    }
}

/// A request and how it may be treated.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: reqwest::Method,
    /// The whole address.
    pub url: Url,
    /// `Accept`.
    pub accept: &'static str,
    /// `Authorization`, ready to be sent.
    pub authorization: Option<crate::auth::Secret>,
    /// The body.
    pub body: Body,
    /// Whether it may be sent again.
    pub repeat: Repeat,
    /// How long to wait for the answer's first byte after the whole body was sent; `None`: the client's default.
    pub patience: Option<Duration>,
    /// The longest answer to accept, in bytes.
    pub limit: usize,
}

/// An answer, whatever its status; 3xx never gets here (redirects are refused).
#[derive(Clone)]
pub struct Response {
    /// The status.
    pub status: reqwest::StatusCode,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body, complete.
    pub body: Vec<u8>,
    /// What was asked, for messages.
    pub method: reqwest::Method,
    /// What was asked, for messages.
    pub url: SafeUrl,
}

/// A request that failed and is about to be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryNotice {
    /// Method and address.
    pub what: String,
    /// Why.
    pub reason: String,
    /// The attempt that failed, from 1.
    pub attempt: u32,
    /// How long until the next.
    pub delay: Duration,
}

impl Request {
    /// A request without body and credentials whose answer is JSON, with the client's own patience. A GET may be
    /// repeated freely, everything else only while it is untouched.
    pub fn new(method: reqwest::Method, url: Url) -> Request {
        let repeat = if method == reqwest::Method::GET { Repeat::Freely } else { Repeat::IfUntouched };
        Request {
            method,
            url,
            accept: "application/json",
            authorization: None,
            body: Body::Empty,
            repeat,
            patience: None,
            limit: JSON_LIMIT,
        }
    }
}

/// Without headers and body, which may hold secrets.
impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} to {} {}, {} bytes", self.status, self.method, self.url, self.body.len())
    }
}

impl Response {
    /// The answer without this secret, which was in the request's body: a refusal may repeat it, and refusals are shown.
    pub fn without(self, secret: &str) -> Response {
        match self.status.is_success() {
            true => self,
            false => Response { body: echo::without(self.body, secret), ..self },
        }
    }

    /// The answer where its status is 2xx, else the error that the status means.
    pub fn success(self) -> Result<Response, HttpError> {
        match self.status.is_success() {
            true => Ok(self),
            false => Err(HttpError::of_answer(&self)),
        }
    }

    /// The body as JSON; HTML or anything else is [`Kind::Protocol`].
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, HttpError> {
        use serde_json::error::Category;
        serde_json::from_slice(&self.body).map_err(|error| match error.classify() {
            // The parser's own words quote values, which may be secret.
            Category::Data => self.unexpected(format!(
                "its JSON does not have the expected shape (line {}, column {})",
                error.line(),
                error.column()
            )),
            _ => self.unexpected(format!("it answered {} where JSON is expected", text::kind_of(&self.body))),
        })
    }

    /// The error that this answer, whatever its status, speaks another protocol than it should.
    pub fn unexpected(&self, message: impl Into<String>) -> HttpError {
        HttpError { status: Some(self.status.as_u16()), ..self.subject().error(Kind::Protocol, message) }
    }

    fn subject(&self) -> Subject {
        Subject { method: self.method.clone(), url: self.url.clone() }
    }
}
