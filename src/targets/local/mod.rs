//! The target that serves applications on this machine.
//!
//! Two processes share a data directory (`paths.rs`, `store.rs`, `record.rs`). A deploy stores the package and asks the
//! server to make it live (`client.rs`, `control.rs`); it starts the server where none is running (`launch.rs`). What
//! has to be done decides `changes.rs`, without I/O. The server (`server/`) runs the applications (`engine/`).

pub mod changes;
mod client;
mod config;
pub mod control;
mod driver;
pub mod engine;
mod examine;
mod fault;
mod launch;
pub mod lock;
pub mod logs;
mod names;
pub mod paths;
mod publish;
mod readiness;
pub mod record;
mod serve;
pub mod server;
#[cfg(test)]
mod stand_in;
pub mod store;

pub use config::{Config, Launch, Limits, Serving};
pub use driver::{connect, format};
pub use examine::examine;
pub use serve::{detach, serve, stop};

use paths::Paths;

impl Config {
    /// The places of the server that this is about.
    fn paths(&self) -> Paths {
        Paths::new(self.data_dir.clone(), self.runtime_dir.clone(), self.cache_dir.clone())
    }
}
