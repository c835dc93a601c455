//! The server: everything between the sockets and the [`Engine`].
//!
//! | file | |
//! |---|---|
//! | `apps.rs` | all applications, and what changes them |
//! | `app.rs` | one application: its port, and which release answers there |
//! | `live.rs` | a release that is ready to answer |
//! | `chain.rs` | calls within an application |
//! | `router.rs`, `request.rs`, `reply.rs` | which trigger answers, what a component is told, what is said without one |
//! | `socket.rs` | the control socket |
//! | `answer.rs`, `warnings.rs` | how long an answer may take, and how much may be said of those that fail |
//! | `connections.rs` | HTTP on both kinds of sockets |

use std::io;
use std::net::{IpAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::engine::{Engine, Limits};
use super::lock::{LockError, ServerLock};
use super::paths::{Paths, PathsError};
use super::store::{Store, StoreError};
use crate::event::{Event, Reporter};
use apps::Apps;
use live::Tools;

mod answer;
mod app;
mod apps;
mod chain;
mod connections;
mod live;
mod refusal;
mod reply;
mod request;
mod router;
mod socket;
#[cfg(test)]
mod tests;
mod warnings;

/// How to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where everything lies.
    pub paths: Paths,
    /// The address that applications are served on. Of one for all addresses (`0.0.0.0`), URLs name the loopback one.
    pub listen: IpAddr,
    /// What one request may use up.
    pub limits: Limits,
    /// The port that the first application gets, if it is free; further ones get the next free ones. 0: the system
    /// chooses.
    pub first_port: u16,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The places cannot be used.
    #[error(transparent)]
    Paths(#[from] PathsError),
    /// Another server is running, or the lock could not be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Nothing can be served on that address.
    #[error("cannot listen on {addr}: choose an address of this machine")]
    Listen {
        /// The address.
        addr: IpAddr,
        #[source]
        source: io::Error,
    },
    /// What is stored cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something lies where the control socket has to be, and it is no socket.
    #[error("{} is in the way of the control socket: remove it", .path.display())]
    InTheWay {
        /// What lies there.
        path: PathBuf,
    },
    /// The control socket could not be made.
    #[error("could not make the control socket {}", .path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Serves all applications that are recorded, and takes orders on the control socket, until `stop` is cancelled or
/// somebody asks for the end. What is in flight then has [`Limits::time`] to finish.
///
/// One server for each data directory: a second one is [`LockError::Held`]. Whatever a killed server has left is no
/// hindrance.
pub async fn serve(
    options: Options,
    engine: Arc<dyn Engine>,
    reporter: Arc<dyn Reporter>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let Options { paths, listen, limits, first_port } = options;
    let stop = stop.child_token();
    let socket_path = paths.socket.clone();
    let (lock, store, listener) = on_disk(move || prepare(&paths, listen)).await?;
    let listener = tokio::net::UnixListener::from_std(listener)
        .map_err(|source| ServeError::Socket { path: socket_path.clone(), source })?;
    let (records, damaged) = on_disk({
        let store = store.clone();
        move || store.records()
    })
    .await?;

    let tools = Arc::new(Tools::new(store, engine, reporter.clone(), limits));
    let apps = Arc::new(Apps::new(tools, listen, first_port, stop.clone()));
    reporter
        .report(Event::Note { message: format!("serving on {listen}, taking orders on {}", socket_path.display()) });
    for error in damaged {
        reporter.report(Event::Warning { message: reply::chain(&error) });
    }
    apps.start(records);
    socket::serve(listener, &apps, limits.time, stop).await;
    apps.finish().await;

    // The socket goes before the lock: the next server's socket must not be removed.
    if let Err(error) = std::fs::remove_file(&socket_path) {
        tracing::debug!(%error, "the control socket was gone");
    }
    drop(lock);
    Ok(())
}

/// Takes the lock, and everything that needs it. Blocks.
fn prepare(paths: &Paths, listen: IpAddr) -> Result<(ServerLock, Store, std::os::unix::net::UnixListener), ServeError> {
    paths.check()?;
    let lock = ServerLock::acquire(paths)?;
    // Any port: a taken one may get free, an address that this machine does not have will not come.
    TcpListener::bind((listen, 0)).map_err(|source| ServeError::Listen { addr: listen, source })?;
    let store = Store::open(paths)?;
    let listener = socket::bind(&paths.socket)?;
    Ok((lock, store, listener))
}

/// Runs what blocks where it may.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
