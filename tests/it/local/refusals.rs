//! What this target cannot run is refused, everything at once, before anything is stored or started.

use super::machine::Machine;
use crate::support::app::App;

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_cannot_run_is_named_at_once() {
    let (machine, app) = (Machine::new(), App::new("shop"));
    app.write("component.wasm", b"\0asm\x0d\0\x01\0");
    app.write(
        "spin.toml",
        r#"spin_manifest_version = 2

[application]
name = "shop"
version = "1.0.0"

[application.trigger.redis]
address = "redis://localhost"

[[trigger.redis]]
channel = "orders"
component = "orders"

[[trigger.http]]
route = "/..."
component = "web"

[[trigger.http]]
route = "/plain"
component = "plain"

[component.orders]
source = "web.wasm"
sqlite_databases = ["default"]

[component.web]
source = "component.wasm"
ai_models = ["llama2-chat"]
allowed_outbound_hosts = ["https://example.com/path"]

[component.web.dependencies]
"example:thing/api" = { path = "component.wasm" }

[component.plain]
source = "web.wasm"
"#,
    );
    let output = machine.try_to_deploy(&app).await;
    assert_eq!(output.code, Some(3), "{}", output.stderr);
    insta::assert_snapshot!(output.stderr, @"");
    assert!(!machine.data().exists(), "nothing was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_variables_that_do_not_fit_are_refused() {
    let (machine, app) = (Machine::new(), App::new("my shop"));
    let output = machine.try_to_deploy(&app).await;
    assert_eq!(output.code, Some(3), "{}", output.stderr);
    assert!(output.stderr.contains("\"my shop\" cannot be used"), "{}", output.stderr);
    let app = App::new("shop");
    let output = machine.program(app.path()).args(&["--variable", "nobody=1"]).run().await;
    assert_eq!(output.code, Some(3), "{}", output.stderr);
    assert!(output.stderr.contains("the application has no variable `nobody`"), "{}", output.stderr);
}
