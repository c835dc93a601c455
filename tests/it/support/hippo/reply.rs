//! Requests and answers as the fake's handlers see them.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use serde_json::Value;

/// A request, taken apart.
#[derive(Debug)]
pub struct Call {
    pub method: String,
    pub path_and_query: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Call {
    /// A query parameter; names are read without regard to case, as ASP.NET does.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The path's segments; a trailing slash does not count.
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }
}

/// An answer before it goes out.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(HeaderName, String)>,
    pub body: Vec<u8>,
    /// Whether `api-supported-versions` goes along.
    pub reports_version: bool,
}

impl Reply {
    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), reports_version: true }
    }

    /// 200 with JSON.
    pub fn json(body: &Value) -> Self {
        Self::empty(200).with_body("application/json; charset=utf-8", body.to_string())
    }

    /// A problem document.
    pub fn problem(status: u16, body: Value) -> Self {
        Self::empty(status).with_body("application/problem+json; charset=utf-8", body.to_string())
    }

    /// Gives the answer a body.
    pub fn with_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.with_header(header::CONTENT_TYPE, content_type)
    }

    /// Adds a header.
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Leaves `api-supported-versions` away.
    pub fn without_version(mut self) -> Self {
        self.reports_version = false;
        self
    }

    /// The answer as axum wants it.
    pub fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).expect("handlers answer with real statuses");
        for (name, value) in self.headers {
            let value = HeaderValue::try_from(value).expect("handlers write printable headers");
            response.headers_mut().append(name, value);
        }
        if self.reports_version {
            let name = HeaderName::from_static("api-supported-versions");
            response.headers_mut().append(name, HeaderValue::from_static("0.1"));
        }
        response
    }
}
