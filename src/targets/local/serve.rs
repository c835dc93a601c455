//! The server as a whole: running one in this process, and ending one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::client::{Client, ControlError};
use super::config::{Config, Serving};
use super::engine::Engine;
use super::engine::embedded::{Embedded, EngineError};
use super::fault;
use super::lock::ServerLock;
use super::paths::Paths;
use super::server::{self, Options};
use crate::target::{Context, ErrorKind, TargetError};

/// How often to look whether a server has gone.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Serves everything in the data directory until `cx.cancel` is cancelled, or somebody asks the server to stop.
pub async fn serve(config: &Config, serving: Serving, cx: &Context) -> Result<(), TargetError> {
    let operation = || format!("serve {}", config.data_dir.display());
    let paths = config.paths();
    let engine = engine(&paths.code_cache, serving.limits.concurrent)
        .map_err(|error| TargetError::new(ErrorKind::InvalidConfig, operation()).because(error))?;
    let Serving { listen, first_port, limits } = serving;
    let options = Options { paths, listen, limits, first_port };
    more_files();
    let served = server::serve(options, engine, Arc::clone(&cx.reporter), cx.cancel.clone()).await;
    served.map_err(|error| fault::of_serve(error, operation()))
}

/// Raises the number of files that this process may have open as far as it may: each connection is one.
fn more_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::debug!(%error, "the number of open files stays as it is");
    }
}

/// What runs the applications.
fn engine(code_cache: &Path, concurrent: u32) -> Result<Arc<dyn Engine>, EngineError> {
    Ok(Arc::new(Embedded::new(code_cache, concurrent)?))
}

/// Asks the server to stop and waits until it has gone; says which process it was. `None`: none was running.
pub async fn stop(config: &Config, cancel: &CancellationToken) -> Result<Option<u32>, TargetError> {
    let paths = config.paths();
    let client = Client::new(&paths.socket);
    let failed = |error| fault::of_question(error, "stop the server", &paths.data);
    let pid = match client.server().await {
        Ok(info) => info.pid,
        Err(ControlError::NotRunning) => return nobody_answers(&paths),
        Err(error) => return Err(failed(error)),
    };
    match client.stop().await {
        // It was on its way already.
        Ok(()) | Err(ControlError::NotRunning) => {}
        Err(error) => return Err(failed(error)),
    }
    while is_there(&paths, pid) {
        if cancel.run_until_cancelled(sleep(BETWEEN_LOOKS)).await.is_none() {
            return Err(fault::cancelled(format!("wait for the end of the server (process {pid})")));
        }
    }
    Ok(Some(pid))
}

/// Whether that process still is the server. Its lock is the last thing that it lets go.
fn is_there(paths: &Paths, pid: u32) -> bool {
    match ServerLock::holder(paths) {
        Ok(Some(holder)) => holder.pid.is_none_or(|held| held == pid),
        Ok(None) if paths.lock().exists() => false,
        // Somebody has removed the data directory under it.
        _ => i32::try_from(pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok()),
    }
}

/// No server, unless there is one that cannot be spoken to.
fn nobody_answers(paths: &Paths) -> Result<Option<u32>, TargetError> {
    let holder = ServerLock::holder(paths);
    let holder =
        holder.map_err(|error| TargetError::new(ErrorKind::InvalidConfig, "look for a server").because(error))?;
    let Some(holder) = holder else { return Ok(None) };
    let why = anyhow!("{holder} holds {}, and does not answer at {}", paths.lock().display(), paths.socket.display());
    let failure = TargetError::new(ErrorKind::Unreachable, "stop the server").because(why);
    Err(match holder.pid {
        Some(pid) => failure.hint(format!("it may be stopping already; if it stays: kill {pid}")),
        None => failure,
    })
}

/// Leaves the terminal and the process group that this was started from, so that their end is not ours.
pub fn detach() -> Result<(), TargetError> {
    rustix::process::setsid().map(drop).map_err(|error| {
        TargetError::new(
            ErrorKind::InvalidConfig,
            "leave the terminal: --detached is for a process that leads no group",
        )
        .because(error)
    })
}

/// Lets time pass.
pub fn sleep(duration: Duration) -> BoxFuture<'static, ()> {
    tokio::time::sleep(duration).boxed()
}
