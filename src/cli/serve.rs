//! `serve`: the server of the target `local`, in the foreground, and its end.

use std::sync::Arc;
use std::time::Instant;

use crate::event::{Event, Reporter, Stopped};
use crate::settings::env::Environment;
use crate::settings::{self, Local};
use crate::target::Context;
use crate::targets::local::{self, Config};

use super::args::ServeArgs;
use super::machine::{block_on, machine};
use super::signals::{self, Stop};
use super::watch::Watch;
use super::{ExitCode, Failure};

/// What is needed to serve.
#[derive(Debug)]
pub struct Decided {
    settings: Local,
    config: Config,
    started: Instant,
}

/// Decides the settings.
pub fn decide(args: &ServeArgs, environment: &Environment) -> Result<Decided, Failure> {
    let started = Instant::now();
    let settings = settings::resolve_local(&[args.layer(), environment.layer()])?;
    let config = settings.config(&machine(environment)?).ok_or_else(homeless)?;
    Ok(Decided { settings, config, started })
}

/// Serves until somebody wants it to end, or ends the server that is running.
pub fn run(args: &ServeArgs, decided: &Decided, watch: &Arc<Watch>) -> Result<Event, Failure> {
    let Decided { settings, config, started } = decided;
    tracing::debug!(?settings, "decided");
    if args.detached {
        local::detach()?;
    }
    let pid = match args.stop {
        true => block_on(stop(config, watch))?,
        false => {
            if let Some(message) = settings.open_to_others() {
                watch.report(Event::Warning { message });
            }
            block_on(serve(config, settings, watch))?;
            Some(std::process::id())
        }
    };
    Ok(Event::Stopped(Stopped { pid, elapsed: started.elapsed() }))
}

/// Serves until a signal or a request ends it.
async fn serve(config: &Config, settings: &Local, watch: &Arc<Watch>) -> Result<(), Failure> {
    let stop = listen(watch, "stopping when the requests in flight are answered; once more stops at once")?;
    let cx = Context { reporter: Arc::clone(watch) as Arc<dyn Reporter>, cancel: stop.gently };
    tokio::select! {
        served = local::serve(config, settings.serving(), &cx) => Ok(served?),
        () = stop.at_once.cancelled() => Err(Failure::new(ExitCode::Cancelled, "stopped at once")),
    }
}

/// Ends the server that is running, and says which process that was.
async fn stop(config: &Config, watch: &Arc<Watch>) -> Result<Option<u32>, Failure> {
    let stop = listen(watch, "not waiting for the server any more; it stops nevertheless")?;
    Ok(local::stop(config, &stop.gently).await?)
}

/// Hears signals from now on; the first is answered with a note.
fn listen(watch: &Arc<Watch>, note: &'static str) -> Result<Stop, Failure> {
    let stop = Stop::default();
    let watch = Arc::clone(watch);
    let on_cancel = move || watch.report(Event::Note { message: note.to_owned() });
    signals::listen(stop.clone(), on_cancel, signals::exit_if_stuck)
        .map_err(|error| Failure::of(ExitCode::Unexpected, &error))?;
    Ok(stop)
}

fn homeless() -> Failure {
    Failure::new(ExitCode::Usage, "could not find a directory for data: no home is known").hint("--data-dir DIR")
}
