//! Earlier releases: the revisions that Hippo has of the application, and what the Bindle server knows of their bindles.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::anyhow;
use futures_util::{StreamExt, TryStreamExt, stream};
use semver::Version;

use super::HippoTarget;
use super::api::App;
use super::changes::{self, find_app, find_channel};
use super::fault;
use super::release::Releasing;
use crate::package::PackageId;
use crate::registry::bindle::{Kept, Standing};
use crate::target::{Action, AppName, Context, ErrorKind, History, Release, ReleaseId, Released, TargetError};

/// How many versions are looked up at once.
const AT_ONCE: usize = 6;

#[async_trait::async_trait]
impl History for HippoTarget {
    async fn releases(&self, cx: &Context, app: &AppName) -> Result<Vec<Released>, TargetError> {
        let operation = || format!("list the releases of app {app}");
        let found = self.app(cx, app).await?.ok_or_else(|| self.no_app(app, operation()))?;
        let active = find_channel(&found, &self.channel).map_err(|several| fault::several(several, operation()))?;
        let active = active.and_then(|channel| channel.active_revision_number.clone());
        let versions = self.registered(cx, &found, &operation()).await?;
        let kept = self.kept(cx, &found.storage_id, &versions, &operation()).await?;
        let released = newest_first(versions.into_iter().collect(), &kept).into_iter().map(|version| Released {
            id: ReleaseId(version.clone()),
            created: kept.get(&version).and_then(|kept| kept.created.or(kept.stamped)),
            active: active.as_ref() == Some(&version),
            channels: channels_of(&found, &version),
            gone: kept.get(&version).is_none_or(|kept| kept.yanked),
            version,
        });
        Ok(released.collect())
    }

    async fn rollback(&self, cx: &Context, app: &AppName, to: &ReleaseId) -> Result<Release, TargetError> {
        let operation = format!("go back to release {to} of app {app}");
        if cx.cancel.is_cancelled() {
            return Err(TargetError::new(ErrorKind::Cancelled, operation));
        }
        let found = self.app(cx, app).await?.ok_or_else(|| self.no_app(app, operation.clone()))?;
        let not_found = |why| TargetError::new(ErrorKind::NotFound, operation.as_str()).because(why);
        if !self.registered(cx, &found, &operation).await?.contains(&to.0) {
            return Err(not_found(anyhow!("Hippo has no revision {to} of it")));
        }
        let package = package_of(&found, &to.0).ok_or_else(|| not_found(anyhow!("{to} is no semantic version")))?;
        let failed = |error| fault::of_registry(error, operation.as_str());
        let registry = self.registry().await.map_err(failed)?;
        match registry.standing(&package, cx.reporter.as_ref()).await.map_err(failed)? {
            Standing::Complete => {}
            Standing::Incomplete(count) => {
                return Err(not_found(anyhow!("the Bindle server lacks {count} of the files of {package}")));
            }
            Standing::Yanked => return Err(not_found(anyhow!("{package} was yanked on the Bindle server"))),
            Standing::Absent => return Err(not_found(anyhow!("{package} is not on the Bindle server any more"))),
        }
        let wish = self.wish(app, &package);
        self.call_it(app, &package.name);
        let observer = self.observer(&wish);
        let state = observer.observe(cx).await?;
        let changes = changes::changes(&wish, &state);
        match self.current(&state) {
            Some(live) if changes.iter().all(|change| change.action == Action::Keep) => Ok(Release { changes, ..live }),
            _ => Releasing::new(observer).run(cx, state).await,
        }
    }
}

impl HippoTarget {
    /// The application of that name.
    pub(super) async fn app(&self, cx: &Context, app: &AppName) -> Result<Option<App>, TargetError> {
        let operation = || format!("look up app {app}");
        let apps = self.hippo.apps(cx, &app.0).await.map_err(|error| self.hippo.fail_first(operation(), error))?;
        let found = find_app(&apps, &app.0).map_err(|several| fault::several(several, operation()))?;
        Ok(found.cloned())
    }

