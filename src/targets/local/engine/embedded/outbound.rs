//! Whom a guest may call: over HTTP, within its own application, and through sockets.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::http::Extensions;
use hyper::{Request, Response, Uri};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::sockets::SocketAddrUse;
use wasmtime_wasi_http::p2::bindings::LinkOptions;
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttp, WasiHttpHooks, WasiHttpView, default_send_request,
};

use super::super::{Body, BodyError, Depth, HandleError, Hold, Internal, InternalError, Workload};
use super::guest::Guest;
use crate::package::directory::AllowedHosts;
use crate::targets::local::logs::{ComponentLog, Stream};

/// What stands behind a component's id in the name of its host (`crates/factor-outbound-http/src/lib.rs@v4.0.2`).
const INTERNAL: &str = ".spin.internal";

/// The hosts that stand for the application's own routes; the second is what JavaScript's `fetch` makes of a path.
const SELF: [&str; 2] = ["self", "self.alt"];

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
enum Destination {
    Network,
    Component(String),
    OwnRoutes,
}

/// Where a request to that URI goes, or the place that the guest may not call.
fn destination(uri: &Uri, allowed: &AllowedHosts) -> Result<Destination, String> {
    let scheme = uri.scheme_str().unwrap_or("http");
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    let component = host.strip_suffix(INTERNAL);
    let (is_allowed, destination) = match component {
        Some(id) => (allowed.allow_component(id), Destination::Component(id.to_owned())),
        None if host.is_empty() || SELF.contains(&host) => (allowed.allow_self(), Destination::OwnRoutes),
        None => (allowed.allow(scheme, host, port), Destination::Network),
    };
    let place = || match &destination {
        Destination::Network => format!("{scheme}://{}:{port}", uri.host().unwrap_or_default()),
        Destination::Component(_) => format!("http://{host}"),
        Destination::OwnRoutes => "http://self".to_owned(),
    };
    if is_allowed { Ok(destination) } else { Err(place()) }
}

/// What the requests that a guest makes within its application inherit from the one that it handles.
#[derive(Clone)]
pub(super) struct Origin {
    depth: Depth,
    hold: Option<Hold>,
}

impl Origin {
    /// What that request inherited, or got from the server.
    pub(super) fn of(extensions: &Extensions) -> Origin {
        Origin { depth: extensions.get().copied().unwrap_or_default(), hold: extensions.get().cloned() }
    }

    fn put_into(&self, extensions: &mut Extensions) {
        extensions.insert(self.depth);
        if let Some(hold) = &self.hold {
            extensions.insert(hold.clone());
        }
    }
}

/// Sends the requests that a guest makes.
pub(super) struct Outbound {
    hosts: AllowedHosts,
    internal: Arc<dyn Internal>,
    log: ComponentLog,
    origin: Origin,
}

impl Outbound {
    pub(super) fn new(workload: &Workload, origin: Origin) -> Outbound {
        Outbound {
            hosts: workload.allowed_hosts.clone(),
            internal: workload.internal.clone(),
            log: workload.log.clone(),
            origin,
        }
    }
}

/// Adds `wasi:http` to what components may import. Requests without an authority go to the own routes;
/// wasmtime by itself refuses them.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let options = LinkOptions::default();
    types::add_to_linker::<_, WasiHttp>(linker, &(&options).into(), Guest::http)?;
    let handle = |mut store: StoreContextMut<'_, Guest>, (request, options): Sending| {
        let mut http = store.data_mut().http();
        let authority = &mut http.table.get_mut(&request)?.authority;
        if authority.as_deref().unwrap_or_default().is_empty() {
            *authority = Some(SELF[1].to_owned());
        }
        let sent = outgoing_handler::Host::handle(&mut http, request, options);
        Ok((sent.map(Ok).or_else(|error| error.downcast().map(Err))?,))
    };
    linker.instance("wasi:http/outgoing-handler@0.2.0")?.func_wrap("handle", handle)
}

/// The parameters of `handle`.
type Sending = (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>);

/// What became of a request: the answer, and what goes on while its body is read.
type Sent = Result<(Response<WasiBody>, Going), Error>;
type Going = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let internal = self.internal.clone();
        self.origin.put_into(request.extensions_mut());
        match destination(request.uri(), &self.hosts) {
            Err(place) => {
                denied(&self.log, &place);
                Box::new(async { Err(Error::HttpRequestDenied) })
            }
            Ok(Destination::Network) => Box::new(async move {
                let (response, going) = default_send_request(request, options).await?;
                Ok((response.map(BodyExt::boxed_unsync), Box::new(going) as Going))
            }),
            Ok(Destination::Component(id)) => {
                Box::new(async move { answer(internal.component(&id, request.map(outgoing)).await) })
            }
            Ok(Destination::OwnRoutes) => {
                Box::new(async move { answer(internal.own_route(request.map(outgoing)).await) })
            }
        }
    }
}

/// The body of a request within the application.
fn outgoing(body: WasiBody) -> Body {
    body.map_err(|error| BodyError::Broken(error.to_string())).boxed_unsync()
}

