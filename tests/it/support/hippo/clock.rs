//! What time the fake believes it is.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// The system's clock, or one that only moves when a test moves it. Clones share the time.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Mutex<Option<Timestamp>>>);

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still at `start`.
    pub fn standing_at(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Some(start))))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(Timestamp::now)
    }

    /// Moves a standing clock; a system clock is first stopped where it is.
    pub fn advance(&self, by: SignedDuration) {
        let mut time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *time = Some(time.unwrap_or_else(Timestamp::now) + by);
    }
}
