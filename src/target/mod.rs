//! The abstraction: what a place to deploy to has to do.
//!
//! The trait [`Target`] is the smallest contract. Rare powers are traits of their own, reached through accessors that
//! return `Option<&dyn …>`: such an accessor cannot lie. `tests/it/conformance` holds the checks that every driver
//! has to pass and is part of this definition.

mod accounts;
mod capabilities;
mod error;
mod examine;
mod model;

pub use accounts::{Accounts, Admission};
pub use capabilities::{Capabilities, NameRule};
pub use error::{ErrorKind, TargetError};
pub use examine::{Examine, Finding};
pub use model::{
    Action, AppName, Artifact, Change, Checked, Context, Look, Phase, Plan, Proof, Release, ReleaseId, Released,
    Status, TargetInfo,
};

use crate::package::Package;

/// A configured place to deploy to.
#[async_trait::async_trait]
pub trait Target: std::fmt::Debug + Send + Sync {
    /// Name, driver and safe endpoint. No I/O.
    fn info(&self) -> &TargetInfo;

    /// What the pipeline must know before it spends anything. No I/O.
    fn capabilities(&self) -> &Capabilities;

    /// Can it be reached, and who are we there?
    async fn check(&self, cx: &Context) -> Result<Checked, TargetError>;

    /// What `release` would do, and which release it would replace. Reads only.
    ///
    /// A plan in which everything is kept ([`Plan::is_unchanged`]) promises that this very package is live *now*:
    /// that it answers, not only that it is recorded.
    async fn plan(&self, cx: &Context, app: &AppName, package: &Package) -> Result<Plan, TargetError>;

    /// Makes the package available to the target. Content addressed, safe to repeat; goes on where an earlier run
    /// was cut off.
    async fn publish(&self, cx: &Context, package: &Package) -> Result<Artifact, TargetError>;

    /// Makes an artifact live. Idempotent. Returns the release with the changes that were really applied.
    ///
    /// A cancelled release has not touched what is live; once it has begun to, it is carried through.
    async fn release(&self, cx: &Context, app: &AppName, artifact: &Artifact) -> Result<Release, TargetError>;

    /// One look at what the target says now; never waits for anything to change.
    async fn status(&self, cx: &Context, app: &AppName, look: Look<'_>) -> Result<Status, TargetError>;

    /// What else may be the matter when a release does not answer: runnable commands or short advice. No I/O.
    fn unanswered_hints(&self) -> &'static [&'static str] {
        &[]
    }

    /// The application's logs, where the target has them.
    fn logs(&self) -> Option<&dyn Logs> {
        None
    }

    /// The application's earlier releases, where the target remembers them.
    fn history(&self) -> Option<&dyn History> {
        None
    }

    /// Removing an application, where the target can.
    fn removal(&self) -> Option<&dyn Removal> {
        None
    }
}

/// Reads an application's logs.
#[async_trait::async_trait]
pub trait Logs: Send + Sync {
    /// At most the last `count` lines of the application's output, oldest first.
    async fn tail(&self, cx: &Context, app: &AppName, count: usize) -> Result<Vec<String>, TargetError>;
}

/// Knows earlier releases and can go back to them.
#[async_trait::async_trait]
pub trait History: Send + Sync {
    /// The releases that are remembered, newest first, exactly one of them active; an unknown application is
    /// [`ErrorKind::NotFound`].
    async fn releases(&self, cx: &Context, app: &AppName) -> Result<Vec<Released>, TargetError>;

    /// Makes an earlier release live again. Idempotent. A release that is not remembered, or whose package is gone, is
    /// [`ErrorKind::NotFound`], and nothing has changed.
    async fn rollback(&self, cx: &Context, app: &AppName, to: &ReleaseId) -> Result<Release, TargetError>;
}

/// Removes applications.
#[async_trait::async_trait]
pub trait Removal: Send + Sync {
    /// Removes an application and everything that belongs to it alone, and says what was removed: nothing where there
    /// is no such application.
    async fn destroy(&self, cx: &Context, app: &AppName) -> Result<Vec<Change>, TargetError>;
}
