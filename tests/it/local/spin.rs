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

[application.trigger.http]
base = "/base"

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
route = "/user/:name/*"
component = "behaviours"

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
    let url = format!("{}/base", output.stdout.trim_end().trim_end_matches("/base"));
    let get = async |path: &str| machine.get(&format!("{url}{path}")).await;

    assert!(get("/env").await.expect(200).contains("COLOUR=green"));
    assert_eq!(get("/var?name=welcome").await.expect(200), "hello s3cret");
    assert_eq!(get("/file?path=/assets/index.html").await.expect(200), "first");
    assert_eq!(get("/fixed").await.expect(418), "short and stout");
    let health = url.replace("/base", "/.well-known/spin/health");
    assert_eq!(machine.get(&health).await.expect(200), "OK");

    get("/kv/set?store=default&key=a&value=1").await.expect(200);
    get("/kv/set?store=other&key=b&value=2").await.expect(200);
    assert_eq!(get("/kv/get?store=default&key=a").await.expect(200), "1");
    assert!(!get("/kv/keys?store=default").await.expect(200).contains('b'));
    assert!(get("/kv/open?store=undeclared").await.expect(200).contains("denied"));

    let echoed = get("/user/dana/photos/1?size=2").await.expect(200);
    for header in [
        "spin-path-info",
        "spin-full-url",
        "spin-matched-route",
        "spin-base-path",
        "spin-raw-component-route",
        "spin-component-route",
        "spin-client-addr",
        "spin-path-match-name",
    ] {
        assert!(echoed.contains(header), "{header}: {echoed}");
    }
    assert!(get("/fetch?url=http://hidden.spin.internal/time").await.expect(200).contains("200"));
    assert!(get("/fetch?url=http://web.spin.internal/time").await.expect(200).contains("denied"));

    let (status, body) = { let answer = get("/foreign").await; (answer.status, answer.body) };
    assert_eq!(status, 500, "{body}");
    assert!(body.contains("which the local target does not offer"), "{body}");
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
