//! What is told of each look.

use crate::event::{Check, Verdict};
use crate::target::{ErrorKind, Finding, TargetError};

/// Tells of looks as they are made.
pub struct Notes<'a> {
    tell: &'a mut (dyn FnMut(Finding) + Send),
}

impl Notes<'_> {
    /// Tells `tell`.
    pub fn new(tell: &mut (dyn FnMut(Finding) + Send)) -> Notes<'_> {
        Notes { tell }
    }

    /// It is as it should be.
    pub fn passed(&mut self, name: &str, detail: impl Into<String>) {
        self.note(name, Verdict::Passed, None, detail, Vec::new());
    }

    /// It works, and somebody should know of it.
    pub fn warned(&mut self, name: &str, detail: impl Into<String>, hints: Vec<String>) {
        self.note(name, Verdict::Warned, None, detail, hints);
    }

    /// It is not as it should be.
    pub fn failed(&mut self, name: &str, kind: ErrorKind, detail: impl Into<String>, hints: Vec<String>) {
        self.note(name, Verdict::Failed, Some(kind), detail, hints);
    }

    /// It was not looked at.
    pub fn skipped(&mut self, name: &str, reason: &str) {
        self.note(name, Verdict::Skipped, None, reason, Vec::new());
    }

    /// Several that were not looked at for one reason.
    pub fn skipped_all(&mut self, names: &[&str], reason: &str) {
        for name in names {
            self.skipped(name, reason);
        }
    }

    /// What an error says of it.
    pub fn refused(&mut self, name: &str, error: TargetError) {
        let TargetError { kind, operation, source, hints } = error;
        let detail = source.map_or(operation, |source| format!("{source:#}"));
        self.failed(name, kind, detail, hints);
    }

    fn note(
        &mut self,
        name: &str,
        verdict: Verdict,
        kind: Option<ErrorKind>,
        detail: impl Into<String>,
        hints: Vec<String>,
    ) {
        let check = Check { name: name.to_owned(), verdict, detail: detail.into(), hints };
        (self.tell)(Finding { check, kind });
    }
}
