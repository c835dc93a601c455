//! A machine of its own: a home directory, and at most one server, which goes away with it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Output, Program};
use crate::support::app::App;

/// Ports that no other machine of this run looks for, below those that the system gives to clients: a server that is
/// started again finds its port free.
const PORTS: std::ops::Range<u32> = 12000..30000;
const PORTS_EACH: u32 = 10;

pub struct Machine {
    home: TempDir,
    first_port: u32,
    client: reqwest::Client,
    variables: Vec<(&'static str, &'static str)>,
}

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Machine {
    pub fn new() -> Self {
        static MACHINES: AtomicU32 = AtomicU32::new(0);
        let nth = std::process::id().wrapping_mul(7) + MACHINES.fetch_add(1, Ordering::Relaxed);
        let slots = (PORTS.end - PORTS.start) / PORTS_EACH;
        // Somebody else may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let home = TempDir::new().expect("a temporary directory can be made");
        std::fs::create_dir(home.path().join("run")).expect("directories can be made");
        Machine {
            home,
            first_port: PORTS.start + nth % slots * PORTS_EACH,
            client: reqwest::Client::builder().no_proxy().build().expect("a client without settings can be built"),
            variables: Vec::new(),
        }
    }

    /// With settings for its server.
    pub fn with(variables: &[(&'static str, &'static str)]) -> Self {
        let mut machine = Machine::new();
        machine.variables = variables.to_vec();
        machine
    }

    /// The program on this machine, in a directory.
    pub fn program(&self, directory: &Path) -> Program {
        let program = Program::new(directory)
            .env("HOME", &self.path(""))
            .env("XDG_RUNTIME_DIR", &self.path("run"))
            // Compiling is not what is tested.
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .env("SPIN_DEPLOY_DATA_DIR", &self.path("data"))
            .env("SPIN_DEPLOY_FIRST_PORT", &self.first_port.to_string())
            .env("SPIN_DEPLOY_TARGET", "local");
        self.variables.iter().fold(program, |program, (name, value)| program.env(name, value))
    }

    /// Deploys and expects success; returns the URL.
    pub async fn deploy(&self, app: &App) -> String {
        let output = self.program(app.path()).run().await.expect(0);
        output.stdout.trim_end().to_owned()
    }

    /// Deploys, whatever comes of it.
    pub async fn try_to_deploy(&self, app: &App) -> Output {
        self.program(app.path()).run().await
    }

    /// Runs `serve` with arguments to its end.
    pub async fn serve(&self, args: &[&str]) -> Output {
        self.program(self.home.path()).args(&[&["serve"], args].concat()).run().await
    }

    /// GET, without a word about how it went.
    pub async fn try_get(&self, url: &str) -> reqwest::Result<Answer> {
        let answer = self.client.get(url).send().await?;
        Ok(Answer { status: answer.status().as_u16(), body: answer.text().await? })
    }

    pub async fn get(&self, url: &str) -> Answer {
        self.try_get(url).await.unwrap_or_else(|error| panic!("GET {url}: {error:?}"))
    }

    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Where the server keeps everything.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// The port that its server looks at first.
    pub fn first_port(&self) -> u32 {
        self.first_port
    }

    /// The version of an application that answers here.
    pub async fn running(&self, app: &str) -> Option<String> {
        let record = std::fs::read(self.data().join("apps").join(app).join("record.json")).ok()?;
        let port = serde_json::from_slice::<Value>(&record).expect("a record is JSON")["port"].clone();
        let info = self.try_get(&format!("http://127.0.0.1:{port}/.well-known/spin/info")).await.ok()?;
        let info: Value = serde_json::from_str(&info.body).ok()?;
        (info["name"] == app).then(|| info["version"].as_str().map(str::to_owned))?
    }

    /// What is recorded of an application.
    pub fn record(&self, app: &str) -> Value {
        let path = self.data().join("apps").join(app).join("record.json");
        let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_slice(&text).expect("a record is JSON")
    }

    /// What a component has written, and what was said of it.
    pub fn log(&self, app: &str, component: &str) -> String {
        let logs = self.data().join("apps").join(app).join("logs");
        let entries = std::fs::read_dir(&logs).expect("there are logs").map(|entry| entry.unwrap().path());
        let of_component = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(component);
        entries.filter(of_component).map(|path| std::fs::read_to_string(path).unwrap()).collect()
    }

    /// Lets the component `web` of an application write further lines.
    pub fn write_log(&self, app: &str, lines: &[&str]) {
        let directory = self.data().join("apps").join(app).join("logs");
        std::fs::create_dir_all(&directory).expect("the application is there");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(directory.join("web.log"));
        let mut file = file.expect("a log can be written");
        for line in lines {
            writeln!(file, "{:.3} out {line}", jiff::Timestamp::now()).expect("a log can be written");
        }
    }

    /// The process that holds the lock, while it lives.
    pub fn server(&self) -> Option<Pid> {
        let text = std::fs::read_to_string(self.data().join("server.lock")).ok()?;
        let pid = Pid::from_raw(text.trim().parse().ok()?);
        // A process that was killed and that nobody has waited for is none.
        let dead = std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "));
        (!dead || cfg!(not(target_os = "linux"))).then_some(pid)
    }

    /// Kills the server, if there is one.
    pub fn kill_server(&self) {
        if let Some(pid) = self.server() {
            // It may have ended by itself in between.
            let _ = kill(pid, Signal::SIGKILL);
        }
    }

    /// Resident memory of the server in KiB (Linux).
    pub fn resident(&self) -> u64 {
        let pid = self.server().expect("a server runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says so");
        line.trim().trim_end_matches(" kB").parse().expect("it is a number")
    }

    fn path(&self, below: &str) -> String {
        self.home.path().join(below).to_str().expect("temporary directories have plain names").to_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill_server();
    }
}

impl Answer {
    /// The body, after the status was compared.
    #[track_caller]
    pub fn expect(self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}
