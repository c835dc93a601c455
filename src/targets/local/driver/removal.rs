//! Removing applications.

use anyhow::anyhow;

use super::Local;
use crate::target::{Action, AppName, Change, Context, ErrorKind, Removal, Scope, TargetError};
use crate::targets::local::client::ControlError;
use crate::targets::local::lock::{LockError, ServerLock};
use crate::targets::local::record::Record;
use crate::targets::local::{fault, launch};

#[async_trait::async_trait]
impl Removal for Local {
    fn has_channels(&self) -> bool {
        false
    }

    async fn doomed(&self, _cx: &Context, app: &AppName, scope: Scope) -> Result<Vec<Change>, TargetError> {
        refuse_channels(scope, app)?;
        let (state, _) = self.observe(app).await?;
        Ok(state.record.as_ref().map(removed).unwrap_or_default())
    }

    async fn destroy(&self, cx: &Context, app: &AppName, scope: Scope) -> Result<Vec<Change>, TargetError> {
        refuse_channels(scope, app)?;
        let operation = format!("remove {app}");
        if cx.cancel.is_cancelled() {
            return Err(fault::cancelled(operation));
        }
        let (before, _) = self.observe(app).await?;
        let Some(record) = before.record else { return Ok(Vec::new()) };
        let mut delays = launch::delays();
        loop {
            let unanswered = match self.client.remove(&app.0).await {
                Ok(()) => return Ok(removed(&record)),
                Err(error @ ControlError::NotRunning) => error,
                Err(error) => return Err(fault::of_order(error, operation, &self.paths.data)),
            };
            if self.forget(app, &operation).await?.is_some() {
                return Ok(removed(&record));
            }
            // One holds the data directory that does not answer: it is starting, or ending.
            let Some(delay) = delays.next() else {
                return Err(fault::of_order(unanswered, operation, &self.paths.data));
            };
            if cx.cancel.run_until_cancelled((self.sleep)(delay)).await.is_none() {
                return Err(fault::cancelled(operation));
            }
        }
    }
}

impl Local {
    /// Removes an application without a server, which must not be started meanwhile. `None`: one has been started.
    async fn forget(&self, app: &AppName, operation: &str) -> Result<Option<()>, TargetError> {
        let _lock = match ServerLock::acquire(&self.paths) {
            Ok(lock) => lock,
            Err(LockError::Held { .. }) => return Ok(None),
            Err(LockError::Paths(error)) => return Err(fault::of_paths(error, operation)),
            Err(error) => return Err(TargetError::new(ErrorKind::InvalidConfig, operation).because(error)),
        };
        let name = app.0.clone();
        self.with_store(operation, move |store| store.forget(&name)).await?;
        Ok(Some(()))
    }
}

fn refuse_channels(scope: Scope, app: &AppName) -> Result<(), TargetError> {
    match scope {
        Scope::App => Ok(()),
        Scope::Channel => Err(TargetError::new(ErrorKind::Unsupported, format!("remove a channel of {app}"))
            .because(anyhow!("applications on this machine have no channels"))),
    }
}

fn removed(record: &Record) -> Vec<Change> {
    let detail = format!("{} releases, key-value stores, logs", record.releases.len());
    vec![Change { action: Action::Remove, subject: format!("application {}", record.app), detail: Some(detail) }]
}
