use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::super::control::{AppStatus, MakeLive, Refused, RollBack, ServerInfo};
use super::super::engine::{
    Body, BodyError, Depth, HandleError, Handler, Hold, Internal, InternalError, PrepareError, Workload,
};
use super::super::store::Record;
use super::*;
use crate::package::directory::{
    Document, Executor, File, ServedComponent, ServedTrigger, StaticResponse, Support, TriggerRoute, Values,
};

// ---- an engine of closures ----

type Answer = Result<Response<Body>, HandleError>;
type Behaviour = Arc<dyn Fn(Request<Body>, Arc<dyn Internal>) -> BoxFuture<'static, Answer> + Send + Sync>;

/// Runs, as a component, the closure that has the name which is the content of its Wasm.
#[derive(Default)]
struct Fake {
    behaviours: Mutex<BTreeMap<String, Behaviour>>,
    prepared: Mutex<Vec<Workload>>,
    /// Hears the Wasm's content when a handler is dropped.
    dropped: Mutex<Option<mpsc::UnboundedSender<String>>>,
    /// Where preparing waits: who hears of it, and what lets it go on.
    slow: Mutex<Option<(mpsc::UnboundedSender<()>, Arc<Semaphore>)>>,
}

struct FakeHandler {
    wasm: String,
    behaviour: Behaviour,
    internal: Arc<dyn Internal>,
    dropped: Option<mpsc::UnboundedSender<String>>,
}

impl Fake {
    fn on<F, A>(&self, wasm: &str, behaviour: F)
    where
        F: Fn(Request<Body>, Arc<dyn Internal>) -> A + Send + Sync + 'static,
        A: Future<Output = Answer> + Send + 'static,
    {
        let behaviour: Behaviour = Arc::new(move |request, internal| Box::pin(behaviour(request, internal)));
        self.behaviours.lock().unwrap().insert(wasm.to_owned(), behaviour);
    }

    /// A component that always says the same.
    fn says(&self, wasm: &str, text: &'static str) {
        self.on(wasm, move |_, _| async move { ok(text) });
    }

    /// Makes preparing slow.
    fn hold(&self) -> (mpsc::UnboundedReceiver<()>, Arc<Semaphore>) {
        let (waiting, waits) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        *self.slow.lock().unwrap() = Some((waiting, gate.clone()));
        (waits, gate)
    }

    fn drops(&self) -> mpsc::UnboundedReceiver<String> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.dropped.lock().unwrap() = Some(sender);
        receiver
    }
}

#[async_trait]
impl Engine for Fake {
    fn support(&self) -> Support {
        Support::default()
    }

    async fn prepare(&self, workload: Workload) -> Result<Arc<dyn Handler>, PrepareError> {
        let wasm = fs::read_to_string(&workload.wasm).unwrap();
        let internal = workload.internal.clone();
        let component = workload.component.clone();
        self.prepared.lock().unwrap().push(Workload { internal: Arc::new(Nowhere), ..workload });
        let slow = self.slow.lock().unwrap().clone();
        if let Some((waiting, gate)) = slow {
            waiting.send(()).unwrap();
            gate.acquire().await.unwrap().forget();
        }
        let behaviour = self.behaviours.lock().unwrap().get(&wasm).cloned();
        let behaviour = behaviour.ok_or(PrepareError { component, why: format!("`{wasm}` is unknown") })?;
        Ok(Arc::new(FakeHandler { wasm, behaviour, internal, dropped: self.dropped.lock().unwrap().clone() }))
    }
}

#[async_trait]
impl Handler for FakeHandler {
    async fn handle(&self, request: Request<Body>) -> Answer {
        (self.behaviour)(request, self.internal.clone()).await
    }
}

impl Drop for FakeHandler {
    fn drop(&mut self) {
        if let Some(dropped) = &self.dropped {
            let _ = dropped.send(self.wasm.clone());
        }
    }
}

struct Nowhere;

#[async_trait]
impl Internal for Nowhere {
    async fn component(&self, id: &str, _: Request<Body>) -> Result<Response<Body>, InternalError> {
        Err(InternalError::NotFound(id.to_owned()))
    }

    async fn own_route(&self, request: Request<Body>) -> Result<Response<Body>, InternalError> {
        Err(InternalError::NotFound(request.uri().to_string()))
    }
}

fn ok(text: impl Into<Bytes>) -> Answer {
    Ok(Response::new(reply::full(text)))
}

async fn text(body: Body) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

// ---- packages ----

fn component(id: &str, wasm: &str) -> ServedComponent {
    ServedComponent {
        id: id.to_owned(),
        description: None,
        wasm: file(&format!("{id}.wasm"), wasm),
        files: Vec::new(),
        environment: BTreeMap::new(),
        variables: Values::default(),
        allowed_outbound_hosts: Vec::new(),
        key_value_stores: Vec::new(),
    }
}

fn file(path: &str, content: &str) -> File {
    File { path: path.to_owned(), sha256: sha256(content), size: content.len() as u64 }
}

fn sha256(content: &str) -> String {
    format!("{:x}", Sha256::digest(content))
}

fn trigger(route: &str, component: &str) -> ServedTrigger {
    ServedTrigger {
        id: format!("{component} at {route}"),
        route: TriggerRoute::Path(route.to_owned()),
        component: Some(component.to_owned()),
        executor: Executor::Http,
        static_response: None,
    }
}

fn document(version: &str, triggers: Vec<ServedTrigger>, components: Vec<ServedComponent>) -> Document {
    Document {
        format: Document::FORMAT,
        name: "shop".to_owned(),
        version: version.to_owned(),
        description: None,
        base: "/".to_owned(),
        triggers,
        components,
    }
}

/// One component that answers everything.
fn simple(version: &str, wasm: &str) -> Document {
    document(version, vec![trigger("/...", "web")], vec![component("web", wasm)])
}

// ---- a server ----

#[derive(Default)]
struct Recorder {
    lines: Mutex<Vec<String>>,
    more: Notify,
}

impl Reporter for Recorder {
    fn report(&self, event: Event) {
        let line = match event {
            Event::Note { message } => message,
            Event::Warning { message } => format!("warning: {message}"),
            other => panic!("{other:?} is nothing for a server"),
        };
        self.lines.lock().unwrap().push(line);
        self.more.notify_waiters();
    }
}

impl Recorder {
    fn all(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for a line with that text.
    async fn line(&self, part: &str) -> String {
        let look = async {
            loop {
                let more = self.more.notified();
                tokio::pin!(more);
                more.as_mut().enable();
                if let Some(line) = self.all().into_iter().find(|line| line.contains(part)) {
                    return line;
                }
                more.await;
            }
        };
        soon(look).await
    }
}

/// What should not take long.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it should have come by now")
}

struct Server {
    paths: Paths,
    store: Store,
    engine: Arc<Fake>,
    reporter: Arc<Recorder>,
    stop: CancellationToken,
    done: JoinHandle<Result<(), ServeError>>,
    limits: Limits,
}

fn paths(dir: &tempfile::TempDir) -> Paths {
    Paths::new(dir.path().join("data"), None, dir.path().join("cache"))
}

