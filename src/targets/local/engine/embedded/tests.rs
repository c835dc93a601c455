//! Real guests, written in WebAssembly's text format.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use hyper::{Method, Response, StatusCode};
use tempfile::TempDir;

use super::super::{BodyError, Depth, Hold, Internal, InternalError};
use super::*;
use crate::package::directory::AllowedHosts;
use crate::targets::local::logs::ComponentLog;

#[path = "../../../../../tests/it/support/component.rs"]
#[allow(dead_code, reason = "shared with the integration tests")]
mod component;

use component::component;

/// A server's worth of engine, in a directory of its own.
struct Bench {
    folder: TempDir,
    embedded: Embedded,
    limits: Limits,
    hosts: Vec<String>,
}

/// The rest of the application: answers that tell who was asked.
struct Neighbours;

#[async_trait]
impl Internal for Neighbours {
    async fn component(&self, id: &str, request: Request<Body>) -> Result<Response<Body>, InternalError> {
        match (id, request.uri().path()) {
            ("backend", "/x") => Ok(status(201)),
            _ => Err(InternalError::NotFound(id.to_owned())),
        }
    }

    async fn own_route(&self, request: Request<Body>) -> Result<Response<Body>, InternalError> {
        match request.uri().path() {
            "/x" => Ok(status(202)),
            path => Err(InternalError::NotFound(path.to_owned())),
        }
    }
}

