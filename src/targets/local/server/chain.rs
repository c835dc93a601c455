//! Calls within an application, without the network.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use hyper::{Request, Response};

use super::super::engine::{Body, Depth, Internal, InternalError};
use super::live::{Found, Live};
use super::request::Arrival;

/// How many calls may follow from a request, each from within the one before.
const DEEPEST: u32 = 8;

/// The address that Spin gives for a caller within the application
/// (`CHAINED_CLIENT_ADDR` in `crates/trigger-http/src/outbound_http.rs@v4.0.2`).
const CALLER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// The way from the components of a release to each other. They hold it and the release holds them, so it must not hold
/// the release.
pub struct Inside {
    app: String,
    live: OnceLock<Weak<Live>>,
}

impl Inside {
    /// A way that leads nowhere yet: components are prepared before there is a release.
    pub fn new(app: &str) -> Inside {
        Inside { app: app.to_owned(), live: OnceLock::new() }
    }

    /// Leads to that release from now on.
    pub fn open(&self, live: &Arc<Live>) {
        // Nobody opens it twice; were it so, the first release would stay.
        let _ = self.live.set(Arc::downgrade(live));
    }

    /// The release. Whoever answers a request has its [`Hold`](super::super::engine::Hold), so it is there.
    fn live(&self) -> Result<Arc<Live>, InternalError> {
        let live = self.live.get().and_then(Weak::upgrade);
        live.ok_or_else(|| InternalError::NotFound(format!("{}, whose release is gone", self.app)))
    }
}

#[async_trait]
impl Internal for Inside {
    async fn component(&self, id: &str, mut request: Request<Body>) -> Result<Response<Body>, InternalError> {
        let live = self.live()?;
        go_deeper(&mut request)?;
        let component = live.component(id).ok_or_else(|| InternalError::NotFound(format!("component `{id}`")))?;
        let arrival = Arrival::chained(request.uri().path());
        live.call(component, &arrival, CALLER, request).await.map_err(InternalError::Failed)
    }

    async fn own_route(&self, mut request: Request<Body>) -> Result<Response<Body>, InternalError> {
        let live = self.live()?;
        go_deeper(&mut request)?;
        let path = request.uri().path().to_owned();
        match live.find(&path) {
            Found::Reply(response) => Ok(response),
            Found::Component(component, arrival) => {
                live.call(component, &arrival, CALLER, request).await.map_err(InternalError::Failed)
            }
        }
    }
}

/// Counts one more call.
fn go_deeper(request: &mut Request<Body>) -> Result<(), InternalError> {
    let Depth(depth) = request.extensions().get().copied().unwrap_or_default();
    if depth >= DEEPEST {
        return Err(InternalError::TooDeep(DEEPEST));
    }
    request.extensions_mut().insert(Depth(depth + 1));
    Ok(())
}
