//! `wait`: until a release answers that was made before.

use std::sync::Arc;
use std::time::Instant;

use crate::deploy::{self, Answered, Ending, Resume};
use crate::event::{Event, Finished, OutcomeKind, Uploaded};
use crate::settings::env::Environment;
use crate::settings::{self, Settings};
use crate::target::{Proof, ReleaseId};

use super::act::act;
use super::args::WaitArgs;
use super::first_contact::Purpose;
use super::subject::Subject;
use super::tell::{change, live_release};
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Waits.
pub fn run(args: &WaitArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Event, Failure> {
    let started = Instant::now();
    let subject = Subject::find(&args.app, args.layer(), Purpose::App("wait"), environment, watch)?;
    let timeout = subject.settings.timeout.value;
    if timeout.is_zero() {
        return Err(not_at_all(&subject.settings));
    }
    let check = subject.settings.check.as_ref().map(|check| check.value.clone());
    let wish = Resume {
        app: subject.app.clone(),
        release: args.release.clone().map(ReleaseId),
        timeout,
        check: check.map(|settings::Check { path, status }| deploy::Check { path, status }),
    };
    let answered =
        act(watch, async |cx| Ok(deploy::resume(cx, subject.target.as_ref(), &subject.visit, &wish).await?))?;
    Ok(Event::Finished(Box::new(finished(&answered, &subject, OutcomeKind::Live, None, started))))
}

/// Who waits, waits.
fn not_at_all(settings: &Settings) -> Failure {
    let message = format!("there is no waiting with a timeout of 0 ({})", settings.timeout.origin);
    Failure::new(ExitCode::Usage, message).hint("wait for some time: `spin-deploy wait --timeout 5m`")
}

/// What a release came to that was made before.
pub fn finished(
    answered: &Answered,
    subject: &Subject,
    outcome: OutcomeKind,
    undo: Option<String>,
    started: Instant,
) -> Finished {
    let Answered { app, release, ending, replaced } = answered;
    Finished {
        outcome,
        target: subject.place().to_owned(),
        app: app.to_string(),
        version: release.version.clone(),
        release: Some(release.id.to_string()),
        url: release.url.clone(),
        routes: Vec::new(),
        proven: *ending == Ending::Ready(Proof::Version),
        changes: release.changes.iter().map(change).collect(),
        uploaded: Uploaded::default(),
        replaced: replaced.as_ref().map(live_release),
        undo,
        elapsed: started.elapsed(),
    }
}
