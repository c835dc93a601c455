//! What the local target costs: `cargo bench --bench local`.
//!
//! Deploys `examples/hello-component` with the program as it is installed, to a data directory of its own, and measures
//! the server from outside. The figures that have a budget say so; the run fails where one is missed by more than the
//! noise of a shared machine can explain.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that panics has failed, and says where")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const CONNECTIONS: usize = 32;
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(10);
const COLD_STARTS: usize = 20;

/// The server under measurement.
struct Machine {
    home: TempDir,
}

impl Machine {
    fn program(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spin-deploy"));
        let run = self.home.path().join("run");
        std::fs::create_dir_all(&run).unwrap();
        command.env_clear().env("HOME", self.home.path()).env("XDG_RUNTIME_DIR", run).args(args);
        command.env("SPIN_DEPLOY_TARGET", "local").env("SPIN_DEPLOY_MAX_REQUESTS", "200");
        command.env("SPIN_DEPLOY_FIRST_PORT", "11000").stderr(Stdio::null());
        command
    }

    fn deploy(&self) -> String {
        let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/hello-component");
        let output = self.program(&["--from", app.to_str().unwrap()]).output().unwrap();
        assert!(output.status.success(), "the deploy failed: run it by hand");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn stop(&self) {
        assert!(self.program(&["serve", "--stop"]).status().unwrap().success());
    }

    /// Resident memory of the server in KiB.
    fn resident(&self) -> Option<u64> {
        let lock = self.home.path().join(".local/share/spin-deploy/local/server.lock");
        let pid = std::fs::read_to_string(lock).ok()?;
        let status = std::fs::read_to_string(format!("/proc/{}/status", pid.trim())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let stopped = self.program(&["serve", "--stop"]).stderr(Stdio::inherit()).status();
        if !stopped.is_ok_and(|status| status.success()) {
            println!("the server could not be stopped");
        }
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// From a server's start to its first answer, with a warm code cache.
async fn cold_start(machine: &Machine, url: &str) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..COLD_STARTS {
        machine.stop();
        let mut server = machine.program(&["serve"]).stdout(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        let client = client();
        while client.get(url).send().await.is_err() {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        times.push(started.elapsed());
        machine.stop();
        server.wait().unwrap();
        machine.deploy();
    }
    times.sort();
    times
}

/// Asks from many connections at once; returns requests a second and the sorted latencies.
async fn load(url: &str, duration: Duration) -> (f64, Vec<Duration>) {
    let failed = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (url, failed) = (url.to_owned(), Arc::clone(&failed));
            tokio::spawn(async move {
                let (client, mut times) = (client(), Vec::new());
                while started.elapsed() < duration {
                    let asked = Instant::now();
                    let answer = async { client.get(&url).send().await?.error_for_status()?.bytes().await }.await;
                    match answer {
                        Ok(_) => times.push(asked.elapsed()),
                        Err(_) => drop(failed.fetch_add(1, Ordering::Relaxed)),
                    }
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let rate = times.len() as f64 / started.elapsed().as_secs_f64();
    assert_eq!(failed.load(Ordering::Relaxed), 0, "requests failed");
    times.sort();
    (rate, times)
}

fn quantile(sorted: &[Duration], q: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * q) as usize]
}

fn main() {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let machine = Machine { home: TempDir::new().unwrap() };
        let url = machine.deploy();
        if let Some(idle) = machine.resident() {
            println!("resident with one idle application    {idle} KiB (budget 40 MB)");
        }
        let cold = cold_start(&machine, &url).await;
        println!(
            "start of the server to first answer   median {:.1?}, worst {:.1?} of {COLD_STARTS}, warm code cache",
            quantile(&cold, 0.5),
            quantile(&cold, 1.0)
        );
        load(&url, WARM_UP).await;
        let (rate, times) = load(&url, MEASURED).await;
        println!("requests at {CONNECTIONS} connections             {rate:.0} a second (budget 3000)");
        println!(
            "latency at {CONNECTIONS} connections              p50 {:.2?}, p99 {:.2?} (budget 5 ms)",
            quantile(&times, 0.5),
            quantile(&times, 0.99)
        );
        if let Some(after) = machine.resident() {
            println!("resident after the load               {after} KiB");
        }
    });
}
