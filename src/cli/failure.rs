//! What an error means to the caller: exit code, causes, hints. One `From` for each module's error.

mod hints;

use std::error::Error;

use crate::app::{FetchErrorKind, LoadError};
use crate::auth::{PromptError, StoreError};
use crate::cli::{ExitCode, tell};
use crate::deploy::{DeployError, Unanswered};
use crate::event::{About, Event, Failed, Problem, Step};
use crate::http::{HttpError, Kind};
use crate::package::archive::ArchiveError;
use crate::package::{PackageError, Refusal};
use crate::settings::{FileProblem, SettingsError};
use crate::target::{ErrorKind, FailingLayer, Release, Status, TargetError};

/// About a release that failed.
const CORRECT: &str = "correct what the reason and the log lines tell, and run the same command again";

/// An error at the boundary, with everything that the user is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How the process exits.
    pub code: ExitCode,
    /// What we were doing, to which thing.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What is wrong with the application.
    pub problems: Vec<Problem>,
    /// What to do next.
    pub hints: Vec<String>,
    /// What is live now, as far as it is known.
    pub live: Option<String>,
    /// The application's last log lines.
    pub logs: Vec<String>,
    /// What keeps the application from answering, as far as it can be told.
    pub layer: Option<FailingLayer>,
}

impl Failure {
    /// A failure without a cause. A bug has its hint already.
    pub fn new(code: ExitCode, message: impl Into<String>) -> Self {
        let hints = if code == ExitCode::Unexpected { vec![hints::REPORT.to_owned()] } else { Vec::new() };
        Failure {
            code,
            message: message.into(),
            causes: Vec::new(),
            problems: Vec::new(),
            hints,
            live: None,
            logs: Vec::new(),
            layer: None,
        }
    }

    /// A failure of this error and its causes.
    pub fn of(code: ExitCode, error: &dyn Error) -> Self {
        let mut failure = Failure::new(code, error.to_string());
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Many libraries' errors repeat their cause in their own text.
            if !failure.causes.last().unwrap_or(&failure.message).contains(&text) {
                failure.causes.push(text);
            }
            cause = error.source();
        }
        failure
    }

    /// Arguments that could not be parsed.
    pub fn usage(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let message = text.split("\n\n").next().unwrap_or(&text);
        let message = message.strip_prefix("error: ").unwrap_or(message);
        let mut failure = Failure::new(ExitCode::Usage, message.trim_end());
        let tips = text.lines().filter_map(|line| line.trim().strip_prefix("tip: "));
        failure.hints.extend(tips.map(str::to_owned));
        failure.hint("read --help")
    }

    /// Adds advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds advice where a problem has none of its own, or where there is no problem that could.
    fn unless_hinted(self, hint: &str) -> Self {
        let hinted = !self.problems.is_empty() && self.problems.iter().all(|problem| problem.hint.is_some());
        if hinted { self } else { self.hint(hint) }
    }

    /// A failure of a target that was to remove something.
    pub fn removing(error: TargetError) -> Self {
        Failure { code: target_code(Step::Remove, error.kind), ..error.into() }
    }

    /// A failure of a target that was asked for what is there already: an application's log, its releases, a package. What
    /// it does not find is not there.
    pub fn asking(error: TargetError) -> Self {
        match error.kind {
            ErrorKind::NotFound => {
                let hints = hints::or_else(error.hints.clone(), hints::OF_ABSENT);
                Failure { code: ExitCode::ReleaseRefused, hints, ..error.into() }
            }
            _ => error.into(),
        }
    }

    /// The last event of a run about this.
    pub fn event(&self, about: About) -> Event {
        Event::Failed(Box::new(Failed {
            about,
            code: self.code.number(),
            reason: self.code.name(),
            message: self.message.clone(),
            causes: self.causes.clone(),
            problems: self.problems.clone(),
            hints: self.hints.clone(),
            live: self.live.clone(),
            logs: self.logs.clone(),
            layer: self.layer.map(tell::layer),
        }))
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        let code = match &error {
            SettingsError::NotUnicode { .. }
            | SettingsError::Url { .. }
            | SettingsError::NotASwitch { .. }
            | SettingsError::Unusable { .. }
            | SettingsError::TokenAndLogin { .. }
            | SettingsError::Unreadable { .. }
            | SettingsError::UnusableFile { .. }
            | SettingsError::UnknownTarget { .. }
            | SettingsError::TwoDrivers { .. }
            | SettingsError::Lowered { .. }
            | SettingsError::Contested { .. }
            | SettingsError::Steered { .. }
            | SettingsError::Contradicted { .. } => ExitCode::Usage,
        };
        let failure = Failure { hints: error.hints(), ..Failure::of(code, &error) };
        match error {
            SettingsError::UnusableFile { problems, .. } => {
                Failure { problems: problems.into_iter().map(file_problem).collect(), ..failure }
            }
            _ => failure,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure { hints: error.hints(), ..Failure::of(ExitCode::Usage, &error) }
    }
}

