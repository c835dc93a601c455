//! The days of an application from its first deploy to its removal, at each kind of target: after each step, what *runs*.

use std::path::Path;

use async_trait::async_trait;
use serde_json::Value;
use tempfile::TempDir;

use crate::local::machine::Machine;
use crate::program::{Output, Program};
use crate::support::app::App;
use crate::support::hippo::Start;
use crate::support::stack::{PASSWORD, Stack, USER};

/// Where the story is set: two targets of one kind, called `here` and `there`.
#[async_trait]
trait Scene: Sync {
    /// The program in the directory of the application, knowing both targets.
    fn program(&self, app: &App) -> Program;

    /// The version of the application that runs at a target.
    async fn running(&self, target: &str, app: &App) -> Option<String>;

    /// Makes the next build one that will not answer.
    fn spoil(&self, app: &App);
}

struct Hippos {
    here: Stack,
    there: Stack,
    home: TempDir,
}

struct Machines {
    here: Machine,
    there: Machine,
    home: TempDir,
}

#[tokio::test(flavor = "multi_thread")]
async fn story_at_hippo() {
    let scene = Hippos { here: Stack::start().await, there: Stack::start().await, home: TempDir::new().unwrap() };
    let targets = [("here", &scene.here), ("there", &scene.there)].map(|(name, stack)| {
        let (hippo, bindle, app) = (stack.hippo_url(), stack.bindle_url(), stack.app_url_template());
        format!("[target.{name}]\ndriver = \"hippo\"\nhippo-url = \"{hippo}\"\nbindle-server = \"{bindle}\"\napp-url = \"{app}\"\n")
    });
    configure(scene.home.path(), &targets);
    for target in ["here", "there"] {
        let login = Program::at_home(scene.home.path(), scene.home.path()).args(&["login", "-t", target]);
        login.env("HIPPO_USERNAME", USER).env("HIPPO_PASSWORD", PASSWORD).run().await.expect(0);
    }
    tell(&scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn story_on_this_machine() {
    let scene = Machines { here: Machine::new(), there: Machine::new(), home: TempDir::new().unwrap() };
    let targets = [("here", &scene.here), ("there", &scene.there)].map(|(name, machine)| {
        let (data, port) = (machine.data(), machine.first_port());
        format!("[target.{name}]\ndriver = \"local\"\ndata-dir = {data:?}\nfirst-port = {port}\n")
    });
    configure(scene.home.path(), &targets);
    tell(&scene).await;
}

async fn tell(scene: &dyn Scene) {
    let app = App::new("shop");
    let run = async |args: &[&str]| scene.program(&app).args(args).run().await;

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

/// The event that ended a run.
fn last(output: &Output) -> Value {
    let line = output.stdout.lines().last().expect("a run that is told in JSON says something");
    serde_json::from_str(line).expect("every line is JSON")
}

/// Writes the user's settings.
fn configure(home: &Path, targets: &[String]) {
    let directory = home.join(".config/spin-deploy");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("config.toml"), targets.concat()).unwrap();
}

#[async_trait]
impl Scene for Hippos {
    fn program(&self, app: &App) -> Program {
        Program::at_home(self.home.path(), app.path())
    }

    async fn running(&self, target: &str, app: &App) -> Option<String> {
        if target == "here" { &self.here } else { &self.there }.running(app.name())
    }

    fn spoil(&self, _app: &App) {
        self.here.hippo.set_start(Start::KeepOld);
    }
}

#[async_trait]
impl Scene for Machines {
    fn program(&self, app: &App) -> Program {
        // Compiling is not what is tested.
        Program::at_home(self.home.path(), app.path()).env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
    }

    async fn running(&self, target: &str, app: &App) -> Option<String> {
        let machine = if target == "here" { &self.here } else { &self.there };
        machine.running(app.name()).await
    }

    fn spoil(&self, app: &App) {
        let module = r#"(module (memory (export "memory") 1) (func (export "_start") unreachable))"#;
        app.write("web.wasm", wat::parse_str(module).unwrap());
    }
}
