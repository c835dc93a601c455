//! Looks at the events on their way to the reporter.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::event::{About, Event, Reporter, Step};

/// Knows what a run is about and how far it has come, and lets nothing through after the last event.
pub struct Watch {
    reporter: Arc<dyn Reporter>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    about: About,
    step: Option<Step>,
    ended: bool,
}

impl Watch {
    /// Watches the events for `reporter`.
    pub fn new(reporter: Arc<dyn Reporter>) -> Self {
        Watch { reporter, seen: Mutex::default() }
    }

    /// Whether nobody reads what is told any more.
    pub fn is_unheard(&self) -> bool {
        self.reporter.is_unheard()
    }

    /// The step that began last.
    pub fn step(&self) -> Option<Step> {
        self.seen().step
    }

    /// What the run is about, as far as it was said.
    pub fn about(&self) -> About {
        self.seen().about.clone()
    }

    /// Says which target the run is about.
    pub fn is_about_target(&self, name: &str) {
        self.seen().about.target = Some(name.to_owned());
    }

    /// Says which application the run is about.
    pub fn is_about_app(&self, name: &str) {
        self.seen().about.app = Some(name.to_owned());
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
        if let Event::StepStarted { step, .. } = &event {
            seen.step = Some(*step);
        }
        seen.ended = event.is_last();
        self.reporter.report(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Recorder(Mutex<Vec<Event>>);

    impl Reporter for Recorder {
        fn report(&self, event: Event) {
            self.0.lock().unwrap().push(event);
        }
    }

    #[test]
    fn the_last_event_is_the_last() {
        let recorder = Arc::new(Recorder::default());
        let watch = Watch::new(Arc::clone(&recorder) as Arc<dyn Reporter>);
        let started = Event::StepStarted { step: Step::Publish, subject: "shop".to_owned() };
        let last = crate::cli::Failure::new(crate::cli::ExitCode::Cancelled, "cancelled").event(About::default());
        watch.report(started.clone());
        watch.report(last.clone());
        watch.report(last.clone());
        watch.report(Event::Note { message: "late".to_owned() });
        assert_eq!(watch.step(), Some(Step::Publish));
        assert_eq!(*recorder.0.lock().unwrap(), [started, last]);
    }
}
