//! What is wrong with an application, and where.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// A place in a manifest, for messages: `spin.toml:12: component.api.source`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The manifest file.
    pub file: PathBuf,
    /// The line, from 1; 0 when it is not known.
    pub line: usize,
    /// The key's dotted path.
    pub key: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file.display())?,
            line => write!(f, "{}:{line}", self.file.display())?,
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        Ok(())
    }
}

/// Why an application could not be loaded: every problem that was found.
#[derive(Debug, thiserror::Error)]
#[error("{} is not a valid application", .manifest.display())]
pub struct LoadError {
    /// The manifest, or where it was looked for.
    pub manifest: PathBuf,
    /// What is wrong, in the manifest's order; never empty.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with a manifest or with a file that it names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub at: Place,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

impl LoadError {
    /// An error about a path itself, not about something written in it.
    pub(super) fn about(path: &Path, message: impl Into<String>, hint: Option<String>) -> Self {
        let at = Place { file: path.to_owned(), line: 0, key: String::new() };
        LoadError { manifest: path.to_owned(), problems: vec![Problem { at, message: message.into(), hint }] }
    }
}

/// Collects the problems of one manifest, so that all of them can be told at once.
///
/// Whoever reports a problem goes on with a stand-in (an empty text, no value): [`Problems::finish`] sees to it that
/// stand-ins never leave the house.
#[derive(Debug)]
pub(super) struct Problems {
    file: PathBuf,
    /// The byte offset at which each line but the first begins.
    line_starts: Vec<usize>,
    found: RefCell<Vec<Problem>>,
}

impl Problems {
    /// For the manifest in `file`, whose text is `text`.
    pub fn new(file: &Path, text: &str) -> Self {
        let line_starts = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Problems { file: file.to_owned(), line_starts, found: RefCell::default() }
    }

    /// The place of `key`, which stands at a byte offset.
    pub fn place(&self, offset: usize, key: &str) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= offset) + 1;
        Place { file: self.file.clone(), line, key: key.to_owned() }
    }

    /// The manifest as a whole.
    pub fn whole(&self) -> Place {
        Place { file: self.file.clone(), line: 0, key: String::new() }
    }

    /// Takes note of a problem.
    pub fn add(&self, at: Place, message: impl Into<String>, hint: Option<String>) {
        self.found.borrow_mut().push(Problem { at, message: message.into(), hint });
    }

    /// The value, if there was no problem at all. Problems come out in the manifest's order, each one once.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, LoadError> {
        let mut problems = self.found.into_inner();
        problems.sort();
        problems.dedup();
        match value {
            Some(value) if problems.is_empty() => Ok(value),
            _ => Err(LoadError { manifest: self.file, problems }),
        }
    }
}
