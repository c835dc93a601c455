//! `--check`: a path of the application that has to answer, too.

use super::{App, Program, Stack, assert_live, deploy};

#[tokio::test(flavor = "multi_thread")]
async fn a_path_is_waited_for_until_it_answers_as_it_should() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    stack.hippo.set_statuses("/health", &[503, 302, 204]);
    let checked = |check| Program::deploying(&app, &stack).args(&["--check", check]);
    let output = checked("/health").run().await.expect(0);
    assert_eq!(output.stdout, format!("{}\n", stack.hippo.app_url("shop.hippo.localhost")));
    assert_live(&app, &stack);

    stack.hippo.set_statuses("/health", &[302]);
    let unchanged = checked("/health=302").run().await.expect(0);
    assert!(unchanged.stderr.contains("unchanged"), "redirects count as they are: {}", unchanged.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_does_not_answer_so_in_time_is_9() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    stack.hippo.set_statuses("/health", &[503]);
    let checked = || {
        let program = Program::deploying(&app, &stack).env("SPIN_DEPLOY_CHECK", "/health=200");
        program.args(&["--timeout", "2"])
    };
    // First and unchanged.
    for _ in 0..2 {
        let output = checked().run().await.expect(9);
        assert_eq!(output.stdout, "");
        assert!(output.stderr.contains("caused by: GET /health answered 503, not 200"), "{}", output.stderr);
        assert_live(&app, &stack);
    }
    deploy(&app, &stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_check_is_refused_before_anything_is_sent() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    for (args, words) in [
        (&["--check", "health"][..], "could not use --check: \"health\" is no path that begins with /"),
        (&["--check", "/health", "--no-wait"], "--check cannot be used together with --no-wait"),
        (&["--check", "/health", "--timeout", "0"], "--check cannot be used together with a timeout of 0 (--timeout)"),
    ] {
        let output = Program::deploying(&app, &stack).args(args).run().await.expect(2);
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
    assert_eq!(stack.sent(), []);
    let variable = Program::deploying(&app, &stack).env("SPIN_DEPLOY_CHECK", "/health").args(&["--no-wait"]);
    let output = variable.run().await.expect(0);
    assert!(output.stderr.contains("SPIN_DEPLOY_CHECK is not used"), "{}", output.stderr);
}
