//! The order of a push: invoice, list of what is missing, parcels, and the list again where anything is uncertain.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bindle::Id;
use bindle::invoice::Invoice;
use bindle::signature::SecretKeyEntry;
use futures_util::{StreamExt, future, stream};
use tokio_util::sync::CancellationToken;

use super::api::{Created, Found, ParcelBody, Sent, Server};
use super::{RegistryError, content, sign};
use crate::event::{Direction, Event, Reporter, Uploaded};
use crate::http::{HttpError, Progress};
use crate::package::{Blob, Description, Package, Snapshot};

/// How many parcels are sent side by side.
const UPLOADS: usize = 6;
/// How long uploads under way may go on after the user has stopped the run.
const GRACE: Duration = Duration::from_secs(30);

/// One push.
pub(super) struct Push<'a> {
    pub server: &'a Server,
    pub key: Option<&'a SecretKeyEntry>,
    pub package: &'a Package,
    pub reporter: &'a dyn Reporter,
    pub cancel: &'a CancellationToken,
}

/// Why it is not certain that a parcel is there.
enum Doubt {
    /// The server says that it has it, or is getting it, or will never take it.
    Conflict,
    /// Its upload broke.
    Broken(HttpError),
}

/// What one round of uploads came to.
#[derive(Default)]
struct Round<'a> {
    uploaded: Uploaded,
    doubts: Vec<(&'a Blob, Doubt)>,
    refusal: Option<RegistryError>,
}

impl<'a> Push<'a> {
    pub(super) async fn run(&self) -> Result<Uploaded, RegistryError> {
        let Description::Bindle(invoice) = &self.package.description;
        let id = &invoice.bindle.id;
        self.server.probe(self.reporter).await?;
        self.settle_invoice(invoice).await?;

        let mut uploaded = Uploaded::default();
        let mut backoff = self.server.backoff();
        let mut missing = self.server.missing(id, self.reporter).await?;
        while !missing.is_empty() {
            self.go_on()?;
            let round = self.upload(id, &missing).await?;
            uploaded.files += round.uploaded.files;
            uploaded.bytes += round.uploaded.bytes;
            if let Some(refusal) = round.refusal {
                return Err(refusal);
            }
            self.go_on()?;
            if round.doubts.is_empty() {
                break;
            }
            let rest = backoff.next(None);
            tokio::time::sleep(rest.unwrap_or_default()).await;
            missing = self.server.missing(id, self.reporter).await?;
            if rest.is_none() {
                give_up(round.doubts, &missing)?;
            }
        }
        Ok(uploaded)
    }

    fn go_on(&self) -> Result<(), RegistryError> {
        match self.cancel.is_cancelled() {
            true => Err(RegistryError::Cancelled),
            false => Ok(()),
        }
    }

    /// Makes sure that this very invoice is there.
    async fn settle_invoice(&self, invoice: &Invoice) -> Result<(), RegistryError> {
        let sent = match self.key {
            Some(key) => &sign::signed(invoice, key)?,
            None => invoice,
        };
        let mut backoff = self.server.backoff();
        loop {
            self.go_on()?;
            let created = self.server.create(sent, self.reporter).await;
            let unsettled = match created {
                Ok(Created::Stored) => return Ok(()),
                Ok(Created::Exists) if self.is_there(invoice).await? => return Ok(()),
                // It vanished in between, or somebody else is at it.
                Ok(Created::Exists | Created::Busy) => None,
                Err(RegistryError::Http(error)) if error.kind.outcome_unknown() => match self.is_there(invoice).await {
                    Ok(true) => return Ok(()),
                    Ok(false) => Some(error),
                    Err(RegistryError::Http(_)) => return Err(error.into()),
                    Err(other) => return Err(other),
                },
                Err(error) => return Err(error),
            };
            match (backoff.next(None), unsettled) {
                (Some(delay), _) => tokio::time::sleep(delay).await,
                (None, Some(error)) => return Err(error.into()),
                (None, None) => return Err(RegistryError::OtherContent { id: self.package.id.clone() }),
            }
        }
    }

    /// Whether the invoice is there with this content.
    async fn is_there(&self, invoice: &Invoice) -> Result<bool, RegistryError> {
        match self.server.invoice(&invoice.bindle.id, self.reporter).await? {
            Found::Nothing => Ok(false),
            Found::Yanked => Err(RegistryError::Yanked { id: self.package.id.clone() }),
            Found::Invoice(found) if content::same(&found, invoice) => Ok(true),
            Found::Invoice(_) => Err(RegistryError::OtherContent { id: self.package.id.clone() }),
        }
    }

