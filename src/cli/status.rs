//! `status`: what runs, and whether it is well.

use std::path::Path;
use std::sync::Arc;

use crate::deploy::{self, DeployError, Input, Planning, Project, Request};
use crate::event::{AppPhase, AppStatus, Difference, Event, Reporter};
use crate::package::{self, BuildInfo};
use crate::settings::env::Environment;
use crate::target::{Look, Phase, Status};

use super::args::StatusArgs;
use super::asking::Inquiry;
use super::deploy::downloader;
use super::first_contact::Purpose;
use super::job::chosen_name;
use super::subject::Subject;
use super::tell::{layer, live_release, planned_change};
use super::watch::Watch;
use super::{Ended, ExitCode, Failure};

/// Looks.
pub fn run(args: &StatusArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Ended, Failure> {
    let subject = Subject::find(&args.app, args.app.layer(), Purpose::App("status"), environment, watch)?;
    let inquiry = Inquiry::new()?;
    let status = inquiry.ask(watch, async |cx| subject.target.status(cx, &subject.app, Look::Full).await)??;
    let difference = match &args.app.from {
        Some(from) => difference(&subject, from, &inquiry, watch)?,
        None => None,
    };
    let code = code(status.phase);
    let event = Event::AppStatus(Box::new(told(&subject, status, difference, code)));
    Ok(Ended { event, code })
}

/// How the application in a directory differs from what is at the target. Where that cannot be told, why not is worth a
/// warning; the application is no less well for it.
fn difference(
    subject: &Subject,
    from: &Path,
    inquiry: &Inquiry,
    watch: &Arc<Watch>,
) -> Result<Option<Difference>, Failure> {
    let build_info = if subject.settings.no_buildinfo.value { BuildInfo::Omitted } else { BuildInfo::Derived };
    let package = package::Options { build_info, ..package::Options::default() };
    let request = Request {
        input: Input::Project(Project { from: from.to_owned(), package, built: false }),
        timeout: None,
        name: chosen_name(&subject.settings),
        check: None,
        expect: None,
        restore: false,
    };
    let planned = inquiry.ask(watch, async |cx| {
        deploy::plan(cx, subject.target.as_ref(), &downloader(&subject.visit.0, cx), &request).await
    })?;
    match planned {
        Ok(Planning { package, plan, .. }) => Ok(Some(Difference {
            version: package.version.to_string(),
            same: plan.current.as_ref().is_some_and(|live| live.version == package.version.to_string()),
            changes: plan.changes.iter().map(planned_change).collect(),
        })),
        Err(error) => {
            watch.report(Event::Warning { message: incomparable(from, error) });
            Ok(None)
        }
    }
}

fn incomparable(from: &Path, error: DeployError) -> String {
    let failure = Failure::from(error);
    let problems = failure.problems.iter().map(|problem| problem.message.clone());
    let why = std::iter::once(failure.message.clone()).chain(failure.causes.clone()).chain(problems);
    format!("what is in {} cannot be compared: {}", from.display(), why.collect::<Vec<_>>().join("; "))
}

fn told(subject: &Subject, status: Status, difference: Option<Difference>, code: ExitCode) -> AppStatus {
    let phase = phase(status.phase);
    AppStatus {
        target: subject.place().to_owned(),
        app: subject.app.to_string(),
        phase,
        release: status.release.as_ref().map(live_release),
        since: status.since,
        answering: status.version,
        url: status.release.and_then(|release| release.url),
        routes: Vec::new(),
        layer: status.layer.map(layer),
        reason: status.detail,
        difference,
        hints: hints(subject, phase),
        code: code.number(),
    }
}

fn phase(phase: Phase) -> AppPhase {
    match phase {
        Phase::Ready(_) => AppPhase::Live,
        Phase::Pending => AppPhase::Pending,
        // A full look does not look for a certain release.
        Phase::Progressing | Phase::Replaced => AppPhase::Progressing,
        Phase::Failed => AppPhase::Failed,
        Phase::Absent => AppPhase::Absent,
    }
}

/// What the answer means to a script.
fn code(phase: Phase) -> ExitCode {
    match phase {
        Phase::Ready(_) => ExitCode::Success,
        Phase::Failed => ExitCode::ReleaseFailed,
        Phase::Pending | Phase::Progressing | Phase::Replaced => ExitCode::OutcomeUnknown,
        Phase::Absent => ExitCode::ReleaseRefused,
    }
}

/// What to do next.
fn hints(subject: &Subject, phase: AppPhase) -> Vec<String> {
    let has_logs = subject.target.logs().is_some();
    let logs = || has_logs.then(|| subject.command(&["logs"]));
    match phase {
        AppPhase::Live => Vec::new(),
        AppPhase::Pending | AppPhase::Progressing => {
            [Some(subject.command(&["wait"])), logs()].into_iter().flatten().collect()
        }
        AppPhase::Failed => logs().into_iter().collect(),
        AppPhase::Absent => vec![subject.command(&["deploy"])],
    }
}
