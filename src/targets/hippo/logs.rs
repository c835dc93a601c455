//! What an application writes. Hippo has no stream: it hands out the whole standard output of the channel's job each
//! time (`deislabs/hippo src/Infrastructure/Services/NomadService.cs@v0.20.2`), without times.
//!
//! What is new is found by what is known already. What cannot be known: a log that began anew and whose first lines are
//! the last ones of the old log (a banner, say) is taken for the old one that was cut off at its head.

use anyhow::anyhow;

use super::HippoTarget;
use crate::target::{
    AppName, Context, ErrorKind, LogBatch, LogFilters, LogLine, LogQuery, LogReader, Logs, TargetError,
};

/// The longest line of a log that is handed on, in characters.
pub(super) const MAX_LOG_LINE: usize = 4096;
/// What is said when nothing of the log is known any more.
const ANEW: &str = "the log began anew: lines may be missing before these";

impl Logs for HippoTarget {
    fn filters(&self) -> LogFilters {
        LogFilters::default()
    }

    fn open<'a>(&'a self, app: &AppName, query: LogQuery) -> Box<dyn LogReader + 'a> {
        Box::new(Reader { target: self, app: app.clone(), query, channel: None, seen: None })
    }
}

/// Reads a channel's log.
struct Reader<'a> {
    target: &'a HippoTarget,
    app: AppName,
    query: LogQuery,
    /// The channel's GUID, once it is known.
    channel: Option<String>,
    /// The log as it was at the last look.
    seen: Option<Log>,
}

#[async_trait::async_trait]
impl LogReader for Reader<'_> {
    async fn read(&mut self, cx: &Context) -> Result<LogBatch, TargetError> {
        let lines = match self.lines(cx).await {
            // Somebody may have made the channel anew.
            Err(error) if error.kind == ErrorKind::NotFound && self.channel.take().is_some() => self.lines(cx).await?,
            lines => lines?,
        };
        let now = Log::of(lines);
        let (lines, gap) = match &self.seen {
            None => (now.last(self.query.count), false),
            Some(seen) => now.since(seen),
        };
        // Nomad keeps what the job of a channel that is gone has written, and Hippo does not look whether there is one.
        if self.seen.is_some() && lines.is_empty() {
            self.look_for_channel(cx).await?;
        }
        self.seen = Some(now);
        let lines = lines.into_iter().map(|line| LogLine::bare(cut(&line))).collect();
        Ok(LogBatch { lines, gap: gap.then(|| ANEW.to_owned()) })
    }
}

impl Reader<'_> {
    /// Fails where the channel is gone.
    async fn look_for_channel(&self, cx: &Context) -> Result<(), TargetError> {
        let Some(id) = &self.channel else { return Ok(()) };
        let hippo = &self.target.hippo;
        let operation = || format!("read the logs of app {}", self.app);
        hippo.channel(cx, id).await.map(drop).map_err(|error| hippo.fail(operation(), error))
    }

    /// The whole log.
    async fn lines(&mut self, cx: &Context) -> Result<Vec<String>, TargetError> {
        let Reader { target, app, channel, .. } = self;
        let operation = || format!("read the logs of app {app}");
        let id = match channel {
            Some(id) => id.clone(),
            None => match target.find_channel(cx, app).await? {
                Some((found, _)) => found.id,
                None => {
                    return Err(TargetError::new(ErrorKind::NotFound, operation())
                        .because(anyhow!("Hippo has no app {app} with a channel {}", target.channel)));
                }
            },
        };
        let lines = target.hippo.logs(cx, &id).await.map_err(|error| target.hippo.fail(operation(), error))?;
        *channel = Some(id);
        Ok(lines)
    }
}

/// A log as Hippo hands it out: lines, and what stands behind the last line feed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Log {
    lines: Vec<String>,
    /// The line that has not ended yet; empty: there is none.
    open: String,
}

impl Log {
    /// Hippo splits the text at its line feeds, so that the last part is what comes after the last one.
    fn of(mut parts: Vec<String>) -> Log {
        let open = parts.pop().unwrap_or_default();
        Log { lines: parts, open }
    }

    /// The last lines, the one that has not ended among them.
    fn last(&self, count: Option<usize>) -> Vec<String> {
        let all: Vec<String> =
            self.lines.iter().chain((!self.open.is_empty()).then_some(&self.open)).cloned().collect();
        let begin = all.len().saturating_sub(count.unwrap_or(usize::MAX));
        all[begin..].to_vec()
    }

    /// What has come since an earlier look; `true`: and what came in between may be lost.
    fn since(&self, seen: &Log) -> (Vec<String>, bool) {
        let known = match self.lines.starts_with(&seen.lines) {
            true => seen.lines.len(),
            false => overlap(&seen.lines, &self.lines),
        };
        let anew = known == 0 && !seen.lines.is_empty();
        let mut new: Vec<String> = self.lines[known..].to_vec();
        new.extend((!self.open.is_empty()).then(|| self.open.clone()));
        // Of the line that had not ended, the beginning was told.
        if let (Some(first), false) = (new.first_mut(), anew || seen.open.is_empty())
            && let Some(rest) = first.strip_prefix(seen.open.as_str())
        {
            *first = rest.to_owned();
            if first.is_empty() {
                new.remove(0);
            }
        }
        (new, anew)
    }
}