impl Server {
    async fn start(dir: &tempfile::TempDir) -> Server {
        Server::with(dir, Arc::default(), Limits::default()).await
    }

    async fn with(dir: &tempfile::TempDir, engine: Arc<Fake>, limits: Limits) -> Server {
        Server::from_port(dir, engine, limits, 0).await
    }

    async fn from_port(dir: &tempfile::TempDir, engine: Arc<Fake>, limits: Limits, first_port: u16) -> Server {
        let paths = paths(dir);
        let reporter = Arc::new(Recorder::default());
        let stop = CancellationToken::new();
        let options = Options { paths: paths.clone(), listen: Ipv4Addr::LOCALHOST.into(), limits, first_port };
        let done = tokio::spawn(serve(options, engine.clone(), reporter.clone(), stop.clone()));
        reporter.line("serving on").await;
        let store = Store::open(&paths).unwrap();
        Server { paths, store, engine, reporter, stop, done, limits }
    }

    /// Ends it, and starts another one with what is on disk.
    async fn restart(self, dir: &tempfile::TempDir) -> Server {
        let (engine, limits) = (self.engine.clone(), self.limits);
        self.end().await;
        Server::with(dir, engine, limits).await
    }

    async fn end(self) {
        self.stop.cancel();
        soon(self.done).await.unwrap().unwrap();
    }

    /// Stores a package as a deploy does. The content of a component's Wasm is known by its digest alone, hence the
    /// list.
    fn store(&self, document: &Document, contents: &[&str]) -> MakeLive {
        let put = |content: &str| fs::write(self.store.blob(&sha256(content)), content).unwrap();
        contents.iter().for_each(|content| put(content));
        let json = serde_json::to_string(document).unwrap();
        put(&json);
        MakeLive { document: sha256(&json), version: document.version.clone() }
    }

    async fn order<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, (StatusCode, String)> {
        let (status, body) = self.control(method, path, serde_json::to_vec(body).unwrap()).await;
        match status {
            StatusCode::OK => Ok(serde_json::from_slice(&body).unwrap()),
            status => Err((status, serde_json::from_slice::<Refused>(&body).unwrap().message)),
        }
    }

    async fn control(&self, method: Method, path: &str, body: Vec<u8>) -> (StatusCode, Bytes) {
        let stream = UnixStream::connect(&self.paths.socket).await.unwrap();
        let request = Request::builder().method(method).uri(path).header("host", "server").body(body).unwrap();
        let response = exchange(stream, request).await;
        (response.status(), response.into_body())
    }

    async fn deploy(&self, document: &Document, contents: &[&str]) -> Result<AppStatus, (StatusCode, String)> {
        let wish = self.store(document, contents);
        self.order(Method::PUT, "/v1/apps/shop/release", &wish).await
    }

    async fn roll_back(&self, release: u64) -> Result<AppStatus, (StatusCode, String)> {
        self.order(Method::PUT, "/v1/apps/shop/rollback", &RollBack { release }).await
    }

    async fn status(&self) -> Result<AppStatus, (StatusCode, String)> {
        self.order(Method::GET, "/v1/apps/shop", &()).await
    }

    async fn delete(&self, app: &str) -> StatusCode {
        self.control(Method::DELETE, &format!("/v1/apps/{app}"), Vec::new()).await.0
    }
}

/// Sends a request on a connection of its own.
async fn exchange<S>(stream: S, request: Request<Vec<u8>>) -> Response<Bytes>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = request.map(|body| Full::new(Bytes::from(body)));
    let (head, body) = soon(sender.send_request(request)).await.unwrap().into_parts();
    let body = soon(body.collect()).await.unwrap().to_bytes();
    drop(sender);
    let _ = connection.await;
    Response::from_parts(head, body)
}

fn address(url: &str) -> SocketAddr {
    url.strip_prefix("http://").unwrap().parse().unwrap()
}

async fn send(url: &str, request: hyper::http::request::Builder, body: &str) -> Response<Bytes> {
    let stream = TcpStream::connect(address(url)).await.unwrap();
    exchange(stream, request.header("host", "shop.test").body(body.as_bytes().to_vec()).unwrap()).await
}

/// The status and the body.
async fn get(url: &str, path: &str) -> (u16, String) {
    let response = send(url, Request::get(path), "").await;
    (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
}

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

// ---- requests ----

/// Says what a component was told.
async fn echo(request: Request<Body>) -> Answer {
    let mut lines = vec![format!("{} {}", request.method(), request.uri())];
    let names = request.headers().keys().map(|name| name.as_str()).filter(|name| name.starts_with("spin-"));
    let mut names = names.collect::<Vec<_>>();
    names.sort_unstable();
    for name in names {
        let values = request.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        // The client's port differs each time.
        let value = if name == "spin-client-addr" { values[0].split(':').next().unwrap() } else { &values.join(", ") };
        lines.push(format!("{name}: {value}"));
    }
    ok(lines.join("\n"))
}

#[tokio::test]
async fn the_best_route_answers_and_the_component_is_told_what_spin_tells() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.on("echo", |request, _| echo(request));
    server.engine.says("exact", "exact");
    let mut document = document(
        "1.0.0",
        vec![trigger("/users/:user_id/...", "echo"), trigger("/users/me/...", "exact"), trigger("/plain", "echo")],
        vec![component("echo", "echo"), component("exact", "exact")],
    );
    let url = server.deploy(&document, &["echo", "exact"]).await.unwrap().url;
    assert_eq!(get(&url, "/users/me/x").await, (200, "exact".to_owned()));
    assert_eq!(get(&url, "/nothing").await, (404, String::new()));

    let forged = Request::post("/users/4%202/a/b/?q=1")
        .header("spin-path-match-admin", "yes")
        .header("spin-path-match-user-id", "0")
        .header("Spin-Client-Addr", "1.2.3.4:5")
        .header("spin-full-url", "http://evil");
    assert_eq!(
        send(&url, forged, "").await.into_body(),
        "POST http://shop.test/users/4%202/a/b/?q=1\n\
         spin-base-path: /\n\
         spin-client-addr: 127.0.0.1\n\
         spin-component-route: /users/:user_id\n\
         spin-full-url: http://shop.test/users/4%202/a/b/?q=1\n\
         spin-matched-route: /users/:user_id/...\n\
         spin-path-info: /a/b/\n\
         spin-path-match-user-id: 4%202\n\
         spin-raw-component-route: /users/:user_id/..."
    );

    document.base = "/base/".to_owned();
    document.version = "2.0.0".to_owned();
    server.deploy(&document, &[]).await.unwrap();
    assert_eq!(
        get(&url, "/base/plain").await.1,
        "GET http://shop.test/base/plain\n\
         spin-base-path: /base/\n\
         spin-client-addr: 127.0.0.1\n\
         spin-component-route: /plain\n\
         spin-full-url: http://shop.test/base/plain\n\
         spin-matched-route: /base/plain\n\
         spin-path-info: \n\
         spin-raw-component-route: /plain"
    );
    server.end().await;
}

