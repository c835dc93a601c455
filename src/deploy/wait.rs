//! Waits until a release answers: the same for every target.
//!
//! `status` is polled with growing delay until a deadline. "Ready" counts only when a second look says the same, and
//! so does "failed": a process that comes up and falls over at once is neither.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::check::Checking;
use crate::event::Event;
use crate::target::{AppName, Context, LogQuery, Look, Phase, Proof, Release, Status, Target, TargetError};

/// The first delay between two looks; it grows by half each time.
pub(super) const FIRST_DELAY: Duration = Duration::from_millis(50);
/// The longest delay between two looks.
pub(super) const LAST_DELAY: Duration = Duration::from_secs(2);
/// How often the platform's own view is asked for, which costs the target more than a quick look.
const FULL_LOOK: Duration = Duration::from_secs(5);
/// How often the wait says what it waits for.
pub(super) const SAY_EVERY: Duration = Duration::from_millis(2500);
/// How long the questions after the end may take: the last status, the last log lines.
const LAST_QUESTIONS: Duration = Duration::from_secs(10);
/// How many of the application's last log lines are shown.
const LOG_LINES: usize = 10;

/// How long an application that cannot name its version has to be healthy before that counts, where an older build
/// was there before: it is the old one that answers first.
const SETTLING: Duration = Duration::from_secs(10);

/// What is waited for.
#[derive(Clone)]
pub(super) struct Waiting<'a> {
    /// The release that has to answer.
    pub release: &'a Release,
    /// Whether another version was live before.
    pub replaced: bool,
    /// How long to wait.
    pub timeout: Duration,
    /// What has to answer, too.
    pub checking: Option<Checking<'a>>,
}

/// Why a wait ended without an answer.
#[derive(Debug)]
pub(super) enum Unready {
    /// The target says that it will not come up.
    Failed(Status),
    /// Somebody else has made another release live.
    Replaced(Status),
    /// The time ran out; what the last look gave, where one came to its end.
    TimedOut(Option<Status>),
    /// It is ready, and the time ran out before its check held; what was wrong at the last look.
    Unchecked(String),
    /// The user stopped waiting.
    Cancelled,
}

/// Waits until the release answers and its check holds, and says what the answer proves.
pub(super) async fn until_ready(
    cx: &Context,
    target: &dyn Target,
    app: &AppName,
    waiting: &Waiting<'_>,
) -> Result<Proof, Unready> {
    let deadline = Instant::now() + waiting.timeout;
    let mut heard = None;
    let watched = timeout_at(deadline, watch(cx, target, app, waiting, &mut heard));
    let ended = tokio::select! {
        ended = watched => ended,
        () = cx.cancel.cancelled() => return Err(Unready::Cancelled),
    };
    match ended {
        Ok(Ok(proof)) => until_checked(cx, waiting, deadline).await.map(|()| proof),
        Ok(Err(status)) if status.phase == Phase::Replaced => Err(Unready::Replaced(status)),
        Ok(Err(status)) => Err(Unready::Failed(status)),
        Err(_) => Err(Unready::TimedOut(last_status(cx, target, app).await.or(heard))),
    }
}

/// Waits until the check holds, where there is one.
pub(super) async fn until_checked(cx: &Context, waiting: &Waiting<'_>, deadline: Instant) -> Result<(), Unready> {
    let Some(checking) = &waiting.checking else { return Ok(()) };
    let mut seen = None;
    let held = tokio::select! {
        held = timeout_at(deadline, checking.until_it_holds(cx, &mut seen)) => held,
        () = cx.cancel.cancelled() => return Err(Unready::Cancelled),
    };
    held.map_err(|_| Unready::Unchecked(seen.unwrap_or_else(|| format!("{} was not answered in time", checking.check))))
}

/// Looks until two looks in a row agree that it is ready, that it failed, or that it was replaced. `heard` is what the last
/// look gave, also where that is why the target could not be asked.
async fn watch(
    cx: &Context,
    target: &dyn Target,
    app: &AppName,
    waiting: &Waiting<'_>,
    heard: &mut Option<Status>,
) -> Result<Proof, Status> {
    let begun = Instant::now();
    let mut healthy_since = None;
    let (mut delay, mut full_look) = (FIRST_DELAY, begun + FULL_LOOK);
    let (mut last, mut say) = (None, begun + SAY_EVERY);
    loop {
        let look = match Instant::now() >= full_look {
            true => Look::Full,
            false => Look::Quick(waiting.release),
        };
        let mut status = target.status(cx, app, look).await.unwrap_or_else(unsaid);
        *heard = Some(status.clone());
        if matches!(look, Look::Full) {
            full_look = Instant::now() + FULL_LOOK;
        }
        if status.phase == Phase::Ready(Proof::Version) && status.version.as_ref() != Some(&waiting.release.version) {
            // What the target calls ready may be a release that somebody else has made meanwhile.
            status.phase = Phase::Progressing;
        }
        let again = last == Some(status.phase);
        healthy_since = match status.phase {
            Phase::Ready(Proof::Health) => healthy_since.or(Some(Instant::now())),
            _ => None,
        };
        let settled = !waiting.replaced || healthy_since.is_none_or(|since| since.elapsed() >= SETTLING);
        match status.phase {
            Phase::Ready(proof) if again && settled => return Ok(proof),
            Phase::Ready(_) if again => {}
            Phase::Failed | Phase::Replaced if again => return Err(status),
            // The second look comes soon, and is of the kind that saw it.
            Phase::Ready(_) | Phase::Replaced => delay = FIRST_DELAY,
            Phase::Failed => full_look = Instant::now(),
            Phase::Pending | Phase::Progressing | Phase::Absent => {}
        }
        last = Some(status.phase);
        if let (Some(what), true) = (status.detail, Instant::now() >= say) {
            cx.report(Event::Waiting { what, elapsed: begun.elapsed() });
            say = Instant::now() + SAY_EVERY;
        }
        sleep(delay).await;
        delay = LAST_DELAY.min(delay * 3 / 2);
    }
}

/// A target that cannot be asked is no reason to stop waiting: the deadline is.
fn unsaid(error: TargetError) -> Status {
    Status { detail: Some(format!("{:#}", anyhow::Error::from(error))), ..Status::new(Phase::Progressing) }
}

/// What the target says after the time ran out.
async fn last_status(cx: &Context, target: &dyn Target, app: &AppName) -> Option<Status> {
    let look = target.status(cx, app, Look::Full);
    tokio::time::timeout(LAST_QUESTIONS, look).await.ok()?.ok()
}

/// The application's last log lines, where the target has logs and still answers.
pub(super) async fn last_words(cx: &Context, target: &dyn Target, app: &AppName) -> Vec<String> {
    let Some(logs) = target.logs() else { return Vec::new() };
    let mut reader = logs.open(app, LogQuery { count: Some(LOG_LINES), ..LogQuery::default() });
    let tail = tokio::time::timeout(LAST_QUESTIONS, reader.read(cx)).await;
    let tail = tail.ok().and_then(Result::ok).unwrap_or_default();
    tail.lines.iter().map(ToString::to_string).collect()
}
