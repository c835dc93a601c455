//! `--build`: Spin builds the application before it is looked at.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use super::{ExitCode, Failure};
use crate::app;
use crate::deploy::DeployError;
use crate::event::{Event, Step};
use crate::settings::env::{Environment, VARIABLES};
use crate::target::Context;

/// How long a build may take to end after the user has stopped it.
const GRACE: Duration = Duration::from_secs(5);
/// How long the news that the user has stopped the run may take to get here after the build has heard it.
const SAME_SIGNAL: Duration = Duration::from_millis(200);

/// Builds with a Spin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builder {
    /// The Spin that builds.
    spin: PathBuf,
    /// What asked for it: a flag or a variable.
    origin: &'static str,
}

impl Builder {
    /// With the Spin that runs this as a plugin, else the one on the search path; `None`: nobody wants a build.
    pub fn wanted(flag: bool, environment: &Environment) -> Option<Builder> {
        let origin = match (flag, environment.always_build()) {
            (true, _) => "--build",
            (false, true) => "SPIN_ALWAYS_BUILD",
            (false, false) => return None,
        };
        let spin = environment.spin().unwrap_or_else(|| PathBuf::from("spin"));
        Some(Builder { spin, origin })
    }

    /// Builds the application of this manifest, or of the one in this directory. What the build prints goes to our
    /// standard error: our standard output is for data.
    pub async fn run(&self, cx: &Context, from: &Path) -> Result<(), Failure> {
        let manifest = app::find_manifest(from).map_err(DeployError::Load)?;
        let begun = Instant::now();
        cx.report(Event::StepStarted { step: Step::Build, subject: manifest.display().to_string() });
        let child = self.command(&manifest).spawn().map_err(|error| self.not_run(&error))?;
        let status = self.until_it_ends(cx, child).await?;
        if !status.success() {
            return Err(self.why(cx, &manifest, status).await);
        }
        if cx.cancel.is_cancelled() {
            return Err(cancelled());
        }
        cx.report(Event::StepFinished { step: Step::Build, summary: "done".to_owned(), elapsed: begun.elapsed() });
        Ok(())
    }

    /// `-f` is understood since Spin 0.2.
    fn command(&self, manifest: &Path) -> Command {
        let mut command = Command::new(in_any_directory(&self.spin));
        command.args(["build", "-f"]).arg(absolute(manifest)).stdout(io::stderr()).kill_on_drop(true);
        if let Some(directory) = manifest.parent().filter(|directory| *directory != Path::new("")) {
            command.current_dir(directory);
        }
        for variable in VARIABLES.iter().filter(|variable| variable.secret) {
            command.env_remove(variable.name);
        }
        command
    }

    /// Waits for the build; when the user has had enough of it, not for ever.
    async fn until_it_ends(&self, cx: &Context, mut child: Child) -> Result<ExitStatus, Failure> {
        let lost = |error: io::Error| Failure::of(ExitCode::Unexpected, &error);
        tokio::select! {
            ended = child.wait() => return ended.map_err(lost),
            () = cx.cancel.cancelled() => {}
        }
        tell_to_stop(&child);
        if let Ok(ended) = tokio::time::timeout(GRACE, child.wait()).await {
            ended.map_err(lost)?;
        } else {
            child.kill().await.map_err(lost)?;
        }
        Err(cancelled())
    }

    fn not_run(&self, error: &io::Error) -> Failure {
        let mut failure = Failure::new(ExitCode::Usage, format!("could not run {} to build", self.spin.display()));
        failure.causes = vec![error.to_string()];
        let failure = failure.hint("install Spin, or set SPIN_BIN_PATH to where it is");
        failure.hint(match self.origin {
            "--build" => "leave out --build, and build first: spin build",
            _ => "unset SPIN_ALWAYS_BUILD, and build first: spin build",
        })
    }

    /// Why a build did not end well: by itself, or because the user stopped it and us at once.
    async fn why(&self, cx: &Context, manifest: &Path, status: ExitStatus) -> Failure {
        if tokio::time::timeout(SAME_SIGNAL, cx.cancel.cancelled()).await.is_ok() {
            return cancelled();
        }
        let how = match status.code() {
            Some(code) => format!("with exit code {code}"),
            None => format!("by a signal ({status})"),
        };
        let message = format!("could not build {}: {} build ended {how}", manifest.display(), self.spin.display());
        let mut failure = Failure::new(ExitCode::InvalidApplication, message);
        failure.live = Some("what was live before; nothing was released".to_owned());
        failure
    }
}