    /// There is no such application.
    pub(super) fn no_app(&self, app: &AppName, operation: String) -> TargetError {
        TargetError::new(ErrorKind::NotFound, operation).because(anyhow!("Hippo has no app {app}"))
    }

    /// The versions that Hippo has of an application, each once however many rows it has.
    async fn registered(&self, cx: &Context, app: &App, operation: &str) -> Result<BTreeSet<String>, TargetError> {
        let rows = self.hippo.revisions(cx).await.map_err(|error| self.hippo.fail(operation, error))?;
        Ok(rows.into_iter().filter(|row| row.app_id == app.id).map(|row| row.revision_number).collect())
    }

    /// What the Bindle server has of these versions. A list can miss what moves in it meanwhile, so what it does not
    /// have is asked for by name before it counts as gone.
    async fn kept(
        &self,
        cx: &Context,
        name: &str,
        versions: &BTreeSet<String>,
        operation: &str,
    ) -> Result<BTreeMap<String, Kept>, TargetError> {
        let failed = |error| fault::of_registry(error, operation);
        let registry = self.registry().await.map_err(failed)?;
        let mut kept = registry.versions(name, cx.reporter.as_ref()).await.map_err(failed)?;
        let missed: Vec<PackageId> = versions
            .iter()
            .filter(|version| !kept.contains_key(*version))
            .filter_map(|version| Some(PackageId { name: name.to_owned(), version: version.parse().ok()? }))
            .collect();
        let looks = missed.into_iter().map(|id| async move {
            let standing = registry.standing(&id, cx.reporter.as_ref()).await?;
            Ok((id, matches!(standing, Standing::Complete | Standing::Incomplete(_))))
        });
        let looks: Vec<_> = stream::iter(looks).buffer_unordered(AT_ONCE).try_collect().await.map_err(failed)?;
        let there = looks.into_iter().filter(|(_, there)| *there);
        kept.extend(
            there.map(|(id, _)| (id.version.to_string(), Kept { created: None, stamped: None, yanked: false })),
        );
        Ok(kept)
    }
}

/// The package of a version of an application.
pub(super) fn package_of(app: &App, version: &str) -> Option<PackageId> {
    Some(PackageId { name: app.storage_id.clone(), version: version.parse().ok()? })
}

fn channels_of(app: &App, version: &str) -> Vec<String> {
    let having = app.channels.iter().filter(|channel| channel.active_revision_number.as_deref() == Some(version));
    having.map(|channel| channel.name.clone()).collect()
}

/// By the time at which the bindle was made, first of all by the server's clock; those of which that is not known come
/// last, the highest version first.
fn newest_first(mut versions: Vec<String>, kept: &BTreeMap<String, Kept>) -> Vec<String> {
    versions.sort_by_cached_key(|version| {
        let made = kept.get(version).map(|kept| (kept.created.or(kept.stamped), kept.stamped));
        Reverse((made, version.parse::<Version>().ok(), version.clone()))
    });
    versions
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn the_newest_comes_first_and_what_nobody_dates_last() {
        let time = |second: i64| Timestamp::from_millisecond(second).unwrap();
        let kept = |created: Option<i64>, stamped: Option<i64>| Kept {
            created: created.map(time),
            stamped: stamped.map(time),
            yanked: false,
        };
        let kept: BTreeMap<String, Kept> = [
            ("1.9.0", kept(None, None)),
            ("1.2.0+sa", kept(Some(20_000), Some(20_100))),
            ("1.2.0+sb", kept(Some(20_000), Some(20_200))),
            ("1.2.0+sc", kept(Some(30_000), Some(100))),
            ("2.0.0", kept(Some(10_000), None)),
            ("1.0.0", kept(None, Some(9_000))),
        ]
        .map(|(version, kept)| (version.to_owned(), kept))
        .into();
        let versions = ["1.10.0", "odd"].into_iter().chain(kept.keys().map(String::as_str)).map(str::to_owned);
        assert_eq!(
            newest_first(versions.collect(), &kept),
            ["1.2.0+sc", "1.2.0+sb", "1.2.0+sa", "2.0.0", "1.0.0", "1.9.0", "1.10.0", "odd"]
        );
    }
}
