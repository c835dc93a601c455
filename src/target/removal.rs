//! Removing applications.

use super::{AppName, Change, Context, TargetError};

/// How much goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The application and everything that belongs to it alone.
    App,
    /// The channel that the target is configured for; the application stays.
    Channel,
}

/// Removes applications.
#[async_trait::async_trait]
pub trait Removal: Send + Sync {
    /// Whether there are channels that can go alone. No I/O.
    fn has_channels(&self) -> bool;

    /// What [`Removal::destroy`] would remove: nothing where there is nothing of that name. Reads only.
    async fn doomed(&self, cx: &Context, app: &AppName, scope: Scope) -> Result<Vec<Change>, TargetError>;

    /// Removes it, and says what was removed: nothing where there was nothing of that name. May be repeated at any time,
    /// after any death. Looks at the end whether it is gone: what is there still is no success.
    async fn destroy(&self, cx: &Context, app: &AppName, scope: Scope) -> Result<Vec<Change>, TargetError>;
}
