//! Gets a package back: its invoice and every parcel, each checked against its digest.

use std::path::Path;

use bindle::Label;
use futures_util::StreamExt;
use futures_util::stream;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use super::api::{Api, Found, retrying};
use super::stamp::unstamp;
use super::{BindleRegistry, RegistryError};
use crate::event::{Direction, Event, Reporter};
use crate::package::{Package, PackageId, bindle_files, reopen_bindle};

/// How many parcels are on their way at once.
const AT_ONCE: usize = 6;

impl BindleRegistry {
    /// The package of that version, its files in `into`, an empty directory.
    pub async fn pull(
        &self,
        id: &PackageId,
        into: &Path,
        reporter: &dyn Reporter,
        cancel: &CancellationToken,
    ) -> Result<Package, RegistryError> {
        let pull = Pull { api: &self.api, id, into, reporter };
        let pulled = cancel.run_until_cancelled(pull.run()).await;
        pulled.unwrap_or(Err(RegistryError::Cancelled))
    }
}

/// One package on its way.
struct Pull<'a> {
    api: &'a Api,
    id: &'a PackageId,
    into: &'a Path,
    reporter: &'a dyn Reporter,
}

impl Pull<'_> {
    async fn run(&self) -> Result<Package, RegistryError> {
        let id = self.id.clone();
        let mut invoice = match self.api.invoice(self.id, self.reporter).await? {
            Found::Invoice(invoice) => *invoice,
            Found::Yanked => return Err(RegistryError::Yanked { id }),
            Found::Nothing(_) => return Err(RegistryError::Absent { id }),
        };
        match self.api.missing(self.id, self.reporter).await?.len() {
            0 => {}
            count => return Err(RegistryError::Incomplete { id, count }),
        }
        // Where it goes it is made anew.
        unstamp(&mut invoice);
        let unusable = |source| RegistryError::Unusable { id: self.id.clone(), source };
        let labels = bindle_files(&invoice).map_err(unusable)?;
        let mut downloads = Vec::new();
        for (number, label) in (0..).zip(&labels) {
            downloads.push(self.bring(number, label));
        }
        let mut downloads = stream::iter(downloads).buffer_unordered(AT_ONCE);
        while let Some(brought) = downloads.next().await {
            brought?;
        }
        let into = self.into.to_owned();
        let opened = tokio::task::spawn_blocking(move || reopen_bindle(invoice, &|sha256| into.join(sha256))).await;
        opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())).map_err(unusable)
    }

    /// One parcel, told as a transfer.
    async fn bring(&self, number: u64, label: &Label) -> Result<(), RegistryError> {
        let (direction, name, bytes) = (Direction::Download, label.name.clone(), Some(label.size));
        self.reporter.report(Event::TransferStarted { id: number, direction, name, bytes });
        let brought = self.receive(number, label).await;
        self.reporter.report(Event::TransferFinished { id: number, ok: brought.is_ok() });
        brought
    }

    async fn receive(&self, number: u64, label: &Label) -> Result<(), RegistryError> {
        let path = self.into.join(&label.sha256);
        let storage = |source| RegistryError::Storage { path: path.clone(), source };
        let damaged = || RegistryError::Damaged { id: self.id.clone(), name: label.name.clone() };
        let tell = |notice| self.reporter.report(retrying(notice));
        let mut download = self.api.parcel(self.id, &label.sha256, &tell).await?;
        let mut file = tokio::fs::File::create(&path).await.map_err(storage)?;
        let (mut hasher, mut sent) = (Sha256::new(), 0);
        while let Some(chunk) = download.chunk().await? {
            sent += chunk.len() as u64;
            if sent > label.size {
                return Err(damaged());
            }
            hasher.update(&chunk);
            file.write_all(&chunk).await.map_err(storage)?;
            self.reporter.report(Event::TransferProgress { id: number, sent });
        }
        file.flush().await.map_err(storage)?;
        match sent == label.size && format!("{:x}", hasher.finalize()) == label.sha256 {
            true => Ok(()),
            false => Err(damaged()),
        }
    }
}
