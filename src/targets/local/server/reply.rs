//! Answers that the server gives without a component, and the words for what went wrong.

use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::super::engine::{Body, HandleError};

/// A whole body.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// An answer with a body of that type.
pub fn with_type(status: StatusCode, content_type: &'static str, bytes: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// One line of text.
pub fn line(status: StatusCode, text: &str) -> Response<Body> {
    with_type(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

/// An answer for which it is too early.
pub fn busy(text: &str) -> Response<Body> {
    let mut response = line(StatusCode::SERVICE_UNAVAILABLE, text);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// What Spin answers where no route matches: nothing (`crates/trigger-http/src/server.rs@v4.0.2`).
pub fn not_found() -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// The answer where a component gave none. What the component or the engine said of it stays in the logs: the reader
/// may be anybody.
pub fn failure(component: &str, error: &HandleError) -> Response<Body> {
    let (status, what) = match error {
        HandleError::Trapped(_) => (StatusCode::INTERNAL_SERVER_ERROR, "trapped".to_owned()),
        HandleError::NoAnswer(_) => (StatusCode::INTERNAL_SERVER_ERROR, "gave no valid answer".to_owned()),
        HandleError::OutOfMemory { limit } => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("needs more than {limit} bytes of memory"))
        }
        HandleError::TimedOut { limit } => {
            (StatusCode::GATEWAY_TIMEOUT, format!("took longer than {}", humantime::format_duration(*limit)))
        }
        HandleError::RequestTooLarge { limit } => {
            (StatusCode::PAYLOAD_TOO_LARGE, format!("takes no request longer than {limit} bytes"))
        }
        HandleError::ResponseTooLarge { limit } => {
            (StatusCode::BAD_GATEWAY, format!("gave an answer longer than {limit} bytes"))
        }
        HandleError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "has too many instances at the same time".to_owned()),
    };
    let text = format!("component `{component}` {what}: see its log");
    if status == StatusCode::SERVICE_UNAVAILABLE { busy(&text) } else { line(status, &text) }
}

/// An error with its causes, in one line. A cause that the error itself has told already is not told again.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    one_line(&text)
}

/// The text without anything that would end the line or move a terminal's cursor.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