impl From<PromptError> for Failure {
    fn from(error: PromptError) -> Self {
        match error {
            PromptError::Cancelled => Failure::new(ExitCode::Cancelled, "cancelled").hint("run the same command again"),
            PromptError::Terminal(_) => Failure::of(ExitCode::Unauthenticated, &error)
                .hint("give the answer otherwise: the username by --hippo-username, the password by HIPPO_PASSWORD"),
        }
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        let code = match error.kind {
            Kind::InvalidConfig => ExitCode::Usage,
            Kind::Unauthenticated | Kind::PermissionDenied => ExitCode::Unauthenticated,
            Kind::Conflict => ExitCode::Conflict,
            Kind::NotFound
            | Kind::Rejected
            | Kind::Unreachable
            | Kind::Protocol
            | Kind::ServerFailed
            | Kind::Interrupted => ExitCode::Unreachable,
        };
        Failure::of(code, &error).hint(hints::of_http(error.kind))
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        let (code, hint) = match &error {
            ArchiveError::Package(error) => (package_code(error), hints::of_package(error)),
            ArchiveError::Exists { .. } => (ExitCode::Conflict, "remove it, or choose another path"),
            ArchiveError::Absent { .. } => (ExitCode::Usage, "write one: `spin-deploy package`"),
            ArchiveError::Read { .. } => (ExitCode::Usage, "make it readable, and run the same command again"),
            ArchiveError::Write { .. } => (ExitCode::Usage, "choose a place that can be written, and that has room"),
            ArchiveError::Wrong { .. } => (ExitCode::InvalidApplication, "write it anew: `spin-deploy package`"),
        };
        Failure::of(code, &error).hint(hint)
    }
}

/// A target that could not be made: no step had begun.
impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        let failure = Failure::of(target_code(Step::Load, error.kind), &error);
        let message = format!("could not {error}");
        Failure { message, hints: hints::or_else(error.hints, hints::of_target(Step::Load, error.kind)), ..failure }
    }
}

impl From<DeployError> for Failure {
    fn from(error: DeployError) -> Self {
        // A command that looks at the layer would look at the previous release, where that was put back.
        let is_live = !matches!(error, DeployError::Restored { .. });
        let mut failure = Failure::of_deploy(error);
        if let Some(layer) = failure.layer.filter(|_| is_live) {
            failure.hints.insert(0, hints::of_layer(layer).to_owned());
        }
        failure
    }
}

