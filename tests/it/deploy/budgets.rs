//! How much is sent: the budgets of `docs/performance.md`, by count.

use super::{App, Stack, assert_live, deploy, parcels, version};

#[tokio::test(flavor = "multi_thread")]
async fn a_first_deploy_then_nothing_to_do_then_one_file() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    for number in 0..20 {
        app.write(&format!("static/{number}.txt"), format!("file {number}"));
    }

    let first = deploy(&app, &stack).await;
    let sent = stack.sent();
    let count = crate::support::package(&app).blobs.len();
    assert_eq!(count, 23, "manifest, module, index, 20 files");
    assert_eq!(parcels(&sent).len(), count);
    assert!(sent.len() <= count + 12, "{} requests: {sent:#?}", sent.len());
    assert_live(&app, &stack);
    assert_eq!(first.stdout, format!("{}\n", stack.hippo.app_url("shop.hippo.localhost")));

    let second = deploy(&app, &stack).await;
    let sent = stack.sent();
    // The fourth request of the budget is the look at the running application.
    assert!(sent.len() <= 3, "{} requests: {sent:#?}", sent.len());
    assert_eq!(parcels(&sent).len(), 0);
    assert_eq!(second.stdout, first.stdout);
    assert!(second.stderr.contains("nothing to do"), "{}", second.stderr);
    assert_live(&app, &stack);

    app.write("static/7.txt", "changed");
    let third = deploy(&app, &stack).await;
    let sent = stack.sent();
    // The group of files has the same name as before: the manifest parcel is the same.
    assert_eq!(parcels(&sent).len(), 1, "{sent:#?}");
    assert_eq!(parcels(&sent)[0].bytes, "changed".len() as u64);
    assert!(sent.len() <= 1 + 10, "{} requests: {sent:#?}", sent.len());
    assert_eq!(third.stdout, first.stdout);
    assert_live(&app, &stack);

    app.version("1.1.0");
    deploy(&app, &stack).await;
    let sent = stack.sent();
    assert_eq!(parcels(&sent).len(), 0, "content that is there already is not sent again: {sent:#?}");
    assert!(sent.len() <= 10, "{} requests: {sent:#?}", sent.len());
    assert!(version(&app).starts_with("1.1.0+s"));
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_before_every_refusal_is_told() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    app.write(
        "spin.toml",
        r#"spin_manifest_version = 2
[application]
name = "shop"
version = "1.0.0"
[[trigger.http]]
route = "/:id"
component = "web"
[[trigger.redis]]
channel = "c"
component = "web"
[component.web]
source = "web.wasm"
sqlite_databases = ["default"]
"#,
    );
    let output = crate::program::Program::deploying(&app, &stack).run().await.expect(3);
    for code in ["E1", "E4", "E11"] {
        assert!(output.stderr.contains(code), "{code} is not in:\n{}", output.stderr);
    }
    assert_eq!(stack.sent(), []);
    assert_eq!(output.stdout, "");
}
