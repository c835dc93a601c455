//! Events as lines for people: on stderr, but for the URL, which goes to stdout alone.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;

use super::answers;
use super::live::Live;
use super::report;
use super::text;
use super::transfers::{Transfer, Transfers};
use super::{Sink, Streams};
use crate::event::{
    Check, Destroyed, Direction, Event, Examined, Failed, Finished, OutcomeKind, Problem, Reporter, RouteUrl, Step,
    Stopped, Verdict,
};

const PLAIN: Style = Style::new();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Where lines are only added (a pipe, a CI log), a wait is first mentioned after this time,
const SILENCE: Duration = Duration::from_millis(2500);
/// and then at most this often.
const BETWEEN_WAITS: Duration = Duration::from_secs(10);

/// How much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// A line a step.
    Normal,
    /// Each file and each change as well.
    Verbose,
}

/// How it looks.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// How much to say.
    pub verbosity: Verbosity,
    /// Whether to use colours.
    pub colour: bool,
    /// Whether stderr is a terminal on which lines may move.
    pub moving: bool,
    /// What gives the time that stands before each line, where one does.
    pub timestamps: Option<fn() -> Timestamp>,
}

/// Writes events for people.
pub struct Human(Mutex<State>);

struct State {
    streams: Streams,
    look: Look,
    live: Option<Live>,
    /// What the running step is doing: `packaging`.
    doing: &'static str,
    /// And with what: `shop 1.4.0`.
    subject: String,
    /// When a wait of the running step was last mentioned.
    mentioned: Option<Duration>,
    transfers: Transfers,
    /// Whether the reader of standard output went away.
    unheard: bool,
}

impl Human {
    /// Writes to these streams.
    pub fn new(streams: Streams, look: Look) -> Self {
        let live = (look.moving && look.verbosity > Verbosity::Quiet).then(Live::new);
        let (doing, subject, mentioned, transfers) = ("", String::new(), None, Transfers::default());
        Human(Mutex::new(State { streams, look, live, doing, subject, mentioned, transfers, unheard: false }))
    }
}

impl Reporter for Human {
    fn report(&self, event: Event) {
        // A poisoned lock only means that another thread panicked while it wrote.
        let mut state = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match (event, state.look.verbosity) {
            (Event::Finished(finished), _) => state.finished(&finished),
            (Event::Stopped(stopped), verbosity) if verbosity > Verbosity::Quiet => state.stopped(&stopped),
            (Event::Failed(failed), _) => state.failed(&failed),
            // Answers are what was asked for, and are given in quiet, too.
            (Event::Checked(check), _) => state.checked(&check),
            (Event::Identities(identities), _) => state.answer(&answers::identities(&identities)),
            (Event::Targets(targets), _) => state.answer(&answers::targets(&targets)),
            (Event::ShownTarget(target), _) => state.answer(&answers::shown_target(&target)),
            (Event::Planned(planned), _) => state.answer(&report::planned(&planned)),
            (Event::AppStatus(status), _) => state.answer(&report::app_status(&status)),
            (Event::Logged(line), _) => state.answer(&[report::logged(&line)]),
            (Event::Releases(releases), _) => state.answer(&report::releases(&releases)),
            (Event::Packaged(packaged), _) => state.answer(&report::packaged(&packaged)),
            (_, Verbosity::Quiet) => {}
            (Event::LoggedIn(login), _) => state.say(GOOD, "logged in: ", &answers::logged_in(&login)),
            (Event::LoggedOut(logout), _) => state.say(GOOD, "logged out: ", &answers::logged_out(&logout)),
            (Event::Examined(examined), _) => state.examined(&examined),
            (Event::Destroyed(destroyed), _) => state.destroyed(&destroyed),
            (event, _) => state.progress(event),
        }
    }

    fn is_unheard(&self) -> bool {
        let state = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        state.unheard || (state.streams.out_is_abandoned)()
    }
}

impl State {
    fn progress(&mut self, event: Event) {
        match event {
            Event::StepStarted { step, subject } => self.step_started(step, subject),
            Event::StepFinished { summary, elapsed, .. } => self.step_finished(&summary, elapsed),
            Event::Warning { message } => self.say(WARN, "warning: ", &message),
            Event::Note { message } => self.say(FAINT, "note: ", &message),
            Event::Retrying { what, reason, attempt, delay } => {
                let delay = text::duration(delay);
                self.say(WARN, "retrying ", &format!("{what} in {delay}: {reason} (attempt {attempt} failed)"));
            }
            Event::Waiting { what, elapsed } => self.waiting(&what, elapsed),
            Event::TransferStarted { .. } | Event::TransferProgress { .. } | Event::TransferFinished { .. } => {
                self.transfer(&event);
            }
            Event::Finished(_)
            | Event::Stopped(_)
            | Event::Checked(_)
            | Event::Examined(_)
            | Event::LoggedIn(_)
            | Event::LoggedOut(_)
            | Event::Identities(_)
            | Event::Targets(_)
            | Event::ShownTarget(_)
            | Event::Planned(_)
            | Event::AppStatus(_)
            | Event::Logged(_)
            | Event::LogsEnded { .. }
            | Event::Releases(_)
            | Event::Destroyed(_)
            | Event::Packaged(_)
            | Event::Failed(_) => {}
        }
    }

