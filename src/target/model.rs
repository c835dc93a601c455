//! The words of the abstraction.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::event::{Event, Reporter, Uploaded};
use crate::package::{PackageId, Route};

/// What every call is given: who hears of progress, and whether the user has had enough.
#[derive(Clone)]
pub struct Context {
    /// Hears the events.
    pub reporter: Arc<dyn Reporter>,
    /// Is cancelled by Ctrl-C and its kin.
    pub cancel: CancellationToken,
}

impl Context {
    /// Reports one event.
    pub fn report(&self, event: Event) {
        self.reporter.report(event);
    }
}

/// A target's name, kind and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetInfo {
    /// The configured name (`staging`), or the driver's where none was given.
    pub name: String,
    /// The driver.
    pub driver: &'static str,
    /// Where it is, without credentials.
    pub endpoint: String,
}

/// The name of an application at a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppName(pub String);

impl std::fmt::Display for AppName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What [`super::Target::check`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Who we are there, where the target says so.
    pub identity: Option<String>,
}

/// What is done to a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It was not there.
    Create,
    /// It is there and becomes different.
    Update,
    /// It is taken away.
    Remove,
    /// It is as it should be.
    Keep,
}

/// One thing that is, or would be, done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is done.
    pub action: Action,
    /// To what: `channel spin-deploy`.
    pub subject: String,
    /// From what to what, or why.
    pub detail: Option<String>,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verb = match self.action {
            Action::Create => "create",
            Action::Update => "update",
            Action::Remove => "remove",
            Action::Keep => "keep",
        };
        write!(f, "{verb} {}", self.subject)?;
        match &self.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

/// What would be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Each change, in the order in which it would be made.
    pub changes: Vec<Change>,
    /// The release that is live now, as far as there is one.
    pub current: Option<Release>,
}

impl Plan {
    /// Whether nothing has to be done: this very package is live.
    pub fn is_unchanged(&self) -> bool {
        self.changes.iter().all(|change| change.action == Action::Keep)
    }
}

/// A package as it lies in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Which package it is.
    pub package: PackageId,
    /// How the registry calls it.
    pub reference: String,
    /// What it answers over HTTP.
    pub routes: Vec<Route>,
    /// What this run had to send.
    pub uploaded: Uploaded,
}

/// A target's own name for a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseId(pub String);

impl std::fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a registry lacks of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// What has to be sent.
    pub upload: Uploaded,
    /// Whether the registry said so. Otherwise it cannot tell beforehand: at most so much has to be sent.
    pub certain: bool,
}

/// An artifact that was made live for an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The target's name for it.
    pub id: ReleaseId,
    /// The version that is recorded, build metadata included.
    pub version: String,
    /// Where the application answers, without a trailing slash.
    pub url: Option<String>,
    /// What was really done to make it live.
    pub changes: Vec<Change>,
}

/// A release that the target remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The target's name for it.
    pub id: ReleaseId,
    /// The version that is recorded, build metadata included.
    pub version: String,
    /// When it was made live for the first time, where that is known.
    pub created: Option<jiff::Timestamp>,
    /// Whether it is the one that is, or should be, live.
    pub active: bool,
    /// The channels that have it, where the target has channels.
    pub channels: Vec<String>,
    /// Whether its package is gone, so that nobody can go back to it.
    pub gone: bool,
}

/// How closely to look.
#[derive(Debug, Clone, Copy)]
pub enum Look<'a> {
    /// Whether this release answers: as cheap as the target can make it, for polling.
    Quick(&'a Release),
    /// Whatever the target can say, the platform's own view of the application included.
    Full,
}

/// What the target says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Where the application stands.
    pub phase: Phase,
    /// The version that answers, where it can be known.
    pub version: Option<String>,
    /// Why it stands there, for people: "the job is pending", "connection refused".
    pub detail: Option<String>,
    /// What keeps it from answering, as far as it can be told.
    pub layer: Option<FailingLayer>,
    /// The release that is, or should be, live; [`Look::Full`] only.
    pub release: Option<Release>,
    /// Since when that release is live, where it is known; [`Look::Full`] only.
    pub since: Option<jiff::Timestamp>,
}

impl Status {
    /// Where the application stands, and nothing else.
    pub fn new(phase: Phase) -> Status {
        Status { phase, version: None, detail: None, layer: None, release: None, since: None }
    }
}

/// On the way from an artifact to an answer, what is in its place does not do its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailingLayer {
    /// The host that should run it cannot read the package.
    Package,
    /// No host has been found that runs it.
    Placement,
    /// The application itself ends or fails.
    Application,
    /// No route leads to the application.
    Route,
    /// The name in its URL could not be looked up.
    Dns,
    /// Nothing listens at the address, or it cannot be reached.
    Connection,
    /// TLS fails at the address.
    Tls,
    /// Something in front of the application answers in its place.
    Proxy,
}

impl FailingLayer {
    /// All of them.
    pub const ALL: &[FailingLayer] = &[
        FailingLayer::Package,
        FailingLayer::Placement,
        FailingLayer::Application,
        FailingLayer::Route,
        FailingLayer::Dns,
        FailingLayer::Connection,
        FailingLayer::Tls,
        FailingLayer::Proxy,
    ];

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            FailingLayer::Package => "package",
            FailingLayer::Placement => "placement",
            FailingLayer::Application => "application",
            FailingLayer::Route => "route",
            FailingLayer::Dns => "dns",
            FailingLayer::Connection => "connection",
            FailingLayer::Tls => "tls",
            FailingLayer::Proxy => "proxy",
        }
    }

    /// What it means, in a sentence for people.
    pub fn meaning(self) -> &'static str {
        match self {
            FailingLayer::Package => "the host that should run the application cannot read its package",
            FailingLayer::Placement => "no host has been found that runs the application",
            FailingLayer::Application => "the application itself ends or fails",
            FailingLayer::Route => "nothing leads from this address to the application",
            FailingLayer::Dns => "the name in the application's address could not be looked up",
            FailingLayer::Connection => "nothing answers at the application's address, or it cannot be reached",
            FailingLayer::Tls => "there is no secure connection to the application's address",
            FailingLayer::Proxy => "something in front of the application answers in its place",
        }
    }

    /// Whether it lies between the address and the application: another address may be the remedy.
    pub fn is_before_application(self) -> bool {
        match self {
            FailingLayer::Package | FailingLayer::Placement | FailingLayer::Application => false,
            FailingLayer::Route
            | FailingLayer::Dns
            | FailingLayer::Connection
            | FailingLayer::Tls
            | FailingLayer::Proxy => true,
        }
    }
}

/// Where an application stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Known, not started.
    Pending,
    /// On its way.
    Progressing,
    /// It answers; how far that proves the version says [`Proof`].
    Ready(Proof),
    /// It will not come up by itself.
    Failed,
    /// Another release has taken the place of the one that was looked for ([`Look::Quick`]).
    Replaced,
    /// There is nothing of that name.
    Absent,
}

/// What an answering application proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The application itself named its version: `Status::version`.
    Version,
    /// It is healthy, but cannot say which version it is.
    Health,
}
