//! Work that is carried through: the first signal asks it to end when nothing is in flight, a later one drops it.

use std::sync::Arc;

use crate::event::{Event, Reporter, Step};
use crate::target::Context;

use super::machine::block_on;
use super::signals::{self, Stop};
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Works, unless the user loses patience.
pub fn act<T>(watch: &Arc<Watch>, work: impl AsyncFnOnce(&Context) -> Result<T, Failure>) -> Result<T, Failure> {
    block_on(async {
        let stop = Stop::default();
        let on_cancel = {
            let watch = Arc::clone(watch);
            let message = "stopping when nothing is in flight any more; once more stops at once";
            move || watch.report(Event::Note { message: message.to_owned() })
        };
        signals::listen(stop.clone(), on_cancel, signals::exit_if_stuck)
            .map_err(|error| Failure::of(ExitCode::Unexpected, &error))?;
        let cx = Context { reporter: Arc::clone(watch) as Arc<dyn Reporter>, cancel: stop.gently };
        tokio::select! {
            outcome = work(&cx) => outcome,
            () = stop.at_once.cancelled() => Err(aborted(watch.step())),
        }
    })
}

/// What is known when everything was dropped.
fn aborted(step: Option<Step>) -> Failure {
    let live = match step {
        None | Some(Step::Build | Step::Fetch | Step::Load | Step::Package | Step::Plan | Step::Publish) => {
            "what was live before; nothing was released"
        }
        Some(Step::Release | Step::Restore | Step::Rollback) => "not known: the release was under way",
        Some(Step::Remove) => "not known: it was being removed",
        Some(Step::Wait) => "the new release, which had not answered yet",
    };
    let next = match step {
        // Without a release named, the same command may go back one more.
        Some(Step::Rollback) => {
            "see what is live, and decide again: `spin-deploy status`, with the options of this target"
        }
        _ => "run the same command again: it converges",
    };
    let mut failure = Failure::new(ExitCode::Cancelled, "cancelled at once");
    failure.live = Some(live.to_owned());
    failure.hint(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_was_dropped_says_what_is_live() {
        assert_eq!(aborted(Some(Step::Publish)).live.unwrap(), "what was live before; nothing was released");
        assert_eq!(aborted(Some(Step::Release)).live.unwrap(), "not known: the release was under way");
    }
}
