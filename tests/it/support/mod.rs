//! What the integration tests stand on: no tests here, only the neighbours that the program talks to.
//!
//! Nothing in this module depends on a test harness, so that `examples/` can include it by path.
#![allow(dead_code)]

pub mod bindle;
pub mod hippo;
