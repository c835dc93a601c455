//! What every command of the second day prints, whole: at a terminal, into a pipe, and as JSON, at each kind of target.

use std::fmt::Write;
use std::num::NonZero;

use crate::program::Program;
use crate::scene::{Hippos, Machines, Scene};
use crate::support::app::App;
use crate::terminal::{Answer, Streams};

/// Who reads what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Terminal,
    Pipe,
    Json,
}

/// What makes two runs alike: the order matters.
const ALIKE: &[(&str, &str)] = &[
    // How often it was looked before the time ran out shows in what the application wrote.
    (r"(?m)(^(2>)? +\| .* web err.*\n)+", "    | [what it wrote]\n"),
    (r#""logs":\["[^]]* web err [^]]*\]"#, r#""logs":["[what it wrote]"]"#),
    (r"(?m)^(2> )?still .*\n", ""),
    // Files are sent at the same time, in any order.
    (r#"(?m)^.*"event":"(transfer_started|transfer_finished|waiting)".*\n"#, ""),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[id]"),
    (r"process \d+", "process [pid]"),
    (r#""process":\d+"#, r#""process":0"#),
    (r#""elapsed_ms":\d+"#, r#""elapsed_ms":0"#),
    (r"\b\d+(\.\d+)? ?m?s\b", "[duration]"),
];

#[tokio::test(flavor = "multi_thread")]
async fn at_hippo_for_a_pipe() {
    insta::assert_snapshot!(told(&Hippos::set().await, Reader::Pipe).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_hippo_at_a_terminal() {
    insta::assert_snapshot!(told(&Hippos::set().await, Reader::Terminal).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_hippo_as_json() {
    insta::assert_snapshot!(told(&Hippos::set().await, Reader::Json).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_this_machine_for_a_pipe() {
    insta::assert_snapshot!(told(&Machines::set(), Reader::Pipe).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_this_machine_at_a_terminal() {
    insta::assert_snapshot!(told(&Machines::set(), Reader::Terminal).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_this_machine_as_json() {
    insta::assert_snapshot!(told(&Machines::set(), Reader::Json).await);
}

/// Runs every command in a life of an application; what was typed and what was printed.
async fn told(scene: &dyn Scene, reader: Reader) -> String {
    let mut tape = Tape { scene, app: App::new("shop"), reader, text: String::new() };
    tape.run(&["plan"]).await;
    tape.run(&["deploy"]).await;
    tape.run(&["plan", "--exit-code"]).await;
    tape.app.version("1.1.0");
    tape.app.write("static/index.html", "second");
    tape.run(&["status", "--from", "."]).await;
    tape.run(&["plan", "--exit-code"]).await;
    tape.run(&["deploy", "--dry-run"]).await;
    tape.run(&["deploy", "--expect-release", "none"]).await;
    tape.run(&["deploy"]).await;
    tape.run(&["wait"]).await;
    scene.write_log(&tape.app, &["one", "two", "three"]);
    tape.run(&["logs", "-n", "2"]).await;
    tape.run(&["releases"]).await;
    tape.run(&["rollback"]).await;
    tape.run(&["rollback", "nothing-of-that-name"]).await;
    tape.run(&["status"]).await;
    tape.run(&["package", "shop.tar.gz"]).await;
    tape.run(&["package", "shop.tar.gz"]).await;
    tape.run(&["deploy", "--package", "shop.tar.gz"]).await;
    tape.run(&["promote", "--from", "here", "-t", "there"]).await;
    tape.run(&["promote", "--from", "here", "-t", "here"]).await;
    scene.spoil(&tape.app);
    tape.app.version("1.2.0");
    tape.run(&["deploy", "--rollback-on-failure", "--check", "/", "--timeout", "5"]).await;
    tape.run(&["destroy"]).await;
    tape.run(&["destroy", "--yes"]).await;
    tape.run(&["destroy", "--yes"]).await;
    for command in ["status", "wait", "logs", "releases", "rollback"] {
        tape.run(&[command]).await;
    }
    tape.text
}

struct Tape<'a> {
    scene: &'a dyn Scene,
    app: App,
    reader: Reader,
    text: String,
}

impl Tape<'_> {
    /// Runs the program at the target `here`, unless it is told another one.
    async fn run(&mut self, args: &[&str]) {
        let program = self.scene.program(self.app.path()).env("SPIN_DEPLOY_TARGET", "here").args(args);
        writeln!(self.text, "$ spin-deploy {}", args.join(" ")).unwrap();
        let (code, printed) = match self.reader {
            Reader::Terminal => at_terminal(program, args).await,
            Reader::Pipe => piped(program, &[]).await,
            Reader::Json => piped(program, &["--format", "json"]).await,
        };
        let printed = self.alike(&printed);
        writeln!(self.text, "{printed}[exit code {code}]\n").unwrap();
    }

    fn alike(&self, printed: &str) -> String {
        let mut text = printed.replace(self.app.path().to_str().unwrap(), "[app]");
        for (differs, name) in self.scene.names() {
            text = text.replace(&differs, name);
        }
        for (pattern, name) in ALIKE {
            text = regex::Regex::new(pattern).unwrap().replace_all(&text, *name).into_owned();
        }
        text
    }
}

async fn piped(program: Program, args: &[&str]) -> (i32, String) {
    let output = program.args(args).run().await;
    let lines = |name: &str, text: &str| text.lines().map(|line| format!("{name} {line}\n")).collect::<String>();
    (output.code.expect("no signal ends it"), lines("1>", &output.stdout) + &lines("2>", &output.stderr))
}

/// What stands on the screen in the end; what moved while it ran is gone.
async fn at_terminal(program: Program, args: &[&str]) -> (i32, String) {
    let dialog: &[(&str, Answer<'_>)] =
        if args == ["destroy"] { &[("type its name", Answer::Line("shopp"))] } else { &[] };
    let seen = program.at_terminal(Streams::Terminal, dialog).await;
    let [rows, columns] = [200, 160].map(|size| NonZero::new(size).expect("it is not 0"));
    let mut screen = vt100::Parser::new(rows, columns, 0);
    // The transcript has a character for each byte.
    screen.process(&seen.transcript.chars().map(|byte| byte as u8).collect::<Vec<_>>());
    let lines = screen.screen().contents();
    (seen.code, lines.lines().map(|line| format!("{}\n", line.trim_end())).collect())
}
