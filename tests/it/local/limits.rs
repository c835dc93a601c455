//! What a component may use up, each exceeded: the request fails, the server lives, the neighbours do not notice.

use super::machine::Machine;
use crate::support::app::App;

/// An application around the component whose behaviour the path selects (`tests/fixtures/behaviours`).
fn behaviours(name: &str) -> App {
    let app = App::new(name);
    app.write("behaviours.wasm", std::fs::read(fixture("behaviours.wasm")).expect("it is checked in"));
    app.write("wagi.wasm", std::fs::read(fixture("wagi.wasm")).expect("it is checked in"));
    app.write(
        "spin.toml",
        format!(
            r#"spin_manifest_version = 2

[application]
name = "{name}"
version = "1.0.0"

[[trigger.http]]
route = "/..."
component = "behaviours"

[[trigger.http]]
route = "/wagi/..."
component = "wagi"
executor = {{ type = "wagi" }}

[component.behaviours]
source = "behaviours.wasm"
files = ["static/**/*"]

[component.wagi]
source = "wagi.wasm"
files = ["static/**/*"]
"#
        ),
    );
    app
}

pub fn fixture(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/behaviours").join(name)
}

/// A machine that serves the behaviours under limits that a test can reach, and a neighbour.
struct Served {
    machine: Machine,
    url: String,
    neighbour: String,
}

impl Served {
    async fn with(limits: &[(&'static str, &'static str)]) -> Self {
        let machine = Machine::with(limits);
        let url = machine.deploy(&behaviours("unruly")).await;
        let neighbour = machine.deploy(&App::new("neighbour")).await;
        Served { machine, url, neighbour }
    }

    /// The answer to a request that asks for trouble; afterwards everybody else is well.
    async fn trouble(&self, path: &str) -> (u16, String) {
        let answer = self.machine.get(&format!("{}{path}", self.url)).await;
        assert_eq!(self.machine.get(&self.neighbour).await.expect(200), "hello\n");
        self.machine.get(&format!("{}/time", self.url)).await.expect(200);
        (answer.status, answer.body)
    }
}

