//! What Hippo asks of its neighbours, in one order, and how a neighbour can be made to fail.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

/// One request of Hippo to Bindle or Nomad.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// `bindle` or `nomad`.
    pub service: &'static str,
    pub method: String,
    pub path: String,
    pub body: Option<Value>,
}

/// A list of asks that several neighbours write to. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct AskLog(Arc<Mutex<Vec<Ask>>>);

impl AskLog {
    /// Adds one.
    pub fn push(&self, ask: Ask) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(ask);
    }

    /// All that were asked and not taken.
    pub fn all(&self) -> Vec<Ask> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes them away.
    pub fn take(&self) -> Vec<Ask> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How a neighbour answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// As it should.
    #[default]
    Up,
    /// With this status and nothing done.
    Answers(u16),
    /// The connection is cut.
    Down,
}

/// Lets some requests pass and treats all later ones alike. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<(Mode, usize)>>);

impl Gate {
    /// From now on `after` requests pass, and all that follow meet `mode`.
    pub fn set(&self, mode: Mode, after: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (mode, after);
    }

    /// What the next request meets.
    pub fn admit(&self) -> Mode {
        let mut gate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *gate {
            (mode, 0) => *mode,
            (_, left) => {
                *left -= 1;
                Mode::Up
            }
        }
    }
}
