//! Getting packages back.

use std::path::Path;

use super::{AppName, Context, ReleaseId, TargetError};
use crate::package::Package;

/// What to do where the package of a release is gone.
pub const MAKE_ANEW: &str = "deploy it from its sources, or from a package on disk: `spin-deploy --package PATH`";

/// Hands out the packages that were published.
#[async_trait::async_trait]
pub trait Retrieval: Send + Sync {
    /// The package of a release, byte for byte as it was published; every file is checked against its digest. Its files
    /// are stored in `into`, an empty directory, and have to stay there as long as the package is used. An application,
    /// a release or a package that is not there is [`super::ErrorKind::NotFound`].
    async fn retrieve(
        &self,
        cx: &Context,
        app: &AppName,
        release: &ReleaseId,
        into: &Path,
    ) -> Result<Package, TargetError>;
}
