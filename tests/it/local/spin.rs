//! What an application of today finds around itself: the `notes` example, and the behaviours one by one.

use serde_json::json;

use super::machine::Machine;
use crate::support::app::App;

fn example(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

async fn deploy_example(machine: &Machine, name: &str, args: &[&str]) -> String {
    machine.program(&example(name)).args(args).run().await.expect(0).stdout.trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_smallest_component_greets() {
    let machine = Machine::new();
    let url = deploy_example(&machine, "hello-component", &[]).await;
    assert_eq!(machine.get(&url).await.expect(200), "Hello from a wasi-http component!\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_survive_a_kill_of_the_server() {
    let machine = Machine::new();
    let url = deploy_example(&machine, "notes", &[]).await;
    let added = machine.client().post(format!("{url}/api/notes")).body("buy milk").send().await.unwrap();
    assert!(added.status().is_success(), "{added:?}");
    let before = machine.get(&format!("{url}/api/notes")).await.expect(200);
    assert!(before.contains("buy milk"), "{before}");

    machine.kill_server();
    deploy_example(&machine, "notes", &[]).await;
    assert_eq!(machine.get(&format!("{url}/api/notes")).await.expect(200), before);
    // One component calls the other.
    assert!(machine.get(&format!("{url}/count")).await.expect(200).contains('1'));
    // Files and their types.
    let page = machine.client().get(&url).send().await.unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
}

/// The behaviours with everything that a manifest can give.
fn equipped() -> App {
    let app = App::new("equipped");
    let wasm = std::fs::read(super::limits::fixture("behaviours.wasm")).expect("it is checked in");
    app.write("behaviours.wasm", wasm);
    app.write(
        "spin.toml",
        r#"spin_manifest_version = 2

[application]
name = "equipped"
version = "1.0.0"

[variables]
greeting = { default = "hello" }
token = { required = true, secret = true }

[[trigger.http]]
route = "/..."
component = "behaviours"

[[trigger.http]]
route = "/fixed"
static_response = { status_code = 418, headers = { "x-kind" = "teapot" }, body = "short and stout" }

[[trigger.http]]
route = { private = true }
component = "hidden"

[component.behaviours]
source = "behaviours.wasm"
environment = { COLOUR = "green" }
variables = { welcome = "{{ greeting }} {{ token }}" }
key_value_stores = ["default", "other"]
allowed_outbound_hosts = ["http://self", "http://hidden.spin.internal"]
files = [{ source = "static", destination = "/assets" }]

[component.hidden]
source = "behaviours.wasm"
"#,
    );
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_manifest_gives_is_there() {
    let (machine, app) = (Machine::new(), equipped());
    let without = machine.try_to_deploy(&app).await;
    assert_eq!(without.code, Some(3), "{}", without.stderr);
    assert!(without.stderr.contains("--variable token="), "{}", without.stderr);

    let output = machine.program(app.path()).args(&["--variable", "token=s3cret"]).run().await.expect(0);
    assert!(output.stderr.contains("fermyon:spin/llm") || output.stderr.contains("test:foreign"), "{}", output.stderr);
    assert!(!output.stderr.contains("s3cret"));
    let url = output.stdout.trim_end();
    let get = async |path: &str| machine.get(&format!("{url}{path}")).await;

    assert!(get("/env").await.expect(200).contains("COLOUR=green"));
    assert_eq!(get("/var?name=welcome").await.expect(200), "hello s3cret");
    assert_eq!(get("/file?path=/assets/index.html").await.expect(200), "first");
    assert_eq!(get("/fixed").await.expect(418), "short and stout");
    assert_eq!(get("/.well-known/spin/health").await.expect(200), "OK");

    get("/kv/set?store=default&key=a&value=1").await.expect(200);
    get("/kv/set?store=other&key=b&value=2").await.expect(200);
    assert_eq!(get("/kv/get?store=default&key=a").await.expect(200), "1");
    assert_eq!(get("/kv/keys?store=default").await.expect(200), "a\n");
    assert_eq!(get("/kv/open?store=undeclared").await.expect(422), "refused: Error::AccessDenied\n");
    assert_eq!(get("/config?name=welcome").await.expect(200), "hello s3cret");

    let forged = machine.client().get(format!("{url}/echo?size=2")).header("spin-path-info", "forged").send().await;
    let echoed = forged.unwrap().text().await.unwrap();
    for line in [
        "spin-path-info: /echo".to_owned(),
        format!("spin-full-url: {url}/echo?size=2"),
        "spin-matched-route: /...".to_owned(),
        "spin-base-path: /".to_owned(),
        "spin-raw-component-route: /...".to_owned(),
        "spin-component-route: ".to_owned(),
    ] {
        assert!(echoed.lines().any(|found| found == line), "{line}:\n{echoed}");
    }
    assert!(echoed.contains("spin-client-addr: 127.0.0.1:"), "{echoed}");

    let called = get("/fetch?url=http://hidden.spin.internal/echo").await.expect(200);
    assert!(called.starts_with("200\n"), "{called}");
    assert!(get("/fetch?url=/env").await.expect(200).contains("COLOUR=green"));
    let denied = get("/fetch?url=http://behaviours.spin.internal/time").await.expect(422);
    assert_eq!(denied, "refused: ErrorCode::HttpRequestDenied\n");
    // Without end, but for the server's limit of depth.
    let path = (0..12).fold("/time".to_owned(), |path, _| format!("/fetch?url={}", encoded(&path)));
    assert!(get(&path).await.body.contains("LoopDetected"));
}

/// A text as a value in a query.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn components_and_scripts_get_the_headers_of_spin() {
    let (machine, app) = (Machine::new(), App::new("routed"));
    for name in ["behaviours.wasm", "wagi.wasm"] {
        app.write(name, std::fs::read(super::limits::fixture(name)).expect("it is checked in"));
    }
    app.write(
        "spin.toml",
        r#"spin_manifest_version = 2

[application]
name = "routed"

[application.trigger.http]
base = "/base"

[[trigger.http]]
route = "/:what/..."
component = "wagi"
executor = { type = "wagi", argv = "web ${SCRIPT_NAME} ${ARGS}" }

[component.wagi]
source = "wagi.wasm"
environment = { COLOUR = "green" }
"#,
    );
    let url = machine.deploy(&app).await;
    let environment = machine.get(&format!("{url}/base/cgi/env?a=1&b=2")).await.expect(200);
    for line in [
        "COLOUR=green",
        "PATH_INFO=/env",
        "QUERY_STRING=a=1&b=2",
        "REQUEST_METHOD=GET",
        "X_RAW_PATH_INFO=/env",
        "X_PATH_MATCH_WHAT=cgi",
        "X_RAW_COMPONENT_ROUTE=/:what/...",
        "X_MATCHED_ROUTE=/base/:what/...",
        "X_BASE_PATH=/base",
    ] {
        assert!(environment.lines().any(|found| found == line), "{line}:\n{environment}");
    }
    assert!(environment.contains(&format!("X_FULL_URL={url}/base/cgi/env?a=1&b=2\n")), "{environment}");
    assert_eq!(machine.get(&format!("{url}/cgi/env")).await.expect(404), "", "the base is part of every route");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_names_its_version() {
    let machine = Machine::new();
    let url = deploy_example(&machine, "hello", &[]).await;
    let info: serde_json::Value =
        serde_json::from_str(&machine.get(&format!("{url}/.well-known/spin/info")).await.expect(200)).unwrap();
    assert_eq!(info["name"], json!("hello"));
    assert!(info["version"].as_str().unwrap().starts_with("0.1.0+s"), "{info}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_the_first_format_is_served_as_well() {
    let (machine, app) = (Machine::new(), App::new("old"));
    app.write("wagi.wasm", std::fs::read(super::limits::fixture("wagi.wasm")).expect("it is checked in"));
    app.write(
        "spin.toml",
        r#"spin_version = "1"
name = "old"
version = "1.0.0"
trigger = { type = "http", base = "/" }

[[component]]
id = "web_2"
source = "wagi.wasm"
files = ["static/**/*"]
environment = { COLOUR = "green" }
[component.trigger]
route = "/..."
executor = { type = "wagi", argv = "a ${SCRIPT_NAME} b" }
"#,
    );
    let url = machine.deploy(&app).await;
    assert!(machine.get(&format!("{url}/env")).await.expect(200).contains("COLOUR=green\n"));
    assert_eq!(machine.get(&format!("{url}/args")).await.expect(200), "a\n/args\nb\n");
    assert_eq!(machine.get(&format!("{url}/file?path=/static/index.html")).await.expect(200), "first");
    assert_eq!(machine.get(&format!("{url}/status")).await.status, 418);
    machine.get(&format!("{url}/stderr?text=hello")).await.expect(200);
    assert!(machine.log("old", "web").trim_end().ends_with(" err hello"), "{}", machine.log("old", "web"));
}
