//! Getting the package of a release back from the Bindle server.

use std::path::Path;

use anyhow::anyhow;

use super::HippoTarget;
use super::fault;
use super::history::package_of;
use crate::package::Package;
use crate::registry::bindle::RegistryError;
use crate::target::{AppName, Context, ErrorKind, MAKE_ANEW, ReleaseId, Retrieval, TargetError};

/// What is not in the registry any more is told with what to do instead.
fn gone(error: TargetError) -> TargetError {
    if error.kind == ErrorKind::NotFound && error.hints.is_empty() { error.hint(MAKE_ANEW) } else { error }
}

#[async_trait::async_trait]
impl Retrieval for HippoTarget {
    async fn retrieve(
        &self,
        cx: &Context,
        app: &AppName,
        release: &ReleaseId,
        into: &Path,
    ) -> Result<Package, TargetError> {
        let operation = format!("get the package of release {release} of app {app}");
        let found = self.app(cx, app).await?.ok_or_else(|| self.no_app(app, operation.clone()))?;
        let id = package_of(&found, &release.0).ok_or_else(|| {
            TargetError::new(ErrorKind::NotFound, operation.as_str())
                .because(anyhow!("{release} is no semantic version"))
                .hint(MAKE_ANEW)
        })?;
        let failed = |error| match error {
            // For a push that is a conflict.
            RegistryError::Yanked { .. } => {
                gone(TargetError::new(ErrorKind::NotFound, operation.as_str()).because(error))
            }
            error => gone(fault::of_registry(error, operation.as_str())),
        };
        let registry = self.registry().await.map_err(failed)?;
        registry.pull(&id, into, cx.reporter.as_ref(), &cx.cancel).await.map_err(failed)
    }
}