/// How many lines at the end of `old` are those at the beginning of `new`: the most for which that holds. In time that
/// grows with the lines (Knuth, Morris, Pratt).
fn overlap(old: &[String], new: &[String]) -> usize {
    let mut borders = vec![0; new.len()];
    for index in 1..new.len() {
        let mut length = borders[index - 1];
        while length > 0 && new[index] != new[length] {
            length = borders[length - 1];
        }
        borders[index] = if new[index] == new[length] { length + 1 } else { length };
    }
    let mut length = 0;
    for line in old {
        while length > 0 && (length == new.len() || *line != new[length]) {
            length = borders[length - 1];
        }
        if new.get(length) == Some(line) {
            length += 1;
        }
    }
    length
}

/// A line of a length that fits a terminal's memory.
fn cut(line: &str) -> String {
    line.chars().take(MAX_LOG_LINE).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A text as Hippo hands it out.
    fn log(text: &str) -> Log {
        Log::of(text.split('\n').map(str::to_owned).collect())
    }

    #[test]
    fn what_is_new_is_what_stands_behind_what_is_known() {
        for (seen, now, new, gap) in [
            ("", "a\nb\n", &["a", "b"][..], false),
            ("a\n", "a\n", &[], false),
            ("a\n", "a\nb\nc\n", &["b", "c"], false),
            ("a\na\n", "a\na\na\n", &["a"], false),
            // The head was cut off.
            ("a\nb\nc\n", "b\nc\nd\n", &["d"], false),
            ("a\nb\nc\n", "c\n", &[], false),
            // The job was started again.
            ("a\nb\n", "x\ny\n", &["x", "y"], true),
            ("a\nb\n", "", &[], true),
            // A line that had not ended.
            ("a\nbe", "a\nbell\nc\n", &["ll", "c"], false),
            ("a\nbe", "a\nbe\n", &[], false),
            ("a\nbe", "a\nbell", &["ll"], false),
            ("be", "bell\n", &["ll"], false),
            ("be", "x\n", &["x"], false),
        ] {
            assert_eq!(
                log(now).since(&log(seen)),
                (new.iter().map(ToString::to_string).collect(), gap),
                "{seen:?} {now:?}"
            );
        }
    }

    #[test]
    fn the_last_lines_are_asked_for_by_number() {
        let all = log("one\ntwo\nthr");
        assert_eq!(all.last(None), ["one", "two", "thr"]);
        assert_eq!(all.last(Some(2)), ["two", "thr"]);
        assert_eq!(log("one\ntwo\n").last(Some(1)), ["two"]);
        assert_eq!(log("").last(Some(1)), [""; 0]);
        assert_eq!(cut(&"x".repeat(9000)).len(), MAX_LOG_LINE);
    }

    proptest! {
        /// Whatever grows, however it is read: every line comes once, in order.
        #[test]
        fn a_growing_log_is_told_once(text in "[ab\n]{0,40}", mut cuts in prop::collection::vec(0..40_usize, 0..6)) {
            cuts.sort_unstable();
            let (mut told, mut seen) = (String::new(), None);
            for cut in cuts.into_iter().chain([text.len()]) {
                let now = log(&text[..cut.min(text.len())]);
                let (new, gap) = match &seen {
                    None => (now.last(None), false),
                    Some(seen) => now.since(seen),
                };
                prop_assert!(!gap);
                told.extend(new);
                seen = Some(now);
            }
            prop_assert_eq!(told, text.replace('\n', ""));
        }

        /// Distinct lines whose head is cut off: every line comes once, in order, or a gap is told.
        #[test]
        fn a_log_that_is_cut_off_at_its_head_is_told_once(steps in prop::collection::vec((0..5_usize, 0..5_usize), 1..8)) {
            let (mut begin, mut end, mut told, mut seen) = (0, 0, Vec::new(), None::<Log>);
            for (written, lost) in steps {
                let before = end;
                end += written;
                begin = (begin + lost).min(end);
                let lines: Vec<String> = (begin..end).map(|number| number.to_string()).collect();
                let now = Log { lines, open: String::new() };
                let (new, gap) = match &seen {
                    None => (now.last(None), begin > 0),
                    Some(seen) => now.since(seen),
                };
                let expected: Vec<String> = (before.max(begin)..end).map(|number| number.to_string()).collect();
                prop_assert_eq!(&new, &expected);
                // Lines that came and went between two looks are lost, which is told where nothing is known any more.
                prop_assert!(begin <= before || gap || seen.as_ref().is_none_or(|seen| seen.lines.is_empty()));
                told.extend(new);
                seen = Some(now);
            }
        }
    }
}
