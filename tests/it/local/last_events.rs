//! `--format json`: a run ends with one last event, and nothing comes after it, whatever ends the run.

use std::collections::BTreeSet;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::machine::Machine;
use crate::program::{Output, Program, Running};
use crate::support::app::App;

const DOCUMENT: &str = include_str!("../../../docs/events.md");

/// How long a run may take that has nothing to wait for: for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers, and writes the same three lines to its log.
const TALKER: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "content-type: text/plain\n\nhello\n")
  (func $write (param $fd i32)
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 32))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 16))))
  (func (export "_start") (call $write (i32.const 2)) (call $write (i32.const 1))))"#;

/// The events that the documentation calls the last of a run.
fn last_events() -> BTreeSet<&'static str> {
    let rows = DOCUMENT.lines().filter(|row| row.starts_with("| `") && row.contains(" | last: "));
    let names: BTreeSet<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert!(names.contains("finished") && names.contains("failed") && !names.contains("log_line"), "{names:?}");
    names
}

/// The last event of a run: there is one, on the last line, and there is nothing but events.
#[track_caller]
pub fn only_last(stdout: &str) -> Value {
    assert!(stdout.ends_with('\n'), "{stdout}");
    let events: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let last = last_events();
    let is_last = |event: &Value| last.contains(event["event"].as_str().expect("every event has a name"));
    assert_eq!(events.iter().filter(|event| is_last(event)).count(), 1, "{stdout}");
    events.into_iter().next_back().filter(is_last).unwrap_or_else(|| panic!("it is not on the last line: {stdout}"))
}

/// Runs a command for machines; returns the name of its last event.
async fn ending(program: Program, command: &[&str], code: i32) -> String {
    let Output { stdout, stderr, .. } = program.args(command).args(&["--format", "json"]).run().await.expect(code);
    assert_eq!(stderr, "", "{command:?}");
    let last = only_last(&stdout);
    if last["event"] == "failed" {
        assert_eq!(last["error"]["code"], code, "{command:?}: {last}");
    }
    last["event"].as_str().expect("it is text").to_owned()
}

