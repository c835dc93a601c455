//! What a plan foresees on this machine; it stores nothing and starts no server.

use serde_json::Value;

use super::machine::Machine;
use crate::program::Output;
use crate::support::app::App;

/// Plans in every way; returns what is written to people, and the JSON.
async fn foresee(machine: &Machine, app: &App, changes: bool) -> (String, Value) {
    let (server, there) = (machine.server(), machine.data().exists());
    let run = async |args: &[&str], code| machine.program(app.path()).args(args).run().await.expect(code);
    let shown = written(machine, app, &run(&["plan"], 0).await);
    assert_eq!(written(machine, app, &run(&["--dry-run"], 0).await), shown);
    run(&["plan", "--exit-code"], if changes { 20 } else { 0 }).await;
    let told = last(&run(&["plan", "--format", "json"], 0).await);
    assert_eq!((machine.server(), machine.data().exists()), (server, there));
    (shown, told)
}

/// All that is written, without what is not the same in each run.
fn written(machine: &Machine, app: &App, output: &Output) -> String {
    let text = format!("{}--\n{}", output.stdout, output.stderr);
    let text = text.replace(&machine.data().display().to_string(), "DATA");
    let text = text.replace(&app.path().display().to_string(), "DIR");
    crate::support::steady(&text)
}

/// The JSON record that ends a run.
fn last(output: &Output) -> Value {
    serde_json::from_str(output.stdout.lines().last().expect("it says something")).expect("records are JSON")
}

/// Deploys, and compares what was done with what was told.
async fn fulfil(machine: &Machine, app: &App, told: &Value) {
    let done = last(&machine.program(app.path()).args(&["--format", "json"]).run().await.expect(0));
    assert!(done["changes"].is_array(), "{done}");
    assert_eq!(done["changes"], told["changes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_deploy_to_a_server_that_was_stopped() {
    let (machine, app) = (Machine::new(), App::new("shop"));
    let (shown, told) = foresee(&machine, &app, true).await;
    insta::assert_snapshot!(shown, @"");
    fulfil(&machine, &app, &told).await;

    let (shown, told) = foresee(&machine, &app, false).await;
    insta::assert_snapshot!(shown, @"");
    fulfil(&machine, &app, &told).await;

    app.write("static/index.html", "second");
    let (shown, told) = foresee(&machine, &app, true).await;
    insta::assert_snapshot!(shown, @"");
    fulfil(&machine, &app, &told).await;

    machine.serve(&["--stop"]).await.expect(0);
    let (shown, told) = foresee(&machine, &app, true).await;
    insta::assert_snapshot!(shown, @"");
    fulfil(&machine, &app, &told).await;
}
