//! When a request is sent again, and how long to wait before.

use std::time::{Duration, SystemTime};

use backon::BackoffBuilder;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use tokio::time::Instant;

use super::{HttpError, Kind, Repeat};

/// How often a request is tried.
const ATTEMPTS: usize = 6;
/// The ceiling of the first delay; each further one doubles.
const FIRST_DELAY: Duration = Duration::from_millis(200);
/// No ceiling is higher.
const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// No delay begins later than this after the first attempt began.
const BUDGET: Duration = Duration::from_secs(60);
/// A server that asks for a longer rest than this is not waited for.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// The delays between attempts: six attempts, 200 ms doubling up to 10 s, full jitter, none begun after 60 s.
#[derive(Debug)]
pub struct Backoff {
    ceilings: backon::ExponentialBackoff,
    jitter: fastrand::Rng,
    started: Instant,
}

impl Backoff {
    /// A schedule that begins now.
    pub(super) fn new(jitter: fastrand::Rng) -> Self {
        let ceilings = backon::ExponentialBuilder::new()
            .with_min_delay(FIRST_DELAY)
            .with_max_delay(LONGEST_DELAY)
            .with_max_times(ATTEMPTS - 1)
            .build();
        Backoff { ceilings, jitter, started: Instant::now() }
    }

    /// How long to wait before the next attempt, at least as long as the server asked for; `None`: give up.
    pub fn next(&mut self, rest: Option<Duration>) -> Option<Duration> {
        let ceiling = self.ceilings.next()?;
        if self.started.elapsed() >= BUDGET || rest.is_some_and(|rest| rest > LONGEST_REST) {
            return None;
        }
        let delay = ceiling.mul_f64(self.jitter.f64());
        Some(delay.max(rest.unwrap_or_default()))
    }
}

/// Whether an answer of this status may be followed by another attempt.
pub(super) fn after_status(repeat: Repeat, status: StatusCode, headers: &HeaderMap) -> bool {
    match repeat {
        Repeat::Never => false,
        Repeat::Freely => Kind::of_status(status) == Kind::ServerFailed,
        // These say that the request was turned away at the door.
        Repeat::IfUntouched => match status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => true,
            StatusCode::SERVICE_UNAVAILABLE => headers.contains_key(RETRY_AFTER),
            _ => false,
        },
    }
}

/// Whether a failure below HTTP may be followed by another attempt.
pub(super) fn after_error(repeat: Repeat, error: &HttpError) -> bool {
    match (repeat, error.kind) {
        (Repeat::Never, _) => false,
        // A certificate is not trusted more at the second look.
        (_, Kind::Unreachable) => !error.is_untrusted(),
        (Repeat::Freely, Kind::Interrupted) => true,
        _ => false,
    }
}

/// What `Retry-After` asks for. A date counts from the server's own clock where it tells it.
pub(super) fn rest(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or_else(SystemTime::now);
    parse_rest(text(RETRY_AFTER)?, now)
}

/// Reads both forms of `Retry-After`; garbage and negative numbers are as good as none, a date in the past is now.
fn parse_rest(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than fit are more than anybody waits for.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    const NOON: &str = "Sun, 06 Nov 1994 12:00:00 GMT";

    #[test]
    fn retry_after_in_every_form() {
        let now = httpdate::parse_http_date(NOON).unwrap();
        let seconds = |n| Some(Duration::from_secs(n));
        for (value, expected) in [
            ("1", seconds(1)),
            (" 7 ", seconds(7)),
            ("0", seconds(0)),
            ("1000000000000", seconds(1_000_000_000_000)),
            ("99999999999999999999999999", seconds(u64::MAX)),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("Sun, 06 Nov 1994 12:00:30 GMT", seconds(30)),
            ("Sunday, 06-Nov-94 12:00:30 GMT", seconds(30)),
            ("Sun, 06 Nov 1994 11:59:00 GMT", seconds(0)),
        ] {
            assert_eq!(parse_rest(value, now), expected, "{value:?}");
        }
    }

    #[test]
    fn a_date_counts_from_the_servers_clock() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static(NOON));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("Sun, 06 Nov 1994 12:00:09 GMT"));
        assert_eq!(rest(&headers), Some(Duration::from_secs(9)));
    }

    #[tokio::test(start_paused = true)]
    async fn delays_double_up_to_their_ceiling_with_full_jitter() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(fastrand::Rng::with_seed(seed));
            for ceiling in [200, 400, 800, 1600, 3200] {
                let delay = backoff.next(None).expect("there are six attempts");
                assert!(delay <= Duration::from_millis(ceiling), "{delay:?} > {ceiling} ms");
            }
            assert_eq!(backoff.next(None), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_seed_gives_the_same_delays_again() {
        let delays = |seed| {
            let mut backoff = Backoff::new(fastrand::Rng::with_seed(seed));
            std::iter::from_fn(move || backoff.next(None)).collect::<Vec<_>>()
        };
        assert_eq!(delays(7), delays(7));
        assert_ne!(delays(7), delays(8));
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_may_ask_for_a_minute_of_rest_and_no_more() {
        let backoff = || Backoff::new(fastrand::Rng::with_seed(1));
        let minute = Duration::from_secs(60);
        assert_eq!(backoff().next(Some(minute)), Some(minute));
        assert_eq!(backoff().next(Some(minute + Duration::from_millis(1))), None);
        assert_eq!(backoff().next(Some(Duration::MAX)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_repeated_after_the_budget() {
        let mut backoff = Backoff::new(fastrand::Rng::with_seed(1));
        tokio::time::advance(BUDGET - Duration::from_millis(1)).await;
        assert!(backoff.next(None).is_some());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(backoff.next(None), None);
    }

    #[test]
    fn which_statuses_are_repeated() {
        let mut rest = HeaderMap::new();
        rest.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        let none = HeaderMap::new();
        for code in 200..600 {
            let status = StatusCode::from_u16(code).unwrap();
            let failed = matches!(code, 408 | 425 | 429 | 500..=599);
            assert_eq!(after_status(Repeat::Freely, status, &none), failed, "{code}");
            let untouched = matches!(code, 408 | 425 | 429);
            assert_eq!(after_status(Repeat::IfUntouched, status, &none), untouched, "{code}");
            assert_eq!(after_status(Repeat::IfUntouched, status, &rest), untouched || code == 503, "{code}");
            assert!(!after_status(Repeat::Never, status, &rest), "{code}");
        }
    }
}
