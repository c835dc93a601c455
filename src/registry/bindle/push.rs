//! The push: the invoice, what is missing, and rounds of uploads until nothing is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bindle::Invoice;
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::RegistryError;
use super::api::{Api, Created, Found, Stored};
use super::same::same_content;
use crate::event::{Direction, Event, Reporter, Uploaded};
use crate::http::{Backoff, Body, HttpError, Progress};
use crate::package::{Blob, Package, Snapshot};

/// How many parcels are on their way at once.
const AT_ONCE: usize = 6;
/// How long after a cancellation to wait for what is on its way.
const GRACE: Duration = Duration::from_secs(30);
/// Media type of parcels: their own one is in the invoice.
const BYTES: &str = "application/octet-stream";

/// One push.
pub(super) struct Push<'a> {
    pub api: &'a Api,
    pub package: &'a Package,
    pub reporter: &'a dyn Reporter,
    pub cancel: &'a CancellationToken,
}

/// A parcel that was sent and of which the server did not say that it has it.
struct Unsettled<'a> {
    blob: &'a Blob,
    /// What broke; `None`: the server answered 409.
    error: Option<HttpError>,
}

impl Push<'_> {
    pub async fn run(&self, invoice: &Invoice) -> Result<Uploaded, RegistryError> {
        self.or_stop(self.api.probe(self.reporter)).await?;
        self.create(invoice).await?;
        self.upload().await
    }

    /// Makes sure that the server has this invoice.
    async fn create(&self, invoice: &Invoice) -> Result<(), RegistryError> {
        let mut retries = None;
        loop {
            let error = match self.let_finish(self.api.create(invoice, self.reporter)).await?? {
                Created::Yes => return Ok(()),
                Created::Busy(error) => error,
                Created::Exists => match self.compare(invoice).await? {
                    None => return Ok(()),
                    Some(absent) => absent,
                },
                // It may have come through: look before it is sent again.
                Created::Unknown(error) => match self.compare(invoice).await? {
                    None => return Ok(()),
                    Some(_) => error,
                },
            };
            let what = format!("create {}", self.package.id);
            let retries = retries.get_or_insert_with(|| self.retries());
            self.pause(retries, what, error.message.clone()).await?.ok_or(error)?;
        }
    }

    /// Compares our invoice with the one that the server has. `None`: they are the same; `Some`: it has none.
    async fn compare(&self, invoice: &Invoice) -> Result<Option<HttpError>, RegistryError> {
        let id = &self.package.id;
        match self.or_stop(self.api.invoice(id, self.reporter)).await? {
            Found::Invoice(theirs) if same_content(invoice, &theirs) => Ok(None),
            Found::Invoice(_) => Err(RegistryError::OtherContent { id: id.clone() }),
            Found::Yanked => Err(RegistryError::Yanked { id: id.clone() }),
            Found::Nothing(absent) => Ok(Some(absent)),
        }
    }

    /// Uploads in rounds until the server lacks nothing.
    async fn upload(&self) -> Result<Uploaded, RegistryError> {
        let mut uploaded = Uploaded::default();
        // Their clock begins after the first round that failed: how long the round took says nothing of the server.
        let mut retries = None;
        loop {
            let missing = self.missing().await?;
            let (stored, unsettled) = self.round(&missing).await?;
            if !stored.is_empty() {
                retries = None;
            }
            stored.into_iter().for_each(|blob| count(&mut uploaded, blob));
            if unsettled.is_empty() {
                return Ok(uploaded);
            }
            let missing = self.missing().await?;
            let is_missing = |blob: &Blob| missing.iter().any(|other| other.sha256 == blob.sha256);
            let (lacking, settled): (Vec<_>, Vec<_>) =
                unsettled.into_iter().partition(|unsettled| is_missing(unsettled.blob));
            // What broke off and is there all the same, we brought; what met a 409, somebody else.
            let ours = settled.iter().filter(|settled| settled.error.is_some());
            ours.for_each(|settled| count(&mut uploaded, settled.blob));
            let Some(first) = missing.first() else { return Ok(uploaded) };
            let error = lacking.into_iter().find_map(|unsettled| unsettled.error);
            let reason = match &error {
                Some(error) => error.message.clone(),
                None => "the server neither has it nor takes it".into(),
            };
            let what = format!("upload {}", first.name);
            let retries = retries.get_or_insert_with(|| self.retries());
            if self.pause(retries, what, reason).await?.is_none() {
                return Err(match error {
                    Some(error) => error.into(),
                    None => RegistryError::Poisoned { sha256: first.sha256.clone(), name: first.name.clone() },
                });
            }
        }
    }

    /// The blobs that the server lacks.
    async fn missing(&self) -> Result<Vec<&Blob>, RegistryError> {
        let id = &self.package.id;
        let missing = self.or_stop(self.api.missing(id, self.reporter)).await?;
        let blobs: Vec<_> = self.package.blobs.iter().filter(|blob| missing.contains(&blob.sha256)).collect();
        match blobs.len() == missing.len() {
            true => Ok(blobs),
            // It asks for what the package does not have.
            false => Err(RegistryError::OtherContent { id: id.clone() }),
        }
    }

    /// Uploads each of these once: which of them the server says that it has, and which are unsettled. When one fails
    /// for good, or the run is cancelled, no further one is begun, and those on their way are let through.
    async fn round<'b>(&self, blobs: &[&'b Blob]) -> Result<(Vec<&'b Blob>, Vec<Unsettled<'b>>), RegistryError> {
        let stop = self.cancel.child_token();
        let queue = Mutex::new(blobs.iter().copied());
        let workers = (0..AT_ONCE).map(|_| self.upload_from(&queue, &stop));
        let outcomes = self.let_finish(join_all(workers)).await?;
        if self.cancel.is_cancelled() {
            return Err(RegistryError::Cancelled);
        }
        let (mut stored, mut unsettled) = (Vec::new(), Vec::new());
        for (blob, outcome) in outcomes.into_iter().flatten() {
            match outcome? {
                Stored::Yes => stored.push(blob),
                Stored::Conflict => unsettled.push(Unsettled { blob, error: None }),
                Stored::Unknown(error) => unsettled.push(Unsettled { blob, error: Some(error) }),
            }
        }
        Ok((stored, unsettled))
    }

    /// Uploads one blob after the other until the queue is empty or it is time to stop.
    async fn upload_from<'b>(
        &self,
        queue: &Mutex<impl Iterator<Item = &'b Blob>>,
        stop: &CancellationToken,
    ) -> Vec<(&'b Blob, Result<Stored, RegistryError>)> {
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let mut outcomes = Vec::new();
        while !stop.is_cancelled()
            && let Some(blob) = next()
        {
            let outcome = self.upload_one(blob).await;
            if outcome.is_err() {
                stop.cancel();
            }
            outcomes.push((blob, outcome));
        }
        outcomes
    }

    /// Uploads one blob: the bytes that were hashed, whatever has become of its file since.
    async fn upload_one(&self, blob: &Blob) -> Result<Stored, RegistryError> {
        let copy = blob.clone();
        let snapshot = tokio::task::spawn_blocking(move || copy.snapshot()).await;
        let snapshot = snapshot.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        let id = transfer_id(blob);
        self.reporter.report(Event::TransferStarted {
            id,
            direction: Direction::Upload,
            name: blob.name.clone(),
            bytes: Some(blob.size),
        });
        let (sent, mut progress) = watch::channel(0);
        let body = match snapshot {
            Snapshot::Bytes(content) => Body::Bytes { content, media_type: BYTES },
            Snapshot::File(file) => {
                let progress = Progress(Arc::new(move |bytes| _ = sent.send_replace(bytes)));
                Body::File { file, length: blob.size, media_type: BYTES, progress }
            }
        };
        let upload = self.api.upload(&self.package.id, blob, body, self.reporter);
        let follow = async {
            while progress.changed().await.is_ok() {
                let sent = *progress.borrow_and_update();
                self.reporter.report(Event::TransferProgress { id, sent });
            }
            std::future::pending().await
        };
        let outcome = tokio::select! {
            outcome = upload => outcome,
            never = follow => never,
        };
        let ok = matches!(outcome, Ok(Stored::Yes));
        self.reporter.report(Event::TransferFinished { id, ok });
        outcome
    }

    fn retries(&self) -> Retries {
        Retries { backoff: self.api.client.backoff(), attempt: 0 }
    }

    /// Waits before the next attempt at something. `None`: there have been enough.
    async fn pause(&self, retries: &mut Retries, what: String, reason: String) -> Result<Option<()>, RegistryError> {
        retries.attempt += 1;
        let Some(delay) = retries.backoff.next(None) else { return Ok(None) };
        self.reporter.report(Event::Retrying { what, reason, attempt: retries.attempt, delay });
        self.or_stop(async {
            tokio::time::sleep(delay).await;
            Ok(Some(()))
        })
        .await
    }

    /// Does what may be broken off at any time.
    async fn or_stop<T>(&self, work: impl Future<Output = Result<T, RegistryError>>) -> Result<T, RegistryError> {
        self.cancel.run_until_cancelled(work).await.unwrap_or(Err(RegistryError::Cancelled))
    }

    /// Does what the server has to see through: after a cancellation it has some time to finish.
    async fn let_finish<T>(&self, work: impl Future<Output = T>) -> Result<T, RegistryError> {
        if self.cancel.is_cancelled() {
            return Err(RegistryError::Cancelled);
        }
        let grace_is_over = async {
            self.cancel.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = grace_is_over => Err(RegistryError::Cancelled),
        }
    }
}

/// How often something was tried, and when it may be tried again.
struct Retries {
    backoff: Backoff,
    attempt: u32,
}

fn count(uploaded: &mut Uploaded, blob: &Blob) {
    uploaded.files += 1;
    uploaded.bytes += blob.size;
}

/// A number for a transfer that no other blob has: a part of its digest, 48 bits long, so that every JSON reader can
/// hold it exactly.
fn transfer_id(blob: &Blob) -> u64 {
    blob.sha256.get(..12).and_then(|part| u64::from_str_radix(part, 16).ok()).unwrap_or_default()
}
