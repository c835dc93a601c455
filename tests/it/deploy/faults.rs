//! Servers that fail, and users that stop: exit codes, and the run after it.

use nix::sys::signal::{Signal, kill};

use super::{App, Program, Stack, assert_live, deploy, version};
use crate::local::last_events::{interrupted, only_last};
use crate::support::bindle::{BindleServer, Generation};
use crate::support::hippo as fake;
use crate::support::hippo::{Fault, JobStatus, Mode, Start};

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_look_up_never_create_anything() {
    for status in [400, 401, 403, 404, 500] {
        let (app, stack) = (App::new("shop"), Stack::start().await);
        deploy(&app, &stack).await;
        app.write("static/index.html", "second");
        stack.hippo.fail(Fault::on("GET", "/api/apps").status(status).always());
        stack.sent();
        let output = Program::deploying(&app, &stack).args(&["--timeout", "1"]).run().await;
        assert!([Some(4), Some(5)].contains(&output.code), "{status}: {:?}\n{}", output.code, output.stderr);
        let sent = stack.sent();
        let creates =
            sent.iter().filter(|exchange| exchange.method == "POST" && exchange.path.starts_with("/api/apps"));
        assert_eq!(creates.count(), 0, "{status}");
        stack.hippo.clear_faults();
        deploy(&app, &stack).await;
        assert_live(&app, &stack);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nomad_fails_and_comes_back() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    stack.hippo.fail_nomad(Mode::Answers(500), 0);
    let output = Program::deploying(&app, &stack).args(&["--timeout", "1"]).run().await;
    assert!([Some(5), Some(7), Some(9)].contains(&output.code), "{output:?}");
    stack.hippo.fail_nomad(Mode::Up, 0);
    deploy(&app, &stack).await;
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_parcel_is_told_with_its_remedy() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    let package = crate::support::package(&app);
    let blob = package.blobs.iter().find(|blob| blob.name.contains("index.html")).expect("it is in the package");
    stack.bindle.poison(&blob.sha256);
    let output = Program::deploying(&app, &stack).run().await.expect(6);
    assert!(output.stderr.contains(&format!("parcels/{}", blob.sha256)), "{}", output.stderr);
    assert_eq!(stack.hippo.apps().len(), 0, "nothing is released");

    std::fs::remove_dir_all(stack.bindle.directory().join("parcels").join(&blob.sha256)).expect("it is there");
    deploy(&app, &stack).await;
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yanked_version_and_other_content_are_conflicts() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    Program::deploying(&app, &stack).args(&["--no-buildinfo"]).run().await.expect(0);
    assert_eq!(stack.running("shop"), Some("1.0.0".to_owned()));
    stack.sent();
    let again = Program::deploying(&app, &stack).args(&["--no-buildinfo"]).run().await.expect(0);
    assert!(again.stderr.contains("unchanged"), "{}", again.stderr);
    // The version says nothing of the content here, so that the Bindle server is asked as well.
    let sent = stack.sent();
    assert!(sent.len() <= 6, "{sent:#?}");

    app.write("static/index.html", "second");
    let output = Program::deploying(&app, &stack).args(&["--no-buildinfo"]).run().await.expect(11);
    assert!(output.stderr.contains("1.0.0"), "{}", output.stderr);
    assert_eq!(stack.running("shop"), Some("1.0.0".to_owned()));

    let yank = reqwest::Client::new().delete(format!("{}/_i/shop/1.0.0", stack.bindle.url()));
    assert_eq!(yank.send().await.expect("Bindle answers").status(), 200);
    app.version("1.0.0");
    let output = Program::deploying(&app, &stack).args(&["--no-buildinfo"]).run().await.expect(11);
    assert!(output.stderr.contains("yanked"), "{}", output.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_bindle_and_what_is_no_hippo_is_5() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    let swapped = Program::deploying(&app, &stack).env("BINDLE_SERVER_URL", stack.hippo.url());
    let output = swapped.run().await.expect(5);
    assert!(output.stderr.contains("Bindle"), "{}", output.stderr);
    let prefix = stack.bindle_url().trim_end_matches("/v1").to_owned();
    let output = Program::deploying(&app, &stack).env("BINDLE_SERVER_URL", &prefix).run().await.expect(5);
    assert!(output.stderr.contains("/v1"), "{}", output.stderr);
    let swapped = Program::deploying(&app, &stack).env("HIPPO_URL", &prefix);
    let output = swapped.run().await.expect(5);
    assert!(output.stderr.contains("Hippo"), "{}", output.stderr);
    let output = Program::deploying(&app, &stack).env("HIPPO_URL", "http://127.0.0.1:1").run().await.expect(5);
    assert!(output.stderr.contains("127.0.0.1:1"), "{}", output.stderr);

    stack.hippo.fail(Fault::on("GET", "/api/apps").html(200).always());
    let output = Program::deploying(&app, &stack).run().await.expect(5);
    assert!(output.stderr.contains("HTML"), "{}", output.stderr);
    assert_eq!(stack.hippo.apps().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_4_and_not_shown() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    let output = Program::deploying(&app, &stack).env("HIPPO_PASSWORD", "not-this-one").run().await.expect(4);
    assert!(output.stderr.contains("HIPPO_PASSWORD"), "{}", output.stderr);
    assert!(!output.stderr.contains("not-this-one"), "{}", output.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn hippo_that_reads_another_bindle_server_is_told() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    let other = BindleServer::builder(Generation::V0_8).start();
    let output = Program::deploying(&app, &stack).env("BINDLE_SERVER_URL", other.url()).run().await.expect(7);
    assert!(output.stderr.contains("Bindle"), "{}", output.stderr);
    assert_eq!(stack.hippo.apps().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_at_any_request_end_with_130_and_say_what_is_live() {
    let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
    for k in 1.. {
        let (app, stack) = (App::new("shop"), Stack::start().await);
        deploy(&app, &stack).await;
        let old = version(&app);
        app.write("static/index.html", "second");
        let running = Program::deploying(&app, &stack).args(&["--format", "json"]).start();
        let (pid, signal) = (running.pid(), signals[k % signals.len()]);
        // The request is answered: what matters is what comes after it.
        stack.traffic.nudge(k, move || kill(pid, signal).expect("it is alive"));
        let output = running.end().await;
        let nudged = stack.traffic.calm();
        if !nudged {
            output.expect(0);
            assert!(k > 8, "a deploy has more than {k} requests");
            break;
        }
        let output = output.expect(130);
        let last = output.stdout.lines().last().expect("there is a last event");
        let last: serde_json::Value = serde_json::from_str(last).expect("it is JSON");
        assert_eq!(last["error"]["code"], 130, "{last}");
        let live = last["error"]["live"].as_str().expect("it says what is live").to_owned();
        // Either nothing was touched, or the release was carried through: never a record of one and a job of another.
        let runs = stack.running("shop").expect("something runs");
        let expected = if runs == old { "as before" } else { "was released" };
        assert!(live.contains(expected) || live == "nothing was released", "request {k}: {runs} runs, it says {live}");
        let recorded = stack.hippo.channels()[0].active_revision;
        let recorded = stack.hippo.revisions().into_iter().find(|row| Some(row.id) == recorded);
        assert_eq!(recorded.map(|row| row.number), Some(runs), "request {k}");

        deploy(&app, &stack).await;
        assert_live(&app, &stack);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_a_wait_for_what_never_comes_up() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    stack.hippo.set_start(Start::Crash(JobStatus::Pending));
    Program::deploying(&app, &stack).args(&["--no-wait"]).run().await.expect(0);
    let wait = Program::deploying(&app, &stack).args(&["wait", "--timeout", "10m"]);
    let last = only_last(&interrupted(wait, "\"step\":\"wait\"", 130).await);
    assert_eq!((&last["event"], &last["error"]["code"]), (&"failed".into(), &130.into()), "{last}");
    assert!(last["error"]["live"].is_string(), "{last}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_cannot_be_written_is_told() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    let output = Program::deploying(&app, &stack).stdout_to("/dev/full").run().await.expect(0);
    let url = stack.hippo.app_url("shop.hippo.localhost");
    assert!(output.stderr.contains(&format!("{url} could not be written to standard output")), "{}", output.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_race_for_one_name_ends_with_one_app() {
    let stack = Stack::start().await;
    let apps: Vec<_> = (0..4).map(|_| App::new("shop")).collect();
    let runs = apps.iter().map(|app| Program::deploying(app, &stack).run());
    let outputs = futures_util::future::join_all(runs).await;
    assert!(outputs.iter().any(|output| output.code == Some(0)), "{outputs:#?}");
    for output in &outputs {
        assert!([Some(0), Some(11)].contains(&output.code), "{output:?}");
    }
    assert_eq!(stack.running("shop"), Some(version(&apps[0])));
    let (apps_left, channels, _) = stack.rows("shop", &version(&apps[0]));
    assert_eq!((apps_left, channels), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hippo_of_before_0_19_is_told_to_be_too_old() {
    let (app, stack) =
        (App::new("shop"), Stack::of(BindleServer::builder(Generation::V0_8).start(), fake::Generation::V0_20).await);
    stack.hippo.fail(Fault::on("POST", "/api/auth-tokens").status(404).always());
    stack.hippo.fail(Fault::on("GET", "/api/apps").status(404).always());
    let output = Program::deploying(&app, &stack).run().await.expect(5);
    assert!(output.stderr.contains("0.19"), "{}", output.stderr);
}
