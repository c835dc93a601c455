//! Two targets of one kind, called `here` and `there`, and somebody who knows both.

use std::path::Path;

use async_trait::async_trait;
use tempfile::TempDir;

use crate::local::machine::Machine;
use crate::program::Program;
use crate::support::app::App;
use crate::support::hippo::Start;
use crate::support::stack::{PASSWORD, Stack, USER};

/// Where a story is set.
#[async_trait]
pub trait Scene: Sync {
    /// The program in a directory, knowing both targets.
    fn program(&self, directory: &Path) -> Program;

    /// The version of the application that runs at a target.
    async fn running(&self, target: &str, app: &App) -> Option<String>;

    /// Makes the next build one that will not answer.
    fn spoil(&self, app: &App);

    /// Lets the application write further lines at `here`.
    fn write_log(&self, app: &App, lines: &[&str]);

    /// What differs from run to run in what is printed, and what it stands for.
    fn names(&self) -> Vec<(String, &'static str)>;
}

/// Two Hippos, each with a Bindle server of its own. The user has logged in to both.
pub struct Hippos {
    here: Stack,
    there: Stack,
    home: TempDir,
}

/// Two data directories with a server each.
pub struct Machines {
    here: Machine,
    there: Machine,
    home: TempDir,
}

impl Hippos {
    pub async fn set() -> Self {
        let scene = Hippos { here: Stack::start().await, there: Stack::start().await, home: TempDir::new().unwrap() };
        let targets = [("here", &scene.here), ("there", &scene.there)].map(|(name, stack)| {
            let urls = [stack.hippo_url(), stack.bindle_url(), stack.app_url_template()];
            let [hippo, bindle, app] = urls.map(|url| format!("{url:?}"));
            format!(
                "[target.{name}]\ndriver = \"hippo\"\nhippo-url = {hippo}\nbindle-server = {bindle}\napp-url = {app}\n"
            )
        });
        configure(scene.home.path(), &targets);
        for target in ["here", "there"] {
            let login = Program::at_home(scene.home.path(), scene.home.path()).args(&["login", "-t", target]);
            login.env("HIPPO_USERNAME", USER).env("HIPPO_PASSWORD", PASSWORD).run().await.expect(0);
        }
        scene
    }
}

impl Machines {
    pub fn set() -> Self {
        let scene = Machines { here: Machine::new(), there: Machine::new(), home: TempDir::new().unwrap() };
        let targets = [("here", &scene.here), ("there", &scene.there)].map(|(name, machine)| {
            let (data, port) = (machine.data(), machine.first_port());
            format!("[target.{name}]\ndriver = \"local\"\ndata-dir = {data:?}\nfirst-port = {port}\n")
        });
        configure(scene.home.path(), &targets);
        scene
    }
}

/// Writes the user's settings.
fn configure(home: &Path, targets: &[String]) {
    let directory = home.join(".config/spin-deploy");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("config.toml"), targets.concat()).unwrap();
}

#[async_trait]
impl Scene for Hippos {
    fn program(&self, directory: &Path) -> Program {
        Program::at_home(self.home.path(), directory)
    }

    async fn running(&self, target: &str, app: &App) -> Option<String> {
        if target == "here" { &self.here } else { &self.there }.running(app.name())
    }

    fn spoil(&self, _app: &App) {
        self.here.hippo.set_start(Start::KeepOld);
    }

    fn write_log(&self, app: &App, lines: &[&str]) {
        self.here.write_log(app.name(), lines);
    }

    fn names(&self) -> Vec<(String, &'static str)> {
        let port = |stack: &Stack| stack.hippo.apps_port().to_string();
        vec![
            (self.here.bindle_url(), "http://bindle.here/v1"),
            (self.there.bindle_url(), "http://bindle.there/v1"),
            (self.here.hippo_url(), "http://hippo.here"),
            (self.there.hippo_url(), "http://hippo.there"),
            (port(&self.here), "8001"),
            (port(&self.there), "8002"),
            (self.home.path().display().to_string(), "[home]"),
        ]
    }
}

#[async_trait]
impl Scene for Machines {
    fn program(&self, directory: &Path) -> Program {
        // Compiling is not what is tested.
        Program::at_home(self.home.path(), directory).env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
    }

    async fn running(&self, target: &str, app: &App) -> Option<String> {
        let machine = if target == "here" { &self.here } else { &self.there };
        machine.running(app.name()).await
    }

    fn spoil(&self, app: &App) {
        let module = r#"(module (memory (export "memory") 1) (func (export "_start") unreachable))"#;
        app.write("web.wasm", wat::parse_str(module).unwrap());
    }

    fn write_log(&self, app: &App, lines: &[&str]) {
        self.here.write_log(app.name(), lines);
    }

    fn names(&self) -> Vec<(String, &'static str)> {
        vec![
            (self.here.data().display().to_string(), "[data here]"),
            (self.there.data().display().to_string(), "[data there]"),
            (self.here.first_port().to_string(), "3001"),
            (self.there.first_port().to_string(), "3002"),
            (self.home.path().display().to_string(), "[home]"),
        ]
    }
}
