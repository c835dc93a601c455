//! What a deployment came to.

use crate::event::Uploaded;
use crate::package::{Package, PackageId, Route};
use crate::target::{AppName, Change, Missing, Plan, Proof, Release};

/// What a deployment came to when all went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The application at the target.
    pub app: AppName,
    /// The package that is live.
    pub package: PackageId,
    /// What it answers over HTTP.
    pub routes: Vec<Route>,
    /// The release.
    pub release: Release,
    /// The release that was live before, where it was another one.
    pub replaced: Option<Release>,
    /// How it ended.
    pub ending: Ending,
    /// What was done, in order.
    pub changes: Vec<Change>,
    /// What was sent to the registry.
    pub uploaded: Uploaded,
}

/// What a release came to that was made before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The application at the target.
    pub app: AppName,
    /// The release.
    pub release: Release,
    /// How it ended.
    pub ending: Ending,
    /// The release that was live before, where it was another one.
    pub replaced: Option<Release>,
}

/// What a deployment would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planning {
    /// The application at the target.
    pub app: AppName,
    /// The package that would be live.
    pub package: PackageId,
    /// What is in it.
    pub content: Uploaded,
    /// What the target would do.
    pub plan: Plan,
    /// What would be sent.
    pub missing: Missing,
}

/// How a deployment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was live already.
    Unchanged,
    /// Made live, and it answers.
    Ready(Proof),
    /// Made live; nobody waited.
    NotWaited,
}

impl Outcome {
    /// Nothing had to be done.
    pub(super) fn unchanged(
        app: AppName,
        package: &Package,
        release: Release,
        plan: &Plan,
        uploaded: Uploaded,
    ) -> Self {
        Outcome {
            app,
            package: package.id.clone(),
            routes: package.routes.clone(),
            release,
            replaced: None,
            ending: Ending::Unchanged,
            changes: plan.changes.clone(),
            uploaded,
        }
    }
}
