//! The target that serves applications on this machine.

pub mod changes;
pub mod control;
pub mod engine;
pub mod lock;
pub mod logs;
pub mod paths;
pub mod record;
pub mod store;
