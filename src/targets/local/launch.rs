//! Starts a server in the background, and waits until it answers.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::process::{Child, Command};

use super::client::{Client, ControlError};
use super::config::Launch;
use super::control::ServerInfo;
use super::lock::{Holder, ServerLock};
use super::paths::{Paths, PathsError};

/// What a server exits with that has found another one (`docs/exit-codes.md`).
const HELD: i32 = 11;
/// How long a server may take until it answers.
const DEADLINE: Duration = Duration::from_secs(20);
/// The first delay between two looks; it grows by half each time.
const FIRST_DELAY: Duration = Duration::from_millis(20);
/// The longest delay between two looks.
const LAST_DELAY: Duration = Duration::from_millis(500);
/// From how many bytes on a log is put aside before a server is started.
const LONGEST_LOG: u64 = 10 * 1024 * 1024;
/// How many lines of a server's last words are told.
const LAST_LINES: usize = 10;
/// How many bytes of them are read.
const LAST_BYTES: u64 = 16 * 1024;

/// Lets time pass.
pub type Sleep = fn(Duration) -> BoxFuture<'static, ()>;

/// Why no server answers.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Paths(#[from] PathsError),
    /// Its log cannot be written.
    #[error("could not open its log {}", .path.display())]
    Log {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The program could not be run.
    #[error("could not run {}", .program.display())]
    Run {
        program: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// It ended before it answered.
    #[error("it ended ({status}) and said: {last_words}")]
    Ended { status: ExitStatus, last_words: String },
    /// Another one holds the data directory, and does not answer here.
    #[error("{holder} holds the data directory, but no server answers at {}", .socket.display())]
    Elsewhere { holder: Holder, socket: PathBuf },
    /// It is there, and does not answer.
    #[error("it did not answer within {} seconds; its log ends with: {last_words}", DEADLINE.as_secs())]
    Silent { last_words: String },
    /// What answers is not to be spoken to.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// How long to wait between two looks at a server that is starting, or ending; it is given up after the last one.
pub fn delays() -> impl Iterator<Item = Duration> {
    let longer = |delay: &Duration| Some(LAST_DELAY.min(*delay * 3 / 2));
    std::iter::successors(Some(FIRST_DELAY), longer).scan(Duration::ZERO, |waited, delay| {
        let next = (*waited < DEADLINE).then_some(delay);
        *waited += delay;
        next
    })
}

/// Starts a server, unless another process is faster, and returns what answers in the end.
pub async fn start(paths: &Paths, launch: &Launch, client: &Client, sleep: Sleep) -> Result<ServerInfo, LaunchError> {
    paths.check()?;
    paths.make_data_dir()?;
    let log_error = |source| LaunchError::Log { path: paths.server_log(), source };
    rotate(&paths.server_log()).map_err(log_error)?;
    let log = open_log(&paths.server_log()).map_err(log_error)?;
    let begin = log.metadata().map_err(log_error)?.len();
    let run_error = |source| LaunchError::Run { program: launch.program.clone(), source };
    let run = || run(paths, launch, log.try_clone()?);
    let mut child = Starting::new(run().map_err(run_error)?);
    let last_words = || last_words(&paths.server_log(), begin);
    let mut delays = delays();
    loop {
        match client.server().await {
            Ok(info) => {
                child.let_go();
                return Ok(info);
            }
            Err(ControlError::NotRunning) => {}
            Err(error) => return Err(error.into()),
        }
        let ended = child.ended();
        if let Some(status) = ended.filter(|status| status.code() != Some(HELD)) {
            return Err(LaunchError::Ended { status, last_words: last_words() });
        }
        let Some(delay) = delays.next() else {
            if ended.is_none() {
                return Err(LaunchError::Silent { last_words: last_words() });
            }
            let holder = ServerLock::holder(paths).ok().flatten().unwrap_or(Holder { pid: None });
            return Err(LaunchError::Elsewhere { holder, socket: paths.socket.clone() });
        };
        // Another one held the data directory. It answers soon, or it was about to end.
        if ended.is_some() && matches!(ServerLock::holder(paths), Ok(None)) {
            child = Starting::new(run().map_err(run_error)?);
        }
        sleep(delay).await;
    }
}

/// Runs the program with an environment of its own. Neither our end nor a dropped value ends it.
fn run(paths: &Paths, launch: &Launch, log: File) -> Result<Child, std::io::Error> {
    let errors = log.try_clone()?;
    Command::new(&launch.program)
        .args(&launch.args)
        .env_clear()
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&paths.data)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .kill_on_drop(false)
        .spawn()
}

/// A server that has not answered yet. It ends with this value, unless it is let go: nobody would know of it.
struct Starting(Option<Child>);

impl Starting {
    fn new(child: Child) -> Starting {
        Starting(Some(child))
    }

    /// How it ended, if it has. One that cannot be asked is taken to run: the deadline ends the wait.
    fn ended(&mut self) -> Option<ExitStatus> {
        self.0.as_mut()?.try_wait().ok().flatten()
    }

    fn let_go(&mut self) {
        self.0 = None;
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        // Gently: somebody else may have found it already. It may also have ended by itself.
        if let Some(pid) = self.0.as_ref().and_then(Child::id).and_then(|id| i32::try_from(id).ok())
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }
}

/// Puts a log that has grown long aside.
fn rotate(path: &Path) -> std::io::Result<()> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > LONGEST_LOG => std::fs::rename(path, path.with_extension("log.1")),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Opens the log to be written at its end, by nobody else to be read.
fn open_log(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// The last lines that were written after `begin`; what cannot be read says so itself.
fn last_words(log: &Path, begin: u64) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(begin.max(length.saturating_sub(LAST_BYTES))))?;
        let mut bytes = Vec::new();
        file.take(LAST_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
            match lines.len() {
                0 => "nothing".to_owned(),
                count => lines[count.saturating_sub(LAST_LINES)..].join("; "),
            }
        }
        Err(error) => format!("(its log cannot be read: {error})"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures_util::FutureExt;

    use super::super::stand_in::{Place, good, listen};
    use super::*;

    /// Time passes faster, but slowly enough for children to begin and to end on a machine that is busy.
    fn hurry(_: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(Duration::from_millis(50)).boxed()
    }

    async fn start_in(place: &Place, script: &str) -> Result<ServerInfo, LaunchError> {
        let config = place.config("/bin/sh", &["-c", script]);
        start(&config.paths(), &config.launch, &Client::new(&place.socket()), hurry).await
    }

    fn log(place: &Place) -> String {
        std::fs::read_to_string(place.config("", &[]).paths().server_log()).unwrap()
    }

    #[tokio::test]
    async fn a_server_that_answers_is_returned() {
        let place = Place::new();
        place.serve(good);
        assert_eq!(start_in(&place, "exec sleep 5").await.unwrap().pid, 4711);
    }

    #[tokio::test]
    async fn a_program_that_ends_is_quoted_with_its_last_lines() {
        let place = Place::new();
        start_in(&place, "echo earlier").await.unwrap_err();
        let error = start_in(&place, "seq 1 30; echo 'no luck' >&2; exit 3").await.unwrap_err();
        let LaunchError::Ended { status, last_words } = &error else { panic!("{error:?}") };
        assert_eq!(status.code(), Some(3));
        assert_eq!(last_words, "22; 23; 24; 25; 26; 27; 28; 29; 30; no luck");
        assert!(log(&place).starts_with("earlier\n1\n"), "a log is written on: {}", log(&place));
    }

    #[tokio::test]
    async fn the_program_gets_the_environment_and_the_directory_that_were_meant() {
        let place = Place::new();
        start_in(&place, "echo \"$GIVEN ${CARGO_PKG_NAME:-sealed} $PWD\"; exit 1").await.unwrap_err();
        let data = place.config("", &[]).data_dir.canonicalize().unwrap();
        assert_eq!(log(&place), format!("on sealed {}\n", data.display()));
    }

    #[tokio::test]
    async fn whoever_loses_the_race_uses_the_winners_server() {
        let place = Arc::new(Place::new());
        let starter = Arc::clone(&place);
        let winner = async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            listen(&starter.socket(), good, Arc::new(Mutex::default()));
        };
        let (info, ()) = tokio::join!(start_in(&place, "exit 11"), winner);
        assert_eq!(info.unwrap().pid, 4711);
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_named() {
        let place = Place::new();
        let _lock = ServerLock::acquire(&place.config("", &[]).paths()).unwrap();
        let error = start_in(&place, "echo run; exit 11").await.unwrap_err();
        let LaunchError::Elsewhere { holder, .. } = &error else { panic!("{error:?}") };
        assert_eq!(holder.pid, Some(std::process::id()));
        assert_eq!(log(&place), "run\n", "nobody is started in vain");
    }

    #[tokio::test]
    async fn when_the_other_server_has_ended_one_is_started_again() {
        let place = Place::new();
        start_in(&place, "if [ -e first ]; then echo again; exit 3; fi; touch first; exit 11").await.unwrap_err();
        assert_eq!(log(&place), "again\n");
    }

    #[tokio::test]
    async fn a_server_that_stays_silent_is_given_up() {
        let place = Place::new();
        let error = start_in(&place, "echo thinking; exec sleep 5").await.unwrap_err();
        assert_eq!(error.to_string(), "it did not answer within 20 seconds; its log ends with: thinking");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let place = Place::new();
        let config = place.config("/no/such/program", &[]);
        let error = start(&config.paths(), &config.launch, &Client::new(&place.socket()), hurry).await.unwrap_err();
        assert_eq!(error.to_string(), "could not run /no/such/program");
    }
}
