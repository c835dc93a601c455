//! Facts about progress, and who hears them.
//!
//! Lower layers speak only in [`Event`]s: they never print. A [`Reporter`] turns events into lines for people, into
//! JSON for machines, or into a list that a test looks at.

use std::time::Duration;

/// The steps of a deployment, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Read the manifest and the files that it names.
    Load,
    /// Make the package.
    Package,
    /// Compare with what the target has.
    Plan,
    /// Upload what the registry lacks.
    Publish,
    /// Make it live.
    Release,
    /// Wait until this very build answers.
    Wait,
}

impl Step {
    /// The step's name in JSON and in messages: a lower-case verb.
    pub fn name(self) -> &'static str {
        match self {
            Step::Load => "load",
            Step::Package => "package",
            Step::Plan => "plan",
            Step::Publish => "publish",
            Step::Release => "release",
            Step::Wait => "wait",
        }
    }
}

/// Which way the bytes of a transfer go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To a registry.
    Upload,
    /// From the address that a component's `source` names.
    Download,
}

/// A route of a live release, ready to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteUrl {
    /// The component that answers.
    pub component: String,
    /// The whole URL; for a wildcard route without the wildcard.
    pub url: String,
    /// Whether everything below the URL is answered as well (`/...`).
    pub wildcard: bool,
    /// The component's description.
    pub description: Option<String>,
}

/// How a deployment ended well. Every run ends with exactly one [`Event::Finished`], [`Event::Stopped`] or
/// [`Event::Failed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// What happened, in one word.
    pub outcome: OutcomeKind,
    /// The application's name at the target.
    pub app: String,
    /// The package's version, build metadata included.
    pub version: String,
    /// The target's name for the release.
    pub release: Option<String>,
    /// Where the application answers.
    pub url: Option<String>,
    /// The routes of its components.
    pub routes: Vec<RouteUrl>,
    /// Whether the answering application itself named this version (`false`: it only said that it is healthy).
    pub proven: bool,
    /// What was, or would be, done: one sentence each.
    pub changes: Vec<String>,
    /// Files and bytes sent to the registry.
    pub uploaded: Uploaded,
    /// How long the whole run took.
    pub elapsed: Duration,
}

/// What a successful run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeKind {
    /// This build was live already; nothing was changed.
    Unchanged,
    /// Made live, and it answers.
    Released,
    /// Made live; nobody waited for an answer (`--no-wait`).
    ReleasedUnwatched,
}

/// How much went to the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Uploaded {
    /// How many files (parcels, blobs).
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// How a server ended that was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The server's process; `None`: none was running.
    pub pid: Option<u32>,
    /// How long the whole run took.
    pub elapsed: Duration,
}

/// How a run ended badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The exit code.
    pub code: u8,
    /// The exit code's name, stable (`docs/exit-codes.md`).
    pub reason: &'static str,
    /// What we were doing, to which thing.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// Each thing that is wrong with the application, where that is the reason.
    pub problems: Vec<Problem>,
    /// What to do next: runnable commands or short advice.
    pub hints: Vec<String>,
    /// What is live now, as far as it is known.
    pub live: Option<String>,
    /// The application's last log lines, where the target has them.
    pub logs: Vec<String>,
}

/// One thing that is wrong with the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The refusal's code, stable: `E8`.
    pub code: Option<&'static str>,
    /// Where: `spin.toml:12: component.api.source`.
    pub at: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A fact about progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A step began. `subject` is what it works on (`shop 1.4.0`).
    StepStarted { step: Step, subject: String },
    /// A step ended well. `summary` says what came out of it (`12 files, 3.1 MB`).
    StepFinished { step: Step, summary: String, elapsed: Duration },
    /// Something that the user should know, and that does not stop the run.
    Warning { message: String },
    /// Something worth saying once, of no alarm.
    Note { message: String },
    /// Bytes begin to move. `id` tells transfers that run side by side apart; it is below 2^53.
    TransferStarted { id: u64, direction: Direction, name: String, bytes: Option<u64> },
    /// `sent` bytes of the transfer have moved so far.
    TransferProgress { id: u64, sent: u64 },
    /// The transfer ended; `ok` says how.
    TransferFinished { id: u64, ok: bool },
    /// A request failed and will be sent again after `delay`. `attempt` counts from 1.
    Retrying { what: String, reason: String, attempt: u32, delay: Duration },
    /// Still waiting, and for what.
    Waiting { what: String, elapsed: Duration },
    /// The last event of a deployment that ended well.
    Finished(Box<Finished>),
    /// The last event of a server that was stopped, and of a run that stopped one.
    Stopped(Stopped),
    /// The last event of a run that ended badly.
    Failed(Box<Failed>),
}

/// Who hears the events.
pub trait Reporter: Send + Sync {
    /// Takes note of one event. Must not block for long: uploads call it.
    fn report(&self, event: Event);
}

/// A reporter that hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _event: Event) {}
}