/// The answer to a request within the application.
fn answer(result: Result<Response<Body>, InternalError>) -> Sent {
    let response = result.map_err(|error| match error {
        InternalError::NotFound(_) => Error::DestinationNotFound,
        InternalError::TooDeep(_) => Error::LoopDetected,
        InternalError::Failed(HandleError::TimedOut { .. }) => Error::HttpResponseTimeout,
        InternalError::Failed(HandleError::RequestTooLarge { limit }) => Error::HttpRequestBodySize(Some(limit)),
        InternalError::Failed(HandleError::ResponseTooLarge { limit }) => Error::HttpResponseBodySize(Some(limit)),
        InternalError::Failed(HandleError::Busy) => Error::ConnectionLimitReached,
        InternalError::Failed(error) => Error::InternalError(Some(error.to_string())),
    })?;
    let body = |body: Body| body.map_err(incoming_error).boxed_unsync();
    Ok((response.map(body), Box::new(async { Ok(()) })))
}

/// Tells a guest why a body that it reads ended early.
pub(super) fn incoming_error(error: BodyError) -> Error {
    match error {
        BodyError::TooLarge { limit } => Error::HttpResponseBodySize(Some(limit)),
        BodyError::TimedOut { .. } => Error::HttpResponseTimeout,
        BodyError::Broken(_) => Error::ConnectionTerminated,
    }
}

/// Sockets: connections to what is allowed, names only where anything outside is, nobody comes in.
pub(super) fn sockets(wasi: &mut WasiCtxBuilder, workload: &Workload) {
    if !workload.allowed_hosts.allow_network() {
        return;
    }
    let (hosts, log) = (workload.allowed_hosts.clone(), workload.log.clone());
    wasi.allow_ip_name_lookup(true).socket_addr_check(move |address, usage| {
        let allowed = may_use(address, usage, &hosts);
        if !allowed {
            denied(&log, &address.to_string());
        }
        Box::pin(async move { allowed })
    });
}

/// Binding to nothing in particular is what the system does before each connection, and lets nobody in.
fn may_use(address: SocketAddr, usage: SocketAddrUse, allowed: &AllowedHosts) -> bool {
    let host = address.ip().to_string();
    match usage {
        SocketAddrUse::TcpConnect => allowed.allow("tcp", &host, address.port()),
        SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => allowed.allow("udp", &host, address.port()),
        SocketAddrUse::TcpBind | SocketAddrUse::UdpBind => address.ip().is_unspecified() && address.port() == 0,
        SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => false,
    }
}

fn denied(log: &ComponentLog, place: &str) {
    let text = format!("denied: a call to {place}, which no entry of `allowed_outbound_hosts` allows");
    log.write(Stream::Err, text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(entries: &[&str]) -> AllowedHosts {
        AllowedHosts::parse(&entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn requests_go_to_the_network_to_a_component_or_to_the_own_routes() {
        let everything = hosts(&[
            "http://example.com",
            "https://example.com",
            "http://example.com:8080",
            "http://[::1]:3000",
            "http://self",
            "http://backend.spin.internal",
        ]);
        let component = || Destination::Component("backend".to_owned());
        for (uri, expected) in [
            ("http://example.com/x", Destination::Network),
            ("https://example.com/", Destination::Network),
            ("http://example.com:8080/", Destination::Network),
            ("http://[::1]:3000/", Destination::Network),
            ("http://backend.spin.internal/x?y", component()),
            ("http://self/x", Destination::OwnRoutes),
            ("http://self.alt/x", Destination::OwnRoutes),
            ("/x", Destination::OwnRoutes),
        ] {
            assert_eq!(destination(&uri.parse().unwrap(), &everything), Ok(expected), "{uri}");
        }
    }

    #[test]
    fn a_denied_request_names_the_place() {
        for (uri, place) in [
            ("http://example.com/secret?x", "http://example.com:80"),
            ("https://example.com/", "https://example.com:443"),
            ("http://[::1]:3000/", "http://[::1]:3000"),
            ("http://backend.spin.internal/x", "http://backend.spin.internal"),
            ("http://self/x", "http://self"),
        ] {
            assert_eq!(destination(&uri.parse().unwrap(), &hosts(&[])), Err(place.to_owned()), "{uri}");
        }
    }

    #[test]
    fn sockets_go_out_where_allowed_and_never_in() {
        let allowed = hosts(&["tcp://10.0.0.1:5432", "udp://10.0.0.1:53"]);
        let may = |address: &str, usage| may_use(address.parse().unwrap(), usage, &allowed);
        assert!(may("10.0.0.1:5432", SocketAddrUse::TcpConnect));
        assert!(!may("10.0.0.1:5432", SocketAddrUse::UdpSend));
        assert!(!may("10.0.0.2:5432", SocketAddrUse::TcpConnect));
        assert!(may("10.0.0.1:53", SocketAddrUse::UdpSend));
        assert!(may("0.0.0.0:0", SocketAddrUse::TcpBind));
        assert!(!may("0.0.0.0:80", SocketAddrUse::TcpBind));
        assert!(!may("127.0.0.1:0", SocketAddrUse::UdpBind));
        assert!(!may("0.0.0.0:0", SocketAddrUse::TcpListen));
        assert!(!may("10.0.0.1:5432", SocketAddrUse::TcpAccept));
    }

    #[test]
    fn failures_within_the_application_keep_their_meaning() {
        let error = |error| answer(Err(error)).err().unwrap().to_string();
        assert_eq!(error(InternalError::NotFound("/x".to_owned())), Error::DestinationNotFound.to_string());
        assert_eq!(error(InternalError::TooDeep(8)), Error::LoopDetected.to_string());
        assert_eq!(error(InternalError::Failed(HandleError::Busy)), Error::ConnectionLimitReached.to_string());
        let trap = InternalError::Failed(HandleError::Trapped("unreachable".to_owned()));
        assert_eq!(error(trap), "internal error: the component trapped: unreachable");
    }
}