    /// Sends what is missing, several parcels side by side. After a refusal or the user's stop no further one is begun;
    /// those under way end.
    async fn upload(&self, id: &Id, missing: &BTreeSet<String>) -> Result<Round<'a>, RegistryError> {
        let stopped = AtomicBool::new(false);
        let wanted = self.package.blobs.iter().zip(0_u64..).filter(|(blob, _)| missing.contains(&blob.sha256));
        let begin = |_: &(&Blob, u64)| future::ready(!stopped.load(Ordering::Relaxed) && !self.cancel.is_cancelled());
        let mut sendings = stream::iter(wanted)
            .take_while(begin)
            .map(|(blob, transfer)| async move { (blob, self.send(id, blob, transfer).await) })
            .buffer_unordered(UPLOADS)
            .boxed();
        let mut round = Round::default();
        let grace = async {
            self.cancel.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::pin!(grace);
        loop {
            let next = tokio::select! {
                next = sendings.next() => next,
                () = &mut grace => return Err(RegistryError::Cancelled),
            };
            let Some((blob, result)) = next else { break };
            match result {
                Ok(Sent::Stored) => {
                    round.uploaded.files += 1;
                    round.uploaded.bytes += blob.size;
                }
                Ok(Sent::Conflict) => round.doubts.push((blob, Doubt::Conflict)),
                Err(RegistryError::Http(error)) if error.kind.outcome_unknown() => {
                    round.doubts.push((blob, Doubt::Broken(error)));
                }
                Err(error) => {
                    stopped.store(true, Ordering::Relaxed);
                    round.refusal.get_or_insert(error);
                }
            }
        }
        drop(sendings);
        Ok(round)
    }

    /// Sends one parcel: exactly the bytes that were hashed.
    async fn send(&self, id: &Id, blob: &Blob, transfer: u64) -> Result<Sent, RegistryError> {
        let owned = blob.clone();
        let snapshot = match tokio::task::spawn_blocking(move || owned.snapshot()).await {
            Ok(snapshot) => snapshot?,
            // A panic in the work is a panic of the push.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let name = blob.name.clone();
        let (direction, bytes) = (Direction::Upload, Some(blob.size));
        self.reporter.report(Event::TransferStarted { id: transfer, direction, name, bytes });
        let moved = Arc::new(AtomicU64::new(0));
        let body = match snapshot {
            Snapshot::Bytes(bytes) => ParcelBody::Bytes(bytes),
            Snapshot::File(file) => {
                let moved = Arc::clone(&moved);
                let progress = Progress(Arc::new(move |sent| moved.store(sent, Ordering::Relaxed)));
                ParcelBody::File { file, length: blob.size, progress }
            }
        };
        let result = self.watch(transfer, &moved, self.server.upload(id, &blob.sha256, body, self.reporter)).await;
        self.reporter.report(Event::TransferFinished { id: transfer, ok: matches!(result, Ok(Sent::Stored)) });
        result
    }

    /// Reports how far an upload has come, now and then.
    async fn watch<T>(&self, transfer: u64, moved: &AtomicU64, upload: impl Future<Output = T>) -> T {
        const OFTEN: Duration = Duration::from_millis(100);
        tokio::pin!(upload);
        let mut told = 0;
        loop {
            tokio::select! {
                result = &mut upload => return result,
                () = tokio::time::sleep(OFTEN) => {}
            }
            let sent = moved.load(Ordering::Relaxed);
            if sent != told {
                told = sent;
                self.reporter.report(Event::TransferProgress { id: transfer, sent });
            }
        }
    }
}

/// After the last round: fails for the first parcel that is still missing, where there is one.
fn give_up(doubts: Vec<(&Blob, Doubt)>, missing: &BTreeSet<String>) -> Result<(), RegistryError> {
    match doubts.into_iter().find(|(blob, _)| missing.contains(&blob.sha256)) {
        None => Ok(()),
        Some((_, Doubt::Broken(error))) => Err(error.into()),
        Some((blob, Doubt::Conflict)) => {
            Err(RegistryError::Poisoned { sha256: blob.sha256.clone(), name: blob.name.clone() })
        }
    }
}
