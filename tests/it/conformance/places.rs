//! The drivers under test and their places.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use async_trait::async_trait;
use spin_deploy::auth::{Credential, Login, Secret};
use spin_deploy::http;
use spin_deploy::package::{Description, Package};
use spin_deploy::target::{AppName, Target};
use spin_deploy::targets::{self, hippo, local};

use tempfile::TempDir;

use super::Place;
use crate::support::memory::Memory;
use crate::support::stack::Stack;

/// The real program, of which the local target's server is a part.
const PROGRAM: &str = env!("CARGO_BIN_EXE_spin-deploy");

/// Every driver, and the one in memory.
pub const DRIVERS: &[&str] = &["memory", "hippo", "local"];

/// Their powers.
pub const POWERS: &[(&str, &[&str])] = &[
    ("memory", &["logs", "history", "removal"]),
    ("hippo", &["logs", "history", "removal", "retrieval"]),
    ("local", &["logs", "history", "removal", "retrieval"]),
];

/// A fresh place of that driver.
pub async fn open(driver: &str) -> Box<dyn Place> {
    match driver {
        "memory" => Box::new(InMemory(Memory::new())),
        "hippo" => Box::new(OnHippo(Stack::start().await)),
        "local" => Box::new(OnThisMachine::new()),
        other => panic!("no place for {other}"),
    }
}

#[test]
fn every_driver_is_under_test() {
    for driver in targets::DRIVERS {
        assert!(DRIVERS.contains(&driver.kind), "{} has no place in the conformance suite", driver.kind);
    }
}

struct InMemory(Memory);

#[async_trait]
impl Place for InMemory {
    fn target(&self) -> Box<dyn Target> {
        Box::new(self.0.clone())
    }

    async fn running(&self, app: &AppName) -> Option<String> {
        self.0.place().running.get(&app.0).cloned()
    }

    async fn contents(&self) -> String {
        let place = self.0.place();
        format!("{:?} {:?}", place.stored, place.running)
    }

    async fn write_log(&self, app: &AppName, lines: &[&str]) {
        let mut place = self.0.place();
        place.logs.entry(app.0.clone()).or_default().extend(lines.iter().map(|line| (*line).to_owned()));
    }

    async fn lose(&self, _package: &Package) -> Option<()> {
        None
    }
}

struct OnHippo(Stack);

#[async_trait]
impl Place for OnHippo {
    fn target(&self) -> Box<dyn Target> {
        connect_hippo(&self.0)
    }

    async fn running(&self, app: &AppName) -> Option<String> {
        self.0.running(&app.0)
    }

    async fn contents(&self) -> String {
        self.0.contents()
    }

    async fn write_log(&self, app: &AppName, lines: &[&str]) {
        self.0.write_log(&app.0, lines);
    }

    async fn lose(&self, package: &Package) -> Option<()> {
        self.0.yank(&package.id.to_string()).await;
        Some(())
    }
}

/// A home of its own on this machine, with the server that the first release starts in it.
struct OnThisMachine(TempDir);

impl OnThisMachine {
    fn new() -> Self {
        let place = OnThisMachine(TempDir::new().expect("a temporary directory can be made"));
        std::fs::create_dir(place.path("run")).expect("the home is new");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What a server needs to know of its home.
    fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [("HOME", self.path("")), ("XDG_CACHE_HOME", self.path("cache")), ("XDG_RUNTIME_DIR", self.path("run"))]
    }

    fn port(&self, app: &AppName) -> Option<u16> {
        let record = std::fs::read(self.path("data/apps").join(&app.0).join("record.json")).ok()?;
        let record: serde_json::Value = serde_json::from_slice(&record).expect("a record is JSON");
        record["port"].as_u64()?.try_into().ok()
    }
}

impl Drop for OnThisMachine {
    fn drop(&mut self) {
        let mut stop = Command::new(PROGRAM);
        stop.args(["serve", "--stop", "--quiet", "--data-dir"]).arg(self.path("data"));
        let stopped = stop.env_clear().envs(self.environment()).status();
        assert!(std::thread::panicking() || stopped.is_ok_and(|status| status.success()), "the server does not stop");
    }
}

#[async_trait]
impl Place for OnThisMachine {
    fn target(&self) -> Box<dyn Target> {
        let args = ["serve".into(), "--detached".into(), "--data-dir".into(), self.path("data").into_os_string()];
        let environment = self.environment().map(|(name, value)| (name.into(), value.into_os_string()));
        let launch = local::Launch { program: PROGRAM.into(), args: args.into(), environment: environment.into() };
        let config = local::Config {
            data_dir: self.path("data"),
            runtime_dir: Some(self.path("run")),
            cache_dir: self.path("cache/spin-deploy"),
            first_address: "127.0.0.1:3000".parse().expect("it is an address"),
            launch,
        };
        local::connect(&targets::Config { local: Some(config), ..targets::Config::default() })
            .expect("nothing is missing")
    }

    async fn running(&self, app: &AppName) -> Option<String> {
        let url = format!("http://127.0.0.1:{}/.well-known/spin/info", self.port(app)?);
        let request = http::Request::new(reqwest::Method::GET, url.parse().expect("it is a URL"));
        let request = http::Request { repeat: http::Repeat::Never, ..request };
        let client = http::Client::new(&http::Config::default()).expect("the defaults are valid");
        let info: serde_json::Value = client.send(request, &|_| {}).await.ok()?.success().ok()?.json().ok()?;
        (info["name"] == app.0.as_str()).then(|| info["version"].as_str().map(str::to_owned))?
    }

    async fn contents(&self) -> String {
        let mut lines = Vec::new();
        list(&self.path("data"), &mut lines);
        lines.sort();
        lines.join("\n")
    }

    async fn write_log(&self, app: &AppName, lines: &[&str]) {
        let directory = self.path("data/apps").join(&app.0).join("logs");
        std::fs::create_dir_all(&directory).expect("the application is there");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(directory.join("web.log"));
        let mut file = file.expect("a log can be written");
        for line in lines {
            writeln!(file, "{:.3} out {line}", jiff::Timestamp::now()).expect("a log can be written");
        }
    }

    async fn lose(&self, package: &Package) -> Option<()> {
        let Description::Directory { document } = &package.description else { return None };
        std::fs::remove_file(self.path("data/blobs").join(document)).expect("it was stored");
        Some(())
    }
}

/// The paths and lengths of all files below a directory but logs.
fn list(directory: &Path, lines: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.expect("the directory can be read").path();
        if path.file_name().is_some_and(|name| name == "logs" || name == "server.log") {
            continue;
        }
        let metadata = path.symlink_metadata().expect("nothing goes away meanwhile");
        match metadata.is_dir() {
            true => list(&path, lines),
            false => lines.push(format!("{} {}", path.display(), metadata.len())),
        }
    }
}

/// A handle to a stack.
pub fn connect_hippo(stack: &Stack) -> Box<dyn Target> {
    let password = Login { username: "admin".to_owned(), password: Secret::new("secret-password") };
    let config = targets::Config {
        hippo: hippo::Config {
            url: Some(stack.hippo.url().parse().expect("the fake's URL is one")),
            credential: Some(Credential::Password(password)),
            bindle_url: Some(stack.bindle.url().parse().expect("the server's URL is one")),
            channel: "spin-deploy".to_owned(),
            app_url: Some(stack.app_url_template()),
            ..hippo::Config::default()
        },
        ..targets::Config::default()
    };
    hippo::connect(&config).expect("nothing is missing")
}
