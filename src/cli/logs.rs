//! `logs`: what the application writes, and goes on writing.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::event::{Event, LoggedLine, Reporter};
use crate::settings::env::Environment;
use crate::target::{Context, ErrorKind, LogBatch, LogFilters, LogLine, LogQuery, LogReader, LogStream, TargetError};

use super::args::{Format, LogsArgs};
use super::first_contact::Purpose;
use super::machine::block_on;
use super::signals::{self, Stop};
use super::subject::Subject;
use super::watch::Watch;
use super::{ExitCode, Failure};

/// How long to wait after a look that showed something new.
const SHORT_PAUSE: Duration = Duration::from_millis(500);
/// The longest that is waited between two looks.
const LONG_PAUSE: Duration = Duration::from_secs(2);

/// Prints the log.
pub fn run(args: &LogsArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Event, Failure> {
    let since = args.since.as_deref().map(|text| moment(text, Timestamp::now())).transpose()?;
    let subject = Subject::find(&args.app, args.app.layer(), Purpose::App("logs"), environment, watch)?;
    let logs = subject.target.logs().ok_or_else(|| subject.unsupported("keeps no logs"))?;
    refuse_filters(&subject, args, logs.filters())?;
    let query = LogQuery { count: args.lines, since, component: args.component.clone() };
    let lines = block_on(async {
        let stop = Stop::default();
        signals::listen(stop.clone(), || {}, signals::exit_if_stuck)
            .map_err(|error| Failure::of(ExitCode::Unexpected, &error))?;
        let cx = Context { reporter: Arc::clone(watch) as Arc<dyn Reporter>, cancel: stop.gently.clone() };
        let telling = Telling { watch, lines: 0 };
        let reader = logs.open(&subject.app, query);
        match args.follow {
            false => telling.once(reader, &cx).await,
            true => telling.follow(reader, &cx).await,
        }
    })?;
    if lines == 0 && is_silent(args) {
        watch.report(Event::Note { message: "nothing was written yet".to_owned() });
    }
    Ok(Event::LogsEnded { lines })
}

/// Whether nothing but an empty log explains that a person reads no line.
fn is_silent(args: &LogsArgs) -> bool {
    let narrowed = args.since.is_some() || args.component.is_some() || args.lines == Some(0);
    !narrowed && !args.follow && args.app.place.output.format == Format::Human
}

/// What was told so far.
struct Telling<'a> {
    watch: &'a Arc<Watch>,
    lines: u64,
}

impl Telling<'_> {
    async fn once(mut self, mut reader: Box<dyn LogReader + '_>, cx: &Context) -> Result<u64, Failure> {
        tokio::select! {
            batch = reader.read(cx) => self.tell(batch.map_err(Failure::asking)?),
            () = cx.cancel.cancelled() => {
                return Err(Failure::new(ExitCode::Cancelled, "cancelled").hint("run the same command again"));
            }
        }
        Ok(self.lines)
    }

    /// Goes on until Ctrl-C, which is how following ends well, or until nobody reads any more.
    async fn follow(mut self, mut reader: Box<dyn LogReader + '_>, cx: &Context) -> Result<u64, Failure> {
        let (mut pause, mut lost) = (SHORT_PAUSE, false);
        loop {
            let batch = tokio::select! {
                batch = reader.read(cx) => batch,
                () = cx.cancel.cancelled() => return Ok(self.lines),
            };
            match batch {
                Ok(batch) => {
                    pause = if batch.lines.is_empty() { LONG_PAUSE.min(pause * 2) } else { SHORT_PAUSE };
                    lost = false;
                    self.tell(batch);
                }
                Err(error) if self.lines > 0 && passes(&error) => {
                    if !std::mem::replace(&mut lost, true) {
                        let message = format!("the log cannot be read for now: {:#}", anyhow::Error::from(error));
                        self.watch.report(Event::Warning { message });
                    }
                    pause = LONG_PAUSE;
                }
                Err(error) if error.kind == ErrorKind::Cancelled => return Ok(self.lines),
                Err(error) => return Err(Failure::asking(error)),
            }
            if self.watch.is_unheard() {
                return Ok(self.lines);
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = cx.cancel.cancelled() => return Ok(self.lines),
            }
        }
    }

    fn tell(&mut self, batch: LogBatch) {
        if let Some(message) = batch.gap {
            self.watch.report(Event::Note { message });
        }
        for LogLine { time, component, stream, text } in batch.lines {
            let stream = stream.map(LogStream::name);
            self.watch.report(Event::Logged(LoggedLine { time, component, stream, text }));
            self.lines += 1;
        }
    }
}

/// Whether a failure may be over at the next look.
fn passes(error: &TargetError) -> bool {
    matches!(error.kind, ErrorKind::Unreachable | ErrorKind::Interrupted | ErrorKind::OutcomeUnknown)
}

/// Refuses what the target cannot narrow a log by: silence would look like an application that says nothing.
fn refuse_filters(subject: &Subject, args: &LogsArgs, filters: LogFilters) -> Result<(), Failure> {
    let refused = [
        (args.since.is_some() && !filters.since, "--since", "does not know when a line was written"),
        (args.component.is_some() && !filters.component, "--component", "does not know which component wrote a line"),
    ];
    let refused = refused.into_iter().find(|(refused, ..)| *refused);
    refused.map_or(Ok(()), |(_, flag, why)| {
        let message = format!("{flag} cannot be used: the target {} {why}", subject.place());
        Err(Failure::new(ExitCode::Usage, message)
            .hint(format!("leave out {flag}, or take the last lines: `--lines 100`")))
    })
}

/// `10m`: so long before `now`; or a time as RFC 3339 has it.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let ago = humantime::parse_duration(text).ok().and_then(|ago| SignedDuration::try_from(ago).ok());
    let moment = ago.map_or_else(|| text.parse().ok(), |ago| now.checked_sub(ago).ok());
    moment.ok_or_else(|| {
        Failure::new(ExitCode::Usage, format!("--since {text} is neither a duration nor a time"))
            .hint("how long ago: `--since 10m`")
            .hint("or since when: `--since 2026-08-01T09:30:00Z`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_duration_or_a_time() {
        let now: Timestamp = "2026-08-01T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("10m", "2026-08-01T11:50:00Z"),
            ("1h 30m", "2026-08-01T10:30:00Z"),
            ("2026-07-31T00:00:00Z", "2026-07-31T00:00:00Z"),
            ("2026-07-31T02:00:00+02:00", "2026-07-31T00:00:00Z"),
        ] {
            assert_eq!(moment(text, now), Ok(expected.parse().unwrap()), "{text}");
        }
        for text in ["yesterday", "10", "-5m", "9999999999999y", "2026-08-01"] {
            assert_eq!(moment(text, now).unwrap_err().code, ExitCode::Usage, "{text}");
        }
    }
}
