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
    let late = said(504, "component `behaviours` took longer than 1s: see its log\n");
    assert_eq!(served.trouble("/loop").await, late);
    assert_eq!(served.trouble("/slow?ms=60000").await, late);
    let late = said(504, "component `wagi` took longer than 1s: see its log\n");
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
        let body = format!("component `{component}` needs more than 16777216 bytes of memory: see its log\n");
        (500, body)
    };
    assert_eq!(served.trouble("/alloc").await, of("behaviours"));
    assert_eq!(served.trouble("/wagi/alloc").await, of("wagi"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_traps_fails() {
    let served = Served::with(&[]).await;
    for (path, component, what) in [
        ("/panic", "behaviours", "trapped"),
        ("/deep", "behaviours", "trapped"),
        ("/foreign", "behaviours", "trapped"),
        ("/foreign-resource", "behaviours", "trapped"),
        ("/exit", "behaviours", "gave no valid answer"),
        ("/nothing", "behaviours", "gave no valid answer"),
        ("/wagi/panic", "wagi", "trapped"),
        ("/wagi/exit", "wagi", "gave no valid answer"),
        ("/wagi/nothing", "wagi", "gave no valid answer"),
    ] {
        let expected = said(500, &format!("component `{component}` {what}: see its log\n"));
        assert_eq!(served.trouble(path).await, expected, "{path}");
    }
    // An answer that has begun is cut off.
    let cut = served.machine.try_get(&format!("{}/panic-body", served.url)).await;
    assert!(cut.is_err(), "{cut:?}");
    served.trouble("/time").await;

    let log = served.machine.log("unruly", "behaviours");
    for reason in [
        "call stack exhausted",
        "of `fermyon:spin/llm@2.0.0`, which the local target does not offer",
        "of `fermyon:spin/sqlite@2.0.0`, which the local target does not offer",
    ] {
        assert!(log.contains(reason), "{reason}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_headers_are_no_answer() {
    let served = Served::with(&[]).await;
    for path in ["/wagi/broken-header", "/wagi/no-blank-line"] {
        let expected = said(500, "component `wagi` gave no valid answer: see its log\n");
        assert_eq!(served.trouble(path).await, expected, "{path}");
    }
    // The interface itself refuses them: the component hears of it, and answers that.
    for path in ["/bad-header", "/bad-status"] {
        let (status, body) = served.trouble(path).await;
        assert!(status == 422 && body.starts_with("refused: "), "{path}: {status} {body}");
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
        let text = answer.text().await.unwrap();
        assert!(text.ends_with(" takes no request longer than 1024 bytes: see its log\n"), "{text}");
    }
    served.trouble("/time").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_long_is_refused_or_cut_off() {
    let served = Served::with(&[("SPIN_DEPLOY_MAX_RESPONSE_BODY", "1MiB")]).await;
    let long = said(502, "component `behaviours` gave an answer longer than 1048576 bytes: see its log\n");
    assert_eq!(served.trouble("/big-known?bytes=1048577").await, long);
    let long = said(502, "component `wagi` gave an answer longer than 1048576 bytes: see its log\n");
    assert_eq!(served.trouble("/wagi/big?bytes=1048577").await, long);
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
    let denied = said(422, "refused: ErrorCode::HttpRequestDenied\n");
    for url in [format!("{neighbour}/"), format!("{}/time", served.url), "http://wagi.spin.internal/env".to_owned()] {
        assert_eq!(served.trouble(&format!("/fetch?url={url}")).await, denied, "{url}");
    }
    let address = neighbour.trim_start_matches("http://");
    assert_eq!(served.trouble(&format!("/tcp?addr={address}")).await, said(422, "refused: access-denied\n"));
    let log = served.machine.log("unruly", "behaviours");
    assert!(log.contains(&neighbour) && log.contains("allowed_outbound_hosts"), "{log}");

    assert_eq!(served.trouble("/file?path=/static/index.html").await, said(200, "first"));
    for path in ["/etc/passwd", "/../../../etc/passwd", "/static/../../../../etc/passwd", "/proc/self/environ"] {
        let (status, body) = served.trouble(&format!("/file?path={path}")).await;
        assert!(status == 422 && body.starts_with("refused: "), "{path}: {status} {body}");
    }
    for path in ["/static/index.html", "/new"] {
        let (status, body) = served.trouble(&format!("/write?path={path}")).await;
        assert!(status == 422 && body.starts_with("refused: "), "{path}: {status} {body}");
    }
    let (status, body) = served.trouble("/wagi/file?path=/etc/passwd").await;
    assert!(body.starts_with("refused: "), "{status} {body}");
}
