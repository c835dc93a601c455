//! The frame around each step: its events, its silence, its end.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::DeployError;
use crate::event::{Event, Step};
use crate::target::{Context, ErrorKind, Release, TargetError};

/// After so much time without an end a step says what it waits for, and again every so often.
const SILENCE: Duration = Duration::from_millis(2500);

/// One step under way.
pub(super) struct Stage<'a> {
    cx: &'a Context,
    step: Step,
    subject: String,
    begun: Instant,
}

impl<'a> Stage<'a> {
    /// Says that the step begins.
    pub(super) fn start(cx: &'a Context, step: Step, subject: String) -> Self {
        cx.report(Event::StepStarted { step, subject: subject.clone() });
        Stage { cx, step, subject, begun: Instant::now() }
    }

    /// Says that the step ended well, and what came out of it.
    pub(super) fn finish(&self, summary: String) {
        self.cx.report(Event::StepFinished { step: self.step, summary, elapsed: self.begun.elapsed() });
    }

    /// Ends the run here where the user has asked for it. `live` is what is live at this moment.
    pub(super) fn go_on(&self, live: Option<&Release>) -> Result<(), DeployError> {
        match self.cx.cancel.is_cancelled() {
            true => Err(self.cancelled(live)),
            false => Ok(()),
        }
    }

    /// Lets work go on, saying now and then that it does.
    pub(super) async fn watch<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => return result,
                () = tokio::time::sleep(SILENCE) => self.cx.report(Event::Waiting {
                    what: self.subject.clone(),
                    elapsed: self.begun.elapsed(),
                }),
            }
        }
    }

    /// Lets a target work, and gives its failure the step and the subject that it belongs to.
    pub(super) async fn target<T>(
        &self,
        subject: String,
        live: Option<&Release>,
        work: impl Future<Output = Result<T, TargetError>>,
    ) -> Result<T, DeployError> {
        self.watch(work).await.map_err(|source| match source.kind {
            ErrorKind::Cancelled => self.cancelled(live),
            _ => DeployError::Target { step: self.step, subject, source },
        })
    }

    /// The run's end because the user asked for it.
    pub(super) fn cancelled(&self, live: Option<&Release>) -> DeployError {
        let live = match live {
            Some(release) => format!("{} is live, as before", release.version),
            None => "nothing was released".to_owned(),
        };
        DeployError::Cancelled { step: self.step, live: Some(live) }
    }
}

/// Runs work that blocks (files, hashes) where it does not hold up anything else.
pub(super) async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, DeployError>
where
    T: Send + 'static,
    E: Send + 'static,
    DeployError: From<E>,
{
    let joined = tokio::task::spawn_blocking(work).await;
    match joined {
        Ok(result) => Ok(result?),
        // A panic in the work is a panic of the run.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