    fn step_started(&mut self, step: Step, subject: String) {
        self.doing = doing(step);
        self.subject = subject;
        self.mentioned = None;
        let what = format!("{} {}", self.doing, self.subject);
        match &mut self.live {
            // What a build prints would be in the way of anything that moves.
            Some(_) if step == Step::Build => self.say(FAINT, "", &what),
            Some(live) => live.spin(&what),
            None => {}
        }
    }

    fn step_finished(&mut self, summary: &str, elapsed: Duration) {
        self.clear();
        let summary = if summary.is_empty() { "done" } else { summary };
        let line = format!("{} {} … {summary} in {}", self.doing, self.subject, text::duration(elapsed));
        self.say(GOOD, if self.look.moving { "✓ " } else { "" }, &line);
    }

    fn waiting(&mut self, what: &str, elapsed: Duration) {
        // What a step waits for is often nothing but its own end.
        let detail = if what == self.subject { String::new() } else { format!(": {what}") };
        let waits = format!("{} {}{detail}", self.doing, self.subject);
        if let Some(live) = &mut self.live {
            return live.spin(&format!("still {waits}"));
        }
        let due = self.mentioned.map_or(SILENCE, |mentioned| mentioned + BETWEEN_WAITS);
        if elapsed >= due {
            self.mentioned = Some(elapsed);
            self.say(FAINT, "still ", &format!("{waits} ({})", text::duration(elapsed)));
        }
    }

    fn transfer(&mut self, event: &Event) {
        let now = Instant::now();
        let ended = self.transfers.note(event, now);
        if let Some(live) = &mut self.live {
            live.show(&self.transfers.rows(now));
        }
        if let Some(transfer) = ended.filter(|_| self.look.verbosity == Verbosity::Verbose) {
            self.say(PLAIN, "  ", &transferred(&transfer));
        }
    }

    fn finished(&mut self, finished: &Finished) {
        self.clear();
        if self.look.verbosity > Verbosity::Quiet {
            self.say(GOOD, headline(finished.outcome), &summary(finished));
            if self.look.verbosity == Verbosity::Verbose {
                for change in &finished.changes {
                    self.say(PLAIN, "  ", change);
                }
            }
            for line in routes(&finished.routes) {
                self.say(PLAIN, "  ", &line);
            }
            if let Some(undo) = &finished.undo {
                self.say(FAINT, "  to undo it: ", undo);
            }
        }
        if let Some(url) = &finished.url {
            let written = super::write(&mut self.streams.out, &format!("{}\n", text::harmless(url)));
            if let Err(error) = written {
                self.say(WARN, "warning: ", &format!("{url} could not be written to standard output: {error}"));
            }
        }
    }

    fn stopped(&mut self, stopped: &Stopped) {
        self.clear();
        let line = match stopped.pid {
            Some(pid) => format!("the server (process {pid}), {} in all", text::duration(stopped.elapsed)),
            None => "no server was running".to_owned(),
        };
        self.say(GOOD, "stopped: ", &line);
    }

    /// Writes lines that were asked for to stdout.
    fn answer(&mut self, lines: &[String]) {
        self.clear();
        let text: String = lines.iter().map(|line| format!("{}\n", text::harmless(line))).collect();
        match super::write_heard(&mut self.streams.out, &text) {
            Ok(heard) => self.unheard |= !heard,
            Err(error) => {
                self.say(WARN, "warning: ", &format!("the answer could not be written to standard output: {error}"))
            }
        }
    }

    fn checked(&mut self, check: &Check) {
        let style = match check.verdict {
            Verdict::Passed => GOOD,
            Verdict::Warned => WARN,
            Verdict::Failed => BAD,
            Verdict::Skipped => FAINT,
        };
        let (mark, line) = answers::check(check);
        let mark = if self.look.colour { format!("{style}{mark}{style:#}") } else { mark.to_owned() };
        let hints = check.hints.iter().map(|hint| format!("    try: {hint}"));
        let lines: Vec<String> = std::iter::once(text::harmless(&line).into_owned())
            .chain(hints.map(|hint| text::harmless(&hint).into_owned()))
            .collect();
        self.clear();
        let text = format!("{mark}{}\n", lines.join("\n"));
        // The verdict is in the exit code as well.
        let _ = super::write(&mut self.streams.out, &text);
    }

    fn examined(&mut self, examined: &Examined) {
        let Examined { target, passed, elapsed } = examined;
        self.say(GOOD, "well: ", &format!("{target}, {passed} looks, {} in all", text::duration(*elapsed)));
    }

    fn destroyed(&mut self, destroyed: &Destroyed) {
        self.clear();
        let (headline, lines) = report::destroyed(destroyed);
        self.say(GOOD, "destroyed: ", &headline);
        for line in lines {
            self.say(PLAIN, "  ", &line);
        }
    }

