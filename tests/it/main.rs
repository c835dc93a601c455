//! The one integration test binary.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod accounts;
mod bindle_server;
mod canary;
mod chain;
mod cli;
mod conformance;
mod deploy;
mod examine;
mod examples;
mod fake_hippo;
mod following;
mod layering;
mod local;
mod login;
mod outputs;
mod packages;
mod pipeline;
mod program;
mod registry;
mod scene;
mod scripts;
mod settings;
mod step;
mod story;
mod support;
mod terminal;
mod transcripts;
