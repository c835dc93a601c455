//! What a failed request means. Statuses become kinds in this file and nowhere else.

use std::error::Error;

use reqwest::StatusCode;
use reqwest::header::{LOCATION, RETRY_AFTER};
use url::Url;

use super::dns::NoAddress;
use super::{Response, SafeUrl, retry, text};

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
    /// What was in the way, where there was no connection.
    pub barrier: Option<Barrier>,
    /// What is wrong, in words; what the server said, cleaned for printing.
    pub message: String,
    /// The cause below HTTP.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
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
    /// The client itself could not be set up (a CA file), or refused to send credentials where they can be read.
    InvalidConfig,
}

/// What is in the way of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barrier {
    /// No address was found for the name. Whether it has none, or the resolver could not say, systems tell in words only.
    Name,
    /// Nobody listens at the address, or no way leads there.
    Address,
    /// There is somebody, but no secure connection with them.
    Tls,
}

impl Kind {
    /// Whether the server may have acted on the request although it failed.
    pub fn outcome_unknown(self) -> bool {
        matches!(self, Kind::ServerFailed | Kind::Interrupted)
    }

    /// What a status that is not 2xx means.
    pub(super) fn of_status(status: StatusCode) -> Kind {
        match status.as_u16() {
            401 => Kind::Unauthenticated,
            403 => Kind::PermissionDenied,
            404 | 410 => Kind::NotFound,
            409 => Kind::Conflict,
            408 | 425 | 429 => Kind::ServerFailed,
            400..=499 => Kind::Rejected,
            500..=599 => Kind::ServerFailed,
            _ => Kind::Protocol,
        }
    }
}

/// What was asked: the part of an error that is known before anything goes wrong.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub method: reqwest::Method,
    pub url: SafeUrl,
}

impl Subject {
    pub fn error(&self, kind: Kind, message: impl Into<String>) -> HttpError {
        HttpError {
            kind,
            method: self.method.to_string(),
            url: self.url.clone(),
            status: None,
            barrier: None,
            message: message.into(),
            source: None,
        }
    }

    /// The failure of an exchange, or of reading its answer.
    pub fn failure(&self, error: &reqwest::Error) -> HttpError {
        let tls = chain(error).find_map(|cause| cause.downcast_ref::<rustls::Error>());
        let garbled =
            chain(error).any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse));
        let barrier = error.is_connect().then(|| match tls {
            Some(_) => Barrier::Tls,
            None if chain(error).any(|cause| cause.is::<NoAddress>()) => Barrier::Name,
            None => Barrier::Address,
        });
        let (kind, message) = match error {
            _ if barrier == Some(Barrier::Tls) => (Kind::Unreachable, "no secure connection (TLS)"),
            _ if barrier == Some(Barrier::Name) => (Kind::Unreachable, "the name could not be looked up"),
            _ if barrier.is_some() && error.is_timeout() => (Kind::Unreachable, "no connection in time"),
            _ if barrier.is_some() => (Kind::Unreachable, "no connection"),
            _ if error.is_builder() => (Kind::InvalidConfig, "it cannot be sent"),
            _ if garbled => (Kind::Protocol, "what answers does not speak HTTP"),
            _ => (Kind::Interrupted, "the connection broke"),
        };
        let source = match tls {
            Some(tls) => Box::new(tls.clone()) as Box<dyn Error + Send + Sync>,
            None => Box::new(root(error)),
        };
        HttpError { barrier, source: Some(source), ..self.error(kind, message) }
    }

    /// A redirect, which is not followed: it would carry credentials or a body to who knows where.
    pub fn redirected(&self, base: &Url, answer: &reqwest::Response) -> HttpError {
        let to = redirect_target(base, answer).map(|url| url.origin().ascii_serialization());
        let message = match to {
            Some(origin) => format!("it redirects to {origin}, which is not followed"),
            None => "it redirects to nowhere".into(),
        };
        HttpError { status: Some(answer.status().as_u16()), ..self.error(Kind::Protocol, message) }
    }
}

/// Where a redirect leads.
pub(super) fn redirect_target(base: &Url, answer: &reqwest::Response) -> Option<Url> {
    let location = answer.headers().get(LOCATION)?.to_str().ok()?;
    base.join(location).ok().filter(|url| url.has_host())
}

impl HttpError {
    /// The error that an answer's status means.
    pub(super) fn of_answer(answer: &Response) -> HttpError {
        let mut message = format!("it answered {}", answer.status);
        let words = text::of_error(&answer.body);
        if !words.is_empty() {
            message.push_str(": ");
            message.push_str(&words);
        }
        if answer.headers.contains_key(RETRY_AFTER)
            && let Some(rest) = retry::rest(&answer.headers)
        {
            message.push_str(&format!(" (it asks to come back in {} s)", rest.as_secs()));
        }
        HttpError {
            status: Some(answer.status.as_u16()),
            ..answer.subject().error(Kind::of_status(answer.status), message)
        }
    }

    /// Whether the server's certificate was not trusted: `--ca-cert` may be the remedy.
    pub fn is_untrusted(&self) -> bool {
        let tls = self.source.as_deref().and_then(|source| source.downcast_ref::<rustls::Error>());
        // `General` is how the system's verifier says that it has no authorities at all.
        matches!(tls, Some(rustls::Error::InvalidCertificate(_) | rustls::Error::General(_)))
    }
}

/// The last word of a chain of causes, without the layers of client libraries above it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Root(String);

fn root(error: &reqwest::Error) -> Root {
    let cause = chain(error).last().expect("a chain has at least its first member");
    // The first member's own text holds the whole address.
    let words = match chain(error).count() {
        1 => "the request failed".to_owned(),
        _ => text::printable(&cause.to_string()),
    };
    Root(words)
}

/// An error and its causes. An [`std::io::Error`] hides the error that it wraps from `source`; here it does not.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_statuses_mean() {
        for code in 300..=599 {
            let expected = match code {
                401 => Kind::Unauthenticated,
                403 => Kind::PermissionDenied,
                404 | 410 => Kind::NotFound,
                409 => Kind::Conflict,
                408 | 425 | 429 => Kind::ServerFailed,
                300..=399 => Kind::Protocol,
                400..=499 => Kind::Rejected,
                _ => Kind::ServerFailed,
            };
            assert_eq!(Kind::of_status(StatusCode::from_u16(code).unwrap()), expected, "{code}");
        }
    }

    #[test]
    fn an_io_error_does_not_hide_its_cause() {
        let inner = rustls::Error::General("inner".into());
        let outer = std::io::Error::other(std::io::Error::other(inner));
        let last = chain(&outer).last().unwrap();
        assert!(last.downcast_ref::<rustls::Error>().is_some());
    }
}
