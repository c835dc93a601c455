//! How a run ended, for GitHub Actions: the outputs of the step, and its summary.
//!
//! The formats are those of GitHub's documentation of workflow commands ("Environment files"): `name=value` a line,
//! `name<<delimiter` where a value has more lines; the summary is GitHub's Markdown.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::human::complaint;
use super::json::outcome_name;
use crate::event::{Event, Failed, Finished, Reporter, RouteUrl};

/// The name of the exit code of a release that failed and was undone. A `rollback` that went well is called the same.
const PUT_BACK: &str = "rolled_back";

/// Passes every event on to another reporter, and appends how the run ended to the files that GitHub Actions read.
pub struct GitHub {
    next: Arc<dyn Reporter>,
    output: Option<PathBuf>,
    summary: Option<PathBuf>,
}

impl GitHub {
    /// Stands before `next`; either file is missing elsewhere than at GitHub.
    pub fn new(next: Arc<dyn Reporter>, output: Option<PathBuf>, summary: Option<PathBuf>) -> Self {
        GitHub { next, output, summary }
    }

    /// What was done is done: a file that cannot be written is no failure of the run.
    fn append(&self, path: Option<&Path>, what: &str, text: impl FnOnce() -> String) {
        let Some(path) = path else { return };
        if let Err(error) = append(path, &text()) {
            let message = format!("the {what} of this step could not be written to {}: {error}", path.display());
            self.next.report(Event::Warning { message });
        }
    }
}

impl Reporter for GitHub {
    fn report(&self, event: Event) {
        if let Some(end) = End::of(&event) {
            self.append(self.output.as_deref(), "outputs", || end.outputs());
            self.append(self.summary.as_deref(), "summary", || end.summary());
        }
        self.next.report(event);
    }

    fn is_unheard(&self) -> bool {
        self.next.is_unheard()
    }
}

/// How a run ended.
#[derive(Default)]
struct End<'a> {
    app: Option<&'a str>,
    target: Option<&'a str>,
    outcome: &'a str,
    release: Option<&'a str>,
    version: Option<&'a str>,
    url: Option<&'a str>,
    routes: &'a [RouteUrl],
    /// Why it failed.
    reason: Option<String>,
    /// What is live after a failure.
    live: Option<&'a str>,
}

impl<'a> End<'a> {
    fn of(event: &'a Event) -> Option<Self> {
        match event {
            Event::Finished(finished) => Some(End::well(finished)),
            Event::Failed(failed) => Some(End::badly(failed)),
            _ => None,
        }
    }

    fn well(finished: &'a Finished) -> Self {
        End {
            app: Some(&finished.app),
            target: Some(&finished.target),
            outcome: outcome_name(finished.outcome),
            release: finished.release.as_deref(),
            version: Some(&finished.version),
            url: finished.url.as_deref(),
            routes: &finished.routes,
            ..End::default()
        }
    }

    fn badly(failed: &'a Failed) -> Self {
        let problems = failed.problems.iter().map(complaint).collect::<Vec<_>>().join("; ");
        let why = [failed.message.clone()].into_iter().chain(failed.causes.clone());
        let reason: Vec<String> = why.chain(Some(problems).filter(|problems| !problems.is_empty())).collect();
        End {
            app: failed.about.app.as_deref(),
            target: failed.about.target.as_deref(),
            outcome: if failed.reason == PUT_BACK { "restored" } else { failed.reason },
            reason: Some(reason.join(": ")),
            live: failed.live.as_deref(),
            ..End::default()
        }
    }

    /// The step's outputs. All of them, always: of two runs in one step the last one counts.
    fn outputs(&self) -> String {
        let outputs =
            [("url", self.url), ("release", self.release), ("version", self.version), ("outcome", Some(self.outcome))];
        outputs.map(|(name, value)| output(name, value.unwrap_or_default())).concat()
    }

    /// A table of one row, and what there is to say of a failure.
    fn summary(&self) -> String {
        let (release, version) = (self.release.unwrap_or_default(), self.version.unwrap_or_default());
        let cells = [self.app.unwrap_or_default(), self.target.unwrap_or_default(), self.outcome, release, version];
        let cells = cells.map(escaped).join(" | ");
        let more = [("Reason", self.reason.as_deref()), ("Live now", self.live)];
        let more = more.into_iter().filter_map(|(name, text)| Some(format!("\n**{name}:** {}\n", escaped(text?))));
        // A table needs an empty line before it.
        format!(
            "\n| app | target | outcome | release | version | URLs |\n|---|---|---|---|---|---|\n| {cells} | {} |\n{}",
            self.urls(),
            more.collect::<String>()
        )
    }

    fn urls(&self) -> String {
        let route = |route: &RouteUrl| format!("{} {}", escaped(&route.component), link(&route.url));
        match self.routes {
            [] => self.url.map(link).unwrap_or_default(),
            routes => routes.iter().map(route).collect::<Vec<_>>().join("<br>"),
        }
    }
}

/// An output of the step. Whatever the value holds, it is one output.
fn output(name: &str, value: &str) -> String {
    let is_line = !value.chars().any(|char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}'));
    if is_line {
        return format!("{name}={value}\n");
    }
    let mut delimiter = "END".to_owned();
    while value.contains(&delimiter) {
        delimiter.push('_');
    }
    format!("{name}<<{delimiter}\n{value}\n{delimiter}\n")
}

/// A text in one line of Markdown, where nothing in it means anything.
fn escaped(text: &str) -> String {
    const MEANING: &str = r"\`*_{}[]<>()#&$~!|";
    let text = super::text::harmless(text);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut escaped = String::with_capacity(words.len());
    for char in words.chars() {
        if MEANING.contains(char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

/// A URL to click on, where nothing in it means anything else.
fn link(url: &str) -> String {
    let is_plain = url.chars().all(|char| char.is_ascii_graphic() && !r#"<>|\`""#.contains(char));
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    if is_plain && is_web { format!("<{url}>") } else { escaped(url) }
}

/// Appends lines at once. What somebody else has not ended with a newline is a line of its own nevertheless.
fn append(path: &Path, lines: &str) -> io::Result<()> {
    let mut file = File::options().read(true).append(true).create(true).open(path)?;
    let start = if ends_within_line(&mut file)? { "\n" } else { "" };
    file.write_all(format!("{start}{lines}").as_bytes())
}

fn ends_within_line(file: &mut File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