#[tokio::test]
async fn the_server_itself_tells_health_and_version() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.says("one", "one");
    let url = server.deploy(&simple("1.0.0+s12", "one"), &["one"]).await.unwrap().url;
    assert_eq!(get(&url, "/.well-known/spin/health").await, (200, "OK".to_owned()));
    assert_eq!(get(&url, "/.well-known/spin/other").await, (404, String::new()));
    let info = send(&url, Request::get("/.well-known/spin/info"), "").await;
    assert_eq!(info.headers()["content-type"], "application/json");
    let info: serde_json::Value = serde_json::from_slice(info.body()).unwrap();
    assert_eq!(info, serde_json::json!({ "name": "shop", "version": "1.0.0+s12", "release": 1 }));
    server.end().await;
}

#[tokio::test]
async fn static_responses_take_no_component() {
    let dir = temp();
    let server = Server::start(&dir).await;
    let response = StaticResponse {
        status: 302,
        headers: [("location".to_owned(), "/new".to_owned())].into(),
        body: "moved".to_owned(),
    };
    let mut fixed = trigger("/old", "");
    (fixed.component, fixed.static_response) = (None, Some(response));
    let url = server.deploy(&document("1.0.0", vec![fixed.clone()], Vec::new()), &[]).await.unwrap().url;
    let answer = send(&url, Request::get("/old"), "").await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (302, &"/new".parse().unwrap()));
    assert_eq!(answer.body(), "moved");
    let head = send(&url, Request::head("/old"), "").await;
    assert_eq!(
        (head.status().as_u16(), head.body().len(), &head.headers()["content-length"]),
        (302, 0, &"5".parse().unwrap())
    );

    fixed.static_response.as_mut().unwrap().status = 7;
    let (status, message) = server.deploy(&document("2", vec![fixed], Vec::new()), &[]).await.unwrap_err();
    assert_eq!((status.as_u16(), message.as_str()), (422, "trigger ` at /old` cannot be served: its status is none"));
    server.end().await;
}

#[tokio::test]
async fn requests_without_a_usable_target_are_refused() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.on("echo", |request, _| echo(request));
    let url = server.deploy(&simple("1.0.0", "echo"), &["echo"]).await.unwrap().url;
    for (request, expected) in [
        ("GET / HTTP/1.1\r\n", "400 the header Host is missing"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n", "400 the header Host cannot be understood"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n", "400 there is more than one header Host"),
        ("GET / HTTP/1.1\r\nHost: web.spin.internal:80\r\n", "400 the host is for calls within an application"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n", "400 the request is for no path"),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n", "400 the request is for no path"),
        ("GET http://a/x HTTP/1.1\r\nHost: b\r\n", "400 the header Host contradicts the URL"),
        ("GET http://a/x HTTP/1.1\r\nHost: a\r\n", "200 GET http://a/x"),
        ("GET //x/../y HTTP/1.1\r\nHost: a:1\r\n", "200 GET http://a:1//x/../y"),
        ("GET /x HTTP/1.0\r\n", &format!("200 GET {url}/x")),
    ] {
        let mut stream = TcpStream::connect(address(&url)).await.unwrap();
        stream.write_all(format!("{request}Connection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(stream.read_to_string(&mut answer)).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let line = format!("{} {}", head.split(' ').nth(1).unwrap(), body.lines().next().unwrap_or_default());
        assert_eq!(line, expected, "{request}");
    }
    server.end().await;
}

#[tokio::test]
async fn http_2_without_tls_is_understood() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.on("echo", |request, _| echo(request));
    let url = server.deploy(&simple("1.0.0", "echo"), &["echo"]).await.unwrap().url;
    let stream = TokioIo::new(TcpStream::connect(address(&url)).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://two.test/x").body(Full::<Bytes>::default()).unwrap();
    let answer = soon(sender.send_request(request)).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    let answer = std::str::from_utf8(&answer).unwrap();
    assert!(answer.starts_with("GET http://two.test/x\n"), "{answer}");
    assert!(answer.contains("spin-full-url: http://two.test/x\n"), "{answer}");
    server.end().await;
}

#[tokio::test]
async fn answers_that_have_no_body_have_none_over_http_2_either() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.on("text", |request, _| async move {
        let status: u16 = request.uri().path()[1..].parse().unwrap();
        let mut response = ok("text")?;
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        Ok(response)
    });
    let url = server.deploy(&simple("1.0.0", "text"), &["text"]).await.unwrap().url;
    let stream = TokioIo::new(TcpStream::connect(address(&url)).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    for (method, status, length, body) in [
        (Method::HEAD, 200, Some("4"), ""),
        (Method::GET, 204, None, ""),
        (Method::GET, 304, None, ""),
        (Method::GET, 200, Some("4"), "text"),
    ] {
        let request = Request::builder().method(method).uri(format!("http://a/{status}"));
        let (head, got) =
            soon(sender.send_request(request.body(Full::<Bytes>::default()).unwrap())).await.unwrap().into_parts();
        let got = soon(got.collect()).await.unwrap().to_bytes();
        let told = head.headers.get("content-length").map(|length| length.to_str().unwrap());
        assert_eq!((head.status.as_u16(), told, got), (status, length, Bytes::from(body)));
    }
    let head = send(&url, Request::head("/200"), "").await;
    assert_eq!((head.headers()["content-length"].to_str().unwrap(), head.body().len()), ("4", 0));
    server.end().await;
}

#[tokio::test]
async fn components_call_each_other_whatever_their_routes() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.on("front", |request, internal| async move {
        let target = request.uri().path().to_owned();
        let (_, body) = request.into_parts();
        let inner = |uri: &str| Request::builder().method("POST").uri(uri).body(reply::full("")).unwrap();
        drop(body);
        let answer = match target.as_str() {
            "/private" => internal.component("back", inner("http://back.spin.internal/a/b?q")).await,
            "/self" => internal.own_route(inner("http://self/routed/x")).await,
            "/health" => internal.own_route(inner("http://self/.well-known/spin/health")).await,
            "/lost" => internal.own_route(inner("http://self/lost/x")).await,
            _ => internal.component("nobody", inner("http://nobody.spin.internal/")).await,
        };
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => ok(error.to_string()),
        }
    });
    server.engine.on("echo", |request, _| echo(request));
    let mut private = trigger("", "back");
    private.route = TriggerRoute::Private;
    let mut routes = ["/private", "/self", "/health", "/lost", "/nobody"].map(|route| trigger(route, "front")).to_vec();
    routes.extend([trigger("/routed/...", "back"), private]);
    let document = document("1.0.0", routes, vec![component("front", "front"), component("back", "echo")]);
    let url = server.deploy(&document, &["front", "echo"]).await.unwrap().url;
    assert_eq!(
        get(&url, "/private").await.1,
        "POST http://back.spin.internal/a/b?q\n\
         spin-base-path: /\n\
         spin-client-addr: 0.0.0.0\n\
         spin-component-route: \n\
         spin-full-url: http://back.spin.internal/a/b?q\n\
         spin-matched-route: /...\n\
         spin-path-info: /a/b\n\
         spin-raw-component-route: /..."
    );
    let routed = get(&url, "/self").await.1;
    assert!(
        routed.contains("\nspin-path-info: /x\n") && routed.contains("spin-matched-route: /routed/..."),
        "{routed}"
    );
    assert_eq!(get(&url, "/health").await.1, "OK");
    assert_eq!(get(&url, "/lost").await, (404, String::new()));
    assert_eq!(get(&url, "/nobody").await.1, "nothing in this application answers component `nobody`");
    server.end().await;
}

