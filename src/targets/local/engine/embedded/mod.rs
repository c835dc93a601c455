//! The embedded runtime.

pub mod spin;
