//! The day after: going back, removing, waiting and looking may die after each single request, and be run again.

use serde_json::Value;

use super::deaths::die_at;
use super::{App, Program, Stack, deploy, version};
use crate::program::{Output, last};
use crate::support::traffic::Moment;

/// The application with two releases; the second one is live.
struct Two {
    app: App,
    stack: Stack,
    /// The version of each.
    versions: [String; 2],
}

impl Two {
    async fn deploy() -> Two {
        let (app, stack) = (App::new("shop"), Stack::start().await);
        deploy(&app, &stack).await;
        let first = version(&app);
        app.version("1.1.0");
        deploy(&app, &stack).await;
        let versions = [first, version(&app)];
        Two { app, stack, versions }
    }

    fn program(&self, args: &[&str]) -> Program {
        Program::deploying(&self.app, &self.stack).args(args)
    }

    async fn run(&self, args: &[&str]) -> Output {
        self.program(args).run().await.expect(0)
    }

    /// Which releases are remembered, and which is active.
    async fn releases(&self) -> Value {
        last(&self.run(&["releases", "--format", "json"]).await)["releases"].take()
    }

    /// This one of the two runs and is recorded, and there is one of everything.
    async fn assert_live(&self, which: usize) {
        assert_eq!(self.stack.running("shop").as_deref(), Some(self.versions[which].as_str()));
        for version in &self.versions {
            assert_eq!(self.stack.rows("shop", version), (1, 1, 1), "apps, channels, rows of {version}");
        }
        let releases = self.releases().await;
        let releases = releases.as_array().expect("it is a list");
        let active: Vec<_> = releases.iter().map(|release| release["active"] == true).collect();
        assert_eq!(active, [which == 1, which == 0], "{releases:?}");
    }
}

/// Dies at each request of a command in turn; what follows each death is up to `then`, which makes the state anew.
async fn die_everywhere(two: &Two, args: &[&str], moment: Moment, then: impl AsyncFn()) -> usize {
    let mut k = 1;
    loop {
        let died = die_at(two.program(args), &two.stack, k, moment).await;
        then().await;
        if !died {
            return k - 1;
        }
        k += 1;
    }
}

async fn go_back_and_die(moment: Moment) {
    let two = Two::deploy().await;
    let args = ["rollback", two.versions[0].as_str()];
    let deaths = die_everywhere(&two, &args, moment, async || {
        for _ in 0..2 {
            two.run(&args).await;
            two.assert_live(0).await;
        }
        deploy(&two.app, &two.stack).await;
        two.assert_live(1).await;
    });
    assert!(deaths.await > 8, "going back has more requests to die at");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_may_die_after_any_request() {
    go_back_and_die(Moment::After).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_may_die_before_any_request() {
    go_back_and_die(Moment::Before).await;
}

async fn destroy_and_die(args: &[&str], moment: Moment, left: (usize, usize, usize)) {
    let two = Two::deploy().await;
    let deaths = die_everywhere(&two, args, moment, async || {
        for _ in 0..2 {
            two.run(args).await;
            assert_eq!(two.stack.running("shop"), None);
            assert_eq!(two.stack.rows("shop", &two.versions[1]), left, "apps, channels, rows of the revision");
        }
        deploy(&two.app, &two.stack).await;
        two.assert_live(1).await;
    });
    assert!(deaths.await >= 3, "removing has more requests to die at");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_may_die_after_any_request() {
    destroy_and_die(&["destroy", "--yes"], Moment::After, (0, 0, 0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_may_die_before_any_request() {
    destroy_and_die(&["destroy", "--yes"], Moment::Before, (0, 0, 0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_removal_of_a_channel_may_die_around_any_request() {
    for moment in [Moment::Before, Moment::After] {
        destroy_and_die(&["destroy", "--yes", "--channel-only"], moment, (1, 0, 1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_and_looking_change_nothing_wherever_they_die() {
    let two = Two::deploy().await;
    let before = two.stack.contents();
    for args in [["wait", "--timeout=1m"], ["wait", two.versions[1].as_str()], ["status", "--from=."]] {
        for moment in [Moment::Before, Moment::After] {
            let deaths = die_everywhere(&two, &args, moment, async || {
                two.run(&args).await;
                assert_eq!(two.stack.contents(), before);
                assert_eq!(two.stack.running("shop").as_deref(), Some(two.versions[1].as_str()));
            });
            assert!(deaths.await >= 3, "{args:?} has more requests to die at");
        }
    }
}

/// The release before the active one is another one after each success. A guard makes the repetition safe: it never
/// goes back further than was meant.
#[tokio::test(flavor = "multi_thread")]
async fn a_guarded_rollback_never_goes_back_twice() {
    let two = Two::deploy().await;
    let args = ["rollback", "--expect-release", two.versions[1].as_str()];
    die_everywhere(&two, &args, Moment::After, async || {
        let again = two.program(&args).run().await;
        // 7 would be: from the first release there is no way back.
        assert!(matches!(again.code, Some(0 | 11)), "{again:?}");
        if again.code == Some(0) {
            two.assert_live(0).await;
        }
        two.run(&["rollback", &two.versions[0]]).await;
        two.assert_live(0).await;
        deploy(&two.app, &two.stack).await;
    })
    .await;
}