    fn failed(&mut self, failed: &Failed) {
        self.clear();
        self.say(BAD, "error: ", &failed.message);
        for cause in &failed.causes {
            self.say(PLAIN, "  caused by: ", cause);
        }
        if let Some(layer) = &failed.layer {
            self.say(PLAIN, "  layer: ", &format!("{}: {}", layer.name, layer.meaning));
        }
        for problem in &failed.problems {
            self.say(PLAIN, "  ", &complaint(problem));
            if let Some(hint) = &problem.hint {
                self.say(FAINT, "    try: ", hint);
            }
        }
        if !failed.logs.is_empty() {
            self.say(PLAIN, "  the application's last log lines:", "");
            for line in &failed.logs {
                self.say(FAINT, "    | ", line);
            }
        }
        if let Some(live) = &failed.live {
            self.say(PLAIN, "  live now: ", live);
        }
        for hint in &failed.hints {
            self.say(GOOD, "  try: ", hint);
        }
    }

    /// Prints one line: a beginning of ours, and what others may have written, made harmless.
    fn say(&mut self, style: Style, ours: &str, theirs: &str) {
        let ours = if self.look.colour { format!("{style}{ours}{style:#}") } else { ours.to_owned() };
        // Milliseconds in UTC: `2026-08-01T09:30:00.000Z`.
        let time = self.look.timestamps.map(|now| format!("{:.3} ", now())).unwrap_or_default();
        let line = format!("{time}{ours}{}\n", text::harmless(theirs));
        let err: &mut Sink = &mut self.streams.err;
        match &self.live {
            // There is no better place to complain about it.
            Some(live) => live.above(|| drop(super::write(err, &line))),
            None => drop(super::write(err, &line)),
        }
    }

    fn clear(&mut self) {
        if let Some(live) = &mut self.live {
            live.clear();
        }
    }
}

fn doing(step: Step) -> &'static str {
    match step {
        Step::Build => "building",
        Step::Fetch => "fetching",
        Step::Load => "loading",
        Step::Package => "packaging",
        Step::Plan => "planning",
        Step::Publish => "uploading",
        Step::Release => "releasing",
        Step::Wait => "waiting for",
        Step::Restore => "putting back",
        Step::Rollback => "going back to",
        Step::Remove => "removing",
    }
}

fn transferred(transfer: &Transfer) -> String {
    let verb = match transfer.direction {
        Direction::Upload => "uploaded",
        Direction::Download => "downloaded",
    };
    let bytes = text::bytes(transfer.total.unwrap_or(transfer.sent));
    format!("{verb} {} ({bytes})", transfer.name)
}

fn headline(outcome: OutcomeKind) -> &'static str {
    match outcome {
        OutcomeKind::Unchanged => "unchanged: ",
        OutcomeKind::Released | OutcomeKind::ReleasedUnwatched => "released: ",
        OutcomeKind::RolledBack | OutcomeKind::RolledBackUnwatched => "rolled back: ",
        OutcomeKind::Live => "live: ",
    }
}

fn summary(finished: &Finished) -> String {
    let state = match (finished.outcome, finished.proven) {
        (OutcomeKind::Unchanged, _) => "was live already",
        (OutcomeKind::Released | OutcomeKind::RolledBack | OutcomeKind::Live, true) => "is live",
        (OutcomeKind::Released | OutcomeKind::RolledBack | OutcomeKind::Live, false) => {
            "is live (it answers, without naming its version)"
        }
        (OutcomeKind::ReleasedUnwatched | OutcomeKind::RolledBackUnwatched, _) => "may not answer yet (not waited for)",
    };
    // Where the target calls a release by its version there is nothing to add.
    let release = finished.release.as_ref().filter(|id| **id != finished.version);
    let release = release.map(|id| format!(" as release {id}")).unwrap_or_default();
    let elapsed = text::duration(finished.elapsed);
    format!("{} {}{release} {state}, {elapsed} in all", finished.app, finished.version)
}

/// A line a route: component, URL, description, in columns.
fn routes(routes: &[RouteUrl]) -> Vec<String> {
    let shown = |route: &RouteUrl| match (route.wildcard, route.url.trim_end_matches('/')) {
        (true, url) => format!("{url}/..."),
        (false, _) => route.url.clone(),
    };
    let width = |of: &dyn Fn(&RouteUrl) -> usize| routes.iter().map(of).max().unwrap_or_default();
    let component_width = width(&|route| route.component.chars().count());
    let url_width = width(&|route| shown(route).chars().count());
    let line = |route: &RouteUrl| {
        let description = route.description.as_deref().unwrap_or_default();
        let line = format!("{:component_width$}  {:url_width$}  {description}", route.component, shown(route));
        line.trim_end().to_owned()
    };
    routes.iter().map(line).collect()
}

/// `spin.toml:12: component.api.source: no such file (E8)`.
pub(super) fn complaint(problem: &Problem) -> String {
    let at = problem.at.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
    let code = problem.code.map(|code| format!(" ({code})")).unwrap_or_default();
    format!("{at}{}{code}", problem.message)
}
