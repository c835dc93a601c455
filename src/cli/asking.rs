//! Questions to a target that are no deployment: a runtime, signals, and nothing to carry through.

use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::event::Reporter;
use crate::target::Context;

use super::machine::runtime;
use super::signals::{self, Stop};
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Asks one question after the other, and a person at the terminal in between.
#[derive(Debug)]
pub struct Inquiry {
    /// One for all questions: connections that are kept belong to the runtime that made them.
    runtime: Runtime,
}

impl Inquiry {
    /// Begins.
    pub fn new() -> Result<Inquiry, Failure> {
        Ok(Inquiry { runtime: runtime()? })
    }

    /// Asks, unless the user loses patience.
    pub fn ask<T>(&self, watch: &Arc<Watch>, question: impl AsyncFnOnce(&Context) -> T) -> Result<T, Failure> {
        self.runtime.block_on(async {
            let stop = Stop::default();
            signals::listen(stop.clone(), || {}, signals::exit_if_stuck)
                .map_err(|error| Failure::of(ExitCode::Unexpected, &error))?;
            let cx = Context { reporter: Arc::clone(watch) as Arc<dyn Reporter>, cancel: stop.gently.clone() };
            tokio::select! {
                answer = question(&cx) => Ok(answer),
                () = stop.gently.cancelled() => {
                    Err(Failure::new(ExitCode::Cancelled, "cancelled").hint("run the same command again"))
                }
            }
        })
    }
}
