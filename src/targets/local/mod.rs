//! The target that serves applications on this machine.

pub mod control;
pub mod engine;
pub mod logs;
pub mod store;
