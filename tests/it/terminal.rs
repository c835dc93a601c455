//! The real program at a real terminal: a pseudo-terminal that is its controlling one.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;
use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};
use tempfile::TempDir;

use crate::program::SETSID;

/// How long anything may take: for a machine that is busy with other things.
const PATIENCE_MS: u64 = 30_000;

/// Runs the program as a person's shell would. The first `stty` undoes what the crate does to new terminals; the second
/// looks at what the program left behind. The traps keep the shell alive where the program is interrupted.
const SHELL: &str = r#"
trap : INT TERM HUP
stty echo
files=$1 away=$2
shift 2
echo $$ >"$files/group"
if [ "$away" = away ]; then "$@" <"$files/stdin" >"$files/stdout" 2>"$files/stderr"; else "$@"; fi
code=$?
stty -a >"$files/settings"
exit $code
"#;

/// Where the standard streams of the program go.
#[derive(Debug, Clone, Copy)]
pub enum Streams<'a> {
    /// To the terminal.
    Terminal,
    /// Standard input comes from a file with this content, the others go to files: the terminal is only the one that
    /// the program can open.
    Away(&'a [u8]),
}

/// What a person types when a question has come.
#[derive(Debug, Clone, Copy)]
pub enum Answer<'a> {
    /// A line, which the terminal shows.
    Line(&'a str),
    /// A line that is not shown: it is typed when the terminal shows nothing any more, and that has to come.
    Secret(&'a str),
    /// A key with Ctrl, such as `c`.
    Control(char),
    /// The same when the terminal shows nothing of what is typed.
    ControlInSilence(char),
    /// No key: the program and its shell get this signal, when the terminal shows nothing of what is typed.
    Signal(Signal),
}

/// What a run at a terminal came to.
#[derive(Debug)]
pub struct Seen {
    /// The exit code; -1: it did not end by itself, or did not ask what was to be answered.
    pub code: i32,
    /// Everything that the terminal showed.
    pub transcript: String,
    /// What went to standard output, where that was away.
    pub stdout: String,
    /// What went to standard error, where that was away.
    pub stderr: String,
    /// Whether the terminal shows what is typed, after the run.
    pub echoes: bool,
}

impl Seen {
    /// Panics, showing everything, unless the run ended with this code and the terminal works as before.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!((self.code, self.echoes), (code, true), "{self:#?}");
        self
    }
}

/// Runs a command with its variables at a new terminal. Each answer is typed when the text before it was shown.
pub async fn run(command: &Command, streams: Streams<'_>, dialog: &[(&str, Answer<'_>)]) -> Seen {
    let files = TempDir::new().expect("a temporary directory can be made");
    if let Streams::Away(input) = streams {
        std::fs::write(files.path().join("stdin"), input).expect("the file can be written");
    }
    let (shell, at) = (in_shell(command, files.path(), streams), files.path().to_owned());
    let dialog: Vec<(String, Typed)> =
        dialog.iter().map(|(shown, answer)| ((*shown).to_owned(), typed(*answer))).collect();
    let (code, transcript) = tokio::task::spawn_blocking(move || converse(shell, &dialog, &at)).await.unwrap();
    let text = |name: &str| std::fs::read_to_string(files.path().join(name)).unwrap_or_default();
    let echoes = text("settings").split_whitespace().any(|setting| setting == "echo");
    Seen { code, transcript, stdout: text("stdout"), stderr: text("stderr"), echoes }
}

/// What is sent to the terminal.
enum Typed {
    Line(String),
    Secret(String),
    Control(char),
    ControlInSilence(char),
    Signal(Signal),
}

fn typed(answer: Answer<'_>) -> Typed {
    match answer {
        Answer::Line(line) => Typed::Line(line.to_owned()),
        Answer::Secret(line) => Typed::Secret(line.to_owned()),
        Answer::Control(key) => Typed::Control(key),
        Answer::ControlInSilence(key) => Typed::ControlInSilence(key),
        Answer::Signal(signal) => Typed::Signal(signal),
    }
}

fn in_shell(command: &Command, files: &Path, streams: Streams<'_>) -> Command {
    let mut shell = Command::new("/bin/sh");
    let away = match streams {
        Streams::Terminal => "here",
        Streams::Away(_) => "away",
    };
    shell.args(["-c", SHELL, "sh"]).arg(files).arg(away);
    // `setsid` would take the terminal away again.
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    shell.args(words.skip_while(|word| *word == SETSID));
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(command.get_current_dir().expect("a program is always run in a directory"));
    shell
}