/// Passes the signal on that only this process may have got: Spin passes it on to what it has started.
#[cfg(unix)]
fn tell_to_stop(child: &Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended meanwhile.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

/// The console has told it.
#[cfg(not(unix))]
fn tell_to_stop(_child: &Child) {}

fn cancelled() -> Failure {
    let live = Some("what was live before; nothing was released".to_owned());
    DeployError::Cancelled { step: Step::Build, live }.into()
}

/// A program that is searched for stays a name; a path means the same when it is run in another directory.
fn in_any_directory(program: &Path) -> PathBuf {
    match program.components().count() {
        1 => program.to_owned(),
        _ => absolute(program),
    }
}

/// Without a working directory, a relative path is as good as any.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::AsyncReadExt;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::event::Silent;

    fn environment(values: &[(&str, &str)]) -> Environment {
        values.iter().copied().collect()
    }

    #[test]
    fn builds_are_made_for_those_who_want_them() {
        let builder = |spin: &str, origin| Some(Builder { spin: spin.into(), origin });
        assert_eq!(Builder::wanted(false, &environment(&[("SPIN_BIN_PATH", "/x/spin")])), None);
        assert_eq!(Builder::wanted(true, &environment(&[])), builder("spin", "--build"));
        let plugin = [("SPIN_BIN_PATH", "/x/spin"), ("SPIN_ALWAYS_BUILD", "1")];
        assert_eq!(Builder::wanted(false, &environment(&plugin)), builder("/x/spin", "SPIN_ALWAYS_BUILD"));
    }

    #[test]
    fn paths_are_good_in_any_directory_and_names_are_searched_for() {
        assert_eq!(in_any_directory(Path::new("spin")), Path::new("spin"));
        assert!(in_any_directory(Path::new("./spin")).is_absolute());
        assert!(in_any_directory(Path::new("bin/spin")).is_absolute());
    }

    fn context() -> Context {
        Context { reporter: Arc::new(Silent), cancel: CancellationToken::new() }
    }

    #[cfg(unix)]
    #[tokio::test(start_paused = true)]
    async fn a_build_that_the_same_signal_has_ended_did_not_fail() {
        use std::os::unix::process::ExitStatusExt;
        let builder = Builder { spin: "spin".into(), origin: "--build" };
        let (cx, manifest) = (context(), Path::new("spin.toml"));
        let failed = builder.why(&cx, manifest, ExitStatus::from_raw(1 << 8)).await;
        assert_eq!(failed.code, ExitCode::InvalidApplication);
        assert_eq!(failed.message, "could not build spin.toml: spin build ended with exit code 1");
        let killed = builder.why(&cx, manifest, ExitStatus::from_raw(9)).await;
        assert!(killed.message.contains("ended by a signal (signal: 9"), "{}", killed.message);

        let cancel = cx.cancel.clone();
        let late = async {
            tokio::time::sleep(SAME_SIGNAL / 2).await;
            cancel.cancel();
        };
        let (stopped, ()) = tokio::join!(builder.why(&cx, manifest, ExitStatus::from_raw(2)), late);
        assert_eq!(stopped.code, ExitCode::Cancelled);
    }

    #[cfg(unix)]
    #[tokio::test(start_paused = true)]
    async fn a_build_that_does_not_heed_the_user_is_killed() {
        let cx = context();
        cx.cancel.cancel();
        let builder = Builder { spin: "spin".into(), origin: "--build" };
        let script = "trap '' TERM; echo deaf; exec sleep 600";
        let mut child = Command::new("sh").args(["-c", script]).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut deaf = [0; 5];
        child.stdout.as_mut().unwrap().read_exact(&mut deaf).await.unwrap();
        let process = format!("/proc/{}", child.id().unwrap());
        let begun = tokio::time::Instant::now();
        let failure = builder.until_it_ends(&cx, child).await.unwrap_err();
        assert_eq!(failure.code, ExitCode::Cancelled);
        assert_eq!(begun.elapsed().as_secs(), GRACE.as_secs());
        assert!(!Path::new(&process).exists(), "it was waited for, too");
    }
}