#[tokio::test]
async fn an_application_that_calls_itself_without_end_is_stopped() {
    let dir = temp();
    let server = Server::start(&dir).await;
    // As the engine does: the depth of the request goes into those that it causes.
    server.engine.on("loop", |request, internal| async move {
        let depth = request.extensions().get::<Depth>().copied();
        let mut next = Request::get("http://web.spin.internal/").body(reply::full("")).unwrap();
        next.extensions_mut().extend(
            depth
                .map(|depth| {
                    let mut extensions = hyper::http::Extensions::new();
                    extensions.insert(depth);
                    extensions
                })
                .unwrap_or_default(),
        );
        match internal.component("web", next).await {
            Ok(answer) => ok(format!("1{}", text(answer.into_body()).await)),
            Err(error) => ok(format!(": {error}")),
        }
    });
    let url = server.deploy(&simple("1.0.0", "loop"), &["loop"]).await.unwrap().url;
    assert_eq!(get(&url, "/").await.1, "11111111: the application calls itself more than 8 levels deep");
    server.end().await;
}

#[tokio::test]
async fn every_failure_has_its_status_and_its_line_and_only_the_log_says_more() {
    let dir = temp();
    let server = Server::start(&dir).await;
    let failures = [
        (HandleError::Trapped("secret\nline".into()), 500, "trapped"),
        (HandleError::NoAnswer("secret".into()), 500, "gave no valid answer"),
        (HandleError::OutOfMemory { limit: 5 }, 500, "needs more than 5 bytes of memory"),
        (HandleError::TimedOut { limit: Duration::from_secs(30) }, 504, "took longer than 30s"),
        (HandleError::RequestTooLarge { limit: 6 }, 413, "takes no request longer than 6 bytes"),
        (HandleError::ResponseTooLarge { limit: 7 }, 502, "gave an answer longer than 7 bytes"),
        (HandleError::Busy, 503, "has too many instances at the same time"),
    ];
    let fails = failures.clone();
    server.engine.on("fails", move |request, _| {
        let which: usize = request.uri().path()[1..].parse().unwrap();
        let error = fails[which].0.clone();
        async move { Err(error) }
    });
    let url = server.deploy(&simple("1.0.0", "fails"), &["fails"]).await.unwrap().url;
    for (which, (error, status, what)) in failures.into_iter().enumerate() {
        let answer = send(&url, Request::get(format!("/{which}?secret")), "").await;
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.body(), &format!("component `web` {what}: see its log\n"));
        assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
        assert_eq!(answer.headers().get("retry-after").is_some(), status == 503);
        let line = format!("warning: shop: component `web` did not answer GET /{which}: {error}").replace('\n', " ");
        let told = server.reporter.all().contains(&line);
        assert_eq!(told, !matches!(error, HandleError::RequestTooLarge { .. } | HandleError::Busy), "{line}");
    }
    server.end().await;
}

