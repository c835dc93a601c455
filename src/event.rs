//! Facts about progress, and who hears them.
//!
//! Lower layers speak only in [`Event`]s: they never print. A [`Reporter`] turns events into lines for people, into
//! JSON for machines, or into a list that a test looks at.

mod report;

use std::time::Duration;

use jiff::Timestamp;

pub use report::{
    AppPhase, AppStatus, Destroyed, Difference, Layer, LiveRelease, LoggedLine, Packaged, Planned, PlannedChange,
    PlannedUpload, Releases, RememberedRelease,
};

/// The steps of a deployment, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Build the application (`--build`).
    Build,
    /// Get a package that was made before.
    Fetch,
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
    /// Put the previous release back.
    Restore,
    /// Make an earlier release live again.
    Rollback,
    /// Take an application away.
    Remove,
}

impl Step {
    /// The step's name in JSON and in messages: a lower-case verb.
    pub fn name(self) -> &'static str {
        match self {
            Step::Build => "build",
            Step::Fetch => "fetch",
            Step::Load => "load",
            Step::Package => "package",
            Step::Plan => "plan",
            Step::Publish => "publish",
            Step::Release => "release",
            Step::Wait => "wait",
            Step::Restore => "restore",
            Step::Rollback => "rollback",
            Step::Remove => "remove",
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

/// How a deployment ended well. Every run ends with exactly one event of which [`Event::is_last`] says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// What happened, in one word.
    pub outcome: OutcomeKind,
    /// The target's name.
    pub target: String,
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
    /// The release that was live before, where it was another one.
    pub replaced: Option<LiveRelease>,
    /// A command that undoes it.
    pub undo: Option<String>,
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
    /// An earlier release was made live again, and it answers.
    RolledBack,
    /// An earlier release was made live again; nobody waited for an answer (`--no-wait`).
    RolledBackUnwatched,
    /// What somebody made live before answers now.
    Live,
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

/// A login that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// The target's name.
    pub target: String,
    /// The server that it is for, without credentials.
    pub server: String,
    /// The user; `None`: a token was given, which does not tell.
    pub username: Option<String>,
    /// Whether the account was made just now.
    pub registered: bool,
    /// When the token runs out, where it says so.
    pub expires: Option<Timestamp>,
    /// The registry whose login was stored as well.
    pub registry: Option<String>,
    /// Where it is stored: a file, or the system's keyring.
    pub stored: String,
}

/// Logins that were forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedOut {
    /// Their servers; none: there was nothing to forget.
    pub servers: Vec<String>,
}

/// Who we are at a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The server, without credentials.
    pub server: String,
    /// The user, as far as it is known.
    pub username: Option<String>,
    /// When the token runs out, where it says so.
    pub expires: Option<Timestamp>,
    /// Where the credential comes from: a flag, a variable, a file.
    pub origin: String,
    /// What is known of it.
    pub standing: Standing,
}

/// What is known of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The server takes it.
    Accepted,
    /// It is stored; the server was not asked.
    Stored,
    /// It is stored, and its time is over.
    Expired,
}

/// What there is to deploy to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Targets {
    /// The targets that configuration files name.
    pub configured: Vec<ConfiguredTarget>,
    /// The kinds of targets.
    pub drivers: Vec<DriverSummary>,
}

/// A target that a configuration file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredTarget {
    /// Its name.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// Where it is configured: `spin-deploy.toml:3`.
    pub origin: String,
    /// Whether it is the one that is meant when none is named.
    pub default: bool,
}

/// A kind of target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverSummary {
    /// What `--target` and `driver = ` call it.
    pub kind: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// What it has besides: `accounts`, `logs`, `history`, `removal`.
    pub powers: Vec<&'static str>,
}

/// The settings of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownTarget {
    /// Its name.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// Each setting that means something to it.
    pub settings: Vec<ShownSetting>,
}

/// A setting as it may be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownSetting {
    /// Its name, as configuration files have it.
    pub key: &'static str,
    /// Its value, `(set)` for secrets; `None`: it has none.
    pub value: Option<String>,
    /// Where the value comes from.
    pub origin: String,
}

/// One look of an examination (`doctor`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at: `Hippo answers`.
    pub name: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was seen, or why it is not well.
    pub detail: String,
    /// What to do about it: runnable commands or short advice.
    pub hints: Vec<String>,
}

/// How a look ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be.
    Passed,
    /// It works, and somebody should know of it.
    Warned,
    /// It is not as it should be.
    Failed,
    /// It could not be looked at, for something before it is not well, or does not matter here.
    Skipped,
}

/// An examination without a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The target's name.
    pub target: String,
    /// How many looks passed, warnings included.
    pub passed: usize,
    /// How long the whole run took.
    pub elapsed: Duration,
}

/// What a run is about, as far as that was decided before it ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// The target's name.
    pub target: Option<String>,
    /// The application's name at the target.
    pub app: Option<String>,
}

/// How a run ended badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// What it was about.
    pub about: About,
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
    /// What keeps the application from answering, as far as it can be told.
    pub layer: Option<Layer>,
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
    /// One look of an examination.
    Checked(Check),
    /// The last event of an examination that found nothing wrong.
    Examined(Examined),
    /// The last event of a login.
    LoggedIn(Box<LoggedIn>),
    /// The last event of a logout.
    LoggedOut(LoggedOut),
    /// The last event of `whoami`.
    Identities(Vec<Identity>),
    /// The last event of `targets`.
    Targets(Targets),
    /// The last event of `targets --show`.
    ShownTarget(Box<ShownTarget>),
    /// The last event of `plan`.
    Planned(Box<Planned>),
    /// The last event of `status`.
    AppStatus(Box<AppStatus>),
    /// A line of the application's log (`logs`).
    Logged(LoggedLine),
    /// The last event of `logs`: how many lines were told.
    LogsEnded { lines: u64 },
    /// The last event of `releases`.
    Releases(Releases),
    /// The last event of `destroy`.
    Destroyed(Destroyed),
    /// The last event of `package`.
    Packaged(Packaged),
    /// The last event of a run that ended badly.
    Failed(Box<Failed>),
}

impl Event {
    /// Whether nothing follows it: every run ends with exactly one such event.
    pub fn is_last(&self) -> bool {
        match self {
            Event::StepStarted { .. }
            | Event::StepFinished { .. }
            | Event::Warning { .. }
            | Event::Note { .. }
            | Event::TransferStarted { .. }
            | Event::TransferProgress { .. }
            | Event::TransferFinished { .. }
            | Event::Retrying { .. }
            | Event::Waiting { .. }
            | Event::Checked(_)
            | Event::Logged(_) => false,
            Event::Finished(_)
            | Event::Stopped(_)
            | Event::Examined(_)
            | Event::LoggedIn(_)
            | Event::LoggedOut(_)
            | Event::Identities(_)
            | Event::Targets(_)
            | Event::ShownTarget(_)
            | Event::Planned(_)
            | Event::AppStatus(_)
            | Event::LogsEnded { .. }
            | Event::Releases(_)
            | Event::Destroyed(_)
            | Event::Packaged(_)
            | Event::Failed(_) => true,
        }
    }
}

/// Who hears the events.
pub trait Reporter: Send + Sync {
    /// Takes note of one event. Must not block for long: uploads call it.
    fn report(&self, event: Event);

    /// Whether nobody will ever read what is told: a pipe's other end is closed.
    fn is_unheard(&self) -> bool {
        false
    }
}

/// A reporter that hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _event: Event) {}
}
