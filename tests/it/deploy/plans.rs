//! What a plan foresees, that it only reads, and that the deployment after it says the same.

use serde_json::Value;

use super::{App, Program, Stack, deploy};
use crate::program::{Output, changes_told, last, steadily};
use crate::support::stack::USER;

/// The program with a token as its credential: a user and a password would have to be sent.
fn with_token(app: &App, stack: &Stack, args: &[&str]) -> Program {
    Program::deploying(app, stack)
        .without("HIPPO_USERNAME")
        .without("HIPPO_PASSWORD")
        .env("HIPPO_TOKEN", &stack.hippo.token_of(USER))
        .args(args)
}

/// Runs what only reads, and makes sure that it does.
async fn reading(program: Program, stack: &Stack, code: i32, posts: &[&str]) -> Output {
    let before = stack.contents();
    stack.sent();
    let output = program.run().await.expect(code);
    let sent = stack.sent();
    assert!(sent.iter().any(|exchange| exchange.server == "bindle"), "the Bindle server was asked: {sent:#?}");
    let others = sent.iter().filter(|exchange| !matches!(exchange.method.as_str(), "GET" | "HEAD"));
    assert_eq!(others.map(ToString::to_string).collect::<Vec<_>>(), posts);
    assert_eq!(stack.contents(), before);
    output
}

/// All that is written, without what is not the same in each run.
fn written(output: &Output, app: &App, stack: &Stack) -> String {
    let text = format!("{}--\n{}", output.stdout, output.stderr);
    let text = text.replace(&stack.hippo_url(), "HIPPO").replace(&format!(":{}", stack.hippo.apps_port()), ":PORT");
    text.replace(&app.path().display().to_string(), "DIR")
}

/// Every way to plan sends only reads; returns what is written to people, and the JSON.
async fn foresee(app: &App, stack: &Stack, changes: bool) -> (String, Value) {
    let plan = reading(with_token(app, stack, &["plan"]), stack, 0, &[]).await;
    let shown = written(&plan, app, stack);
    let dry = reading(with_token(app, stack, &["--dry-run"]), stack, 0, &[]).await;
    assert_eq!(dry.stdout, plan.stdout);
    let code = if changes { 20 } else { 0 };
    reading(with_token(app, stack, &["plan", "--exit-code"]), stack, code, &[]).await;
    let password = Program::deploying(app, stack).args(&["plan"]);
    reading(password, stack, 0, &["hippo POST /api/auth-tokens"]).await;
    let json = reading(with_token(app, stack, &["plan", "--format", "json"]), stack, 0, &[]).await;
    (shown, last(&json))
}

/// Deploys, and compares what was done with what was told.
async fn fulfil(app: &App, stack: &Stack, told: &Value) {
    let done = with_token(app, stack, &["--format", "json"]).run().await.expect(0);
    assert_eq!(last(&done)["changes"], changes_told(told));
}