#[tokio::test]
async fn requests_that_are_too_long_are_refused_by_their_length() {
    let dir = temp();
    let server = Server::with(&dir, Arc::default(), Limits { request_body: 10, ..Limits::default() }).await;
    server.engine.on("reads", |request, _| async move { ok(text(request.into_body()).await) });
    let url = server.deploy(&simple("1.0.0", "reads"), &["reads"]).await.unwrap().url;
    assert_eq!(send(&url, Request::post("/"), "0123456789").await.body(), "0123456789");
    let answer = send(&url, Request::post("/"), "0123456789a").await;
    assert_eq!(answer.status(), 413);
    assert_eq!(answer.body(), "component `web` takes no request longer than 10 bytes: see its log\n");
    server.end().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told_in_the_log() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.on("breaks", |_, _| async {
        let parts = [Ok(Frame::data(Bytes::from("begun"))), Err(BodyError::Broken("it trapped".into()))];
        Ok(Response::new(StreamBody::new(stream::iter(parts)).boxed_unsync()))
    });
    let url = server.deploy(&simple("1.0.0", "breaks"), &["breaks"]).await.unwrap().url;
    let mut stream = TcpStream::connect(address(&url)).await.unwrap();
    stream.write_all(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = soon(stream.read_to_end(&mut answer)).await;
    assert!(!String::from_utf8(answer).unwrap().ends_with("0\r\n\r\n"), "the client must see that the end is missing");
    let line = server.reporter.line("did not answer").await;
    assert_eq!(line, "warning: shop: component `web` did not answer GET /x: the body broke off: it trapped");
    server.end().await;
}

#[tokio::test]
async fn more_requests_than_allowed_at_the_same_time_are_turned_away_until_a_last_byte_is_sent() {
    let dir = temp();
    let server = Server::with(&dir, Arc::default(), Limits { concurrent: 1, ..Limits::default() }).await;
    let (sender, receiver) = mpsc::unbounded_channel();
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    server.engine.on("streams", move |_, _| {
        let receiver = receiver.lock().unwrap().take();
        async move {
            match receiver {
                None => ok("whole"),
                Some(receiver) => {
                    let frames =
                        stream::unfold(receiver, |mut receiver: mpsc::UnboundedReceiver<&'static str>| async {
                            let text = receiver.recv().await?;
                            Some((Ok(Frame::data(Bytes::from(text))), receiver))
                        });
                    Ok(Response::new(StreamBody::new(frames).boxed_unsync()))
                }
            }
        }
    });
    let url = server.deploy(&simple("1.0.0", "streams"), &["streams"]).await.unwrap().url;
    let stream = TcpStream::connect(address(&url)).await.unwrap();
    let (mut connection, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(driver);
    let request = Request::get("/").header("host", "a").body(Full::<Bytes>::default()).unwrap();
    sender.send("first").unwrap();
    let mut streamed = soon(connection.send_request(request)).await.unwrap();
    soon(streamed.body_mut().frame()).await.unwrap().unwrap();

    let answer = send(&url, Request::get("/"), "").await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!(answer.body(), "shop has too many requests at the same time\n");
    assert_eq!(get(&url, "/.well-known/spin/health").await, (200, "OK".to_owned()));

    drop(sender);
    soon(streamed.body_mut().collect()).await.unwrap();
    // The connection answers again only when the server has let go of the first answer.
    let request = Request::get("/").header("host", "a").body(Full::<Bytes>::default()).unwrap();
    soon(connection.ready()).await.unwrap();
    assert_eq!(soon(connection.send_request(request)).await.unwrap().status(), 200);
    server.end().await;
}

/// A component that goes on when it has answered `/on`, for as long as what is received is kept.
fn goes_on(engine: &Fake, wasm: &str) -> mpsc::UnboundedReceiver<(Hold, Arc<dyn Internal>)> {
    let (sender, receiver) = mpsc::unbounded_channel();
    engine.on(wasm, move |request, internal| {
        if request.uri().path() == "/on" {
            sender.send((request.extensions().get::<Hold>().unwrap().clone(), internal)).unwrap();
        }
        async { ok("said") }
    });
    receiver
}

#[tokio::test]
async fn a_component_that_goes_on_when_it_has_answered_counts_as_a_request() {
    let dir = temp();
    let server = Server::with(&dir, Arc::default(), Limits { concurrent: 1, ..Limits::default() }).await;
    let mut going_on = goes_on(&server.engine, "one");
    let url = server.deploy(&simple("1", "one"), &["one"]).await.unwrap().url;
    assert_eq!(get(&url, "/on").await, (200, "said".to_owned()));
    let (hold, internal) = going_on.recv().await.unwrap();
    assert_eq!(get(&url, "/").await, (503, "shop has too many requests at the same time\n".to_owned()));

    // Whom it calls counts as itself, for as long as one of them is there.
    let mut request = Request::get("http://web.spin.internal/on").body(reply::full("")).unwrap();
    request.extensions_mut().insert(hold);
    assert_eq!(text(internal.component("web", request).await.unwrap().into_body()).await, "said");
    let called = going_on.recv().await.unwrap();
    assert_eq!(get(&url, "/").await.0, 503);
    drop(called);
    assert_eq!(get(&url, "/").await.0, 200);
    server.end().await;
}

#[tokio::test]
async fn a_component_that_goes_on_has_its_release_and_a_removal_waits_for_it() {
    let dir = temp();
    let server = Server::start(&dir).await;
    let mut dropped = server.engine.drops();
    let mut going_on = goes_on(&server.engine, "one");
    server.engine.says("two", "two");
    let url = server.deploy(&simple("1", "one"), &["one"]).await.unwrap().url;
    assert_eq!(get(&url, "/on").await.0, 200);
    let (hold, internal) = going_on.recv().await.unwrap();
    server.deploy(&simple("2", "two"), &["two"]).await.unwrap();
    let request = Request::get("http://web.spin.internal/").body(reply::full("")).unwrap();
    assert_eq!(text(internal.component("web", request).await.unwrap().into_body()).await, "said");
    drop(internal);

    let ended = Mutex::new(Vec::new());
    let say = |what| ended.lock().unwrap().push(what);
    let gone = async {
        assert_eq!(server.delete("shop").await, StatusCode::NO_CONTENT);
        say("removed");
    };
    let goes = async {
        soon(async { while TcpStream::connect(address(&url)).await.is_ok() {} }).await;
        // What is removed at once would be by now.
        let _: ServerInfo = server.order(Method::GET, "/v1/server", &()).await.unwrap();
        assert!(dropped.try_recv().is_err() && server.store.record("shop").unwrap().is_some());
        say("ended");
        drop(hold);
    };
    tokio::join!(gone, goes);
    assert_eq!(*ended.lock().unwrap(), ["ended", "removed"]);
    assert_eq!(soon(dropped.recv()).await.unwrap(), "one");
    server.end().await;
}

// ---- releases ----

/// A component whose requests to `/held` wait for a permit, and one that counts those that wait.
fn held(engine: &Fake, wasm: &str, says: &'static str) -> (Arc<Semaphore>, mpsc::UnboundedReceiver<()>) {
    let gate = Arc::new(Semaphore::new(0));
    let (waiting, waits) = mpsc::unbounded_channel();
    let open = gate.clone();
    engine.on(wasm, move |request, _| {
        let (open, waiting) = (open.clone(), waiting.clone());
        async move {
            if request.uri().path() == "/held" {
                waiting.send(()).unwrap();
                open.acquire().await.unwrap().forget();
            }
            ok(says)
        }
    });
    (gate, waits)
}

#[tokio::test]
async fn a_new_release_takes_over_without_a_failed_request_and_the_old_one_finishes_and_is_freed() {
    let dir = temp();
    let server = Server::start(&dir).await;
    let mut dropped = server.engine.drops();
    let (gate, mut waits) = held(&server.engine, "one", "one");
    server.engine.says("two", "two");
    let status = server.deploy(&simple("1", "one"), &["one"]).await.unwrap();
    assert_eq!((status.serving, status.problem, status.record.current), (Some(1), None, 1));
    let url = status.url;

    let slow = tokio::spawn({
        let url = url.clone();
        async move { get(&url, "/held").await }
    });
    soon(waits.recv()).await.unwrap();
    let enough = CancellationToken::new();
    let clients = (0..4).map(|_| {
        let (url, enough) = (url.clone(), enough.clone());
        tokio::spawn(async move {
            let mut answers = Vec::new();
            while !enough.is_cancelled() {
                let (status, text) = get(&url, "/").await;
                assert_eq!(status, 200);
                answers.push(text);
            }
            answers
        })
    });
    let clients = clients.collect::<Vec<_>>();

    let status = server.deploy(&simple("2", "two"), &["two"]).await.unwrap();
    assert_eq!((status.serving, status.url.as_str()), (Some(2), url.as_str()));
    assert_eq!(get(&url, "/held").await, (200, "two".to_owned()));
    enough.cancel();
    for client in clients {
        let answers = client.await.unwrap();
        // Never back to the old one.
        assert!(answers.is_sorted(), "{answers:?}");
    }

    assert!(dropped.try_recv().is_err(), "the old release still answers");
    gate.add_permits(1);
    assert_eq!(slow.await.unwrap(), (200, "one".to_owned()));
    assert_eq!(soon(dropped.recv()).await.unwrap(), "one");
    server.end().await;
}

#[tokio::test]
async fn a_release_that_cannot_be_prepared_changes_nothing() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.says("one", "one");
    let url = server.deploy(&simple("1", "one"), &["one"]).await.unwrap().url;
    let before = server.status().await.unwrap();

    let refused = server.deploy(&simple("2", "bad"), &["bad"]).await.unwrap_err();
    assert_eq!(refused, (StatusCode::UNPROCESSABLE_ENTITY, "component `web` cannot be run: `bad` is unknown".into()));
    let refused = server.deploy(&simple("2", "gone"), &[]).await.unwrap_err();
    assert_eq!(refused.0, StatusCode::NOT_FOUND);
    assert_eq!(refused.1, "of the package 2, web.wasm is not stored: deploy it again");
    let mut wish = server.store(&simple("2", "one"), &[]);
    wish.version = "3".to_owned();
    let refused = server.order::<AppStatus>(Method::PUT, "/v1/apps/shop/release", &wish).await.unwrap_err();
    assert_eq!(refused, (StatusCode::UNPROCESSABLE_ENTITY, "the package has the version 2, not 3".into()));
    wish.document = sha256("nothing");
    let refused = server.order::<AppStatus>(Method::PUT, "/v1/apps/shop/release", &wish).await.unwrap_err();
    assert_eq!(refused, (StatusCode::NOT_FOUND, "the package 3 is not stored: deploy it again".into()));
    let document = document("2", vec![trigger("/a*", "web")], vec![component("web", "one")]);
    let refused = server.deploy(&document, &[]).await.unwrap_err();
    assert_eq!(refused.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.1.starts_with("route `/a*` has a wildcard"), "{}", refused.1);

    assert_eq!(server.status().await.unwrap(), before);
    assert_eq!(get(&url, "/").await.1, "one");
    server.end().await;
}

