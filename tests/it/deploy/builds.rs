//! `--build`: a Spin, here a script, builds before anything is looked at. And what is said when nobody built.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

use super::{App, Program, Stack, assert_live, deploy};

/// An application whose module is still to be built, and what `spin build` does to it.
fn unbuilt(script: &str) -> App {
    let app = App::new("shop");
    std::fs::rename(app.path().join("web.wasm"), app.path().join("built")).expect("it is there");
    app.write("bin/spin", format!("#!/bin/sh\n{script}\n"));
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(app.path().join("bin/spin"), executable).expect("it can be changed");
    app
}

const BUILD: &str = "cp built web.wasm";

/// Deploying with that Spin.
fn building(app: &App, stack: &Stack) -> Program {
    let spin = app.path().join("bin/spin").display().to_string();
    Program::deploying(app, stack).env("SPIN_BIN_PATH", &spin).env("PATH", "/usr/bin:/bin")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_runs_first_and_its_output_goes_to_standard_error() {
    let said =
        "echo \"did: $*\"; echo \"in: $(pwd)\"; echo \"secret: ${HIPPO_PASSWORD-none}, user: $HIPPO_USERNAME\" >&2";
    let (app, stack) = (unbuilt(&format!("{said}; {BUILD}")), Stack::start().await);
    let output = building(&app, &stack).args(&["--build"]).run().await.expect(0);
    assert_eq!(output.stdout, format!("{}\n", stack.hippo.app_url("shop.hippo.localhost")));
    let directory = app.path().canonicalize().expect("it is there");
    let manifest = format!("did: build -f {}\n", app.path().join("spin.toml").display());
    for words in [manifest, format!("in: {}\n", directory.display()), "secret: none, user: admin\n".to_owned()] {
        assert!(output.stderr.contains(&words), "{words:?} is not in:\n{}", output.stderr);
    }
    assert!(output.stderr.contains("building spin.toml … done in"), "{}", output.stderr);
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifest_may_lie_elsewhere_and_a_variable_may_ask() {
    let (app, stack) = (unbuilt(BUILD), Stack::start().await);
    let from = app.path().display().to_string();
    let elsewhere = App::new("other");
    let program = building(&elsewhere, &stack).env("SPIN_BIN_PATH", &format!("{from}/bin/spin"));
    program.env("SPIN_ALWAYS_BUILD", "1").args(&["--from", &from]).run().await.expect(0);
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_get_their_lines_and_nothing_else() {
    let (app, stack) = (unbuilt(&format!("echo compiling; {BUILD}")), Stack::start().await);
    let output = building(&app, &stack).args(&["--build", "--format", "json"]).run().await.expect(0);
    assert_eq!(output.stderr, "compiling\n");
    let events: Vec<serde_json::Value> =
        output.stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    assert_eq!((&events[0]["event"], &events[0]["step"]), (&"step_started".into(), &"build".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_fails_is_3() {
    let (app, stack) = (unbuilt("echo 'no such crate' >&2; exit 42"), Stack::start().await);
    let output = building(&app, &stack).args(&["--build"]).run().await.expect(3);
    assert!(output.stderr.contains("no such crate\n"), "{}", output.stderr);
    assert!(output.stderr.contains("bin/spin build ended with exit code 42"), "{}", output.stderr);
    assert_eq!((output.stdout.as_str(), stack.sent()), ("", vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_spin_there_is_no_build() {
    let (app, stack) = (unbuilt(BUILD), Stack::start().await);
    let program = building(&app, &stack).env("SPIN_BIN_PATH", "/nowhere/spin");
    let output = program.args(&["--build"]).run().await.expect(2);
    assert!(output.stderr.contains("could not run /nowhere/spin to build"), "{}", output.stderr);
    assert!(
        output.stderr.contains("SPIN_BIN_PATH") && output.stderr.contains("leave out --build"),
        "{}",
        output.stderr
    );

    let program = building(&app, &stack).without("SPIN_BIN_PATH").env("PATH", "/nowhere").env("SPIN_ALWAYS_BUILD", "1");
    let output = program.run().await.expect(2);
    assert!(output.stderr.contains("could not run spin to build"), "{}", output.stderr);
    assert!(output.stderr.contains("unset SPIN_ALWAYS_BUILD"), "{}", output.stderr);

    let path = app.path().join("bin").display().to_string();
    let program = building(&app, &stack).without("SPIN_BIN_PATH").env("PATH", &format!("{path}:/usr/bin:/bin"));
    program.args(&["--build"]).run().await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_the_build_and_the_run() {
    let (app, stack) = (unbuilt("echo $$ > started; exec sleep 600"), Stack::start().await);
    let started = app.path().join("started");
    mkfifo(&started, Mode::S_IRWXU).expect("pipes can be made");
    let program = building(&app, &stack).args(&["--build"]).start();
    let pid = tokio::fs::read_to_string(&started).await.expect("the build says that it began");
    let build = Pid::from_raw(pid.trim().parse().expect("it is a process"));
    // The terminal tells both.
    kill(build, Signal::SIGINT).expect("it runs");
    kill(program.pid(), Signal::SIGINT).expect("it runs");
    let output = program.end().await.expect(130);
    assert!(output.stderr.contains("live now: what was live before; nothing was released"), "{}", output.stderr);
    assert!(kill(build, None).is_err(), "it has ended");
    assert_eq!(stack.sent(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_for_the_run_alone_is_passed_on_to_the_build() {
    let build = "trap 'echo told >&2; exit 1' TERM; echo $$ > started; while true; do sleep 0.1; done";
    let (app, stack) = (unbuilt(build), Stack::start().await);
    let started = app.path().join("started");
    mkfifo(&started, Mode::S_IRWXU).expect("pipes can be made");
    let program = building(&app, &stack).args(&["--build"]).start();
    tokio::fs::read_to_string(&started).await.expect("the build says that it began");
    kill(program.pid(), Signal::SIGTERM).expect("it runs");
    let output = program.end().await.expect(130);
    assert!(output.stderr.contains("told\n"), "{}", output.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_are_newer_than_the_module_are_told_unless_it_was_built() {
    let (app, stack) = (unbuilt("true"), Stack::start().await);
    std::fs::copy(app.path().join("built"), app.path().join("web.wasm")).expect("it can be copied");
    let manifest = std::fs::read_to_string(app.path().join("spin.toml")).expect("it is there");
    app.write("spin.toml", format!("{manifest}[component.web.build]\ncommand = \"make\"\nwatch = [\"src/*.rs\"]\n"));
    app.write("src/lib.rs", "");
    let source = std::fs::File::options().write(true).open(app.path().join("src/lib.rs")).expect("it is there");
    source.set_modified(SystemTime::now() + Duration::from_secs(60)).expect("times can be set");
    let warning = "warning: component `web`: src/lib.rs is newer than web.wasm: the build may be stale";
    let output = deploy(&app, &stack).await;
    assert!(output.stderr.contains(warning), "{}", output.stderr);
    let built = building(&app, &stack).args(&["--build"]).run().await.expect(0);
    assert!(!built.stderr.contains("is newer than"), "{}", built.stderr);
}
