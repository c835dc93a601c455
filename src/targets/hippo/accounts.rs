//! Accounts at Hippo and at the Bindle server.

use anyhow::anyhow;

use crate::target::{Accounts, ErrorKind, TargetError};
use crate::targets;

/// The accounts of a configured Hippo; no request is sent.
pub fn accounts(_config: &targets::Config) -> Result<Box<dyn Accounts>, TargetError> {
    Err(TargetError::new(ErrorKind::Unexpected, "log in").because(anyhow!("not written yet")))
}