#[tokio::test]
async fn a_first_release_that_fails_leaves_no_application() {
    let dir = temp();
    let server = Server::start(&dir).await;
    assert_eq!(server.deploy(&simple("1", "bad"), &["bad"]).await.unwrap_err().0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(server.status().await.unwrap_err().0, StatusCode::NOT_FOUND);
    let info: ServerInfo = server.order(Method::GET, "/v1/server", &()).await.unwrap();
    assert_eq!((info.pid, info.listen, info.apps), (std::process::id(), Ipv4Addr::LOCALHOST.into(), Vec::new()));
    assert!(server.store.records().unwrap().0.is_empty());
    server.end().await;
}

#[tokio::test]
async fn what_is_live_already_is_not_prepared_again() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.says("one", "one");
    let first = server.deploy(&simple("1", "one"), &["one"]).await.unwrap();
    assert_eq!(server.deploy(&simple("1", "one"), &[]).await.unwrap(), first);
    assert_eq!(server.roll_back(1).await.unwrap(), first);
    assert_eq!(server.engine.prepared.lock().unwrap().len(), 1);
    server.end().await;
}

#[tokio::test]
async fn changes_of_one_application_come_one_after_the_other() {
    let dir = temp();
    let server = Server::start(&dir).await;
    let versions = ["1", "2", "3", "4", "5", "6"];
    let documents = versions.map(|version| {
        server.engine.says(version, version);
        (simple(version, version), [version])
    });
    let deploys = documents.iter().map(|(document, contents)| server.deploy(document, contents));
    let done = futures_util::future::try_join_all(deploys).await.unwrap();
    let mut serving = done.iter().map(|status| status.serving.unwrap()).collect::<Vec<_>>();
    serving.sort_unstable();
    assert_eq!(serving, [1, 2, 3, 4, 5, 6]);
    let status = server.status().await.unwrap();
    assert_eq!(status.record.releases.len(), 6);
    assert_eq!(get(&status.url, "/").await.1, status.record.current().version);
    server.end().await;
}

#[tokio::test]
async fn an_earlier_release_can_be_made_live_again() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.says("one", "one");
    server.engine.says("two", "two");
    let url = server.deploy(&simple("1", "one"), &["one"]).await.unwrap().url;
    server.deploy(&simple("2", "two"), &["two"]).await.unwrap();
    let status = server.roll_back(1).await.unwrap();
    assert_eq!((status.serving, status.record.current, status.record.releases.len()), (Some(1), 1, 2));
    assert_eq!(get(&url, "/").await.1, "one");

    assert_eq!(server.roll_back(7).await.unwrap_err(), (StatusCode::NOT_FOUND, "shop has no release 7".into()));
    fs::remove_file(server.store.blob(&sha256("two"))).unwrap();
    assert_eq!(server.roll_back(2).await.unwrap_err().0, StatusCode::NOT_FOUND);
    assert_eq!(server.status().await.unwrap(), status);
    let nobody = server.order::<AppStatus>(Method::PUT, "/v1/apps/nobody/rollback", &RollBack { release: 1 }).await;
    assert_eq!(nobody.unwrap_err(), (StatusCode::NOT_FOUND, "there is no application \"nobody\"".into()));
    server.end().await;
}

#[tokio::test]
async fn what_is_deleted_is_gone_when_its_requests_are_answered() {
    let dir = temp();
    let server = Server::start(&dir).await;
    let (gate, mut waits) = held(&server.engine, "one", "one");
    let url = server.deploy(&simple("1", "one"), &["one"]).await.unwrap().url;
    let slow = tokio::spawn({
        let url = url.clone();
        async move { get(&url, "/held").await }
    });
    soon(waits.recv()).await.unwrap();
    let (deleted, ()) = tokio::join!(server.delete("shop"), async {
        soon(async { while TcpStream::connect(address(&url)).await.is_ok() {} }).await;
        gate.add_permits(1);
    });
    assert_eq!(deleted, StatusCode::NO_CONTENT);
    assert_eq!(slow.await.unwrap(), (200, "one".to_owned()));
    assert_eq!(server.status().await.unwrap_err().0, StatusCode::NOT_FOUND);
    assert_eq!(server.store.record("shop").unwrap(), None);
    assert_eq!(server.delete("shop").await, StatusCode::NO_CONTENT);
    assert_eq!(server.deploy(&simple("1", "one"), &["one"]).await.unwrap().record.current, 1);
    server.end().await;
}

#[tokio::test]
async fn the_port_of_an_application_is_its_own_until_it_is_gone() {
    let dir = temp();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port();
    let server = Server::from_port(&dir, Arc::default(), Limits::default(), free).await;
    server.engine.says("two", "two");
    let (gate, mut waits) = held(&server.engine, "one", "one");
    let shop = server.deploy(&simple("1", "one"), &["one"]).await.unwrap();
    let url = shop.url.clone();
    let slow = tokio::spawn(async move { get(&url, "/held").await });
    soon(waits.recv()).await.unwrap();
    let wish = server.store(&simple("2", "two"), &["two"]);
    let (deleted, other) = tokio::join!(server.delete("shop"), async {
        soon(async { while TcpStream::connect(address(&shop.url)).await.is_ok() {} }).await;
        assert_eq!(server.status().await.unwrap().problem.as_deref(), Some("it is being closed"));
        let other: AppStatus = server.order(Method::PUT, "/v1/apps/other/release", &wish).await.unwrap();
        gate.add_permits(1);
        other
    });
    assert_eq!(deleted, StatusCode::NO_CONTENT);
    assert_ne!(other.record.port, shop.record.port);
    slow.await.unwrap();
    server.end().await;
}

#[tokio::test]
async fn what_is_recorded_and_not_open_is_opened_only_by_an_order_that_succeeds() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.says("one", "one");
    server.engine.says("two", "two");
    let one = server.store(&simple("1", "one"), &["one"]);
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port();
    let record = Record::first("shop", port, &one.version, &one.document, jiff::Timestamp::UNIX_EPOCH);
    server.store.write_record(&record).unwrap();
    assert_eq!(server.deploy(&simple("2", "bad"), &["bad"]).await.unwrap_err().0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(server.status().await.unwrap_err().0, StatusCode::NOT_FOUND);
    let status = server.deploy(&simple("2", "two"), &["two"]).await.unwrap();
    assert_eq!((status.record.current, status.record.port), (2, port));
    server.reporter.line("shop 2 at").await;
    assert_eq!(get(&status.url, "/").await.1, "two");
    server.end().await;
}

