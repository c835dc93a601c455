//! What the server has.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::api::{Api, Found, Listed};
use super::{BindleRegistry, RegistryError, stamp};
use crate::event::{Reporter, Uploaded};
use crate::package::{Package, PackageId};

/// How many pages of versions are read before the list counts as endless.
const MOST_PAGES: usize = 1000;

/// A version that the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// When it was made: the time of the oldest signature, which the server itself gives to every invoice that it takes.
    pub created: Option<Timestamp>,
    /// The same to the millisecond, by the clock of who made it.
    pub stamped: Option<Timestamp>,
    /// Whether it was withdrawn for ever.
    pub yanked: bool,
}

/// Whether a host can get a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The invoice and every parcel are there.
    Complete,
    /// So many parcels are not.
    Incomplete(usize),
    /// It was withdrawn for ever.
    Yanked,
    /// There is none.
    Absent,
}

impl BindleRegistry {
    /// The versions that the server has of that very name.
    pub async fn versions(&self, name: &str, reporter: &dyn Reporter) -> Result<BTreeMap<String, Kept>, RegistryError> {
        let (mut versions, mut offset) = (BTreeMap::new(), 0);
        for _ in 0..MOST_PAGES {
            let page = self.api.find(name, offset, reporter).await?;
            offset += page.invoices.len();
            let last = !page.more || page.invoices.is_empty();
            // It finds names that contain this one.
            let own = page.invoices.into_iter().filter(|listed| listed.bindle.name == name);
            versions.extend(own.map(|listed| (listed.bindle.version.clone(), kept(&listed))));
            if last {
                break;
            }
        }
        Ok(versions)
    }

    /// Whether a host can get that version.
    pub async fn standing(&self, id: &PackageId, reporter: &dyn Reporter) -> Result<Standing, RegistryError> {
        match self.api.invoice(id, reporter).await? {
            Found::Yanked => Ok(Standing::Yanked),
            Found::Nothing(_) => Ok(Standing::Absent),
            Found::Invoice(_) => Ok(match self.api.missing(id, reporter).await?.len() {
                0 => Standing::Complete,
                count => Standing::Incomplete(count),
            }),
        }
    }

    /// What of a package the server lacks. `true`: it said so itself; otherwise at most so much, where the parcels of
    /// another version that is `known` to be complete need not be sent.
    pub async fn lacks(
        &self,
        package: &Package,
        known: Option<&PackageId>,
        reporter: &dyn Reporter,
    ) -> Result<(Uploaded, bool), RegistryError> {
        if let Found::Invoice(_) = self.api.invoice(&package.id, reporter).await? {
            let missing = self.api.missing(&package.id, reporter).await?;
            return Ok((volume(package, |sha256| missing.contains(sha256)), true));
        }
        let there = match known {
            Some(known) => digests(&self.api, known, reporter).await?,
            None => BTreeSet::new(),
        };
        Ok((volume(package, |sha256| !there.contains(sha256)), false))
    }
}

fn kept(listed: &Listed) -> Kept {
    let oldest = listed.signature.iter().map(|signature| signature.at).min();
    let created = oldest.and_then(|at| Timestamp::from_second(at).ok());
    Kept { created, stamped: stamp::read(&listed.annotations), yanked: listed.yanked == Some(true) }
}

/// The digests of the parcels of a version; none where it is not there.
async fn digests(api: &Api, id: &PackageId, reporter: &dyn Reporter) -> Result<BTreeSet<String>, RegistryError> {
    let Found::Invoice(invoice) = api.invoice(id, reporter).await? else { return Ok(BTreeSet::new()) };
    Ok(invoice.parcel.iter().flatten().map(|parcel| parcel.label.sha256.clone()).collect())
}

fn volume(package: &Package, counts: impl Fn(&str) -> bool) -> Uploaded {
    let blobs = package.blobs.iter().filter(|blob| counts(&blob.sha256));
    blobs.fold(Uploaded::default(), |sum, blob| Uploaded { files: sum.files + 1, bytes: sum.bytes + blob.size })
}
