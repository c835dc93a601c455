//! The one integration test binary.

mod bindle_server;
mod fake_hippo;
mod registry;
mod support;
mod transcripts;