#[tokio::test]
async fn a_component_gets_what_its_package_says() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.says("one", "one");
    let mut full = component("web", "one");
    full.files = vec![file("a/b.txt", "content")];
    full.environment.insert("KEY".into(), "value".into());
    full.variables.0.insert("name".into(), "secret".into());
    full.key_value_stores = vec!["default".into()];
    let wagi = Executor::Wagi { argv: "${SCRIPT_NAME}".into(), entrypoint: "_start".into() };
    let mut as_script = trigger("/cgi", "web");
    as_script.executor = wagi.clone();
    let triggers = vec![trigger("/", "web"), trigger("/again", "web"), as_script];
    let lone = component("lone", "one");
    server.deploy(&document("1", triggers, vec![full, lone]), &["one", "content"]).await.unwrap();
    let mut prepared = server.engine.prepared.lock().unwrap().clone();
    // They are prepared side by side.
    prepared.sort_by_key(|workload| (workload.component == "lone", workload.executor != Executor::Http));
    let ways = prepared.iter().map(|workload| (workload.component.as_str(), &workload.executor)).collect::<Vec<_>>();
    assert_eq!(ways, [("web", &Executor::Http), ("web", &wagi), ("lone", &Executor::Http)]);
    let web = &prepared[0];
    assert_eq!(fs::read_to_string(web.files.as_ref().unwrap().join("a/b.txt")).unwrap(), "content");
    assert_eq!((&web.environment["KEY"], &web.variables["name"]), (&"value".into(), &"secret".into()));
    assert!(web.key_value_stores.contains("default"));
    assert_eq!((&web.database, &web.wasm), (&server.store.database("shop"), &server.store.blob(&sha256("one"))));
    assert_eq!(prepared[2].files, None);
    server.end().await;
}

#[tokio::test]
async fn an_order_is_carried_through_when_nobody_waits_for_it_any_more() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.says("one", "one");
    let (mut waits, gate) = server.engine.hold();
    let document = simple("1", "one");
    tokio::select! {
        _ = server.deploy(&document, &["one"]) => panic!("it is held"),
        _ = soon(waits.recv()) => {}
    }
    gate.add_permits(1);
    server.reporter.line("shop 1 at").await;
    assert_eq!(server.status().await.unwrap().serving, Some(1));
    server.end().await;
}

// ---- start and stop ----

#[tokio::test]
async fn while_an_application_is_started_its_port_says_so_and_a_stop_does_not_wait() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.says("one", "one");
    let url = server.deploy(&simple("1", "one"), &["one"]).await.unwrap().url;
    let (mut waits, _gate) = server.engine.hold();
    let server = server.restart(&dir).await;
    soon(waits.recv()).await.unwrap();
    assert_eq!(get(&url, "/").await, (503, "shop does not answer: it is being started\n".to_owned()));
    let status = server.status().await.unwrap();
    assert_eq!((status.serving, status.problem.as_deref()), (None, Some("it is being started")));
    let reporter = server.reporter.clone();
    server.end().await;
    assert!(!reporter.all().iter().any(|line| line.starts_with("warning")), "{:?}", reporter.all());
}

#[tokio::test]
async fn a_restart_needs_only_what_is_on_disk_and_keeps_ports() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.says("one", "one");
    let before = server.deploy(&simple("1.0.0+s1", "one"), &["one"]).await.unwrap();
    let server = server.restart(&dir).await;
    let line = server.reporter.line("shop 1.0.0+s1 at").await;
    assert_eq!(line, format!("shop 1.0.0+s1 at {}", before.url));
    assert_eq!(server.status().await.unwrap(), before);
    assert_eq!(get(&before.url, "/").await.1, "one");
    let lines = server.reporter.clone();
    let socket = server.paths.socket.clone();
    server.end().await;
    let told = lines.all();
    let first = format!("serving on 127.0.0.1, taking orders on {}", socket.display());
    assert_eq!(told, [first, line]);
}

#[tokio::test]
async fn an_application_that_cannot_be_started_says_why_and_stops_no_other() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.says("one", "one");
    server.engine.says("two", "two");
    let shop = server.deploy(&simple("1", "one"), &["one"]).await.unwrap();
    let other = server.store(&simple("2", "two"), &["two"]);
    let other: AppStatus = server.order(Method::PUT, "/v1/apps/an%20other/release", &other).await.unwrap();
    assert_eq!(other.record.app, "an other");
    server.engine.behaviours.lock().unwrap().remove("one");

    let server = server.restart(&dir).await;
    server.reporter.line("an other 2 at").await;
    assert_eq!(get(&other.url, "/").await.1, "two");
    let problem = "release 1 (1) cannot be started: component `web` cannot be run: `one` is unknown";
    assert_eq!(server.reporter.line("warning").await, format!("warning: shop: {problem}"));
    let status = server.status().await.unwrap();
    assert_eq!((status.serving, status.problem.as_deref(), &status.record), (None, Some(problem), &shop.record));
    assert_eq!(
        get(&shop.url, "/.well-known/spin/health").await,
        (503, "shop does not answer: see the server's log\n".to_owned())
    );

    // The same package again mends it, without a new release.
    server.engine.says("one", "mended");
    assert_eq!(server.deploy(&simple("1", "one"), &[]).await.unwrap(), shop);
    assert_eq!(get(&shop.url, "/").await.1, "mended");
    server.end().await;
}

#[tokio::test]
async fn an_application_whose_start_panics_is_not_said_to_be_starting_for_ever() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.says("one", "one");
    server.deploy(&simple("1", "one"), &["one"]).await.unwrap();
    // The fake engine takes only text.
    fs::write(server.store.blob(&sha256("one")), [0xff; 3]).unwrap();
    let server = server.restart(&dir).await;
    let problem = async {
        loop {
            let problem = server.status().await.unwrap().problem.unwrap();
            if problem != "it is being started" {
                return problem;
            }
        }
    };
    assert_eq!(soon(problem).await, "the server failed when it was started; its log says how");
    server.end().await;
}

#[tokio::test]
async fn a_damaged_record_stops_no_other_application_and_is_not_overwritten() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.says("one", "one");
    server.deploy(&simple("1", "one"), &["one"]).await.unwrap();
    let bad = server.paths.app("bad");
    fs::create_dir(&bad).unwrap();
    fs::write(bad.join("record.json"), "{").unwrap();

    let server = server.restart(&dir).await;
    let warning = server.reporter.line("warning").await;
    assert!(warning.contains("record.json is damaged"), "{warning}");
    server.reporter.line("shop 1 at").await;
    let refused = server.order::<AppStatus>(Method::GET, "/v1/apps/bad", &()).await.unwrap_err();
    assert_eq!(refused.0, StatusCode::INTERNAL_SERVER_ERROR);
    let wish = server.store(&simple("1", "one"), &[]);
    let refused = server.order::<AppStatus>(Method::PUT, "/v1/apps/bad/release", &wish).await.unwrap_err();
    assert_eq!(refused.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(fs::read_to_string(bad.join("record.json")).unwrap(), "{");
    assert_eq!(server.delete("bad").await, StatusCode::NO_CONTENT);
    assert!(!bad.exists());
    server.end().await;
}

#[tokio::test]
async fn a_port_that_another_program_has_is_taken_back_when_it_is_free() {
    let dir = temp();
    let server = Server::start(&dir).await;
    server.engine.says("one", "one");
    server.engine.says("two", "two");
    let shop = server.deploy(&simple("1", "one"), &["one"]).await.unwrap();
    let (engine, port) = (server.engine.clone(), shop.record.port);
    server.end().await;
    let thief = TcpListener::bind(address(&shop.url)).await.unwrap();

    let server = Server::with(&dir, engine, Limits::default()).await;
    let problem = format!("port {port} is taken by another program");
    assert_eq!(server.reporter.line("warning").await, format!("warning: shop: {problem}"));
    let status = server.deploy(&simple("2", "two"), &["two"]).await.unwrap();
    assert_eq!((status.serving, status.problem, status.record.current), (None, Some(problem), 2));
    assert!(!server.reporter.all().iter().any(|line| line.contains(" at http")), "{:?}", server.reporter.all());
    drop(thief);
    server.reporter.line("shop 2 at").await;
    server.reporter.line("is free again").await;
    assert_eq!(get(&shop.url, "/").await.1, "two");
    let status = server.status().await.unwrap();
    assert_eq!((status.serving, status.problem), (Some(2), None));
    server.end().await;
}