impl Failure {
    /// All that is told of it, but for what to do about the layer.
    fn of_deploy(error: DeployError) -> Failure {
        let failure = Failure::of(deploy_code(&error), &error);
        match error {
            DeployError::Load(error) => {
                Failure { problems: load_problems(error), ..failure }.unless_hinted(hints::of_manifest())
            }
            DeployError::Refused { refusals, .. } => {
                Failure { problems: refusals.into_iter().map(refusal).collect(), ..failure }
                    .unless_hinted(hints::of_refusals())
            }
            DeployError::Fetch { source, .. } => failure.hint(hints::of_fetch(source.kind)),
            DeployError::Package(error) => failure.hint(hints::of_package(&error)),
            DeployError::Target { step, source, .. } => {
                let hints = hints::or_else(source.hints, hints::of_target(step, source.kind));
                Failure { hints, live: live_after(step, source.kind), ..failure }
            }
            DeployError::ReleaseFailed(unanswered) => Failure::unanswered(failure, *unanswered).hint(CORRECT),
            DeployError::Replaced(unanswered) => Failure::unanswered(failure, *unanswered)
                .hint("run the same command again, if this build is the one that shall be live"),
            DeployError::NotReady(unanswered) => {
                let others = unanswered.hints;
                let failure = Failure::unanswered(failure, *unanswered);
                let failure = match failure.layer {
                    Some(_) => failure,
                    None => {
                        failure.hint("run the same command again with a longer `--timeout`: what is uploaded stays")
                    }
                };
                match failure.layer.is_none_or(FailingLayer::is_before_application) {
                    true => others.iter().fold(failure, |failure, hint| failure.hint(*hint)),
                    false => failure,
                }
            }
            DeployError::CheckFailed(unanswered, _) => {
                let live = Some(released(&unanswered.release));
                Failure { live, logs: unanswered.logs, ..failure }
                    .hint("see what it says: `spin-deploy logs`, with the options of this target")
                    .hint("give it longer: `--timeout 10m`")
            }
            DeployError::NoUrl { release, .. } => {
                let failure = Failure { live: Some(released(&release)), ..failure };
                failure.hint("say how the URL is made: `--app-url 'http://{domain}:8088'`").hint("leave out `--check`")
            }
            DeployError::Cancelled { live, .. } => {
                Failure { live, ..failure }.hint("run the same command again: it converges")
            }
            DeployError::Unexpected(unmet) => {
                let live = unmet.live.as_ref().map_or("nothing".to_owned(), released);
                let failure = Failure { live: Some(live), ..failure };
                failure
                    .hint("see what is live, and decide again: `spin-deploy status`, with the options of this target")
            }
            DeployError::Absent { .. } => {
                Failure { live: Some("nothing".to_owned()), ..failure }.hint(hints::OF_ABSENT)
            }
            DeployError::CannotRestore { .. } => failure.hint("leave out `--rollback-on-failure`"),
            DeployError::OtherFormat { .. } => {
                failure.hint("package the application for that target: `spin-deploy package --target NAME`")
            }
            DeployError::Restored { failure: why, previous } => {
                let live = Some(format!("{}, which was put back and answers", released(&previous)));
                let why = Failure::of_deploy(*why);
                let hints = hints::or_else(why.hints, CORRECT);
                Failure { message: failure.message, code: failure.code, live, hints, ..why }
            }
            DeployError::NotRestored { failure: why, previous, source } => {
                let why = Failure::of_deploy(*why);
                let back = Failure::from(*source);
                let also = std::iter::once(format!("to put {} back: {}", previous.version, back.message));
                let causes = why.causes.into_iter().chain(also).chain(back.causes).collect();
                let hint =
                    format!("put it back: `spin-deploy rollback {}`, with the options of this target", previous.id);
                Failure { message: failure.message, code: failure.code, causes, ..why }.hint(hint)
            }
        }
    }

    /// Adds what the target and the application said last.
    fn unanswered(self, unanswered: Unanswered) -> Failure {
        let Unanswered { release, status, logs, .. } = unanswered;
        let causes = status.as_ref().and_then(|status| status.detail.clone()).into_iter().collect();
        let layer = status.as_ref().and_then(|status| status.layer);
        Failure { causes, live: Some(live(&release, status.as_ref())), logs, layer, ..self }
    }
}

fn deploy_code(error: &DeployError) -> ExitCode {
    match error {
        DeployError::Load(_) | DeployError::Refused { .. } => ExitCode::InvalidApplication,
        DeployError::Fetch { source, .. } => fetch_code(source.kind),
        DeployError::Package(error) => package_code(error),
        DeployError::Target { step, source, .. } => target_code(*step, source.kind),
        DeployError::ReleaseFailed(_) => ExitCode::ReleaseFailed,
        DeployError::Replaced(_) => ExitCode::Conflict,
        DeployError::NotReady(_) | DeployError::CheckFailed(..) => ExitCode::OutcomeUnknown,
        DeployError::NoUrl { .. } => ExitCode::Usage,
        DeployError::Cancelled { .. } => ExitCode::Cancelled,
        DeployError::Absent { .. } => ExitCode::ReleaseRefused,
        DeployError::Unexpected(_) => ExitCode::Conflict,
        DeployError::CannotRestore { .. } | DeployError::OtherFormat { .. } => ExitCode::InvalidApplication,
        DeployError::Restored { .. } => ExitCode::RolledBack,
        DeployError::NotRestored { failure, source, .. } => match source.as_ref() {
            DeployError::Cancelled { .. } => ExitCode::Cancelled,
            _ => deploy_code(failure),
        },
    }
}