/// The exit code, and everything that was shown. What does not come, or does not end, is said at the end of that.
fn converse(shell: Command, dialog: &[(String, Typed)], files: &Path) -> (i32, String) {
    let mut session = spawn_command(shell, Some(PATIENCE_MS)).expect("there are terminals left");
    session.process_mut().set_kill_timeout(Some(1000));
    let mut transcript = String::new();
    for (shown, answer) in dialog {
        match session.exp_string(shown) {
            Ok(before) => transcript += &format!("{before}{shown}"),
            Err(error) => return (-1, format!("{transcript}\n{shown:?} is not shown: {error}")),
        }
        type_in(&mut session, answer, files);
    }
    match session.exp_eof() {
        Ok(rest) => transcript += &rest,
        Err(error) => return (-1, format!("{transcript}\nit does not end: {error}")),
    }
    match session.process().wait() {
        Ok(WaitStatus::Exited(_, code)) => (code, transcript),
        other => (-1, format!("{transcript}\n{other:?}")),
    }
}

fn type_in(session: &mut PtySession, answer: &Typed, files: &Path) {
    match answer {
        Typed::Line(line) => session.send_line(line).map(|_| ()),
        Typed::Secret(line) => {
            wait_for_silence(session);
            session.send_line(line).map(|_| ())
        }
        Typed::Control(key) => session.send_control(*key),
        Typed::ControlInSilence(key) => {
            wait_for_silence(session);
            session.send_control(*key)
        }
        Typed::Signal(signal) => {
            wait_for_silence(session);
            let group = std::fs::read_to_string(files.join("group")).expect("the shell has written it");
            let group = Pid::from_raw(group.trim().parse().expect("it is a number"));
            killpg(group, *signal).expect("the shell is there");
            Ok(())
        }
    }
    .expect("the terminal takes what is typed");
}

/// Waits until the terminal shows nothing of what is typed.
fn wait_for_silence(session: &PtySession) {
    let terminal = session.process().get_file_handle().expect("the terminal is open");
    let begun = Instant::now();
    while tcgetattr(&terminal).expect("it has settings").local_flags.contains(LocalFlags::ECHO) {
        assert!(begun.elapsed() < Duration::from_millis(PATIENCE_MS), "what is typed would be shown");
        std::thread::yield_now();
    }
}

/// A script that is run as the program would be.
fn script(text: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", text]).env_clear().current_dir("/");
    command
}

#[tokio::test]
async fn what_is_typed_is_shown_unless_the_program_hides_it() {
    let asks =
        script("printf 'name? '; read name; printf 'word? '; stty -echo; read word; stty echo; echo \"<$name>\"");
    let seen = run(&asks, Streams::Terminal, &[("name? ", Answer::Line("dana")), ("word? ", Answer::Secret("geheim"))]);
    let seen = seen.await.expect(0);
    assert!(seen.transcript.contains("name? dana\r\n") && seen.transcript.contains("<dana>"), "{seen:?}");
    assert!(!seen.transcript.contains("geheim"), "{seen:?}");
}

#[tokio::test]
async fn a_terminal_that_is_left_without_echo_is_noticed() {
    let hides = script("stty -echo; echo ready; read word");
    let seen = run(&hides, Streams::Terminal, &[("ready", Answer::Control('c'))]).await;
    assert_eq!((seen.code, seen.echoes), (130, false), "{seen:?}");
}

#[tokio::test]
async fn the_terminal_can_be_another_place_than_the_streams() {
    let asks = script("cat; echo error >&2; printf 'name? ' >/dev/tty; read name </dev/tty; echo \"$name\"; exit 7");
    let seen = run(&asks, Streams::Away(b"input\n"), &[("name? ", Answer::Line("dana"))]).await.expect(7);
    assert_eq!((seen.stdout.as_str(), seen.stderr.as_str()), ("input\ndana\n", "error\n"));
    assert_eq!(seen.transcript, "name? dana\r\n");
}

#[tokio::test]
async fn programs_run_without_a_terminal_elsewhere() {
    let program = crate::program::Program::new(Path::new("/")).args(&["--version"]);
    let mut shell = tokio::process::Command::new(SETSID);
    shell.args(["sh", "-c", "exec 3<>/dev/tty"]).stderr(std::process::Stdio::null());
    assert!(!shell.status().await.unwrap().success(), "setsid leaves the terminal");
    assert!(program.run().await.expect(0).stdout.starts_with("spin-deploy "));
}
