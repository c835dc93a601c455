//! Reading what an application writes.

use std::fmt;

use jiff::Timestamp;

use super::{AppName, Context, TargetError};

/// A target that keeps what applications write.
pub trait Logs: Send + Sync {
    /// What can be asked for besides a number of lines. No I/O.
    fn filters(&self) -> LogFilters;

    /// Makes ready to read. No I/O; an unknown application shows at the first [`LogReader::read`].
    fn open<'a>(&'a self, app: &AppName, query: LogQuery) -> Box<dyn LogReader + 'a>;
}

/// Reads one application's log, again and again.
#[async_trait::async_trait]
pub trait LogReader: Send {
    /// The first time: what was asked for, oldest first. From then on: what has come since the last time, each line once.
    /// Never waits for lines to come. An application that is not there is [`super::ErrorKind::NotFound`]; one that was
    /// there and is gone, too.
    async fn read(&mut self, cx: &Context) -> Result<LogBatch, TargetError>;
}

/// What a target can narrow a log by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogFilters {
    /// It knows when a line was written.
    pub since: bool,
    /// It knows which component wrote a line.
    pub component: bool,
}

/// Which lines are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogQuery {
    /// At most so many of the lines that are there, the last ones; `None`: all of them.
    pub count: Option<usize>,
    /// None that is older. Only where [`LogFilters::since`].
    pub since: Option<Timestamp>,
    /// Those of this component. Only where [`LogFilters::component`].
    pub component: Option<String>,
}

/// Lines that were not handed out before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogBatch {
    /// Oldest first.
    pub lines: Vec<LogLine>,
    /// Why lines may be missing before these, where that is so: "the application was started anew".
    pub gap: Option<String>,
}

/// A line that an application wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When, where the target knows.
    pub time: Option<Timestamp>,
    /// Which component, where the target knows.
    pub component: Option<String>,
    /// Where to, where the target knows.
    pub stream: Option<LogStream>,
    /// Without its end.
    pub text: String,
}

/// A standard stream of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl LogStream {
    /// Its name in logs and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            LogStream::Out => "out",
            LogStream::Err => "err",
        }
    }
}

impl LogLine {
    /// A line of which nothing else is known.
    pub fn bare(text: impl Into<String>) -> LogLine {
        LogLine { time: None, component: None, stream: None, text: text.into() }
    }
}

/// What is known, then the text: `2026-08-01T09:30:00.000Z api err not found`.
impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(time) = self.time {
            write!(f, "{time:.3} ")?;
        }
        if let Some(component) = &self.component {
            write!(f, "{component} ")?;
        }
        if let Some(stream) = self.stream {
            write!(f, "{} ", stream.name())?;
        }
        f.write_str(&self.text)
    }
}
