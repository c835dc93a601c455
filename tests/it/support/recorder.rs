//! A reporter that keeps what it hears.

use std::sync::{Arc, Mutex};

use spin_deploy::event::{Event, Reporter};
use spin_deploy::target::Context;
use tokio_util::sync::CancellationToken;

/// Keeps every event.
#[derive(Default)]
pub struct Recorder(Mutex<Vec<Event>>);

impl Recorder {
    /// What was reported so far.
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().expect("no test panics while it holds the lock").clone()
    }
}

impl Reporter for Recorder {
    fn report(&self, event: Event) {
        self.0.lock().expect("no test panics while it holds the lock").push(event);
    }
}

/// A context that records, and its recorder.
pub fn context() -> (Context, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    (Context { reporter: recorder.clone(), cancel: CancellationToken::new() }, recorder)
}
