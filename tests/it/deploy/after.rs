//! The days after the first at a Hippo that has many things, or that fails half-way.

use super::{App, Program, Stack, assert_live, deploy, version};
use crate::program::{Output, last};
use crate::support::hippo::{Fault, Mode};

async fn run(app: &App, stack: &Stack, args: &[&str]) -> Output {
    Program::deploying(app, stack).args(args).run().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_hippo_breaks_off_is_looked_at_and_finished() {
    let requests = [Fault::on("DELETE", "/api/apps/"), Fault::on("DELETE", "/api/apps/").after_commit()];
    for fault in requests.into_iter().flat_map(|fault| [fault.clone().status(502), fault.cut()]) {
        let (app, stack) = (App::new("shop"), Stack::start().await);
        deploy(&app, &stack).await;
        stack.hippo.fail(fault.clone());
        run(&app, &stack, &["destroy", "--yes"]).await.expect(0);
        assert_eq!((stack.running("shop"), stack.rows("shop", &version(&app)).0), (None, 0), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_hippo_refuses_says_what_is_left() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    deploy(&app, &stack).await;
    stack.hippo.fail_nomad(Mode::Down, 0);
    let output = run(&app, &stack, &["destroy", "--yes"]).await;
    assert_ne!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains("what is left: channel spin-deploy, app shop"), "{}", output.stderr);
    assert_live(&app, &stack);
    stack.hippo.fail_nomad(Mode::Up, 0);
    run(&app, &stack, &["destroy", "--yes"]).await.expect(0);
    assert_eq!(stack.running("shop"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_channel_is_removed_and_the_other_goes_on() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    deploy(&app, &stack).await;
    run(&app, &stack, &["--channel", "canary"]).await.expect(0);
    let told = last(&run(&app, &stack, &["releases", "--format", "json"]).await.expect(0));
    assert_eq!(told["releases"][0]["channels"], serde_json::json!(["spin-deploy", "canary"]), "{told}");
    run(&app, &stack, &["destroy", "--channel", "canary", "--channel-only", "--yes"]).await.expect(0);
    assert_eq!(stack.running_in("shop", "canary"), None);
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_releases_is_read() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    deploy(&app, &stack).await;
    let id = stack.hippo.apps()[0].id;
    for patch in 0..120 {
        stack.hippo.seed_revision(id, &format!("0.9.{patch}"));
    }
    let told = last(&run(&app, &stack, &["releases", "--format", "json"]).await.expect(0));
    let releases = told["releases"].as_array().unwrap();
    assert_eq!(releases.len(), 121);
    let active: Vec<_> = releases.iter().filter(|release| release["active"] == true).collect();
    assert_eq!(active.len(), 1);
    assert_eq!(active[0]["version"], version(&app));
    // Nothing of what was only registered is in the registry.
    assert!(releases.iter().all(|release| (release["gone"] == true) != (release["active"] == true)), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_goes_back_to_a_release_whose_package_is_gone() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    deploy(&app, &stack).await;
    let first = version(&app);
    app.version("1.1.0");
    deploy(&app, &stack).await;
    stack.yank(&format!("shop/{first}")).await;
    for args in [&["rollback"][..], &["rollback", &first]] {
        let output = run(&app, &stack, args).await.expect(7);
        assert!(output.stderr.contains("is gone"), "{}", output.stderr);
        assert_live(&app, &stack);
    }
}
