//! Earlier releases, of which the records and the store tell.

use anyhow::anyhow;

use super::{Local, answering, release, unknown};
use crate::target::{Action, AppName, Change, Context, ErrorKind, History, Release, ReleaseId, Released, TargetError};
use crate::targets::local::changes::{self, State, Wish};
use crate::targets::local::fault;
use crate::targets::local::record::ReleaseRecord;
use crate::targets::local::store::{Store, StoreError};

#[async_trait::async_trait]
impl History for Local {
    async fn releases(&self, _cx: &Context, app: &AppName) -> Result<Vec<Released>, TargetError> {
        let operation = format!("list the releases of {app}");
        let Some(record) = self.record(app).await? else { return Err(unknown(app, operation)) };
        let releases = record.releases.clone();
        let gone =
            move |store: &Store| releases.iter().map(|release| is_gone(store, release)).collect::<Result<Vec<_>, _>>();
        let gone = self.with_store(&operation, gone).await?;
        let released = |(release, gone): (&ReleaseRecord, bool)| Released {
            id: ReleaseId(release.id.to_string()),
            version: release.version.clone(),
            created: Some(release.created),
            active: release.id == record.current,
            channels: Vec::new(),
            gone,
        };
        Ok(record.releases.iter().zip(gone).rev().map(released).collect())
    }

    async fn rollback(&self, cx: &Context, app: &AppName, to: &ReleaseId) -> Result<Release, TargetError> {
        let operation = format!("go back to release {to} of {app}");
        if cx.cancel.is_cancelled() {
            return Err(fault::cancelled(operation));
        }
        let (before, _) = self.observe(app).await?;
        let Some(record) = &before.record else { return Err(unknown(app, operation)) };
        let Some(wanted) = record.releases.iter().find(|release| release.id.to_string() == to.0) else {
            return Err(TargetError::new(ErrorKind::NotFound, operation)
                .because(anyhow!("it is not among the releases that are remembered")));
        };
        self.server(cx).await?;
        let live = self.client.roll_back(&app.0, wanted.id).await;
        let live = answering(live.map_err(|error| fault::of_order(error, &operation, &self.paths.data))?, &operation)?;
        let wish = Wish { app: app.0.clone(), version: wanted.version.clone(), document: wanted.document.clone() };
        Ok(release(live.record.current(), Some(live.url.clone()), rolled_back(&before, &wish, wanted.id)))
    }
}

/// Whether the store cannot give a release's package any more: it is not there, or not what it was.
fn is_gone(store: &Store, release: &ReleaseRecord) -> Result<bool, StoreError> {
    match store.document(&release.document) {
        Ok(None) | Err(StoreError::DamagedDocument { .. }) => Ok(true),
        Ok(Some(document)) => Ok(!store.missing(&document).is_empty()),
        Err(error) => Err(error),
    }
}

/// What a rollback does: what a release of that content would do, but for the release, which exists.
fn rolled_back(before: &State, wish: &Wish, id: u64) -> Vec<Change> {
    let is_release = |change: &Change| change.subject.starts_with("release ");
    let others = changes::changes(before, wish).into_iter().filter(|change| !is_release(change));
    let action = match before.serving == Some(id) {
        true => Action::Keep,
        false => Action::Update,
    };
    let detail = (action == Action::Update).then(|| wish.version.clone());
    others.chain([Change { action, subject: format!("release {id}"), detail }]).collect()
}