fn said(status: u16, body: &str) -> (u16, String) {
    (status, body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_takes_too_long_is_stopped() {
    let served = Served::with(&[("SPIN_DEPLOY_MAX_TIME", "1s")]).await;
    let late = said(504, "component `behaviours`: the component took longer than 1s; see its log\n");
    assert_eq!(served.trouble("/loop").await, late);
    assert_eq!(served.trouble("/slow?ms=60000").await, late);
    let late = said(504, "component `wagi`: the component took longer than 1s; see its log\n");
    assert_eq!(served.trouble("/wagi/loop").await, late);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_takes_too_long_is_cut_off() {
    let served = Served::with(&[("SPIN_DEPLOY_MAX_TIME", "1s")]).await;
    let cut = served.machine.try_get(&format!("{}/slow-body?ms=60000", served.url)).await;
    assert!(cut.is_err(), "{cut:?}");
    served.trouble("/time").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_neighbour_answers_while_others_loop() {
    let served = Served::with(&[("SPIN_DEPLOY_MAX_TIME", "3s")]).await;
    let url = format!("{}/loop", served.url);
    let looping = futures_util::future::join_all((0..8).map(|_| served.machine.get(&url)));
    tokio::pin!(looping);
    let mut answered = 0;
    let answers = loop {
        tokio::select! {
            answers = &mut looping => break answers,
            answer = served.machine.get(&served.neighbour) => {
                assert_eq!(answer.expect(200), "hello\n");
                answered += 1;
            }
        }
    };
    assert!(answers.iter().all(|answer| answer.status == 504), "{answers:?}");
    assert!(answered > 10, "the neighbour answered only {answered} times in three seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_wants_too_much_memory_fails() {
    let served = Served::with(&[("SPIN_DEPLOY_MAX_MEMORY", "16MiB")]).await;
    let of = |component: &str| {
        let body = format!("component `{component}`: the component needs more than 16777216 bytes of memory; see its log\n");
        (500, body)
    };
    assert_eq!(served.trouble("/alloc").await, of("behaviours"));
    assert_eq!(served.trouble("/wagi/alloc").await, of("wagi"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_traps_fails() {
    let served = Served::with(&[]).await;
    for path in ["/panic", "/exit", "/deep?n=100000000", "/nothing", "/wagi/exit"] {
        let (status, body) = served.trouble(path).await;
        assert_eq!(status, 500, "{path}: {body}");
        assert!(body.ends_with("; see its log\n") && body.lines().count() == 1, "{path}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_headers_are_no_answer() {
    let served = Served::with(&[]).await;
    for path in ["/wagi/broken-header", "/wagi/no-blank-line"] {
        let (status, body) = served.trouble(path).await;
        assert_eq!(status, 500, "{path}: {body}");
        assert!(body.starts_with("component `wagi`: the component gave no valid answer: "), "{path}: {body}");
    }
    // The interface itself refuses them: the component hears of it and answers as it likes.
    for path in ["/bad-header", "/bad-status"] {
        served.trouble(path).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_long_is_refused() {
    let served = Served::with(&[("SPIN_DEPLOY_MAX_REQUEST_BODY", "1KiB")]).await;
    let post = |length: usize, path: &str| {
        let url = format!("{}{path}", served.url);
        let request = served.machine.client().post(url).body("x".repeat(length));
        async { request.send().await.expect("it answers") }
    };
    assert_eq!(post(1024, "/body").await.text().await.unwrap().len(), 1024);
    for path in ["/body", "/wagi/stdin"] {
        let answer = post(1025, path).await;
        assert_eq!(answer.status().as_u16(), 413, "{path}");
        assert!(answer.text().await.unwrap().contains("the request is longer than 1024 bytes"));
    }
    served.trouble("/time").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_long_is_refused_or_cut_off() {
    let served = Served::with(&[("SPIN_DEPLOY_MAX_RESPONSE_BODY", "1MiB")]).await;
    let long = said(502, "component `behaviours`: the answer is longer than 1048576 bytes; see its log\n");
    assert_eq!(served.trouble("/big-known?bytes=1048577").await, long);
    let (status, body) = served.trouble("/wagi/big").await;
    assert_eq!(status, 502, "{body}");
    let whole = served.machine.get(&format!("{}/big?bytes=1048576", served.url)).await.expect(200);
    assert_eq!(whole.len(), 1 << 20);
    // The head has gone out when it shows: the answer breaks off, so that nobody takes it for whole.
    let cut = served.machine.try_get(&format!("{}/big?bytes=1048577", served.url)).await;
    assert!(cut.is_err(), "{cut:?}");
    served.trouble("/time").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_allowed_are_told_to_come_back() {
    let served = Served::with(&[("SPIN_DEPLOY_MAX_REQUESTS", "2"), ("SPIN_DEPLOY_MAX_TIME", "20s")]).await;
    let slow = |_| served.machine.client().get(format!("{}/slow?ms=1500", served.url)).send();
    let answers = futures_util::future::try_join_all((0..4).map(slow)).await.expect("they all answer");
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status() == 503).collect();
    assert_eq!(busy.len(), 2, "{answers:?}");
    assert!(busy.iter().all(|answer| answer.headers()["retry-after"] == "1"));
    assert_eq!(served.machine.get(&served.neighbour).await.expect(200), "hello\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_allowed_is_denied() {
    let served = Served::with(&[]).await;
    let neighbour = served.neighbour.clone();
    let (status, body) = served.trouble(&format!("/fetch?url={neighbour}/")).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("denied"), "{body}");
    for path in ["/file?path=/etc/passwd", "/file?path=/../../etc/passwd", "/write?path=/static/index.html"] {
        let (status, body) = served.trouble(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        assert!(!body.contains("root:") && body.to_lowercase().contains("err"), "{path}: {body}");
    }
    let (_, body) = served.trouble("/file?path=/static/index.html").await;
    assert_eq!(body, "first");
}
