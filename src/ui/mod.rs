//! What people and machines see: reporters for events, streams, colour.
//!
//! [`Human`] writes lines for people to stderr and the URL to stdout; [`Json`] writes one JSON object a line to
//! stdout and nothing else anywhere; [`GitHub`] stands before either and tells a pipeline how the run ended.

mod answers;
mod github;
mod human;
mod json;
mod live;
mod prompt;
mod report;
mod text;
mod transfers;

use std::io::{self, IsTerminal, Write};

pub use github::GitHub;
pub use human::{Human, Look, Verbosity};
pub use json::Json;
pub use prompt::Terminal;

/// Where output goes.
pub type Sink = Box<dyn Write + Send>;

/// The two streams of a program, and who is at their other ends.
pub struct Streams {
    /// Data.
    pub out: Sink,
    /// Words for people.
    pub err: Sink,
    /// Whether the reader of `out` went away, as far as that can be told without writing to it.
    pub out_is_abandoned: fn() -> bool,
    /// Whether `out` is a terminal.
    pub out_is_terminal: bool,
    /// Whether `err` is a terminal.
    pub err_is_terminal: bool,
}

impl Streams {
    /// Those of this process. They take ANSI colours on every system.
    pub fn of_process() -> Self {
        let (out, err) = (std::io::stdout(), std::io::stderr());
        Streams {
            out_is_abandoned: stdout_is_abandoned,
            out_is_terminal: out.is_terminal(),
            err_is_terminal: err.is_terminal(),
            out: Box::new(anstream::AutoStream::new(out, anstream::ColorChoice::Always)),
            err: Box::new(anstream::AutoStream::new(err, anstream::ColorChoice::Always)),
        }
    }
}

/// Who reads a pipe may go away while there is nothing to write to it, and a write would be the only other sign.
#[cfg(unix)]
fn stdout_is_abandoned() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = std::io::stdout();
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let is_ready = poll(&mut watched, Some(&at_once)).is_ok_and(|ready| ready > 0);
    is_ready && watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

#[cfg(not(unix))]
fn stdout_is_abandoned() -> bool {
    false
}

/// Writes a text that nobody may be listening to any more: a reader that went away (`spin deploy | head -0`) does not
/// make a deployment a failure. Any other trouble, a full disk say, is for the caller to tell where it can.
pub fn write(sink: &mut dyn Write, text: &str) -> io::Result<()> {
    write_heard(sink, text).map(drop)
}

/// The same; `false`: the reader went away.
fn write_heard(sink: &mut dyn Write, text: &str) -> io::Result<bool> {
    match sink.write_all(text.as_bytes()).and_then(|()| sink.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}

#[cfg(test)]
mod tests;
