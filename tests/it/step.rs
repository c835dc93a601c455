//! A step of GitHub Actions: the two files that it gives to what it runs.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::program::Program;

pub struct Step(TempDir);

impl Step {
    /// A step in which something has happened already.
    pub fn new() -> Step {
        let step = Step(TempDir::new().expect("a temporary directory can be made"));
        std::fs::write(step.output(), "before=1\n").expect("it can be written");
        std::fs::write(step.summary(), "# Before\n").expect("it can be written");
        step
    }

    /// Runs a program in the step.
    pub fn of(&self, program: Program) -> Program {
        let program = program.env_os("GITHUB_OUTPUT", self.output().as_os_str());
        program.env_os("GITHUB_STEP_SUMMARY", self.summary().as_os_str())
    }

    /// Both files, one after the other. What differs from run to run is made the same.
    #[track_caller]
    pub fn read(&self) -> String {
        let read = |path: PathBuf| std::fs::read_to_string(path).expect("it can be read");
        let text = read(self.output()) + &read(self.summary());
        let text = after(&text, "+s", "TAG", |char| char.is_ascii_hexdigit());
        let text = after(&text, "127.0.0.1:", "PORT", |char| char.is_ascii_digit());
        after(&text, "localhost:", "PORT", |char| char.is_ascii_digit())
    }

    fn output(&self) -> PathBuf {
        self.0.path().join("output")
    }

    fn summary(&self) -> PathBuf {
        self.0.path().join("summary")
    }
}

/// Replaces what comes right after `start` and consists of such letters.
fn after(text: &str, start: &str, replacement: &str, is_part: fn(char) -> bool) -> String {
    let mut pieces = text.split(start);
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| format!("{text}{start}{replacement}{}", piece.trim_start_matches(is_part)))
}
