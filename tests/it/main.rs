//! The one integration test binary.

mod bindle_server;
mod cli;
mod conformance;
mod deploy;
mod examples;
mod fake_hippo;
mod layering;
mod pipeline;
mod program;
mod registry;
mod support;
mod transcripts;