#[tokio::test]
async fn a_new_application_gets_the_first_free_port() {
    let dir = temp();
    let thief = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let taken = thief.local_addr().unwrap();
    let server = Server::from_port(&dir, Arc::default(), Limits::default(), taken.port()).await;
    server.engine.says("one", "one");
    let status = server.deploy(&simple("1", "one"), &["one"]).await.unwrap();
    assert!(status.record.port > taken.port(), "{}", status.record.port);
    assert_eq!(get(&status.url, "/").await.1, "one");
    server.end().await;
}

#[test]
fn urls_name_an_address_that_this_machine_reaches() {
    for (address, url) in [
        ("127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("0.0.0.0:3000", "http://127.0.0.1:3000"),
        ("[::]:3000", "http://[::1]:3000"),
        ("192.0.2.7:80", "http://192.0.2.7:80"),
    ] {
        assert_eq!(app::url(address.parse().unwrap()), url);
    }
}

#[tokio::test]
async fn an_address_that_this_machine_does_not_have_is_refused() {
    let dir = temp();
    let listen = "192.0.2.1".parse().unwrap();
    let options = Options { paths: paths(&dir), listen, limits: Limits::default(), first_port: 0 };
    let refused = serve(options, Arc::new(Fake::default()), Arc::new(Recorder::default()), CancellationToken::new());
    let error = soon(refused).await.unwrap_err();
    assert!(matches!(error, ServeError::Listen { addr, .. } if addr == listen), "{error:?}");
    assert!(error.to_string().starts_with("cannot listen on 192.0.2.1"), "{error}");
}

#[tokio::test]
async fn a_second_server_is_told_who_is_there() {
    let dir = temp();
    let server = Server::start(&dir).await;
    let options = Options {
        paths: server.paths.clone(),
        listen: Ipv4Addr::LOCALHOST.into(),
        limits: Limits::default(),
        first_port: 0,
    };
    let second = serve(options, Arc::new(Fake::default()), Arc::new(Recorder::default()), CancellationToken::new());
    let error = soon(second).await.unwrap_err();
    let ServeError::Lock(LockError::Held { pid, .. }) = &error else { panic!("{error:?}") };
    assert_eq!(*pid, Some(std::process::id()));
    // It has not taken the first one's socket away.
    let _: ServerInfo = server.order(Method::GET, "/v1/server", &()).await.unwrap();
    server.end().await;
}

#[tokio::test]
async fn the_socket_is_the_users_alone_and_a_dead_servers_one_is_no_hindrance() {
    let dir = temp();
    let socket = paths(&dir).socket;
    fs::create_dir_all(socket.parent().unwrap()).unwrap();
    fs::set_permissions(socket.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let server = Server::start(&dir).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&socket), mode(socket.parent().unwrap())), (0o600, 0o700));
    let _: ServerInfo = server.order(Method::GET, "/v1/server", &()).await.unwrap();
    server.end().await;
    assert!(!socket.exists());

    fs::write(&socket, "mine").unwrap();
    let options =
        Options { paths: paths(&dir), listen: Ipv4Addr::LOCALHOST.into(), limits: Limits::default(), first_port: 0 };
    let second = serve(options, Arc::new(Fake::default()), Arc::new(Recorder::default()), CancellationToken::new());
    assert!(matches!(soon(second).await, Err(ServeError::InTheWay { path }) if path == socket));
    assert_eq!(fs::read_to_string(&socket).unwrap(), "mine");
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_finishes_what_is_in_flight_and_takes_nothing_new() {
    let dir = temp();
    let server = Server::start(&dir).await;
    let (gate, mut waits) = held(&server.engine, "one", "one");
    let url = server.deploy(&simple("1", "one"), &["one"]).await.unwrap().url;
    let slow = tokio::spawn({
        let url = url.clone();
        async move { get(&url, "/held").await }
    });
    soon(waits.recv()).await.unwrap();
    assert_eq!(server.control(Method::POST, "/v1/server/stop", Vec::new()).await.0, StatusCode::ACCEPTED);
    soon(async { while TcpStream::connect(address(&url)).await.is_ok() {} }).await;
    assert!(!server.done.is_finished());
    assert!(matches!(ServerLock::acquire(&server.paths), Err(LockError::Held { .. })));
    gate.add_permits(1);
    assert_eq!(slow.await.unwrap(), (200, "one".to_owned()));
    soon(server.done).await.unwrap().unwrap();
    assert!(!server.paths.socket.exists());
    ServerLock::acquire(&server.paths).unwrap();
}

#[tokio::test]
async fn what_does_not_finish_in_time_does_not_keep_a_server_from_stopping() {
    let dir = temp();
    let limits = Limits { time: Duration::from_millis(50), ..Limits::default() };
    let server = Server::with(&dir, Arc::default(), limits).await;
    let (_gate, mut waits) = held(&server.engine, "one", "one");
    let url = server.deploy(&simple("1", "one"), &["one"]).await.unwrap().url;
    let mut stream = TcpStream::connect(address(&url)).await.unwrap();
    stream.write_all(b"GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    soon(waits.recv()).await.unwrap();
    server.end().await;
}

#[tokio::test]
async fn orders_that_are_none_are_refused() {
    let dir = temp();
    let server = Server::start(&dir).await;
    for (method, path, body, status, message) in [
        (Method::GET, "/v2/server", "", 404, "GET /v2/server is no order that this server knows"),
        (Method::POST, "/v1/apps/shop", "", 404, "POST /v1/apps/shop is no order that this server knows"),
        (Method::GET, "/v1/apps/shop", "", 404, "there is no application \"shop\""),
        (Method::GET, "/v1/apps/%2e%2e%2fx", "", 400, "\"../x\" is no name that an application can have here"),
        (Method::GET, "/v1/apps/%ff", "", 400, "the path is no UTF-8"),
        (Method::PUT, "/v1/apps/shop/release", "{}", 400, "the order cannot be understood: missing field `document`"),
        (
            Method::PUT,
            "/v1/apps/shop/release",
            &"x".repeat(65 * 1024),
            413,
            "the order could not be read: length limit",
        ),
        (Method::PUT, "/v1/apps/shop/release", r#"{"document":"../x","version":"1"}"#, 400, "\"../x\" is no SHA-256"),
    ] {
        let (got, answer) = server.control(method, path, body.as_bytes().to_vec()).await;
        let refused: Refused = serde_json::from_slice(&answer).unwrap();
        assert!(got == status && refused.message.starts_with(message), "{got} {}", refused.message);
    }
    server.end().await;
}
