//! A path of the application that has to answer, too, before a deployment counts as done.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::wait::{FIRST_DELAY, LAST_DELAY, SAY_EVERY};
use crate::event::Event;
use crate::target::Context;

/// Asks the application what everybody may ask it.
#[async_trait::async_trait]
pub trait Visit: Send + Sync {
    /// The status of the answer to a GET, redirects included: they are not followed. Without an answer, why.
    async fn visit(&self, url: &str) -> Result<u16, String>;
}

/// What has to answer besides the target's own signs of life.
#[derive(Clone, PartialEq, Eq)]
pub struct Check {
    /// The path, with a `/` first and perhaps a query.
    pub path: String,
    /// The status that it has to answer with; `None`: any of success (2xx).
    pub status: Option<u16>,
}

/// `GET /health`. Queries are not shown: they may hold what is secret.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.split_once('?') {
            Some((path, _)) => write!(f, "GET {path}?…"),
            None => write!(f, "GET {}", self.path),
        }
    }
}

/// As it is shown, with its status.
impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&format_args!("{self}")).field(&self.status).finish()
    }
}

impl Check {
    /// What is wrong with an answer; `None`: nothing.
    fn complaint(&self, answer: &Result<u16, String>) -> Option<String> {
        let fault = match (answer, self.status) {
            (Ok(status), Some(wanted)) if *status == wanted => return None,
            (Ok(200..=299), None) => return None,
            (Ok(status), Some(wanted)) => format!("answered {status}, not {wanted}"),
            (Ok(status), None) => format!("answered {status}, not 2xx"),
            (Err(why), _) => format!("was not answered: {why}"),
        };
        Some(format!("{self} {fault}"))
    }
}

/// A check of one release.
#[derive(Clone)]
pub(super) struct Checking<'a> {
    /// What has to hold.
    pub check: &'a Check,
    /// Where the application answers, without a trailing slash.
    pub base: &'a str,
    /// Who looks.
    pub visit: &'a dyn Visit,
}

impl Checking<'_> {
    /// Looks until it holds. `seen` is what was wrong at the last look, for whoever ends the wait.
    pub(super) async fn until_it_holds(&self, cx: &Context, seen: &mut Option<String>) {
        let url = format!("{}{}", self.base, self.check.path);
        let begun = Instant::now();
        let (mut delay, mut say): (Duration, Instant) = (FIRST_DELAY, begun + SAY_EVERY);
        loop {
            let Some(what) = self.check.complaint(&self.visit.visit(&url).await) else { return };
            *seen = Some(what.clone());
            if Instant::now() >= say {
                cx.report(Event::Waiting { what, elapsed: begun.elapsed() });
                say = Instant::now() + SAY_EVERY;
            }
            sleep(delay).await;
            delay = LAST_DELAY.min(delay * 3 / 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged() {
        type Case<'a> = (Option<u16>, Result<u16, &'a str>, Option<&'a str>);
        let table: [Case<'_>; 7] = [
            (None, Ok(200), None),
            (None, Ok(299), None),
            (None, Ok(301), Some("GET /health answered 301, not 2xx")),
            (Some(503), Ok(503), None),
            (Some(200), Ok(204), Some("GET /health answered 204, not 200")),
            (Some(200), Ok(503), Some("GET /health answered 503, not 200")),
            (None, Err("connection refused"), Some("GET /health was not answered: connection refused")),
        ];
        for (status, answer, complaint) in table {
            let check = Check { path: "/health".to_owned(), status };
            assert_eq!(check.complaint(&answer.map_err(str::to_owned)).as_deref(), complaint);
        }
    }

    #[test]
    fn queries_are_not_shown() {
        let check = Check { path: "/a?token=hunter2".to_owned(), status: None };
        assert_eq!(check.to_string(), "GET /a?…");
        assert_eq!(format!("{check:?}"), "Check(GET /a?…, None)");
    }
}
