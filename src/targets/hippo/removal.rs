//! Removing an application, or one channel of it.
//!
//! Hippo removes the jobs of the channels first, and may fail half-way: with Nomad down nothing is removed, and where
//! a channel of another application has one of the revisions, the jobs are gone and the application stays
//! (`deislabs/hippo src/Application@v0.20.2`). So after a failure a look shows what is left, and what is left is
//! removed again; what is there in the end is no success.

use std::time::Duration;

use anyhow::anyhow;
use tokio_util::sync::CancellationToken;

use super::HippoTarget;
use super::api::App;
use super::changes::find_channel;
use super::fault::{self, ApiError, RUN_AGAIN};
use crate::target::{Action, AppName, Change, Context, ErrorKind, Removal, Scope, TargetError};

/// How often something is removed that is there still.
const ROUNDS: u32 = 3;
/// How long to wait before the second of these rounds; it doubles.
const PAUSE: Duration = Duration::from_secs(1);

/// What is to be removed.
#[derive(Debug, Clone)]
struct Doomed {
    scope: Scope,
    /// The GUID of the application, or of the channel.
    id: String,
    changes: Vec<Change>,
}

#[async_trait::async_trait]
impl Removal for HippoTarget {
    fn has_channels(&self) -> bool {
        true
    }

    async fn doomed(&self, cx: &Context, app: &AppName, scope: Scope) -> Result<Vec<Change>, TargetError> {
        Ok(self.find_doomed(cx, app, scope).await?.map(|doomed| doomed.changes).unwrap_or_default())
    }

    async fn destroy(&self, cx: &Context, app: &AppName, scope: Scope) -> Result<Vec<Change>, TargetError> {
        let operation = format!("remove app {app}");
        if cx.cancel.is_cancelled() {
            return Err(TargetError::new(ErrorKind::Cancelled, operation));
        }
        let Some(doomed) = self.find_doomed(cx, app, scope).await? else { return Ok(Vec::new()) };
        // A channel without its job, or a job without its channel, is worse than either: it is carried through.
        let cx = &Context { cancel: CancellationToken::new(), ..cx.clone() };
        for round in 1..=ROUNDS {
            let outcome = self.remove(cx, &doomed).await;
            let unknown = outcome.as_ref().is_err_and(ApiError::outcome_unknown);
            if let Some(error) = outcome.err().filter(|_| !unknown || round == ROUNDS) {
                return self.explain(cx, app, &doomed, operation, error).await;
            }
            match self.find_doomed(cx, app, scope).await? {
                Some(left) if left.id == doomed.id => tokio::time::sleep(PAUSE * 2_u32.pow(round - 1)).await,
                Some(other) => return Err(anew(&other, operation)),
                None => return Ok(doomed.changes),
            }
        }
        Err(TargetError::new(ErrorKind::Interrupted, operation)
            .because(anyhow!("Hippo says that it is removed, and lists it still"))
            .hint(RUN_AGAIN))
    }
}

impl HippoTarget {
    async fn find_doomed(&self, cx: &Context, app: &AppName, scope: Scope) -> Result<Option<Doomed>, TargetError> {
        let Some(found) = self.app(cx, app).await? else { return Ok(None) };
        Ok(match scope {
            Scope::App => Some(Doomed { scope, changes: everything(&found), id: found.id }),
            Scope::Channel => {
                let channel = find_channel(&found, &self.channel)
                    .map_err(|several| fault::several(several, format!("look up app {app}")))?;
                channel.map(|channel| Doomed {
                    scope,
                    id: channel.id.clone(),
                    changes: vec![gone(format!("channel {}", channel.name), channel.active_revision_number.clone())],
                })
            }
        })
    }

    async fn remove(&self, cx: &Context, doomed: &Doomed) -> Result<(), ApiError> {
        match doomed.scope {
            Scope::App => self.hippo.delete_app(cx, &doomed.id).await,
            Scope::Channel => self.hippo.delete_channel(cx, &doomed.id).await,
        }
    }

    /// Why it was not removed, unless a look shows that it was.
    async fn explain(
        &self,
        cx: &Context,
        app: &AppName,
        doomed: &Doomed,
        operation: String,
        error: ApiError,
    ) -> Result<Vec<Change>, TargetError> {
        let left = match self.find_doomed(cx, app, doomed.scope).await {
            Ok(None) => return Ok(doomed.changes.clone()),
            Ok(Some(left)) => left.changes.iter().map(|change| change.subject.clone()).collect::<Vec<_>>().join(", "),
            Err(_) => "not known".to_owned(),
        };
        let mut failure = self.hippo.fail(operation, error);
        failure.hints.push(format!("what is left: {left}"));
        Err(failure)
    }
}

/// What Hippo removes with an application.
fn everything(app: &App) -> Vec<Change> {
    let channels = app.channels.iter();
    let channels =
        channels.map(|channel| gone(format!("channel {}", channel.name), channel.active_revision_number.clone()));
    channels.chain([gone(format!("app {}", app.name), None)]).collect()
}

fn gone(subject: String, detail: Option<String>) -> Change {
    Change { action: Action::Remove, subject, detail }
}

/// Somebody made it again in the meantime.
fn anew(other: &Doomed, operation: String) -> TargetError {
    TargetError::new(ErrorKind::Conflict, operation)
        .because(anyhow!("it was removed, and somebody made it again (id {})", other.id))
        .hint("see what is there now: `spin-deploy status`, with the options of this target")
}
