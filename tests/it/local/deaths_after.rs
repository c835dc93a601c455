//! The day after: client, server or both may die at any point of going back, removing, waiting and looking.

use serde_json::Value;

use super::deaths::{Point, Victim, die_at};
use super::machine::Machine;
use crate::support::app::App;

/// An application with two releases of which the second one is live.
async fn two_releases() -> (Machine, App) {
    let (machine, app) = (Machine::new(), App::new("shop"));
    machine.deploy(&app).await;
    app.version("1.1.0");
    machine.deploy(&app).await;
    (machine, app)
}

/// Lets somebody die at each point of a command in turn. What follows each death is up to `then`.
async fn walk(args: &[&str], victim: Victim, point: fn(usize) -> Point, then: impl AsyncFn(&Machine, &App)) {
    let mut k = 1;
    loop {
        let (machine, app) = two_releases().await;
        let reached = die_at(&machine, machine.program(app.path()).args(args), victim, point(k)).await;
        then(&machine, &app).await;
        if !reached {
            break;
        }
        k += 1;
    }
    assert!(k > 1, "{args:?}, {victim:?}: it has more points to die at");
}

/// Runs a command to its good end.
async fn run(machine: &Machine, app: &App, args: &[&str]) {
    machine.program(app.path()).args(args).run().await.expect(0);
}

/// The release that answers is this one, and it is the one that is recorded; no other was made.
async fn assert_live(machine: &Machine, app: &App, release: u64, url: &str) {
    let record = machine.record(app.name());
    let releases = record["releases"].as_array().expect("it is a list");
    let ids: Vec<_> = releases.iter().map(|release| release["id"].as_u64()).collect();
    assert_eq!((ids, record["current"].as_u64()), (vec![Some(1), Some(2)], Some(release)), "{record}");
    let current = releases.iter().find(|one| one["id"] == release).expect("it is remembered");
    let info = machine.get(&format!("{url}/.well-known/spin/info")).await.expect(200);
    let info: Value = serde_json::from_str(&info).expect("it is JSON");
    assert_eq!(info["version"], current["version"]);
}

fn url(machine: &Machine) -> String {
    format!("http://127.0.0.1:{}", machine.record("shop")["port"])
}

async fn go_back_and_let_die(victim: Victim) {
    // Where the server dies the client waits for it in vain.
    walk(&["rollback", "1", "--timeout", "3s"], victim, Point::Line, async |machine, app| {
        for _ in 0..2 {
            run(machine, app, &["rollback", "1"]).await;
            assert_live(machine, app, 1, &url(machine)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_may_die_after_any_line_of_a_rollback() {
    go_back_and_let_die(Victim::Client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_may_die_after_any_line_of_a_rollback() {
    go_back_and_let_die(Victim::Server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_may_die_after_any_line_of_a_rollback() {
    go_back_and_let_die(Victim::Both).await;
}

/// Nothing of the application is there any more, and it can be deployed anew.
async fn assert_gone(machine: &Machine, app: &App) {
    assert!(!machine.data().join("apps/shop").exists());
    machine.program(app.path()).args(&["status"]).run().await.expect(7);
}

async fn destroy_and_let_die(victim: Victim, point: fn(usize) -> Point) {
    let args = ["destroy", "--yes"];
    walk(&args, victim, point, async |machine, app| {
        for _ in 0..2 {
            run(machine, app, &args).await;
            assert_gone(machine, app).await;
        }
        let url = machine.deploy(app).await;
        assert_eq!(machine.get(&url).await.expect(200), "hello\n");
        assert_eq!(machine.record("shop")["current"], 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_or_server_may_die_after_any_line_of_a_removal() {
    for victim in [Victim::Client, Victim::Server, Victim::Both] {
        destroy_and_let_die(victim, Point::Line).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_or_server_may_die_while_files_are_removed() {
    for victim in [Victim::Client, Victim::Server, Victim::Both] {
        destroy_and_let_die(victim, Point::Gone).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_and_looking_change_nothing_wherever_they_die() {
    for args in [["wait", "--timeout=20s"], ["wait", "2"], ["status", "--from=."]] {
        for victim in [Victim::Client, Victim::Both] {
            walk(&args, victim, Point::Line, async |machine, app| {
                let (before, url) = (machine.record("shop"), url(machine));
                if victim == Victim::Both {
                    // Nobody starts a server in order to look, or to wait.
                    machine.deploy(app).await;
                }
                run(machine, app, &args).await;
                assert_eq!(machine.record("shop"), before);
                assert_live(machine, app, 2, &url).await;
            })
            .await;
        }
    }
}
