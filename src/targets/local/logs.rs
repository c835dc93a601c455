//! What components write to standard output and error: a file for each component, rotated.

use std::path::PathBuf;

/// The log of one component. Cheap to clone; all clones write to the same file.
#[derive(Debug, Clone)]
pub struct ComponentLog {
    _path: PathBuf,
}

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}
