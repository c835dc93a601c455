//! What Hippo may look like when a deploy arrives, and what runs afterwards.

use super::{App, Program, Stack, assert_live, deploy, deploy_within, version};
use crate::support::bindle::{BindleServer, Generation};
use crate::support::hippo as fake;
use crate::support::hippo::{ChannelSeed, Fault, JobStatus, Start};

/// Deploys with another client's habits: the bindle and the rows are there, on a range rule.
async fn upstream_deployed(app: &App, stack: &Stack) -> fake::Guid {
    deploy(app, stack).await;
    let channel = stack.hippo.channels()[0].id;
    let number = version(app);
    stack.hippo.edit(|state| {
        let channel = state.channel_mut(channel).expect("it was just made");
        channel.strategy = 0;
        channel.range_rule = Some(number);
    });
    stack.sent();
    channel
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_on_a_range_rule_is_taken_over_and_rolled_forward() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    let channel = upstream_deployed(&app, &stack).await;
    app.write("static/index.html", "second");
    deploy_within(1 + 10, &app, &stack).await;
    assert_live(&app, &stack);
    let row = stack.hippo.channel(channel).expect("it is still there");
    assert_eq!(row.strategy, 1, "the channel is pinned now");
}

/// What Spin 0.5 to 0.10.1 did for a second deploy: register the revision and record it on the channel. No job is
/// posted, the old build runs on.
async fn record_only(stack: &Stack, app: &str, number: &str) {
    let client = reqwest::Client::new();
    let (hippo, token) = (stack.hippo.url(), stack.hippo.token_of("admin"));
    let register = client.post(format!("{hippo}/api/revisions")).bearer_auth(&token);
    let register = register.json(&serde_json::json!({ "appStorageId": app, "revisionNumber": number }));
    assert_eq!(register.send().await.expect("Hippo answers").status(), 201);
    let revision = stack.hippo.revisions().into_iter().find(|row| row.number == number).expect("it was registered");
    let channel = stack.hippo.channels()[0].id;
    let record = client.patch(format!("{hippo}/api/channels/{channel}")).bearer_auth(&token);
    let record = record.json(&serde_json::json!({
        "revisionSelectionStrategy": "UseSpecifiedRevision",
        "activeRevisionId": revision.id.to_string(),
    }));
    assert_eq!(record.send().await.expect("Hippo answers").status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_revision_is_not_believed_while_an_older_build_runs() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    deploy(&app, &stack).await;
    let old = version(&app);
    app.write("static/index.html", "second");
    let (cx, _) = crate::support::recorder::context();
    let target = crate::conformance::connect_hippo(&stack);
    target.publish(&cx, &crate::support::package(&app)).await.expect("publishing works");
    record_only(&stack, "shop", &version(&app)).await;
    let recorded = stack.hippo.channels()[0].active_revision.expect("it is recorded");
    assert!(stack.hippo.revisions().iter().any(|row| row.id == recorded && row.number == version(&app)));
    assert_eq!(stack.running("shop"), Some(old), "recorded, not running");

    let output = deploy_within(10, &app, &stack).await;
    assert!(!output.stderr.contains("nothing to do"), "{}", output.stderr);
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_someone_stopped_is_started_again() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    deploy(&app, &stack).await;
    let channel = stack.hippo.channels()[0].id;
    let client = reqwest::Client::new();
    let stop = client
        .put(format!("{}/api/channels/{channel}/desired-status", stack.hippo.url()))
        .bearer_auth(stack.hippo.token_of("admin"))
        .json(&serde_json::json!({ "channelId": channel.to_string(), "desiredStatus": "Dead" }));
    assert_eq!(stop.send().await.expect("Hippo answers").status(), 204);
    assert_eq!(stack.running("shop"), None);

    deploy_within(10, &app, &stack).await;
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_without_a_channel_gets_one() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    deploy(&app, &stack).await;
    let channel = stack.hippo.channels()[0].id;
    let client = reqwest::Client::new();
    let delete = client
        .delete(format!("{}/api/channels/{channel}", stack.hippo.url()))
        .bearer_auth(stack.hippo.token_of("admin"));
    assert_eq!(delete.send().await.expect("Hippo answers").status(), 204);

    deploy_within(10, &app, &stack).await;
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_build_is_put_back_by_deploying_it_again() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    deploy(&app, &stack).await;
    app.write("static/index.html", "second");
    deploy(&app, &stack).await;
    app.write("static/index.html", "first");
    deploy_within(10, &app, &stack).await;
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_apart_from_each_other() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    deploy(&app, &stack).await;
    let first = version(&app);
    app.write("static/index.html", "second");
    let output = Program::deploying(&app, &stack).args(&["--channel", "staging"]).run().await.expect(0);
    assert_eq!(output.stdout, format!("{}\n", stack.hippo.app_url("staging-shop.hippo.localhost")));
    assert_eq!(stack.running("shop"), Some(first));
    assert_eq!(stack.running_in("shop", "staging"), Some(version(&app)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_is_set_on_a_new_channel_and_on_an_old_one() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    for domain in ["shop.example.localhost", "store.example.localhost"] {
        let output = Program::deploying(&app, &stack).args(&["--domain", domain]).run().await.expect(0);
        assert_eq!(output.stdout, format!("{}\n", stack.hippo.app_url(domain)));
        assert_live(&app, &stack);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hippo_0_19_and_bindle_0_9_with_a_signature() {
    let key = crate::support::bindle::CreatorKey::generate("Dana Dev <dana@example.com>");
    let bindle = BindleServer::builder(Generation::V0_9).trust(&key.keyring()).start();
    let (app, stack) = (App::new("shop"), Stack::of(bindle, fake::Generation::V0_19).await);
    let unsigned = Program::deploying(&app, &stack).run().await.expect(6);
    assert!(unsigned.stderr.contains("--signing-key"), "{}", unsigned.stderr);
    assert_eq!(stack.hippo.apps().len(), 0);

    let file = app.path().join("key.toml");
    key.write_secret_file(&file);
    let signed = Program::deploying(&app, &stack).env("SPIN_DEPLOY_SIGNING_KEY", &file.display().to_string());
    let output = signed.run().await.expect(0);
    assert_eq!(output.stdout, format!("{}\n", stack.hippo.app_url("spin-deploy.shop.hippo.localhost")));
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bindle_server_with_passwords() {
    let bindle = BindleServer::builder(Generation::V0_8).htpasswd("dana", "pass word").start();
    let (app, stack) = (App::new("shop"), Stack::of(bindle, fake::Generation::V0_20).await);
    let anonymous = Program::deploying(&app, &stack).run().await.expect(4);
    assert!(anonymous.stderr.contains("BINDLE_USERNAME"), "{}", anonymous.stderr);
    let login = |password| {
        let program = Program::deploying(&app, &stack).env("BINDLE_USERNAME", "dana");
        program.env("BINDLE_PASSWORD", password)
    };
    login("wrong").run().await.expect(4);
    login("pass word").run().await.expect(0);
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_apps_of_one_name_are_refused_with_their_ids() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    let ids = [stack.hippo.seed_app("shop", "shop"), stack.hippo.seed_app("shop", "shop")];
    let output = Program::deploying(&app, &stack).run().await.expect(11);
    for id in ids {
        assert!(output.stderr.contains(&id.to_string()), "{}", output.stderr);
    }
    assert_eq!(stack.hippo.channels().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_rows_of_one_revision_are_lived_with() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    let id = stack.hippo.seed_app("shop", "shop");
    let number = version(&app);
    stack.hippo.seed_revision(id, &number);
    stack.hippo.seed_revision(id, &number);
    deploy(&app, &stack).await;
    assert_eq!(stack.running("shop"), Some(number.clone()));
    assert_eq!(stack.rows("shop", &number), (1, 1, 2), "no third row");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_compared_exactly_and_on_every_page() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    for number in 0..120 {
        stack.hippo.seed_app(&format!("a-shop-{number}"), "other");
    }
    let other = stack.hippo.seed_app("z", "other");
    for number in 0..250 {
        stack.hippo.seed_revision(other, &format!("1.0.{number}"));
    }
    let id = stack.hippo.seed_app("shop", "shop");
    let revision = stack.hippo.seed_revision(id, "0.9.0");
    stack.hippo.seed_channel(ChannelSeed::new(id, "spin-deploy", "shop.hippo.localhost").pinned(revision));
    deploy(&app, &stack).await;
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_starts_are_waited_for() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    stack.hippo.set_start(Start::AfterProbesOfNothing { probes: 5 });
    deploy(&app, &stack).await;
    assert_live(&app, &stack);
    app.write("static/index.html", "second");
    stack.hippo.set_start(Start::AfterProbesOfOld { probes: 5 });
    deploy(&app, &stack).await;
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_9_with_status_and_logs() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    deploy(&app, &stack).await;
    let channel = stack.hippo.channels()[0].id;
    app.write("static/index.html", "second");
    stack.hippo.set_start(Start::Crash(JobStatus::Dead));
    stack.hippo.set_log(channel, "starting\npanicked at 'no \u{1b}[31mdatabase'");
    let output = Program::deploying(&app, &stack).args(&["--timeout", "1"]).run().await.expect(9);
    assert_eq!(output.stdout, "");
    assert!(output.stderr.contains("the job is dead"), "{}", output.stderr);
    assert!(output.stderr.contains("panicked at 'no"), "{}", output.stderr);
    assert!(output.stderr.contains("`spin-deploy logs`"), "{}", output.stderr);
    assert!(!output.stderr.contains("--app-url"), "the address has no part in it: {}", output.stderr);
    assert!(!output.stderr.contains('\u{1b}'), "no control characters of the application's: {}", output.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_info_is_not_believed_but_accepted() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    stack.hippo.set_info(false);
    for _ in 0..2 {
        let output = deploy(&app, &stack).await;
        assert!(output.stderr.contains("could not be proven"), "{}", output.stderr);
        assert_live(&app, &stack);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_when_told_so() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    stack.hippo.set_start(Start::Crash(JobStatus::Pending));
    let output = Program::deploying(&app, &stack).args(&["--no-wait"]).run().await.expect(0);
    assert_eq!(output.stdout, format!("{}\n", stack.hippo.app_url("shop.hippo.localhost")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_runs_out_is_renewed_once() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    stack.hippo.expire_tokens_after(3);
    deploy(&app, &stack).await;
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_users_own_is_enough_and_its_end_is_4() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    let with = |token: &str| {
        let program = Program::deploying(&app, &stack).without("HIPPO_USERNAME").without("HIPPO_PASSWORD");
        program.env("HIPPO_TOKEN", token)
    };
    with(&stack.hippo.token_of("admin")).run().await.expect(0);
    assert_live(&app, &stack);
    let refused = with("stale").run().await.expect(4);
    assert!(!refused.stderr.contains("stale"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_500_after_storing_is_read_back() {
    for (method, path) in [
        ("POST", "/api/apps"),
        ("POST", "/api/revisions"),
        ("POST", "/api/channels"),
        ("PATCH", "/api/channels"),
        ("PUT", "/api/channels"),
    ] {
        let (app, stack) = (App::new("shop"), Stack::start().await);
        if method != "POST" || path == "/api/revisions" {
            deploy(&app, &stack).await;
            app.write("static/index.html", "second");
        }
        stack.hippo.fail(Fault::on(method, path).status(500).after_commit());
        deploy(&app, &stack).await;
        assert_live(&app, &stack);

        let (app, stack) = (App::new("shop"), Stack::start().await);
        if method != "POST" || path == "/api/revisions" {
            deploy(&app, &stack).await;
            app.write("static/index.html", "second");
        }
        stack.hippo.fail(Fault::on(method, path).cut().after_commit());
        deploy(&app, &stack).await;
        assert_live(&app, &stack);
    }
}
