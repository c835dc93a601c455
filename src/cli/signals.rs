//! Ctrl-C and its kin: the first cancels, a later one stops at once.
//!
//! Spin passes Ctrl-C on as SIGTERM while the terminal has sent SIGINT already, so signals come in pairs: what
//! follows the first within a second is the same wish.

use std::io;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ExitCode;

/// Signals this close to the first are its twins.
const TWINS: Duration = Duration::from_secs(1);

/// How long the last record may take after a second signal.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What the user wants. Both are cancelled, `gently` first.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// End as soon as nothing is in flight.
    pub gently: CancellationToken,
    /// Drop everything.
    pub at_once: CancellationToken,
}

/// Listens for signals from now on. `on_cancel` is called when the first one comes, `on_stop` when a later one does,
/// each on a thread where it may block: whoever reads our output may have stopped reading. Needs a tokio runtime.
pub fn listen(
    stop: Stop,
    on_cancel: impl FnOnce() + Send + 'static,
    on_stop: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        let mut presses = Presses::default();
        let mut on_cancel = Some(on_cancel);
        loop {
            signals.next().await;
            match presses.press(Instant::now()) {
                Press::First => {
                    stop.gently.cancel();
                    on_cancel.take().map(tokio::task::spawn_blocking);
                }
                Press::Twin => {}
                Press::Again => {
                    stop.at_once.cancel();
                    tokio::task::spawn_blocking(on_stop);
                    break;
                }
            }
        }
    });
    Ok(())
}

/// Sees to it that a signal ends the process soon, as long as this is there, whatever waits without listening. Once a
/// signal has been listened to anywhere, the system does not do that any more.
#[derive(Debug)]
pub struct Impatience(CancellationToken);

impl Impatience {
    /// Listens on a thread of its own from now on.
    pub fn new() -> Impatience {
        let over = CancellationToken::new();
        let until = over.clone();
        std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            let pressed = runtime.block_on(async {
                let Ok(mut signals) = Signals::new() else { return false };
                tokio::select! {
                    () = signals.next() => true,
                    () = until.cancelled() => false,
                }
            });
            if pressed {
                exit_if_stuck();
            }
        });
        Impatience(over)
    }
}

impl Drop for Impatience {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Ends the process when the regular end does not come, because nobody takes our output any more.
#[expect(clippy::exit, reason = "the last resort after a second signal")]
pub fn exit_if_stuck() {
    std::thread::sleep(LAST_WORDS);
    std::process::exit(ExitCode::Cancelled.number().into());
}

/// Tells the signals of one wish from those of another.
#[derive(Debug, Default)]
struct Presses {
    first: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
enum Press {
    First,
    Twin,
    Again,
}

impl Presses {
    fn press(&mut self, now: Instant) -> Press {
        match self.first {
            None => {
                self.first = Some(now);
                Press::First
            }
            Some(first) if now.duration_since(first) < TWINS => Press::Twin,
            Some(_) => Press::Again,
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Signals)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_count_once_and_a_later_press_stops_at_once() {
        let begin = Instant::now();
        let mut presses = Presses::default();
        let table =
            [(0, Press::First), (3, Press::Twin), (999, Press::Twin), (1000, Press::Again), (1003, Press::Again)];
        for (millis, expected) in table {
            assert_eq!(presses.press(begin + Duration::from_millis(millis)), expected, "after {millis} ms");
        }
    }

    #[cfg(unix)]
    #[tokio::test(start_paused = true)]
    async fn a_signal_cancels_and_another_one_later_stops() {
        use nix::sys::signal::{Signal, raise};
        let (stop, said) = (Stop::default(), CancellationToken::new());
        let on_cancel = said.clone();
        let stopped = CancellationToken::new();
        let on_stop = stopped.clone();
        listen(stop.clone(), move || on_cancel.cancel(), move || on_stop.cancel()).unwrap();
        raise(Signal::SIGTERM).unwrap();
        stop.gently.cancelled().await;
        said.cancelled().await;
        assert!(!stop.at_once.is_cancelled());
        tokio::time::advance(TWINS).await;
        raise(Signal::SIGHUP).unwrap();
        stop.at_once.cancelled().await;
        stopped.cancelled().await;
    }
}
