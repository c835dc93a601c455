//! Looks at the events on their way to the reporter.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::event::{Event, Reporter, Step};

/// Knows how far a run has come, and lets nothing through after the last event.
pub struct Watch {
    reporter: Arc<dyn Reporter>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    step: Option<Step>,
    ended: bool,
}

impl Watch {
    /// Watches the events for `reporter`.
    pub fn new(reporter: Arc<dyn Reporter>) -> Self {
        Watch { reporter, seen: Mutex::default() }
    }

    /// The step that began last.
    pub fn step(&self) -> Option<Step> {
        self.seen().step
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Watch {
    fn report(&self, event: Event) {
        // The lock is held while the event is passed on: nothing may come after the last one.
        let mut seen = self.seen();
        if seen.ended {
            return;
        }
        match &event {
            Event::StepStarted { step, .. } => seen.step = Some(*step),
            Event::Finished(_) | Event::Failed(_) => seen.ended = true,
            _ => {}
        }
        self.reporter.report(event);
    }
}
