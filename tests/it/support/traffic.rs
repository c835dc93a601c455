//! Relays in front of the servers: they count, and they can strike a client down in the middle of its work.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode, header};
use futures_util::TryStreamExt;
use tokio::task::JoinHandle;

/// A request that a client sent through a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Which server it was for.
    pub server: &'static str,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The bytes of its body.
    pub bytes: u64,
    /// Who the client says it is.
    pub authorization: Option<String>,
    /// Its body, where it is short.
    pub body: Bytes,
}

/// The longest body that is kept.
const SHORT: usize = 4096;

impl std::fmt::Display for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.server, self.method, self.path)
    }
}

/// When a blow falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The server never sees the request.
    Before,
    /// The server has acted; the client never learns what came of it.
    After,
    /// The client gets its answer.
    Meanwhile,
}

type Blow = Box<dyn FnMut() + Send>;

/// What went through all relays of a stack.
#[derive(Clone, Default)]
pub struct Traffic(Arc<Mutex<Record>>);

#[derive(Default)]
struct Record {
    exchanges: Vec<Exchange>,
    blow: Option<(usize, Moment, Blow)>,
    at_each: Option<Blow>,
}

impl Traffic {
    /// What went through since the last call.
    pub fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.record().exchanges)
    }

    /// Calls `blow` at the `k`-th request from now (from 1), before or after the server saw it; the request and all
    /// later ones get no answer until `calm` is called.
    pub fn strike(&self, k: usize, moment: Moment, blow: impl FnMut() + Send + 'static) {
        let mut record = self.record();
        record.exchanges.clear();
        record.blow = Some((k, moment, Box::new(blow)));
    }

    /// Calls `blow` at the `k`-th request from now (from 1), which is answered all the same.
    pub fn nudge(&self, k: usize, blow: impl FnMut() + Send + 'static) {
        self.strike(k, Moment::Meanwhile, blow);
    }

    /// Calls `look` at each request.
    pub fn at_each(&self, look: impl FnMut() + Send + 'static) {
        self.record().at_each = Some(Box::new(look));
    }

    /// Lets everything through again. Says whether the blow had fallen.
    pub fn calm(&self) -> bool {
        let mut record = self.record();
        let struck = record.blow.as_ref().is_some_and(|(k, ..)| record.exchanges.len() >= *k);
        record.blow = None;
        struck
    }

    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        self.0.lock().expect("no relay panics while it holds the lock")
    }

    /// Notes a request and says whether the blow falls on it, or fell earlier.
    fn note(&self, exchange: Exchange) -> Option<(Moment, bool)> {
        let mut record = self.record();
        record.exchanges.push(exchange);
        let count = record.exchanges.len();
        if let Some(look) = &mut record.at_each {
            look();
        }
        record.blow.as_ref().filter(|(k, ..)| count >= *k).map(|(k, moment, _)| (*moment, count == *k))
    }

    fn fall(&self) {
        if let Some((_, _, blow)) = &mut self.record().blow {
            blow();
        }
    }
}

/// A relay in front of one server.
pub struct Relay {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[derive(Clone)]
struct Upstream {
    server: &'static str,
    origin: String,
    client: reqwest::Client,
    traffic: Traffic,
}

impl Relay {
    /// Starts a relay to the server at `origin` (`http://127.0.0.1:PORT`).
    pub async fn start(server: &'static str, origin: &str, traffic: &Traffic) -> Relay {
        // An earlier relay may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().expect("a plain client can be made");
        let upstream = Upstream { server, origin: origin.to_owned(), client, traffic: traffic.clone() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let router = axum::Router::new().fallback(relay).with_state(upstream);
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serving does not end");
        });
        Relay { address, serving }
    }

    /// `http://127.0.0.1:PORT`
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Passes a request on, notes it, and lets the blow fall where one is due.
async fn relay(State(upstream): State<Upstream>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    // A body that ends too early must not go on: a Bindle server would never again take that parcel.
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else { return std::future::pending().await };
    let authorization = parts.headers.get(header::AUTHORIZATION).map(|value| value.to_str().expect("it is text"));
    let exchange = Exchange {
        server: upstream.server,
        method: parts.method.to_string(),
        path,
        bytes: body.len() as u64,
        authorization: authorization.map(str::to_owned),
        body: if body.len() <= SHORT { body.clone() } else { Bytes::new() },
    };
    let traffic = upstream.traffic.clone();
    let due = upstream.traffic.note(exchange.clone());
    // What has been forwarded is answered even when the client is gone meanwhile.
    let forwarded = async move {
        let forwarding = forward(upstream.clone(), exchange.path, parts, body);
        tokio::spawn(forwarding).await.expect("forwarding does not panic")
    };
    if let Some((Moment::Meanwhile, true)) = due {
        traffic.fall();
    }
    if let Some((moment @ (Moment::Before | Moment::After), now)) = due {
        if now && moment == Moment::After {
            forwarded.await;
        }
        if now {
            traffic.fall();
        }
        // The client is dead, or soon will be: it gets no answer.
        return std::future::pending().await;
    }
    forwarded.await
}

async fn forward(upstream: Upstream, path: String, parts: axum::http::request::Parts, body: Bytes) -> Response<Body> {
    let mut headers = parts.headers.clone();
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
    let request = upstream.client.request(parts.method.clone(), format!("{}{path}", upstream.origin));
    match request.headers(headers).body(body).send().await {
        Ok(answer) => {
            let mut response = Response::builder().status(answer.status());
            for (name, value) in answer.headers().iter().filter(|(name, _)| *name != header::TRANSFER_ENCODING) {
                response = response.header(name, value);
            }
            let body = Body::from_stream(answer.bytes_stream().map_err(std::io::Error::other));
            response.body(body).expect("the upstream's headers are valid")
        }
        Err(_) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
    }
}
