//! What is told of an application that is, or is to be, at a target: the answers of the commands after the first day.

use std::time::Duration;

use jiff::Timestamp;

use super::{RouteUrl, Uploaded};

/// What a deployment would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The target's name.
    pub target: String,
    /// The application's name at the target.
    pub app: String,
    /// The version that would be live, build metadata included.
    pub version: String,
    /// The release that is live now, as far as there is one.
    pub current: Option<LiveRelease>,
    /// Each change, in the order in which it would be made, those that keep something included.
    pub changes: Vec<PlannedChange>,
    /// What would be sent to the registry.
    pub upload: PlannedUpload,
    /// Whether nothing would be done.
    pub unchanged: bool,
    /// How long the whole run took.
    pub elapsed: Duration,
    /// The exit code.
    pub code: u8,
}

/// A release by its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRelease {
    /// The target's name for it.
    pub release: String,
    /// Its version, build metadata included.
    pub version: String,
}

/// One thing that is, or would be, done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedChange {
    /// `create`, `update`, `remove` or `keep`.
    pub action: &'static str,
    /// To what: `channel spin-deploy`.
    pub subject: String,
    /// From what to what, or why.
    pub detail: Option<String>,
}

/// What would be sent to the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedUpload {
    /// What the registry lacks.
    pub missing: Uploaded,
    /// Everything in the package.
    pub all: Uploaded,
    /// Whether the registry said so; otherwise at most so much is missing.
    pub certain: bool,
}

/// What keeps an application from answering: a `target::FailingLayer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// Its name.
    pub name: &'static str,
    /// What it means, in a sentence.
    pub meaning: &'static str,
}

/// How an application is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppStatus {
    /// The target's name.
    pub target: String,
    /// The application's name at the target.
    pub app: String,
    /// Where it stands.
    pub phase: AppPhase,
    /// The release that is, or should be, live.
    pub release: Option<LiveRelease>,
    /// Since when that is live, where it is known.
    pub since: Option<Timestamp>,
    /// The version that the answering application names.
    pub answering: Option<String>,
    /// Where it answers.
    pub url: Option<String>,
    /// The routes of its components, where they are known.
    pub routes: Vec<RouteUrl>,
    /// What keeps it from answering.
    pub layer: Option<Layer>,
    /// Why it stands there.
    pub reason: Option<String>,
    /// How the application in the directory differs from it, where there is one.
    pub difference: Option<Difference>,
    /// What to do next: runnable commands or short advice.
    pub hints: Vec<String>,
    /// The exit code.
    pub code: u8,
}

/// Where an application stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppPhase {
    /// It answers.
    Live,
    /// Known, not started.
    Pending,
    /// On its way.
    Progressing,
    /// It will not come up by itself.
    Failed,
    /// There is nothing of that name.
    Absent,
}

impl AppPhase {
    /// Its name in JSON and for people.
    pub fn name(self) -> &'static str {
        match self {
            AppPhase::Live => "live",
            AppPhase::Pending => "pending",
            AppPhase::Progressing => "progressing",
            AppPhase::Failed => "failed",
            AppPhase::Absent => "absent",
        }
    }
}

/// How the application in a directory differs from what is at the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The version that the directory's package has, build metadata included.
    pub version: String,
    /// Whether that is what is live.
    pub same: bool,
    /// What deploying it would do.
    pub changes: Vec<PlannedChange>,
}

/// A line of an application's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedLine {
    /// When it was written, where that is known.
    pub time: Option<Timestamp>,
    /// Which component wrote it, where that is known.
    pub component: Option<String>,
    /// `out` or `err`, where that is known.
    pub stream: Option<&'static str>,
    /// The line without its end.
    pub text: String,
}

/// The releases that a target remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Releases {
    /// The target's name.
    pub target: String,
    /// The application's name at the target.
    pub app: String,
    /// Newest first.
    pub releases: Vec<RememberedRelease>,
}

/// A release that a target remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedRelease {
    /// The target's name for it.
    pub release: String,
    /// Its version, build metadata included.
    pub version: String,
    /// When it was made, where that is known.
    pub created: Option<Timestamp>,
    /// Whether it is the one that is, or should be, live.
    pub active: bool,
    /// The channels that have it, where the target has channels.
    pub channels: Vec<String>,
    /// Whether its package is gone, so that nobody can go back to it.
    pub gone: bool,
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destroyed {
    /// The target's name.
    pub target: String,
    /// The application's name at the target.
    pub app: String,
    /// What was removed; nothing: it was not there.
    pub changes: Vec<PlannedChange>,
    /// How long the whole run took.
    pub elapsed: Duration,
}

/// A package that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packaged {
    /// Where to.
    pub path: String,
    /// The application's name, as the package has it.
    pub app: String,
    /// The version, build metadata included.
    pub version: String,
    /// `bindle` or `directory`.
    pub format: &'static str,
    /// The files in it.
    pub content: Uploaded,
    /// How long the whole run took.
    pub elapsed: Duration,
}
