//! The warnings that anybody's requests can cause: short, and not too many.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::event::{Event, Reporter};

/// How many warnings there are, at most, in each [`WINDOW`]; further ones are counted.
const AT_MOST: u32 = 20;
const WINDOW: Duration = Duration::from_secs(1);

/// The longest piece of a warning that somebody else chose, in characters.
const LONGEST: usize = 200;

/// Where the warnings of one release go.
pub struct Warnings {
    app: String,
    reporter: Arc<dyn Reporter>,
    window: Mutex<Window>,
}

struct Window {
    begin: Instant,
    told: u32,
    /// How many were not told.
    more: u32,
}

impl Warnings {
    /// The warnings of that application.
    pub fn new(app: &str, reporter: Arc<dyn Reporter>) -> Warnings {
        let window = Window { begin: Instant::now(), told: 0, more: 0 };
        Warnings { app: app.to_owned(), reporter, window: Mutex::new(window) }
    }

    /// Says it, or counts it where there were too many a moment ago; how many, is said at the end of the window.
    pub fn warn(self: &Arc<Self>, message: &str) {
        let mut window = self.window();
        if window.begin.elapsed() >= WINDOW && window.more == 0 {
            *window = Window { begin: Instant::now(), told: 0, more: 0 };
        }
        if window.told < AT_MOST {
            window.told += 1;
            drop(window);
            return self.say(message);
        }
        window.more += 1;
        if window.more == 1 {
            tokio::spawn(self.clone().close(window.begin + WINDOW));
        }
    }

    async fn close(self: Arc<Self>, end: Instant) {
        tokio::time::sleep_until(end).await;
        let fresh = Window { begin: Instant::now(), told: 0, more: 0 };
        let Window { more, .. } = std::mem::replace(&mut *self.window(), fresh);
        self.say(&format!("{more} more requests were not answered"));
    }

    fn say(&self, message: &str) {
        self.reporter.report(Event::Warning { message: format!("{}: {message}", self.app) });
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The beginning of a text that somebody else chose.
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl Reporter for Lines {
        fn report(&self, event: Event) {
            let Event::Warning { message } = event else { panic!("{event:?}") };
            self.0.lock().unwrap().push(message);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_warnings_the_first_are_told_and_the_others_counted() {
        let lines = Arc::new(Lines::default());
        let warnings = Arc::new(Warnings::new("shop", lines.clone()));
        let take = || std::mem::take(&mut *lines.0.lock().unwrap());
        (0..50).for_each(|number| warnings.warn(&format!("no {number}")));
        let first = (0..20).map(|number| format!("shop: no {number}")).collect::<Vec<_>>();
        assert_eq!(take(), first);
        tokio::time::advance(WINDOW).await;
        tokio::task::yield_now().await;
        assert_eq!(take(), ["shop: 30 more requests were not answered"]);
        warnings.warn("again");
        assert_eq!(take(), ["shop: again"]);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("/short"), "/short");
        assert_eq!(cut(&"\u{e4}".repeat(60_000)), format!("{}...", "\u{e4}".repeat(200)));
    }
}
