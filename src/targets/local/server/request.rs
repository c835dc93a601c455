//! What becomes of a request before a component gets it: an absolute URI, and Spin's headers.

use std::net::SocketAddr;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::{Authority, Scheme};
use hyper::{Request, Uri, Version};

use super::super::engine::{Body, BodyError};

/// What the names of headers for named segments of a route begin with.
const PATH_MATCH: &str = "spin-path-match-";

/// The names of the headers that only the server may set, besides [`PATH_MATCH`]
/// (`crates/trigger-http/src/headers.rs@v4.0.2`).
const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// How a request came to its component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// The application's base.
    pub base: &'a str,
    /// The route as the manifest has it.
    pub raw: &'a str,
    /// The route with the base.
    pub based: &'a str,
    /// What a trailing wildcard stands for; empty where there is none.
    pub path_info: String,
    /// What named segments stand for.
    pub named: Vec<(String, String)>,
}

impl Arrival<'static> {
    /// What Spin tells a component that another one calls: as if it had the route `/...`
    /// (`RouteMatch::synthetic` in `crates/http/src/routes.rs@v4.0.2`).
    pub fn chained(path: &str) -> Arrival<'static> {
        Arrival { base: "/", raw: "/...", based: "/...", path_info: path.to_owned(), named: Vec::new() }
    }
}

/// A request from a socket as components are to get it; the engine limits its body. An error is a fragment for the
/// client.
pub fn from_socket(request: Request<Incoming>, own_address: SocketAddr) -> Result<Request<Body>, &'static str> {
    let uri = absolute(&request, own_address)?;
    let mut request = request.map(|body| body.map_err(broken).boxed_unsync());
    *request.uri_mut() = uri;
    Ok(request)
}

/// The URI with its scheme and authority, which HTTP/1.1 has in the header `Host` instead (`set_req_uri` in
/// `crates/trigger-http/src/server.rs@v4.0.2`).
fn absolute<B>(request: &Request<B>, own_address: SocketAddr) -> Result<Uri, &'static str> {
    let mut parts = request.uri().clone().into_parts();
    // `CONNECT host:port`, `OPTIONS *`: nothing that a route could match.
    if !parts.path_and_query.as_ref().is_some_and(|path| path.as_str().starts_with('/')) {
        return Err("the request is for no path");
    }
    let authority = match (host(request.headers())?, parts.authority) {
        (Some(host), Some(authority)) if host != authority => return Err("the header Host contradicts the URL"),
        (Some(host), _) => host,
        (None, Some(authority)) if request.version() >= Version::HTTP_2 => authority,
        (None, _) if request.version() == Version::HTTP_11 => return Err("the header Host is missing"),
        (None, Some(authority)) => authority,
        (None, None) => own_address.to_string().parse().map_err(|_| "the header Host is missing")?,
    };
    if authority.host().ends_with(".spin.internal") {
        return Err("the host is for calls within an application");
    }
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    Uri::from_parts(parts).map_err(|_| "the URL cannot be understood")
}

/// What the header `Host` says.
fn host(headers: &HeaderMap) -> Result<Option<Authority>, &'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    let Some(host) = hosts.next() else { return Ok(None) };
    if hosts.next().is_some() {
        return Err("there is more than one header Host");
    }
    host.to_str().ok().and_then(|host| host.parse().ok()).map(Some).ok_or("the header Host cannot be understood")
}

/// How long the body is going to be, where the head says so.
pub fn announced_length<B>(request: &Request<B>) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn broken(error: hyper::Error) -> BodyError {
    BodyError::Broken(error.to_string())
}

/// Tells the component where it was called, in Spin's headers; those of the same names that came with the request go.
/// The URI must be absolute.
pub fn set_spin_headers(request: &mut Request<Body>, arrival: &Arrival, client: SocketAddr) {
    let uri = request.uri();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or(uri.authority().map(Authority::as_str)).unwrap_or("localhost");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let full_url = format!("{}://{host}{path}", uri.scheme_str().unwrap_or("http"));
    let component_route = arrival.raw.strip_suffix("/...").unwrap_or(arrival.raw);
    let client = client.to_string();

    let headers = request.headers_mut();
    let forged = headers.keys().filter(|name| name.as_str().starts_with(PATH_MATCH)).cloned().collect::<Vec<_>>();
    for name in forged {
        headers.remove(name);
    }
    set(headers, PATH_INFO, &arrival.path_info);
    set(headers, FULL_URL, &full_url);
    set(headers, MATCHED_ROUTE, arrival.based);
    set(headers, BASE_PATH, arrival.base);
    set(headers, RAW_COMPONENT_ROUTE, arrival.raw);
    set(headers, COMPONENT_ROUTE, component_route);
    set(headers, CLIENT_ADDR, &client);
    for (name, value) in &arrival.named {
        let name = format!("{PATH_MATCH}{}", name.replace('_', "-").to_ascii_lowercase());
        if let Ok(name) = name.parse() {
            set(headers, name, value);
        }
    }
}

/// Sets a header. A value that no header can have is left out, as by Spin; a forged one goes nevertheless.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    match HeaderValue::from_bytes(value.as_bytes()) {
        Ok(value) => drop(headers.insert(name, value)),
        Err(_) => drop(headers.remove(name)),
    }
}