/// A machine where two releases of an application were made, and the application.
async fn deployed() -> (Machine, App) {
    let (machine, app) = (Machine::new(), App::new("shop"));
    app.write("web.wasm", wat::parse_str(TALKER).expect("the module's text is right"));
    machine.deploy(&app).await;
    app.write("static/index.html", "second");
    let url = machine.deploy(&app).await;
    machine.get(&url).await.expect(200);
    (machine, app)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_ends_with_one_last_event_well_or_badly() {
    let (machine, app) = deployed().await;
    let package = app.path().join("shop.tar.gz").display().to_string();
    let table: [(&[&str], i32, &str); 27] = [
        (&["plan"], 0, "planned"),
        (&["plan", "--exit-code", "--no-buildinfo"], 20, "planned"),
        (&["plan", "--from", "absent"], 3, "failed"),
        (&["plan", "--bogus"], 2, "failed"),
        (&["deploy"], 0, "finished"),
        (&["deploy", "--dry-run"], 0, "planned"),
        (&["deploy", "--expect-release", "none", "--no-buildinfo"], 11, "failed"),
        (&["status"], 0, "app_status"),
        (&["status", "--name", "absent"], 7, "app_status"),
        (&["status", "--from", "absent"], 3, "failed"),
        (&["wait"], 0, "finished"),
        (&["wait", "1"], 11, "failed"),
        (&["wait", "--name", "absent"], 7, "failed"),
        (&["wait", "--check", "/=404", "--timeout", "1s"], 9, "failed"),
        (&["logs"], 0, "logs_ended"),
        (&["logs", "--name", "absent"], 7, "failed"),
        (&["releases"], 0, "releases"),
        (&["releases", "--name", "absent"], 7, "failed"),
        (&["rollback"], 0, "finished"),
        (&["rollback", "99"], 7, "failed"),
        (&["rollback", "--name", "absent"], 7, "failed"),
        (&["package", &package], 0, "packaged"),
        (&["package", "static"], 11, "failed"),
        (&["deploy", "--package", &package], 0, "finished"),
        (&["promote", "--from", "local"], 2, "failed"),
        (&["destroy"], 2, "failed"),
        (&["destroy", "--yes"], 0, "destroyed"),
    ];
    for (command, code, event) in table {
        assert_eq!(ending(machine.program(app.path()), command, code).await, event, "{command:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promote_ends_with_one_last_event() {
    let (there, app) = deployed().await;
    let here = Machine::new();
    let config = format!("[target.staging]\ndriver = \"local\"\ndata-dir = \"{}\"\n", there.data().display());
    app.write("config/spin-deploy/config.toml", config);
    let promote = async |args: &[&str], code| {
        let program = here.program(app.path());
        let program = program.env_os("XDG_CONFIG_HOME", app.path().join("config").as_os_str());
        ending(program, &[&["promote", "--from", "staging"], args].concat(), code).await
    };
    assert_eq!(promote(&["--dry-run"], 0).await, "planned");
    assert_eq!(promote(&[], 0).await, "finished");
    assert_eq!(promote(&["--name", "absent"], 7).await, "failed");
}

/// Reads what a run prints until a line holds a text; returns the rest, and what was read.
async fn until(running: &mut Running, text: &str) -> (impl AsyncReadExt + Unpin + use<>, String) {
    let mut lines = BufReader::new(running.stdout().expect("nobody has it"));
    let mut read = String::new();
    while !read.lines().next_back().is_some_and(|line| line.contains(text)) {
        let bytes = tokio::time::timeout(PATIENCE, lines.read_line(&mut read)).await;
        let bytes = bytes.unwrap_or_else(|_| panic!("{text} does not come after\n{read}")).expect("it can be read");
        assert!(bytes > 0, "{text} does not come after\n{read}");
    }
    (lines, read)
}

/// Starts a command for machines, interrupts it once it has printed a text, and returns all that it printed.
pub async fn interrupted(program: Program, text: &str, code: i32) -> String {
    let mut running = program.args(&["--format", "json"]).start();
    let (mut rest, mut stdout) = until(&mut running, text).await;
    kill(running.pid(), Signal::SIGINT).expect("it runs");
    let all = tokio::time::timeout(PATIENCE, rest.read_to_string(&mut stdout)).await;
    all.expect("it ends").expect("it can be read");
    let Output { stderr, .. } = running.end().await.expect(code);
    assert_eq!(stderr, "");
    stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_is_how_following_a_log_ends_well() {
    let (machine, app) = deployed().await;
    let follow = machine.program(app.path()).args(&["logs", "--follow"]);
    let last = only_last(&interrupted(follow, "\"log_line\"", 0).await);
    assert_eq!((&last["event"], &last["lines"]), (&"logs_ended".into(), &3.into()), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_a_wait_that_would_go_on() {
    let (machine, app) = deployed().await;
    let wait = machine.program(app.path()).args(&["wait", "--check", "/=404", "--timeout", "10m"]);
    let last = only_last(&interrupted(wait, "\"step\":\"wait\"", 130).await);
    assert_eq!((&last["event"], &last["error"]["reason"]), (&"failed".into(), &"cancelled".into()), "{last}");
    assert!(last["error"]["live"].is_string(), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_as_long_as_somebody_reads() {
    let (machine, app) = deployed().await;
    for format in ["human", "json"] {
        let follow = machine.program(app.path()).args(&["logs", "--follow", "--format", format]);
        let mut running = follow.start();
        let (rest, _) = until(&mut running, "").await;
        // As `head -1` does. The application says nothing more that would have to be written.
        drop(rest);
        let output = tokio::time::timeout(PATIENCE, running.end()).await.expect("it ends by itself").expect(0);
        assert_eq!(output.stderr, "", "{format}");
    }
}
