//! The days of an application from its first deploy to its removal, at each kind of target: after each step, what *runs*.

use crate::program::{Output, last};
use crate::scene::{Hippos, Machines, Scene};
use crate::support::app::App;

#[tokio::test(flavor = "multi_thread")]
async fn story_at_hippo() {
    tell(&Hippos::set().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn story_on_this_machine() {
    tell(&Machines::set()).await;
}

async fn tell(scene: &dyn Scene) {
    let app = App::new("shop");
    let run = async |args: &[&str]| scene.program(app.path()).args(args).run().await;

    let first = planned(&run).await;
    run(&["-t", "here"]).await.expect(0);
    assert_eq!(scene.running("here", &app).await, Some(first.clone()));

    app.version("1.1.0");
    app.write("static/index.html", "second");
    let second = planned(&run).await;
    run(&["-t", "here", "--expect-release", &active(&run, "here").await]).await.expect(0);
    assert_eq!(scene.running("here", &app).await, Some(second.clone()));

    let status = last(&run(&["status", "-t", "here", "--from", ".", "--format", "json"]).await.expect(0));
    assert_eq!(status["phase"], "live", "{status}");
    assert_eq!(status["release"]["version"], second, "{status}");

    run(&["logs", "-t", "here", "-n", "5"]).await.expect(0);
    assert_eq!(releases(&run, "here").await, [(second.clone(), true), (first.clone(), false)]);

    run(&["rollback", "-t", "here"]).await.expect(0);
    assert_eq!(scene.running("here", &app).await, Some(first.clone()));
    let active: Vec<_> = releases(&run, "here").await.into_iter().filter(|(_, active)| *active).collect();
    assert_eq!(active, [(first.clone(), true)]);

    app.version("1.2.0");
    scene.spoil(&app);
    let broken = run(&["-t", "here", "--rollback-on-failure", "--check", "/", "--timeout", "3"]).await.expect(10);
    assert!(broken.stderr.contains(&first), "it says what was put back: {}", broken.stderr);
    assert_eq!(scene.running("here", &app).await, Some(first.clone()));

    run(&["promote", "--from", "here", "-t", "there"]).await.expect(0);
    assert_eq!(
        scene.running("there", &app).await,
        Some(first.clone()),
        "the same build, not what lies in the directory"
    );

    for _ in 0..2 {
        run(&["destroy", "-t", "here", "--yes"]).await.expect(0);
        assert_eq!(scene.running("here", &app).await, None);
        assert_eq!(scene.running("there", &app).await, Some(first.clone()));
    }
    run(&["status", "-t", "here"]).await.expect(7);
    run(&["status", "-t", "there"]).await.expect(0);
}

/// Versions and which of them is active, newest first.
async fn releases(run: &impl AsyncFn(&[&str]) -> Output, target: &str) -> Vec<(String, bool)> {
    let told = last(&run(&["releases", "-t", target, "--format", "json"]).await.expect(0));
    let told = told["releases"].as_array().expect("there is a list").clone();
    told.iter().map(|release| (release["version"].as_str().unwrap().to_owned(), release["active"] == true)).collect()
}

/// The target's name for the release that is active.
async fn active(run: &impl AsyncFn(&[&str]) -> Output, target: &str) -> String {
    let told = last(&run(&["status", "-t", target, "--format", "json"]).await.expect(0));
    told["release"]["release"].as_str().expect("it is known").to_owned()
}

/// The version that the directory would be deployed as.
async fn planned(run: &impl AsyncFn(&[&str]) -> Output) -> String {
    let told = last(&run(&["plan", "-t", "here", "--format", "json"]).await.expect(0));
    told["version"].as_str().expect("it is known").to_owned()
}