fn status(code: u16) -> Response<Body> {
    Response::builder().status(code).body(body(b"")).unwrap()
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::new(&folder.path().join("code"), 1).unwrap();
        Bench {
            folder,
            embedded,
            limits: Limits { time: Duration::from_secs(60), ..Limits::default() },
            hosts: Vec::new(),
        }
    }

    fn limited(limits: Limits) -> Bench {
        Bench { limits, ..Bench::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn workload(&self, wasm: &[u8], executor: Executor) -> Workload {
        let file = self.path("guest.wasm");
        fs::write(&file, wasm).unwrap();
        fs::create_dir_all(self.path("files")).unwrap();
        Workload {
            component: "guest".to_owned(),
            executor,
            wasm: file,
            files: Some(self.path("files")),
            environment: BTreeMap::from([("GREETING".to_owned(), "hi".to_owned())]),
            variables: BTreeMap::new(),
            allowed_hosts: AllowedHosts::parse(&self.hosts).unwrap(),
            key_value_stores: BTreeSet::new(),
            database: self.path("data"),
            log: ComponentLog::open(self.path("log")),
            internal: Arc::new(Neighbours),
            limits: self.limits,
        }
    }

    async fn http(&self, wasm: &[u8]) -> Arc<dyn Handler> {
        self.embedded.prepare(self.workload(wasm, Executor::Http)).await.unwrap()
    }

    async fn wagi(&self, wasm: &[u8]) -> Arc<dyn Handler> {
        self.embedded.prepare(self.workload(wasm, wagi())).await.unwrap()
    }

    async fn refusal(&self, wasm: &[u8], executor: Executor) -> String {
        self.embedded.prepare(self.workload(wasm, executor)).await.err().unwrap().to_string()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn free(&self) -> usize {
        self.embedded.runtime.slots.available_permits()
    }

    /// Waits until that many instances run.
    async fn until_running(&self, count: usize) {
        while self.free() + count != ALL {
            tokio::task::yield_now().await;
        }
    }
}

const ALL: usize = 200;

fn wagi() -> Executor {
    Executor::Wagi { argv: "${SCRIPT_NAME} ${ARGS}".to_owned(), entrypoint: START.to_owned() }
}

fn body(bytes: &[u8]) -> Body {
    Full::new(bytes.to_vec().into()).map_err(|never| match never {}).boxed_unsync()
}

fn get() -> Request<Body> {
    let empty = Empty::new().map_err(|never| match never {}).boxed_unsync();
    Request::get("http://localhost:3000/a/b?one=1&two").header("host", "localhost:3000").body(empty).unwrap()
}

fn post(content: Body) -> Request<Body> {
    Request::post("http://localhost:3000/").body(content).unwrap()
}

async fn text(response: Response<Body>) -> Result<String, BodyError> {
    Ok(String::from_utf8(response.into_body().collect().await?.to_bytes().to_vec()).unwrap())
}

const IMPORTS: &str = r#"
  (import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.0" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-response.set-status-code" (func $status (param i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-response.body" (func $response_body (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-body.write" (func $body_write (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]outgoing-body.finish" (func $body_finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]response-outparam.set" (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-request.consume" (func $consume (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-body.stream" (func $body_stream (param i32 i32)))
  (import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush" (func $stream_write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop_stream (param i32)))
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-request" (func $request_new (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-scheme" (func $set_scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-authority" (func $set_authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-path-with-query" (func $set_path (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]future-incoming-response.subscribe" (func $subscribe (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]future-incoming-response.get" (func $future_get (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-response.status" (func $incoming_status (param i32) (result i32)))
  (import "wasi:http/outgoing-handler@0.2.0" "handle" (func $send (param i32 i32 i32 i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
"#;

/// Memory begins with room for results, the texts stand at 1024, 2048, 3072, what is allocated at 8192 and above, and
/// is never given back.
const HELPERS: &str = r#"
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 8192))
  (data (i32.const 1024) "Hello\n")
  (data (i32.const 2048) "content-length")
  (data (i32.const 3072) "100000")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $p i32)
    (local.set $p (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (if (i32.lt_u (i32.const 120000) (i32.add (local.get $p) (local.get 3))) (then (local.set $p (i32.const 8192))))
    (global.set $heap (i32.add (local.get $p) (local.get 3)))
    (local.get $p))
  (func $head (param $out i32) (param $fields i32) (result i32)
    (local $r i32)
    (local.set $r (call $response (local.get $fields)))
    (call $response_body (local.get $r) (i32.const 0))
    (call $set (local.get $out) (i32.const 0) (local.get $r) (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.load (i32.const 4)))
  (func $open (param $body i32) (result i32)
    (call $body_write (local.get $body) (i32.const 16))
    (i32.load (i32.const 20)))
  (func $write (param $stream i32) (param $at i32) (param $length i32)
    (call $stream_write (local.get $stream) (local.get $at) (local.get $length) (i32.const 32)))
  (func $finish (param $body i32) (param $stream i32)
    (call $drop_stream (local.get $stream))
    (call $body_finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 128)))
  (func $hello (param $out i32)
    (local $body i32) (local $stream i32)
    (local.set $body (call $head (local.get $out) (call $fields)))
    (local.set $stream (call $open (local.get $body)))
    (call $write (local.get $stream) (i32.const 1024) (i32.const 6))
    (call $finish (local.get $body) (local.get $stream)))
  (func $deeper (param i32) (result i32)
    (i32.add (i32.const 1) (call $deeper (i32.add (local.get 0) (i32.const 1)))))
  (func $for_ever (loop (br 0)))
"#;

const WORLD: &str = "
    import wasi:http/types@0.2.0;
    import wasi:io/streams@0.2.0;
    import wasi:io/poll@0.2.0;
    import wasi:cli/stdout@0.2.0;
    import wasi:http/outgoing-handler@0.2.0;
    export wasi:http/incoming-handler@0.2.0;";

/// A component that handles a request with that code.
fn guest(code: &str) -> Vec<u8> {
    let locals = "(local $body i32) (local $stream i32) (local $fields i32)";
    let handle = r#"(func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)"#;
    component(&format!("(module {IMPORTS} {HELPERS} {handle} {locals} {code}))"), WORLD)
}

const HELLO: &str = "(call $hello (local.get $out))";

/// Sets the head, and begins the body.
const BEGIN: &str = "
    (local.set $body (call $head (local.get $out) (call $fields)))
    (local.set $stream (call $open (local.get $body)))
    (call $write (local.get $stream) (i32.const 1024) (i32.const 6))";

#[tokio::test]
async fn a_component_answers() {
    let bench = Bench::new();
    let handler = bench.http(&guest(HELLO)).await;
    for _ in 0..3 {
        let response = handler.handle(get()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(text(response).await.unwrap(), "Hello\n");
    }
    bench.until_running(0).await;
}

#[tokio::test]
async fn what_a_component_prints_is_in_its_log() {
    let bench = Bench::new();
    let print = "(call $write (call $stdout) (i32.const 1024) (i32.const 6))";
    let handler = bench.http(&guest(&format!("{print} {HELLO}"))).await;
    assert_eq!(text(handler.handle(get()).await.unwrap()).await.unwrap(), "Hello\n");
    assert!(bench.log().contains("Hello"), "{}", bench.log());
}

#[tokio::test]
async fn a_component_that_never_ends_is_stopped() {
    let limits = Limits { time: Duration::from_millis(50), ..Limits::default() };
    let bench = Bench::limited(limits);
    let handler = bench.http(&guest("(call $for_ever)")).await;
    let failure = handler.handle(get()).await.unwrap_err();
    assert_eq!(failure, HandleError::TimedOut { limit: limits.time });
    assert!(bench.log().contains("the component took longer than 50ms"), "{}", bench.log());
    bench.until_running(0).await;
}

#[tokio::test]
async fn more_memory_than_allowed_is_refused() {
    let limit = 1024 * 1024;
    let bench = Bench::limited(Limits { memory: limit, ..Limits::default() });
    let grow = "(loop (br_if 0 (i32.ne (i32.const -1) (memory.grow (i32.const 1)))))";
    let handler = bench.http(&guest(&format!("{grow} unreachable"))).await;
    assert_eq!(handler.handle(get()).await.unwrap_err(), HandleError::OutOfMemory { limit });
    let handler = bench.http(&guest(&format!("{grow} {HELLO}"))).await;
    assert_eq!(text(handler.handle(get()).await.unwrap()).await.unwrap(), "Hello\n", "a refusal can be survived");
    let bench = Bench::limited(Limits { memory: 64 * 1024, ..Limits::default() });
    let handler = bench.http(&guest(HELLO)).await;
    assert_eq!(handler.handle(get()).await.unwrap_err(), HandleError::OutOfMemory { limit: 64 * 1024 });
}

#[tokio::test]
async fn growth_that_overflows_gives_no_memory_back() {
    let bench = Bench::limited(Limits { memory: 1024 * 1024, ..Limits::default() });
    let greedy = wat::parse_str(
        r#"(module
        (table i64 1 funcref)
        (memory (export "memory") 1)
        (global $tries (mut i32) (i32.const 64))
        (func (export "_start")
          (loop
            (drop (memory.grow (i32.const 1)))
            (drop (table.grow (ref.null func) (i64.const -1)))
            (global.set $tries (i32.sub (global.get $tries) (i32.const 1)))
            (br_if 0 (global.get $tries)))
          (if (i32.lt_u (i32.const 16) (memory.size)) (then unreachable))))"#,
    );
    let failure = bench.wagi(&greedy.unwrap()).await.handle(get()).await.unwrap_err();
    assert_eq!(failure, HandleError::NoAnswer("it wrote nothing and exited with status 0".to_owned()));
}

#[tokio::test]
async fn a_refusal_of_memory_that_was_survived_is_not_why_a_component_traps() {
    let bench = Bench::limited(Limits { memory: 1024 * 1024, ..Limits::default() });
    let code = "(drop (memory.grow (i32.const 100))) (drop (memory.grow (i32.const 1))) unreachable";
    let failure = bench.http(&guest(code)).await.handle(get()).await.unwrap_err();
    assert!(matches!(failure, HandleError::Trapped(_)), "{failure}");
}

#[tokio::test]
async fn a_component_has_only_so_many_resources() {
    let bench = Bench::new();
    let make = |count: u32| {
        let one_more = "(drop (call $fields)) (local.set $body (i32.add (local.get $body) (i32.const 1)))";
        guest(&format!("(loop {one_more} (br_if 0 (i32.lt_u (local.get $body) (i32.const {count})))) {HELLO}"))
    };
    assert!(bench.http(&make(4000)).await.handle(get()).await.is_ok());
    let failure = bench.http(&make(4100)).await.handle(get()).await.unwrap_err();
    assert!(matches!(failure, HandleError::Trapped(_)), "{failure}");
}

#[tokio::test]
async fn a_trap_tells_its_reason_and_the_log_where() {
    let bench = Bench::new();
    for (code, reason) in [
        ("unreachable", "wasm trap: wasm `unreachable` instruction executed"),
        ("(drop (call $deeper (i32.const 0)))", "wasm trap: call stack exhausted"),
        ("(drop (i32.load (i32.const -4)))", "wasm trap: out of bounds memory access"),
    ] {
        let failure = bench.http(&guest(code)).await.handle(get()).await.unwrap_err();
        assert_eq!(failure, HandleError::Trapped(reason.to_owned()));
        assert!(bench.log().contains("wasm backtrace"), "{}", bench.log());
        assert!(bench.log().contains(reason), "{}", bench.log());
    }
}

#[tokio::test]
async fn no_answer_and_invalid_answers_are_told_apart() {
    let bench = Bench::new();
    let response = "(local.set $body (call $response (call $fields)))";
    let set = "(call $set (local.get $out) (i32.const 0) (local.get $body) (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";
    let length = "(call $append (local.tee $fields (call $fields)) (i32.const 2048) (i32.const 14) (i32.const 3072) (i32.const 6) (i32.const 64))";
    let response_with_length = "(local.set $body (call $response (local.get $fields)))";
    let status = "(drop (call $status (local.get $body) (i32.const 103)))";
    for (code, why) in [
        ("".to_owned(), "it returned without setting a response"),
        (
            "(call $set (local.get $out) (i32.const 1) (i32.const 36) (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))".to_owned(),
            "it answered with the error",
        ),
        (format!("{response} {status} {set}"), "its status is 103, which is none to end with"),
        (
            format!("{length} {response_with_length} {set}"),
            "its header `content-length` promises a body and it has none",
        ),
    ] {
        match bench.http(&guest(&code)).await.handle(get()).await {
            Err(HandleError::NoAnswer(reason)) => assert!(reason.starts_with(why), "{reason}"),
            other => panic!("{code}: {:?}", other.map(|response| response.status())),
        }
    }
}

#[tokio::test]
async fn what_goes_wrong_after_the_head_ends_the_body_with_an_error() {
    let limits = Limits { time: Duration::from_millis(500), response_body: 50_000, ..Limits::default() };
    let bench = Bench::limited(limits);
    let write_on = "(loop (call $write (local.get $stream) (i32.const 8192) (i32.const 4096)) (br 0))";
    for (code, expected) in [
        (
            "unreachable",
            BodyError::Broken("the component trapped: wasm trap: wasm `unreachable` instruction executed".to_owned()),
        ),
        ("(call $for_ever)", BodyError::TimedOut { limit: limits.time }),
        (write_on, BodyError::TooLarge { limit: limits.response_body }),
    ] {
        let handler = bench.http(&guest(&format!("{BEGIN} {code}"))).await;
        let response = handler.handle(get()).await.unwrap();
        assert_eq!(text(response).await.unwrap_err(), expected);
        bench.until_running(0).await;
    }
}

#[tokio::test]
async fn what_goes_wrong_after_the_answer_does_not_break_it() {
    let limits = Limits { time: Duration::from_millis(500), ..Limits::default() };
    let bench = Bench::limited(limits);
    for code in ["unreachable", "(call $for_ever)"] {
        let handler = bench.http(&guest(&format!("{HELLO} {code}"))).await;
        let response = handler.handle(get()).await.unwrap();
        bench.until_running(0).await;
        assert_eq!(text(response).await.unwrap(), "Hello\n", "{code}");
    }
}

#[tokio::test]
async fn an_answer_that_says_that_it_is_too_long_is_refused() {
    let bench = Bench::limited(Limits { response_body: 50_000, ..Limits::default() });
    let code = "
        (call $append (local.tee $fields (call $fields)) (i32.const 2048) (i32.const 14) (i32.const 3072) (i32.const 6) (i32.const 64))
        (drop (call $head (local.get $out) (local.get $fields)))";
    let failure = bench.http(&guest(code)).await.handle(get()).await.unwrap_err();
    assert_eq!(failure, HandleError::ResponseTooLarge { limit: 50_000 });
}

/// Reads the request's body to its end, and answers.
const READ: &str = "
    (call $consume (local.get $request) (i32.const 0))
    (call $body_stream (i32.load (i32.const 4)) (i32.const 0))
    (local.set $stream (i32.load (i32.const 4)))
    (loop
      (call $read (local.get $stream) (i64.const 4096) (i32.const 0))
      (br_if 0 (i32.eqz (i32.load8_u (i32.const 0)))))";

#[tokio::test]
async fn a_request_that_is_too_long_is_refused() {
    let limit = 50_000;
    let bench = Bench::limited(Limits { request_body: limit, ..Limits::default() });
    let too_large = HandleError::RequestTooLarge { limit };
    let chunks = |count: usize| {
        let chunk = || Ok(Frame::data(bytes::Bytes::from(vec![0; 1000])));
        BodyExt::boxed_unsync(StreamBody::new(futures_util::stream::iter((0..count).map(move |_| chunk()))))
    };
    let http = bench.http(&guest(&format!("{READ} {HELLO}"))).await;
    let script = bench.wagi(&script(ECHO)).await;
    for handler in [http, script] {
        let mut declared = post(chunks(1));
        declared.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("50001"));
        assert_eq!(handler.handle(declared).await.unwrap_err(), too_large);
        assert_eq!(handler.handle(post(body(&[0; 50_001]))).await.unwrap_err(), too_large);
        assert_eq!(handler.handle(post(chunks(51))).await.unwrap_err(), too_large);
        assert!(handler.handle(post(chunks(50))).await.is_ok());
        let refused = StreamBody::new(futures_util::stream::iter([Err(BodyError::TooLarge { limit })]));
        assert_eq!(handler.handle(post(BodyExt::boxed_unsync(refused))).await.unwrap_err(), too_large);
    }
}

#[tokio::test]
async fn whoever_drops_the_answer_stops_the_component() {
    let bench = Bench::new();
    let handler = bench.http(&guest(&format!("{BEGIN} (call $for_ever)"))).await;
    let response = handler.handle(get()).await.unwrap();
    bench.until_running(1).await;
    drop(response);
    bench.until_running(0).await;

    let handler = bench.http(&guest("(call $for_ever)")).await;
    let waiting = tokio::spawn(async move { handler.handle(get()).await.map(drop) });
    bench.until_running(1).await;
    waiting.abort();
    bench.until_running(0).await;
}

#[tokio::test]
async fn a_component_may_go_on_when_it_has_said_everything() {
    let bench = Bench::new();
    let later = "(call $write (call $stdout) (i32.const 2048) (i32.const 14))";
    let handler = bench.http(&guest(&format!("{HELLO} {later}"))).await;
    assert_eq!(text(handler.handle(get()).await.unwrap()).await.unwrap(), "Hello\n");
    bench.until_running(0).await;
    assert!(bench.log().contains("content-length"), "{}", bench.log());
}

#[tokio::test]
async fn an_answer_to_head_is_let_go_without_its_body() {
    let bench = Bench::new();
    let later = "(call $write (call $stdout) (i32.const 2048) (i32.const 14))";
    let handler = bench.http(&guest(&format!("{BEGIN} {later}"))).await;
    let mut request = get();
    *request.method_mut() = Method::HEAD;
    drop(handler.handle(request).await.unwrap());
    bench.until_running(0).await;
    assert!(bench.log().contains("content-length"), "{}", bench.log());
}

#[tokio::test]
async fn there_are_only_so_many_instances() {
    let bench = Bench::new();
    let waits = "(loop (call $write (local.get $stream) (i32.const 8192) (i32.const 4096)) (br 0))";
    let handler = bench.http(&guest(&format!("{BEGIN} {waits}"))).await;
    let script = bench.wagi(&script(ECHO)).await;
    let mut answers = Vec::new();
    for _ in 0..ALL {
        answers.push(handler.handle(get()).await.unwrap());
    }
    assert_eq!(bench.free(), 0, "they wait for somebody to read what they say");
    for handler in [&handler, &script] {
        assert_eq!(handler.handle(get()).await.unwrap_err(), HandleError::Busy);
    }
    drop(answers);
    bench.until_running(0).await;
    assert!(script.handle(get()).await.is_ok());
}

#[test]
fn there_are_as_many_instances_as_an_application_may_have_requests() {
    let folder = tempfile::tempdir().unwrap();
    for (concurrent, instances) in [(1, ALL), (300, 300), (u32::MAX, 1000)] {
        let embedded = Embedded::new(folder.path(), concurrent).unwrap();
        assert_eq!(embedded.runtime.slots.available_permits(), instances);
    }
}

#[tokio::test]
async fn a_component_that_never_ends_lets_others_answer() {
    let bench = Bench::new();
    let never = bench.http(&guest("(call $for_ever)")).await;
    let never_script = bench.wagi(&script("(loop (br 0))")).await;
    let hello = bench.http(&guest(HELLO)).await;
    let never = tokio::spawn(async move { never.handle(get()).await.map(drop) });
    let never_script = tokio::spawn(async move { never_script.handle(get()).await.map(drop) });
    bench.until_running(2).await;
    for _ in 0..3 {
        assert_eq!(text(hello.handle(get()).await.unwrap()).await.unwrap(), "Hello\n");
    }
    assert!(!never.is_finished() && !never_script.is_finished());
    never.abort();
    never_script.abort();
}

/// Stores a text in memory.
fn store(at: usize, text: &str) -> String {
    let byte = |(index, byte): (usize, u8)| format!("(i32.store8 (i32.const {}) (i32.const {byte})) ", at + index);
    text.bytes().enumerate().map(byte).collect()
}

/// Calls `http://<authority>/x` and answers with the status that comes back, or 400 and the number of the error.
fn call(authority: Option<&str>) -> String {
    let (some, length) = authority.map_or((0, 0), |authority| (1, authority.len()));
    let texts = store(4096, authority.unwrap_or_default()) + &store(5120, "/x");
    format!(
        "{texts}
        (local.set $stream (call $request_new (call $fields)))
        (drop (call $set_scheme (local.get $stream) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
        (drop (call $set_authority (local.get $stream) (i32.const {some}) (i32.const 4096) (i32.const {length})))
        (drop (call $set_path (local.get $stream) (i32.const 1) (i32.const 5120) (i32.const 2)))
        (call $send (local.get $stream) (i32.const 0) (i32.const 0) (i32.const 200))
        (if (i32.load8_u (i32.const 200)) (then unreachable))
        (call $block (call $subscribe (i32.load (i32.const 208))))
        (call $future_get (i32.load (i32.const 208)) (i32.const 240))
        (if (i32.load8_u (i32.const 256))
          (then (local.set $fields (i32.add (i32.const 400) (i32.load8_u (i32.const 264)))))
          (else (local.set $fields (call $incoming_status (i32.load (i32.const 264))))))
        (local.set $body (call $response (call $fields)))
        (drop (call $status (local.get $body) (local.get $fields)))
        (call $set (local.get $out) (i32.const 0) (local.get $body) (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))"
    )
}

/// What [`call`] makes of `destination-not-found` and `HTTP-request-denied`.
const NOT_FOUND: u16 = 400 + 2;
const DENIED: u16 = 400 + 15;

#[tokio::test]
async fn a_component_calls_whom_it_may_call() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = server.accept().await.unwrap();
            let answer = b"HTTP/1.1 203 OK\r\ncontent-length: 0\r\n\r\n";
            tokio::io::AsyncWriteExt::write_all(&mut connection, answer).await.unwrap();
            let _ = tokio::io::AsyncReadExt::read(&mut connection, &mut [0; 1000]).await;
        }
    });
    let network = format!("http://{address}");
    for (host, authority, expected) in [
        (network.as_str(), Some(address.as_str()), 203),
        ("http://example.com", Some(address.as_str()), DENIED),
        ("http://backend.spin.internal", Some("backend.spin.internal"), 201),
        ("http://*.spin.internal", Some("nobody.spin.internal"), NOT_FOUND),
        ("http://backend.spin.internal", Some("other.spin.internal"), DENIED),
        ("http://self", Some("self.alt"), 202),
        ("http://self", None, 202),
        ("http://example.com", None, DENIED),
    ] {
        let bench = Bench { hosts: vec![host.to_owned()], ..Bench::new() };
        let handler = bench.http(&guest(&call(authority))).await;
        let response = handler.handle(get()).await.unwrap();
        assert_eq!(response.status().as_u16(), expected, "{authority:?} where {host} is allowed");
        assert_eq!(bench.log().contains("`allowed_outbound_hosts`"), expected == DENIED, "{}", bench.log());
    }
}

/// The rest of the application: keeps what calls bring with them.
#[derive(Default)]
struct Keeper(std::sync::Mutex<Option<hyper::http::Extensions>>);

#[async_trait]
impl Internal for Keeper {
    async fn component(&self, _: &str, request: Request<Body>) -> Result<Response<Body>, InternalError> {
        *self.0.lock().unwrap() = Some(request.extensions().clone());
        Ok(status(201))
    }

    async fn own_route(&self, request: Request<Body>) -> Result<Response<Body>, InternalError> {
        self.component("", request).await
    }
}

#[tokio::test]
async fn what_a_request_holds_goes_into_the_calls_that_it_leads_to() {
    let bench = Bench { hosts: vec!["http://self".to_owned()], ..Bench::new() };
    let keeper = Arc::new(Keeper::default());
    let workload = bench.workload(&guest(&call(None)), Executor::Http);
    let handler = bench.embedded.prepare(Workload { internal: keeper.clone(), ..workload }).await.unwrap();
    let held: Arc<dyn std::any::Any + Send + Sync> = Arc::new(());
    let mut request = get();
    request.extensions_mut().insert(Depth(3));
    request.extensions_mut().insert(Hold(held.clone()));
    assert_eq!(handler.handle(request).await.unwrap().status(), 201);
    let brought = keeper.0.lock().unwrap().take().unwrap();
    assert_eq!(brought.get::<Depth>(), Some(&Depth(3)));
    assert!(Arc::ptr_eq(&brought.get::<Hold>().unwrap().0, &held));
}

#[tokio::test]
async fn what_a_request_holds_is_kept_until_its_component_has_ended() {
    let bench = Bench::limited(Limits { time: Duration::from_millis(500), ..Limits::default() });
    let http = bench.http(&guest(&format!("{HELLO} (call $for_ever)"))).await;
    let held = Arc::new(());
    let holding = || {
        let mut request = get();
        request.extensions_mut().insert(Hold(held.clone()));
        request
    };
    assert_eq!(text(http.handle(holding()).await.unwrap()).await.unwrap(), "Hello\n");
    assert_eq!(Arc::strong_count(&held), 2, "it goes on");
    bench.until_running(0).await;
    assert_eq!(Arc::strong_count(&held), 1);

    let script = bench.wagi(&script("(loop (br 0))")).await;
    let request = holding();
    let running = tokio::spawn(async move { script.handle(request).await.map(drop) });
    bench.until_running(1).await;
    assert!(Arc::strong_count(&held) > 1, "it runs");
    running.await.unwrap().unwrap_err();
    assert_eq!(Arc::strong_count(&held), 1);
}

/// A module that runs that code.
fn script(code: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 2)
        (data (i32.const 1024) "status: 200\n\n")
        (data (i32.const 2048) "greeting.txt")
        (data (i32.const 3072) "Hello\n\nThere")
        (func $write (param $to i32) (param $at i32) (param $length i32)
          (i32.store (i32.const 0) (local.get $at))
          (i32.store (i32.const 4) (local.get $length))
          (drop (call $fd_write (local.get $to) (i32.const 0) (i32.const 1) (i32.const 8))))
        (func $read (param $from i32) (result i32)
          (i32.store (i32.const 0) (i32.const 65536))
          (i32.store (i32.const 4) (i32.const 65536))
          (drop (call $fd_read (local.get $from) (i32.const 0) (i32.const 1) (i32.const 8)))
          (i32.load (i32.const 8)))
        (func $head (call $write (i32.const 1) (i32.const 1024) (i32.const 13)))
        (func $body (param $at i32) (param $length i32) (call $head) (call $write (i32.const 1) (local.get $at) (local.get $length)))
        (func (export "other") (call $body (i32.const 2048) (i32.const 12)))
        (func (export "takes") (param i32))
        (func (export "_start") {code}))"#
    ))
    .unwrap()
}

const ECHO: &str = "(call $body (i32.const 65536) (call $read (i32.const 0)))";

#[tokio::test]
async fn a_script_gets_the_body_as_its_input() {
    let bench = Bench::new();
    let handler = bench.wagi(&script(ECHO)).await;
    assert_eq!(text(handler.handle(post(body(b"ping"))).await.unwrap()).await.unwrap(), "ping");
}

#[tokio::test]
async fn a_script_gets_arguments_and_environment() {
    let bench = Bench::new();
    let arguments = "
        (drop (call $args_sizes (i32.const 16) (i32.const 20))) (drop (call $args (i32.const 4096) (i32.const 65536)))
        (call $body (i32.const 65536) (i32.load (i32.const 20)))";
    let environment = "
        (drop (call $environ_sizes (i32.const 16) (i32.const 20))) (drop (call $environ (i32.const 4096) (i32.const 65536)))
        (call $body (i32.const 65536) (i32.load (i32.const 20)))";
    let handler = bench.wagi(&script(arguments)).await;
    assert_eq!(text(handler.handle(get()).await.unwrap()).await.unwrap(), "/a/b\0one=1\0two\0");
    let handler = bench.wagi(&script(environment)).await;
    let variables = text(handler.handle(get()).await.unwrap()).await.unwrap();
    for expected in ["GREETING=hi", "REQUEST_METHOD=GET", "QUERY_STRING=one=1&two", "HTTP_HOST=localhost:3000"] {
        assert!(variables.split('\0').any(|variable| variable == expected), "{expected}: {variables:?}");
    }
}

/// Opens `greeting.txt` with those flags, writes what is in it, or `Hello` where that cannot be done.
fn open(flags: u8, rights: u8) -> String {
    format!(
        "(if (call $path_open (i32.const 3) (i32.const 0) (i32.const 2048) (i32.const 12) (i32.const {flags}) \
              (i64.const {rights}) (i64.const 0) (i32.const 0) (i32.const 16)) \
           (then (call $body (i32.const 3072) (i32.const 5))) \
           (else (call $body (i32.const 65536) (call $read (i32.load (i32.const 16))))))"
    )
}

#[tokio::test]
async fn files_can_be_read_and_not_written() {
    let (read, create, read_right, write_right) = (0, 1, 2, 64);
    let bench = Bench::new();
    let reader = bench.wagi(&script(&open(read, read_right))).await;
    let writer = bench.wagi(&script(&open(create, write_right))).await;
    assert_eq!(text(reader.handle(get()).await.unwrap()).await.unwrap(), "Hello", "there is no such file");
    assert_eq!(text(writer.handle(get()).await.unwrap()).await.unwrap(), "Hello", "none may be made");
    assert!(!bench.path("files/greeting.txt").exists());
    fs::write(bench.path("files/greeting.txt"), "from a file").unwrap();
    assert_eq!(text(reader.handle(get()).await.unwrap()).await.unwrap(), "from a file");
    assert_eq!(text(writer.handle(get()).await.unwrap()).await.unwrap(), "Hello", "it may not be written");
}

#[tokio::test]
async fn scripts_that_give_no_answer_are_told_apart() {
    let limits = Limits { time: Duration::from_millis(200), response_body: 50_000, ..Limits::default() };
    let bench = Bench::limited(limits);
    let no_answer = |why: &str| HandleError::NoAnswer(why.to_owned());
    let endless = "(loop (call $write (i32.const 1) (i32.const 1024) (i32.const 60000)) (br 0))";
    let long = "(call $body (i32.const 65536) (i32.const 50001))";
    for (code, expected) in [
        ("(call $write (i32.const 1) (i32.const 3072) (i32.const 12))", no_answer("`Hello` is no header")),
        ("(call $write (i32.const 1) (i32.const 1024) (i32.const 12))", no_answer("no empty line follows its headers")),
        ("", no_answer("it wrote nothing and exited with status 0")),
        ("(call $exit (i32.const 3))", no_answer("it wrote nothing and exited with status 3")),
        ("unreachable", HandleError::Trapped("wasm trap: wasm `unreachable` instruction executed".to_owned())),
        ("(loop (br 0))", HandleError::TimedOut { limit: limits.time }),
        (endless, HandleError::ResponseTooLarge { limit: 50_000 }),
        (long, HandleError::ResponseTooLarge { limit: 50_000 }),
    ] {
        assert_eq!(bench.wagi(&script(code)).await.handle(get()).await.unwrap_err(), expected, "{code}");
    }
}

#[tokio::test]
async fn a_script_may_exit_after_its_answer_and_its_errors_are_in_the_log() {
    let bench = Bench::new();
    let code = "(call $write (i32.const 2) (i32.const 2048) (i32.const 12)) (call $body (i32.const 3072) (i32.const 5)) (call $exit (i32.const 1))";
    let handler = bench.wagi(&script(code)).await;
    assert_eq!(text(handler.handle(get()).await.unwrap()).await.unwrap(), "Hello");
    assert!(bench.log().contains("greeting.txt"), "{}", bench.log());
}

#[tokio::test]
async fn a_script_begins_where_the_manifest_says() {
    let bench = Bench::new();
    let at = |entrypoint: &str| Executor::Wagi { argv: String::new(), entrypoint: entrypoint.to_owned() };
    let handler = bench.embedded.prepare(bench.workload(&script(""), at("other"))).await.unwrap();
    assert_eq!(text(handler.handle(get()).await.unwrap()).await.unwrap(), "greeting.txt");
    for entrypoint in ["nowhere", "takes", "memory"] {
        let expected = format!(
            "component `guest` cannot be run: it exports no function `{entrypoint}` without parameters and results"
        );
        assert_eq!(bench.refusal(&script(""), at(entrypoint)).await, expected);
    }
}

/// A component that is a command.
fn command(code: &str) -> Vec<u8> {
    let module = format!(
        r#"(module
        (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
        (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush" (func $stream_write (param i32 i32 i32 i32)))
        (memory (export "memory") 2)
        (data (i32.const 1024) "content-type: text/plain\r\n\r\nHello")
        (func $write (call $stream_write (call $stdout) (i32.const 1024) (i32.const 33) (i32.const 0)))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8192))
        (func (export "wasi:cli/run@0.2.0#run") (result i32) {code}))"#
    );
    let world = "import wasi:cli/stdout@0.2.0; import wasi:io/streams@0.2.0; export wasi:cli/run@0.2.0;";
    component(&module, world)
}

#[tokio::test]
async fn a_command_component_answers_as_a_script() {
    let bench = Bench::new();
    let handler = bench.wagi(&command("(call $write) (i32.const 0)")).await;
    assert_eq!(text(handler.handle(get()).await.unwrap()).await.unwrap(), "Hello");
    let failure = bench.wagi(&command("(i32.const 1)")).await.handle(get()).await.unwrap_err();
    assert_eq!(failure, HandleError::NoAnswer("it wrote nothing and exited with status 1".to_owned()));
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_when_it_is_prepared() {
    let bench = Bench::new();
    let foreign = wat::parse_str(r#"(component (import "acme:db/query@1.0.0" (instance (export "run" (func)))))"#);
    let module_with_foreign = wat::parse_str(r#"(module (import "acme" "query" (func)))"#).unwrap();
    for (wasm, executor, why) in [
        (foreign.unwrap(), Executor::Http, "wasi:http/incoming-handler"),
        (command("(i32.const 0)"), Executor::Http, "wasi:http/incoming-handler"),
        (guest(""), wagi(), "wasi:cli/run"),
        (script(""), Executor::Http, "it is a core module, which only the Wagi executor runs"),
        (module_with_foreign, wagi(), "acme::query"),
        (b"no wasm".to_vec(), wagi(), "magic header"),
    ] {
        let refusal = bench.refusal(&wasm, executor).await;
        assert!(refusal.starts_with("component `guest` cannot be run: "), "{refusal}");
        assert!(refusal.contains(why) && !refusal.contains('\n'), "{refusal}");
    }
}

#[test]
fn every_interface_that_is_promised_is_there() {
    let bench = Bench::new();
    for interface in bench.embedded.support().interfaces {
        let name = if interface.ends_with("@0.2") { format!("{interface}.0") } else { interface.clone() };
        let wasm = wat::parse_str(format!(r#"(component (import "{name}" (instance)))"#)).unwrap();
        let imports = Component::from_binary(&bench.embedded.runtime.engine, &wasm).unwrap();
        assert!(bench.embedded.components.instantiate_pre(&imports).is_ok(), "{interface}");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

#[tokio::test]
async fn damaged_compiled_code_is_compiled_anew() {
    let bench = Bench::new();
    let wasm = guest(HELLO);
    bench.http(&wasm).await;
    let compiled =
        |bench: &Bench| files(&bench.path("code")).into_iter().find(|path| path.extension().is_none()).unwrap();
    let entry = compiled(&bench);
    let good = fs::read(&entry).unwrap();
    for damaged in [&good[..good.len() / 2], b"", b"junk"] {
        fs::write(&entry, damaged).unwrap();
        let again = Bench { embedded: Embedded::new(&bench.path("code"), 1).unwrap(), ..Bench::new() };
        let handler = again.http(&wasm).await;
        assert_eq!(text(handler.handle(get()).await.unwrap()).await.unwrap(), "Hello\n");
        assert_eq!(fs::read(&entry).unwrap().len(), good.len(), "the entry was written again");
    }
}
