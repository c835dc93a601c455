//! The one integration test binary.

mod bindle_server;
mod fake_hippo;
mod support;
mod transcripts;
