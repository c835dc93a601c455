//! Looking at everything that a deployment needs, without deploying.

use super::{Context, ErrorKind};
use crate::event::Check;

/// A target whose surroundings can be looked at.
#[async_trait::async_trait]
pub trait Examine: Send + Sync {
    /// Looks at one thing after the other and tells of each as soon as it is seen. What cannot be looked at, because
    /// something before it is not well, is skipped. Changes nothing.
    async fn examine(&self, cx: &Context, tell: &mut (dyn FnMut(Finding) + Send));
}

/// What one look showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was seen.
    pub check: Check,
    /// What kind of failure it is, where it failed: it decides the exit code.
    pub kind: Option<ErrorKind>,
}
