//! The one integration test binary.

mod bindle_server;
mod cli;
mod fake_hippo;
mod support;
mod transcripts;
