//! Death of client, server or both at any point of a deploy, and the run after it: it converges.

use nix::sys::signal::{Signal, kill};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::machine::Machine;
use crate::program::{Program, Running};
use crate::support::app::App;

/// Who dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    Client,
    Server,
    Both,
}

/// Where a run is when somebody dies.
#[derive(Debug, Clone, Copy)]
pub enum Point {
    /// After so many lines of its JSON output.
    Line(usize),
    /// As soon as there are so many files and directories in the data directory.
    Entries(usize),
    /// As soon as so many of those are gone that were there before.
    Gone(usize),
}

fn entries(directory: &std::path::Path) -> usize {
    let Ok(found) = std::fs::read_dir(directory) else { return 0 };
    found
        .filter_map(Result::ok)
        .map(|entry| 1 + if entry.file_type().is_ok_and(|kind| kind.is_dir()) { entries(&entry.path()) } else { 0 })
        .sum()
}

fn strike(machine: &Machine, running: &Running, victim: Victim) {
    if victim != Victim::Server {
        // It may have ended by itself.
        let _ = kill(running.pid(), Signal::SIGKILL);
    }
    if victim != Victim::Client {
        machine.kill_server();
    }
}

/// Runs a command, and lets somebody die at that point; says whether the run got that far.
pub async fn die_at(machine: &Machine, program: Program, victim: Victim, point: Point) -> bool {
    let before = entries(&machine.data());
    let mut running = program.args(&["--format", "json"]).start();
    let mut lines = BufReader::new(running.stdout().expect("it is piped")).lines();
    let reached = match point {
        Point::Line(count) => {
            let mut seen = 0;
            while seen < count && lines.next_line().await.expect("it can be read").is_some() {
                seen += 1;
            }
            seen == count
        }
        Point::Entries(count) => until(&mut running, || entries(&machine.data()) >= count).await,
        Point::Gone(count) => until(&mut running, || entries(&machine.data()) + count <= before).await,
    };
    if reached {
        strike(machine, &running, victim);
    }
    drop(lines);
    running.end().await;
    reached
}

/// Waits until something holds; `false`: the run has ended without it.
async fn until(running: &mut Running, holds: impl Fn() -> bool) -> bool {
    loop {
        if holds() {
            return true;
        }
        if running.has_ended() {
            // It may have come to hold since.
            return holds();
        }
        tokio::task::yield_now().await;
    }
}

/// Walks the points; `prepare` makes the state before.
async fn walk(victim: Victim, point: fn(usize) -> Point, prepare: impl AsyncFn(&Machine, &App)) {
    let mut k = 1;
    loop {
        let (machine, app) = (Machine::new(), App::new("shop"));
        prepare(&machine, &app).await;
        let program = machine.program(app.path()).args(&["--timeout", "20s"]);
        let reached = die_at(&machine, program, victim, point(k)).await;
        let url = machine.deploy(&app).await;
        let version = machine.get(&format!("{url}/.well-known/spin/info")).await.expect(200);
        let record = machine.record("shop");
        let current = record["releases"].as_array().unwrap().last().unwrap();
        assert!(version.contains(current["version"].as_str().unwrap()), "{victim:?} {k}: {version} {record}");
        assert_eq!(machine.get(&url).await.expect(200), "hello\n");
        // The same again changes nothing: it had converged.
        machine.deploy(&app).await;
        assert_eq!(machine.record("shop"), record, "{victim:?} {k}");
        if !reached {
            break;
        }
        k += 1;
    }
    assert!(k > 5, "{victim:?}: a deploy has more than {k} points to die at");
}

async fn nothing(_: &Machine, _: &App) {}

async fn an_older_release(machine: &Machine, app: &App) {
    machine.deploy(app).await;
    app.write("static/index.html", "second");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_may_die_after_any_line_of_a_first_deploy() {
    walk(Victim::Client, Point::Line, nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_may_die_after_any_line_of_a_second_deploy() {
    walk(Victim::Client, Point::Line, an_older_release).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_may_die_after_any_line_of_a_second_deploy() {
    walk(Victim::Server, Point::Line, an_older_release).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_may_die_after_any_line_of_a_first_deploy() {
    walk(Victim::Both, Point::Line, nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_or_server_may_die_at_any_file_of_a_first_deploy() {
    walk(Victim::Client, Point::Entries, nothing).await;
    walk(Victim::Server, Point::Entries, nothing).await;
    walk(Victim::Both, Point::Entries, nothing).await;
}