fn fetch_code(kind: FetchErrorKind) -> ExitCode {
    match kind {
        FetchErrorKind::Unreachable => ExitCode::Unreachable,
        FetchErrorKind::DigestMismatch => ExitCode::InvalidApplication,
        // A cache that cannot be written is a matter of how this machine is set up: trying again does not help.
        FetchErrorKind::Storage => ExitCode::Usage,
    }
}

fn package_code(error: &PackageError) -> ExitCode {
    match error {
        PackageError::Read { .. } | PackageError::Changed { .. } | PackageError::Refused { .. } => {
            ExitCode::InvalidApplication
        }
        // The pipeline brings every source in before it packages.
        PackageError::NotDownloaded { .. } => ExitCode::Unexpected,
        PackageError::Stage { .. } => ExitCode::UploadFailed,
    }
}

/// What a target's failure means at a step. Until the release was asked for, nothing was changed.
pub fn target_code(step: Step, kind: ErrorKind) -> ExitCode {
    match kind {
        ErrorKind::Unauthenticated | ErrorKind::PermissionDenied => ExitCode::Unauthenticated,
        ErrorKind::Conflict => ExitCode::Conflict,
        ErrorKind::InvalidConfig => ExitCode::Usage,
        ErrorKind::Unsupported => ExitCode::InvalidApplication,
        ErrorKind::Cancelled => ExitCode::Cancelled,
        ErrorKind::OutcomeUnknown => ExitCode::OutcomeUnknown,
        ErrorKind::Unexpected => ExitCode::Unexpected,
        ErrorKind::Unreachable => match step {
            // Released, and sight was lost.
            Step::Wait => ExitCode::OutcomeUnknown,
            _ => ExitCode::Unreachable,
        },
        ErrorKind::Interrupted => match step {
            Step::Wait => ExitCode::OutcomeUnknown,
            Step::Publish => ExitCode::UploadFailed,
            _ => ExitCode::Unreachable,
        },
        ErrorKind::Rejected | ErrorKind::NotFound => match step {
            Step::Wait => ExitCode::OutcomeUnknown,
            Step::Publish => ExitCode::UploadFailed,
            Step::Release | Step::Restore | Step::Rollback | Step::Remove => ExitCode::ReleaseRefused,
            // What answers is not what the target speaks to.
            Step::Build | Step::Fetch | Step::Load | Step::Package | Step::Plan => ExitCode::Unreachable,
        },
    }
}

fn load_problems(error: LoadError) -> Vec<Problem> {
    let problem = |problem: crate::app::Problem| Problem {
        code: None,
        at: Some(problem.at.to_string()),
        message: problem.message,
        hint: problem.hint,
    };
    error.problems.into_iter().map(problem).collect()
}

fn file_problem(problem: FileProblem) -> Problem {
    let FileProblem { place, message, hint } = problem;
    let at = if place.key.is_empty() { place.to_string() } else { format!("{place}: {}", place.key) };
    Problem { code: None, at: Some(at), message, hint }
}

fn refusal(refusal: Refusal) -> Problem {
    Problem {
        code: refusal.code,
        at: refusal.at.map(|at| at.to_string()),
        message: refusal.message,
        hint: Some(refusal.remedy).filter(|remedy| !remedy.is_empty()),
    }
}

/// What is live after a step failed.
fn live_after(step: Step, kind: ErrorKind) -> Option<String> {
    let live = match (step, kind) {
        (_, ErrorKind::OutcomeUnknown) => "not known: the release was asked for, and sight was lost",
        (Step::Build | Step::Fetch | Step::Load | Step::Package | Step::Plan | Step::Publish, _) => {
            "what was live before; nothing was released"
        }
        (Step::Release | Step::Restore | Step::Rollback | Step::Remove, _) => return None,
        (Step::Wait, _) => "the new release, as far as the target was heard",
    };
    Some(live.to_owned())
}

fn live(release: &Release, status: Option<&Status>) -> String {
    let answering = status.and_then(|status| status.version.as_ref()).filter(|version| **version != release.version);
    let released = released(release);
    match answering {
        Some(answering) => format!("{released}, where {answering} still answers"),
        None => format!("{released}, which has not answered yet"),
    }
}

/// A release by its name and its address.
fn released(release: &Release) -> String {
    let url = release.url.as_ref().map(|url| format!(" at {url}")).unwrap_or_default();
    match release.id.0 == release.version {
        true => format!("release {}{url}", release.id),
        false => format!("release {} ({}){url}", release.id, release.version),
    }
}

#[cfg(test)]
mod tests;
