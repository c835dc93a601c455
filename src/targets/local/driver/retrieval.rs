//! Getting packages back out of the store.

use std::path::Path;

use anyhow::anyhow;

use super::{Local, unknown};
use crate::package::{Package, reopen_directory};
use crate::target::{AppName, Context, ErrorKind, MAKE_ANEW, ReleaseId, Retrieval, TargetError};
use crate::targets::local::store::StoreError;

#[async_trait::async_trait]
impl Retrieval for Local {
    async fn retrieve(
        &self,
        _cx: &Context,
        app: &AppName,
        release: &ReleaseId,
        into: &Path,
    ) -> Result<Package, TargetError> {
        let operation = format!("get the package of release {release} of {app}");
        let not_found = |why| TargetError::new(ErrorKind::NotFound, operation.as_str()).because(why).hint(MAKE_ANEW);
        let Some(record) = self.record(app).await? else { return Err(unknown(app, operation)) };
        let found = record.releases.iter().find(|found| found.id.to_string() == release.0);
        let document = found.ok_or_else(|| not_found(anyhow!("it is not remembered")))?.document.clone();
        let (wanted, place) = (document.clone(), into.to_owned());
        let copied = self.with_store(&operation, move |store| match store.copy_package(&wanted, &place) {
            Err(StoreError::Missing { .. }) => Ok(false),
            copied => copied.map(|()| true),
        });
        if !copied.await? {
            return Err(not_found(anyhow!("its package is not among what is stored any more")));
        }
        let place = into.to_owned();
        let opened = tokio::task::spawn_blocking(move || reopen_directory(&document, &|sha256| place.join(sha256)));
        let opened = opened.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        opened.map_err(|error| TargetError::new(ErrorKind::Unsupported, operation).because(error))
    }
}
