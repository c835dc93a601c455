//! What is live at another target, to be taken from there (`promote`).

use tempfile::TempDir;

use crate::event::{Event, Step};
use crate::package::Package;
use crate::target::{AppName, Context, Look, Phase, Release, Retrieval, Status, Target};

use super::{ExitCode, Failure};

/// An application at the target that it is taken from.
pub struct Elsewhere {
    /// The target.
    pub target: Box<dyn Target>,
    /// What the application is called there.
    pub app: AppName,
}

impl Elsewhere {
    /// The package that is live there, and the directory that holds its files.
    pub async fn fetch(&self, cx: &Context) -> Result<(Package, TempDir), Failure> {
        let begun = tokio::time::Instant::now();
        let from = &self.target.info().name;
        cx.report(Event::StepStarted { step: Step::Fetch, subject: format!("{} from {from}", self.app) });
        let retrieval = self.retrieval()?;
        let release = self.live(self.target.status(cx, &self.app, Look::Full).await?)?;
        let stored = tempfile::Builder::new().prefix("spin-deploy-package-").tempdir();
        let stored = stored.map_err(|error| {
            Failure::of(ExitCode::Usage, &error).hint("set TMPDIR to a directory that can be written")
        })?;
        let package = retrieval.retrieve(cx, &self.app, &release.id, stored.path()).await.map_err(Failure::asking)?;
        cx.report(Event::StepFinished { step: Step::Fetch, summary: package.id.to_string(), elapsed: begun.elapsed() });
        Ok((package, stored))
    }

    fn retrieval(&self) -> Result<&dyn Retrieval, Failure> {
        self.target.retrieval().ok_or_else(|| {
            let message = format!("the target {} does not give packages back", self.target.info().name);
            Failure::new(ExitCode::InvalidApplication, message).hint("see what targets can do: `spin-deploy targets`")
        })
    }

    /// The release that is live there. What does not answer has proven nothing.
    fn live(&self, status: Status) -> Result<Release, Failure> {
        let (app, from) = (&self.app, &self.target.info().name);
        match (status.phase, status.release) {
            (Phase::Ready(_), Some(release)) => Ok(release),
            (_, release) => {
                let what = release.map_or("nothing".to_owned(), |release| release.version);
                let message = format!("{what} of {app} answers at {from}: only what is live there can be promoted");
                let message = match status.phase {
                    Phase::Absent => message,
                    _ => message.replacen(" answers at ", " does not answer at ", 1),
                };
                let mut failure = Failure::new(ExitCode::ReleaseRefused, message);
                failure.causes.extend(status.detail);
                Err(failure.hint(format!("see how it is there: `spin-deploy status --target {from}`")))
            }
        }
    }
}
