//! The real program, run in a sealed environment.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::app::App;
use crate::support::stack::{PASSWORD, Stack, USER};
use crate::terminal::{self, Answer, Seen, Streams};

/// A run that is about to start.
pub struct Program {
    command: Command,
    _home: Option<TempDir>,
}

/// What a run came to.
#[derive(Debug)]
pub struct Output {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Panics, showing everything, unless the run ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

impl Program {
    /// In this directory, without any variable but a home of its own, and without a terminal.
    pub fn new(directory: &Path) -> Self {
        let home = TempDir::new().expect("a temporary directory can be made");
        let program = Program::at_home(home.path(), directory);
        Program { _home: Some(home), ..program }
    }

    /// The same in a home that is there already.
    pub fn at_home(home: &Path, directory: &Path) -> Self {
        let mut command = away_from_terminal();
        command.env_clear().env("HOME", home).current_dir(directory);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Program { command, _home: None }
    }

    /// Deploying this application to this stack, as its owner would.
    pub fn deploying(app: &App, stack: &Stack) -> Self {
        Program::new(app.path())
            .env("HIPPO_URL", &stack.hippo_url())
            .env("BINDLE_SERVER_URL", &stack.bindle_url())
            .env("HIPPO_USERNAME", USER)
            .env("HIPPO_PASSWORD", PASSWORD)
            .env("SPIN_DEPLOY_APP_URL", &stack.app_url_template())
    }

    /// Adds arguments.
    pub fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable.
    pub fn env(self, name: &str, value: &str) -> Self {
        self.env_os(name, value.as_ref())
    }

    /// Sets a variable to anything, be it text or not.
    pub fn env_os(mut self, name: &str, value: &OsStr) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes a variable.
    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Another program in the same place, to try out what is made for this one.
    #[must_use]
    pub fn instead(&self, script: &str) -> Self {
        let (mut other, this) = (Command::new("/bin/sh"), self.command.as_std());
        other.args(["-c", script]).env_clear();
        other.envs(this.get_envs().filter_map(|(name, value)| Some((name, value?))));
        other.current_dir(this.get_current_dir().expect("a program is always run in a directory"));
        other.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Program { command: other, _home: None }
    }

    /// Sends its standard output to a file.
    pub fn stdout_to(mut self, path: &str) -> Self {
        self.command.stdout(std::fs::File::options().write(true).open(path).expect("it can be written"));
        self
    }

    /// Lets it read a file as its standard input.
    pub fn stdin_from(mut self, path: &Path) -> Self {
        self.command.stdin(std::fs::File::open(path).expect("it can be read"));
        self
    }

    /// Runs it to its end, at a terminal.
    pub async fn at_terminal(self, streams: Streams<'_>, dialog: &[(&str, Answer<'_>)]) -> Seen {
        terminal::run(self.command.as_std(), streams, dialog).await
    }

    /// Runs it to its end.
    pub async fn run(self) -> Output {
        self.start().end().await
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        let child = self.command.spawn().expect("the program was built");
        let id = child.id().expect("it was just started");
        Running { child, id, _home: self._home }
    }
}

/// What starts a program in a session without a terminal.
pub const SETSID: &str = "/usr/bin/setsid";

/// The program in a session without a terminal: that of the person who runs the tests is not asked. By its whole path, for
/// tests change PATH; where there is no `setsid`, as is usual elsewhere than on Linux, the terminal is not left.
fn away_from_terminal() -> Command {
    let program = env!("CARGO_BIN_EXE_spin-deploy");
    if !Path::new(SETSID).exists() {
        return Command::new(program);
    }
    let mut command = Command::new(SETSID);
    command.arg(program);
    command
}

/// A run under way.
pub struct Running {
    child: tokio::process::Child,
    id: u32,
    _home: Option<TempDir>,
}

impl Running {
    /// Its process.
    pub fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(i32::try_from(self.id).expect("process ids are small"))
    }

    /// Its standard output, once.
    pub fn stdout(&mut self) -> Option<tokio::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it can be asked").is_some()
    }

    /// Waits for its end.
    pub async fn end(self) -> Output {
        let output = self.child.wait_with_output().await.expect("it can be waited for");
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// The JSON record that ends a run.
pub fn last(output: &Output) -> Value {
    serde_json::from_str(output.stdout.lines().last().expect("it says something")).expect("records are JSON")
}

/// The changes of a `planned` record in the words that a `finished` one has for them.
pub fn changes_told(planned: &Value) -> Value {
    let told = |change: &Value| {
        let text = |member: &str| change[member].as_str().map(str::to_owned);
        let detail = text("detail").map(|detail| format!(" ({detail})")).unwrap_or_default();
        format!("{} {}{detail}", text("action").expect("it is a text"), text("subject").expect("it is a text"))
    };
    planned["changes"].as_array().expect("it is a list").iter().map(told).collect::<Vec<_>>().into()
}

/// Until it is dropped, snapshots of this test do without what is not the same in each run, or for each build of the
/// program: tags of versions, times, durations.
pub fn steadily() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\+s[0-9a-f]{8,}", "+sTAG");
    settings.add_filter(r#""elapsed_ms": ?\d+"#, r#""elapsed_ms": 0"#);
    settings.add_filter(r#""time": ?"[^"]*""#, r#""time": "TIME""#);
    settings.add_filter(r"in \d+(\.\d)? s", "in TIME");
    // What a slow machine says besides.
    settings.add_filter(r"(?m)^ *still .*\n", "");
    settings.bind_to_scope()
}
