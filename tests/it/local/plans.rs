//! What a plan foresees on this machine; it stores nothing and starts no server.

use serde_json::Value;

use super::machine::Machine;
use crate::program::{Output, changes_told, last, steadily};
use crate::support::app::App;

/// Plans in every way; returns what is written to people, and the JSON.
async fn foresee(machine: &Machine, app: &App, changes: bool) -> (String, Value) {
    let (server, there) = (machine.server(), machine.data().exists());
    let run = async |args: &[&str], code| machine.program(app.path()).args(args).run().await.expect(code);
    let plan = run(&["plan"], 0).await;
    assert_eq!(run(&["--dry-run"], 0).await.stdout, plan.stdout);
    run(&["plan", "--exit-code"], if changes { 20 } else { 0 }).await;
    let told = last(&run(&["plan", "--format", "json"], 0).await);
    assert_eq!((machine.server(), machine.data().exists()), (server, there));
    (written(machine, app, &plan), told)
}

/// All that is written, without what is not the same in each run.
fn written(machine: &Machine, app: &App, output: &Output) -> String {
    let text = format!("{}--\n{}", output.stdout, output.stderr);
    let text = text.replace(&machine.data().display().to_string(), "DATA");
    text.replace(&app.path().display().to_string(), "DIR")
}

/// Deploys, and compares what was done with what was told.
async fn fulfil(machine: &Machine, app: &App, told: &Value) {
    let done = last(&machine.program(app.path()).args(&["--format", "json"]).run().await.expect(0));
    assert_eq!(done["changes"], changes_told(told));
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_deploy_to_a_server_that_was_stopped() {
    let (machine, app) = (Machine::new(), App::new("shop"));
    let _steadily = steadily();
    let (shown, told) = foresee(&machine, &app, true).await;
    insta::assert_snapshot!(shown, @r#"
    shop 1.0.0+sTAG to local, a first release
      create server
      create application shop
      create release 1 (1.0.0+sTAG)
      upload 3 of 3 files (1.1 kB)
    --
    loading . … 1 component in TIME
    packaging shop 1.0.0 … shop/1.0.0+sTAG, 3 files, 1.05 KiB in TIME
    planning local at DATA … a first release in TIME
    "#);
    fulfil(&machine, &app, &told).await;

    let (shown, told) = foresee(&machine, &app, false).await;
    insta::assert_snapshot!(shown, @r#"
    shop 1.0.0+sTAG to local (live already)
      keep server
      keep application shop
      keep release 1
      upload nothing: all 3 files are there
    nothing to do
    --
    loading . … 1 component in TIME
    packaging shop 1.0.0 … shop/1.0.0+sTAG, 3 files, 1.05 KiB in TIME
    planning local at DATA … nothing to do in TIME
    "#);
    fulfil(&machine, &app, &told).await;

    app.write("static/index.html", "second");
    let (shown, told) = foresee(&machine, &app, true).await;
    insta::assert_snapshot!(shown, @r#"
    shop 1.0.0+sTAG to local, in place of 1.0.0+sTAG (release 1)
      keep server
      update application shop (1.0.0+sTAG -> 1.0.0+sTAG)
      create release 2 (1.0.0+sTAG)
      upload 2 of 3 files (893 B)
    --
    loading . … 1 component in TIME
    packaging shop 1.0.0 … shop/1.0.0+sTAG, 3 files, 1.05 KiB in TIME
    planning local at DATA … replaces 1.0.0+sTAG in TIME
    "#);
    fulfil(&machine, &app, &told).await;

    machine.serve(&["--stop"]).await.expect(0);
    let (shown, told) = foresee(&machine, &app, true).await;
    insta::assert_snapshot!(shown, @r#"
    shop 1.0.0+sTAG to local (recorded already)
      update server (start: it is not running)
      keep application shop
      update release 2 (start: nothing answers)
      upload nothing: all 3 files are there
    --
    loading . … 1 component in TIME
    packaging shop 1.0.0 … shop/1.0.0+sTAG, 3 files, 1.05 KiB in TIME
    planning local at DATA … to be started again in TIME
    "#);
    fulfil(&machine, &app, &told).await;
}
