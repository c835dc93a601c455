//! Death after each single request, and the run after it: it converges, whatever the first one left behind.

use nix::sys::signal::{Signal, kill};

use super::{App, Program, Stack, assert_live, deploy, deploy_within};
use crate::support::traffic::Moment;

/// Kills a run at request `k`; says whether it got that far.
pub async fn die_at(program: Program, stack: &Stack, k: usize, moment: Moment) -> bool {
    let running = program.start();
    let pid = running.pid();
    stack.traffic.strike(k, moment, move || kill(pid, Signal::SIGKILL).expect("it is alive"));
    running.end().await;
    stack.traffic.calm()
}

/// Dies at each request of a deploy in turn; `prepare` makes the state and returns the application to deploy.
async fn die_everywhere(moment: Moment, prepare: impl AsyncFn(&Stack, &App)) {
    let mut k = 1;
    loop {
        let (app, stack) = (App::new("shop"), Stack::start().await);
        prepare(&stack, &app).await;
        let died = die_at(Program::deploying(&app, &stack), &stack, k, moment).await;
        let parcels = crate::support::package(&app).blobs.len();
        deploy_within(parcels + 12, &app, &stack).await;
        assert_live(&app, &stack);
        if !died {
            break;
        }
        k += 1;
    }
    assert!(k > 8, "a deploy has more than {k} requests to die at");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_deploy_may_die_after_any_request() {
    die_everywhere(Moment::After, async |_, _| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_deploy_may_die_before_any_request() {
    die_everywhere(Moment::Before, async |_, _| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_deploy_may_die_after_any_request() {
    die_everywhere(Moment::After, async |stack, app| {
        deploy(app, stack).await;
        app.write("static/index.html", "second");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_deploy_may_die_before_any_request() {
    die_everywhere(Moment::Before, async |stack, app| {
        deploy(app, stack).await;
        app.write("static/index.html", "second");
    })
    .await;
}
