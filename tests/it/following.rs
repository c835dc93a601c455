//! `logs` of the real program: narrowed, and followed while the application goes on writing.

use nix::sys::signal::{Signal, kill};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::ChildStdout;
use tokio::time::{Duration, timeout};

use crate::scene::{Hippos, Machines, Scene};
use crate::support::app::App;

/// How long a line may take: for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_at_hippo() {
    follow(&Hippos::set().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_on_this_machine() {
    follow(&Machines::set()).await;
}

/// Every line comes once, in its order, and Ctrl-C is how it ends well.
async fn follow(scene: &dyn Scene) {
    let app = App::new("shop");
    scene.program(app.path()).args(&["-t", "here"]).run().await.expect(0);
    scene.write_log(&app, &["line 1", "line 2"]);
    let mut running = scene.program(app.path()).args(&["logs", "-t", "here", "--follow", "-n", "1"]).start();
    let mut lines = BufReader::new(running.stdout().expect("nobody took it")).lines();
    expect(&mut lines, "line 2").await;
    for batch in [&["line 3"][..], &["line 4", "line 5", "line 5"]] {
        scene.write_log(&app, batch);
        for line in batch {
            expect(&mut lines, line).await;
        }
    }
    kill(running.pid(), Signal::SIGINT).expect("it runs");
    let end = timeout(PATIENCE, lines.next_line()).await.expect("Ctrl-C ends it");
    assert_eq!(end.expect("it can be read"), None, "nothing comes twice");
    running.end().await.expect(0);
}

async fn expect(lines: &mut Lines<BufReader<ChildStdout>>, text: &str) {
    let line = timeout(PATIENCE, lines.next_line()).await.unwrap_or_else(|_| panic!("{text:?} does not come"));
    let line = line.expect("it can be read").expect("it goes on");
    assert!(line.ends_with(text), "{line:?} is not {text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_narrowed_by_what_this_machine_knows_of_a_line() {
    let (scene, app) = (Machines::set(), App::new("shop"));
    scene.program(app.path()).args(&["-t", "here"]).run().await.expect(0);
    scene.write_log(&app, &["line 1", "line 2"]);
    let lines = async |narrowed: &[&str]| {
        let output = scene.program(app.path()).args(&["logs", "-t", "here"]).args(narrowed).run().await.expect(0);
        output.stdout.lines().count()
    };
    assert_eq!(lines(&["--since", "1h"]).await, 2);
    assert_eq!(lines(&["--since", "2100-01-01T00:00:00Z"]).await, 0);
    assert_eq!(lines(&["--component", "web", "-n", "1"]).await, 1);
    let unknown = scene.program(app.path()).args(&["logs", "-t", "here", "--component", "wed"]).run().await.expect(2);
    assert!(unknown.stderr.contains("shop has no component wed; it has web"), "{}", unknown.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_log_is_explained_to_people() {
    let (scene, app) = (Machines::set(), App::new("shop"));
    scene.program(app.path()).args(&["-t", "here"]).run().await.expect(0);
    let note = "note: nothing was written yet\n";
    for (more, told) in [(&[][..], note), (&["--since", "1h"], ""), (&["-q"], ""), (&["--format", "json"], "")] {
        let output = scene.program(app.path()).args(&["logs", "-t", "here"]).args(more).run().await.expect(0);
        assert_eq!(output.stderr, told, "{more:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hippo_does_not_know_of_a_line_is_refused() {
    let (scene, app) = (Hippos::set().await, App::new("shop"));
    scene.program(app.path()).args(&["-t", "here"]).run().await.expect(0);
    for narrowed in [["--since", "1h"], ["--component", "web"]] {
        let output = scene.program(app.path()).args(&["logs", "-t", "here"]).args(&narrowed).run().await.expect(2);
        assert!(output.stderr.contains(narrowed[0]), "{}", output.stderr);
    }
}
