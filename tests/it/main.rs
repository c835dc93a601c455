//! The one integration test binary.

mod fake_hippo;
mod support;
mod transcripts;
