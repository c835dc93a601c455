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
    // How long it took says how busy the machine is.
    let told =
        output.stderr.lines().map(|line| line.split(" in 0.").next().unwrap_or(line)).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(told, @r#"
    loading . … 3 components
    error: local cannot run this application
      spin.toml:26: component.web.allowed_outbound_hosts: component `web`: `https://example.com/path` is no host to allow: it has a path, or its range of addresses is none (L14)
        try: write it like `https://example.com:8443`; `*` stands for any scheme, host or port
      spin.toml:10: trigger.redis[0]: trigger `orders-redis-trigger` is of type redis, which this target does not run (L1)
        try: move it to an application of its own, for another target
      spin.toml:22: component.orders.sqlite_databases: component `orders` uses SQLite databases (`default`), which this target does not offer (L11)
        try: remove `sqlite_databases`, or choose another target
      spin.toml:26: component.web.dependencies: component `web` depends on other components (`example:thing/api`), which this target does not offer (L10)
        try: compose them into one component before deploying, or choose another target
      spin.toml:26: component.web.ai_models: component `web` uses AI models (`llama2-chat`), which this target does not offer (L11)
        try: remove `ai_models`, or choose another target
      spin.toml:26: component.web.source: component `web`: component.wasm exports none of `wasi:http/incoming-handler@0.2`, so it cannot answer requests (L7)
        try: build it with an SDK that exports one of `wasi:http/incoming-handler@0.2`
      spin.toml:34: component.plain.source: component `plain`: web.wasm is a core module, and the http executor runs components (L6)
        try: rebuild it as a component with an SDK of Spin 2 or newer, or use the wagi executor: `executor = { type = "wagi" }`
    "#);
    assert!(!machine.data().exists(), "nothing was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_variables_that_do_not_fit_are_refused() {
    let (machine, app) = (Machine::new(), App::new("my shop"));
    let output = machine.try_to_deploy(&app).await;
    assert_eq!(output.code, Some(3), "{}", output.stderr);
    assert!(output.stderr.contains("`my shop` cannot be the name of a package (L15)"), "{}", output.stderr);
    let app = App::new("shop");
    let output = machine.program(app.path()).args(&["--variable", "nobody=1"]).run().await;
    assert_eq!(output.code, Some(3), "{}", output.stderr);
    assert!(output.stderr.contains("the application has no variable `nobody`"), "{}", output.stderr);
}