/// A record without what is not the same in each run.
fn steadied(record: &Value, app: &App, stack: &Stack) -> String {
    let text = serde_json::to_string_pretty(record).expect("it was JSON");
    let output = Output { code: None, stdout: text + "\n", stderr: String::new() };
    written(&output, app, stack)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_application() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    let _steadily = steadily();
    let (shown, json) = foresee(&app, &stack, true).await;
    insta::assert_snapshot!(shown, @r#"
    shop 1.0.0+sTAG to hippo, a first release
      create app shop
      create revision 1.0.0+sTAG
      create channel spin-deploy
      upload at most 3 of 3 files (446 B)
    --
    loading . … 1 component in TIME
    packaging shop 1.0.0 … shop/1.0.0+sTAG, 3 files, 446 B in TIME
    planning hippo at HIPPO … a first release in TIME
    "#);
    insta::assert_snapshot!(steadied(&json, &app, &stack), @r#"
    {
      "app": "shop",
      "changes": [
        {
          "action": "create",
          "detail": null,
          "subject": "app shop"
        },
        {
          "action": "create",
          "detail": null,
          "subject": "revision 1.0.0+sTAG"
        },
        {
          "action": "create",
          "detail": null,
          "subject": "channel spin-deploy"
        }
      ],
      "code": 0,
      "current": null,
      "elapsed_ms": 0,
      "event": "planned",
      "target": "hippo",
      "time": "TIME",
      "unchanged": false,
      "upload": {
        "bytes": 446,
        "certain": false,
        "files": 3,
        "of_bytes": 446,
        "of_files": 3
      },
      "v": 1,
      "version": "1.0.0+sTAG"
    }
    --
    "#);
    fulfil(&app, &stack, &json).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_application() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    deploy(&app, &stack).await;
    let _steadily = steadily();
    let (shown, json) = foresee(&app, &stack, false).await;
    insta::assert_snapshot!(shown, @r#"
    shop 1.0.0+sTAG to hippo (live already)
      keep app shop
      keep revision 1.0.0+sTAG
      keep channel spin-deploy (1.0.0+sTAG answers)
      upload nothing: all 3 files are there
    nothing to do
    --
    loading . … 1 component in TIME
    packaging shop 1.0.0 … shop/1.0.0+sTAG, 3 files, 446 B in TIME
    planning hippo at HIPPO … nothing to do in TIME
    "#);
    insta::assert_snapshot!(steadied(&json, &app, &stack), @r#"
    {
      "app": "shop",
      "changes": [
        {
          "action": "keep",
          "detail": null,
          "subject": "app shop"
        },
        {
          "action": "keep",
          "detail": null,
          "subject": "revision 1.0.0+sTAG"
        },
        {
          "action": "keep",
          "detail": "1.0.0+sTAG answers",
          "subject": "channel spin-deploy"
        }
      ],
      "code": 0,
      "current": {
        "release": "1.0.0+sTAG",
        "version": "1.0.0+sTAG"
      },
      "elapsed_ms": 0,
      "event": "planned",
      "target": "hippo",
      "time": "TIME",
      "unchanged": true,
      "upload": {
        "bytes": 0,
        "certain": true,
        "files": 0,
        "of_bytes": 446,
        "of_files": 3
      },
      "v": 1,
      "version": "1.0.0+sTAG"
    }
    --
    "#);
    fulfil(&app, &stack, &json).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_application() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    deploy(&app, &stack).await;
    app.write("static/index.html", "second");
    app.version("1.1.0");
    let _steadily = steadily();
    let (shown, json) = foresee(&app, &stack, true).await;
    insta::assert_snapshot!(shown, @r#"
    shop 1.1.0+sTAG to hippo, in place of 1.0.0+sTAG
      keep app shop
      create revision 1.1.0+sTAG
      update channel spin-deploy (1.0.0+sTAG -> 1.1.0+sTAG)
      upload at most 1 of 3 files (6 B)
    --
    loading . … 1 component in TIME
    packaging shop 1.1.0 … shop/1.1.0+sTAG, 3 files, 447 B in TIME
    planning hippo at HIPPO … replaces 1.0.0+sTAG in TIME
    "#);
    insta::assert_snapshot!(steadied(&json, &app, &stack), @r#"
    {
      "app": "shop",
      "changes": [
        {
          "action": "keep",
          "detail": null,
          "subject": "app shop"
        },
        {
          "action": "create",
          "detail": null,
          "subject": "revision 1.1.0+sTAG"
        },
        {
          "action": "update",
          "detail": "1.0.0+sTAG -> 1.1.0+sTAG",
          "subject": "channel spin-deploy"
        }
      ],
      "code": 0,
      "current": {
        "release": "1.0.0+sTAG",
        "version": "1.0.0+sTAG"
      },
      "elapsed_ms": 0,
      "event": "planned",
      "target": "hippo",
      "time": "TIME",
      "unchanged": false,
      "upload": {
        "bytes": 6,
        "certain": false,
        "files": 1,
        "of_bytes": 447,
        "of_files": 3
      },
      "v": 1,
      "version": "1.1.0+sTAG"
    }
    --
    "#);
    fulfil(&app, &stack, &json).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_was_live_before() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    for version in ["1.0.0", "1.1.0", "1.0.0"] {
        app.version(version);
        let (_, told) = foresee(&app, &stack, true).await;
        fulfil(&app, &stack, &told).await;
    }
}
