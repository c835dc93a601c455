//! Questions at the terminal: on the terminal itself, whatever standard input and output are.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};

use super::text;
use crate::auth::{Prompt, PromptError, Secret};

#[cfg(unix)]
const INPUT: &str = "/dev/tty";
#[cfg(unix)]
const OUTPUT: &str = "/dev/tty";
#[cfg(not(unix))]
const INPUT: &str = "CONIN$";
#[cfg(not(unix))]
const OUTPUT: &str = "CONOUT$";

/// How often a question is asked that has to be answered.
const ATTEMPTS: usize = 3;

/// The terminal that this program was started from. A signal while it asks ends the question, and the terminal is left
/// as it was before.
#[derive(Debug, Clone, Copy)]
pub struct Terminal(());

impl Terminal {
    /// The terminal; `None`: there is none.
    pub fn open() -> Option<Terminal> {
        let opened = output().and(OpenOptions::new().read(true).open(INPUT));
        opened.ok().map(|_| Terminal(()))
    }
}

impl Prompt for Terminal {
    fn ask(&self, question: &str, default: Option<&str>) -> Result<String, PromptError> {
        let default = default.map(|default| text::harmless(default).into_owned());
        let shown = default.as_ref().map(|default| format!(" [{default}]")).unwrap_or_default();
        let question = format!("{}{shown}: ", text::harmless(question));
        for _ in 0..ATTEMPTS {
            let question = question.clone();
            let answer = unless_stopped(move || line(&question))?;
            match (answer.trim(), &default) {
                ("", Some(default)) => return Ok(default.clone()),
                ("", None) => {}
                (answer, _) => return Ok(answer.to_owned()),
            }
        }
        Err(PromptError::Terminal(io::Error::other("there was no answer")))
    }

    fn ask_secret(&self, question: &str) -> Result<Secret, PromptError> {
        let question = format!("{}: ", text::harmless(question));
        for _ in 0..ATTEMPTS {
            let question = question.clone();
            // It ends the line itself.
            let answer = unless_stopped(move || rpassword::prompt_password(question))?;
            if !answer.is_empty() {
                return Ok(Secret::new(answer));
            }
        }
        Err(PromptError::Terminal(io::Error::other("there was no answer")))
    }
}

fn output() -> io::Result<File> {
    OpenOptions::new().write(true).open(OUTPUT)
}

fn line(question: &str) -> io::Result<String> {
    output()?.write_all(question.as_bytes())?;
    let mut answer = String::new();
    match BufReader::new(File::open(INPUT)?).read_line(&mut answer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(answer),
    }
}

/// Reads on a thread of its own, where it may block, unless a signal comes first.
fn unless_stopped<T: Send + 'static>(read: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, PromptError> {
    let before = State::of_terminal();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(PromptError::Terminal)?;
    let answer = runtime.block_on(async {
        let mut stop = std::pin::pin!(stopped());
        // The first look makes the signals' handlers, before anything is read.
        tokio::select! {
            biased;
            _ = &mut stop => None,
            answer = tokio::task::spawn_blocking(read) => Some(answer),
        }
    });
    // The thread that reads may never end.
    runtime.shutdown_background();
    match answer {
        Some(Ok(Ok(answer))) => Ok(answer),
        // Ctrl-C, which the terminal did not take for itself, and Ctrl-D.
        Some(Ok(Err(error))) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof) => {
            Err(PromptError::Cancelled)
        }
        Some(Ok(Err(error))) => Err(PromptError::Terminal(error)),
        Some(Err(panicked)) => Err(PromptError::Terminal(io::Error::other(panicked))),
        None => {
            before.restore();
            // The shell's own prompt belongs on a line of its own.
            let _ = output().and_then(|mut output| output.write_all(b"\n"));
            Err(PromptError::Cancelled)
        }
    }
}

#[cfg(unix)]
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).ok();
    let (interrupt, terminate, hangup) =
        (listen(SignalKind::interrupt()), listen(SignalKind::terminate()), listen(SignalKind::hangup()));
    let (Some(mut interrupt), Some(mut terminate), Some(mut hangup)) = (interrupt, terminate, hangup) else {
        // Without handlers, signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

#[cfg(not(unix))]
async fn stopped() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// How the terminal is set: whether it shows what is typed.
#[cfg(unix)]
struct State(Option<(File, rustix::termios::Termios)>);

#[cfg(unix)]
impl State {
    fn of_terminal() -> State {
        let Ok(terminal) = File::open(INPUT) else { return State(None) };
        State(rustix::termios::tcgetattr(&terminal).ok().map(|settings| (terminal, settings)))
    }

    fn restore(self) {
        if let State(Some((terminal, settings))) = self {
            // There is nobody to tell.
            let _ = rustix::termios::tcsetattr(&terminal, rustix::termios::OptionalActions::Now, &settings);
        }
    }
}

#[cfg(not(unix))]
struct State;

#[cfg(not(unix))]
impl State {
    fn of_terminal() -> State {
        State
    }

    /// The console forgets what the reading thread has set when the process ends.
    fn restore(self) {}
}
