//! The abstraction: what a place to deploy to has to do.
//!
//! The trait [`Target`] is the smallest contract. Rare powers are traits of their own, reached through accessors that
//! return `Option<&dyn …>`: such an accessor cannot lie. `tests/it/conformance` holds the checks that every driver
//! has to pass and is part of this definition.

mod accounts;
mod capabilities;
mod error;
mod examine;
mod history;
mod logs;
mod model;
mod removal;
mod retrieval;

pub use accounts::{Accounts, Admission};
pub use capabilities::{Capabilities, NameRule};
pub use error::{ErrorKind, TargetError};
pub use examine::{Examine, Finding};
pub use history::History;
pub use logs::{LogBatch, LogFilters, LogLine, LogQuery, LogReader, LogStream, Logs};
pub use model::{
    Action, AppName, Artifact, Change, Checked, Context, FailingLayer, Look, Missing, Phase, Plan, Proof, Release,
    ReleaseId, Released, Status, TargetInfo,
};
pub use removal::{Removal, Scope};
pub use retrieval::{MAKE_ANEW, Retrieval};

use crate::event::Uploaded;
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

    /// The same as `plan`, to the last word: exactly the changes that a release would say that it made, were it to begin
    /// now. It may ask for what a release only finds out on its way, which `plan`, a part of every deployment, does not
    /// spend requests on. Reads only.
    async fn foresee(&self, cx: &Context, app: &AppName, package: &Package) -> Result<Plan, TargetError> {
        self.plan(cx, app, package).await
    }

    /// What `publish` would have to send, as far as the registry can tell; `plan` is what the target said of this package.
    /// Reads only.
    async fn missing(&self, cx: &Context, package: &Package, plan: &Plan) -> Result<Missing, TargetError> {
        let _ = (cx, plan);
        let upload = Uploaded { files: package.blobs.len() as u64, bytes: package.size() };
        Ok(Missing { upload, certain: false })
    }

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

    /// Getting packages back, where the target hands them out.
    fn retrieval(&self) -> Option<&dyn Retrieval> {
        None
    }
}
