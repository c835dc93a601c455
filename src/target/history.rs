//! Earlier releases.

use super::{AppName, Context, Release, ReleaseId, Released, TargetError};

/// Knows earlier releases and can go back to them.
#[async_trait::async_trait]
pub trait History: Send + Sync {
    /// The releases that are remembered, newest first, at most one of them active; an unknown application is
    /// [`super::ErrorKind::NotFound`]. Reads only, and to the end.
    async fn releases(&self, cx: &Context, app: &AppName) -> Result<Vec<Released>, TargetError>;

    /// Makes an earlier release live again. Idempotent. A release that is not remembered, or whose package is gone, is
    /// [`super::ErrorKind::NotFound`], and nothing has changed.
    async fn rollback(&self, cx: &Context, app: &AppName, to: &ReleaseId) -> Result<Release, TargetError>;
}
