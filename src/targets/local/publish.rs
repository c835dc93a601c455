//! Stores what the store lacks of a package.

use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::store::{Store, StoreError};
use crate::event::{Direction, Event, Reporter, Uploaded};
use crate::package::Blob;

/// How many files are copied at once.
const AT_ONCE: usize = 4;

/// Why not all of it is stored.
#[derive(Debug)]
pub enum PublishError {
    /// The user stopped the run; what is stored stays.
    Cancelled,
    /// A file could not be stored.
    Store(StoreError),
}

/// Stores the blobs that are missing, and says how much that was. After a failure or a cancellation no further one is
/// begun, and those on their way are let through.
pub async fn publish(
    store: &Store,
    blobs: &[Blob],
    reporter: &dyn Reporter,
    cancel: &CancellationToken,
) -> Result<Uploaded, PublishError> {
    let stop = cancel.child_token();
    let put = async |blob: &Blob| {
        if stop.is_cancelled() {
            return Err(PublishError::Cancelled);
        }
        let stored = put(store, blob, reporter).await.map_err(PublishError::Store);
        stored.inspect_err(|_| stop.cancel())
    };
    let outcomes: Vec<_> = stream::iter(blobs).map(put).buffer_unordered(AT_ONCE).collect().await;
    // The failure itself, not those that were stopped by it.
    let (stopped, outcomes): (Vec<_>, Vec<_>) =
        outcomes.into_iter().partition(|outcome| matches!(outcome, Err(PublishError::Cancelled)));
    let mut uploaded = Uploaded::default();
    for outcome in outcomes {
        let bytes = outcome?;
        uploaded.files += u64::from(bytes.is_some());
        uploaded.bytes += bytes.unwrap_or_default();
    }
    match stopped.is_empty() {
        true => Ok(uploaded),
        false => Err(PublishError::Cancelled),
    }
}

/// Stores one blob. `None`: it was there.
async fn put(store: &Store, blob: &Blob, reporter: &dyn Reporter) -> Result<Option<u64>, StoreError> {
    let id = transfer_id(blob);
    let is_new = !store.blob(&blob.sha256).exists();
    if is_new {
        let (name, bytes) = (blob.name.clone(), Some(blob.size));
        reporter.report(Event::TransferStarted { id, direction: Direction::Upload, name, bytes });
    }
    let work = (store.clone(), blob.clone());
    let stored = tokio::task::spawn_blocking(move || work.0.put(&work.1)).await;
    let stored = stored.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    if is_new {
        reporter.report(Event::TransferFinished { id, ok: stored.is_ok() });
    }
    Ok(stored?.then_some(blob.size))
}

/// A number for a transfer that no other blob has: a part of its digest, 48 bits long, so that every JSON reader can
/// hold it exactly.
fn transfer_id(blob: &Blob) -> u64 {
    blob.sha256.get(..12).and_then(|part| u64::from_str_radix(part, 16).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::stand_in::Place;
    use super::*;
    use crate::package::Content;

    /// Counts what begins, and cancels the run at the first.
    struct CancelsAtOnce(CancellationToken, Mutex<usize>);

    impl Reporter for CancelsAtOnce {
        fn report(&self, event: Event) {
            if matches!(event, Event::TransferStarted { .. }) {
                *self.1.lock().unwrap() += 1;
                self.0.cancel();
            }
        }
    }

    /// Blobs whose content is not what their digest says.
    fn broken(count: usize) -> Vec<Blob> {
        let blob = |n| Blob {
            sha256: format!("{n:064x}"),
            size: 5,
            name: format!("file {n}"),
            content: Content::File(format!("/no/such/file/{n}").into()),
        };
        (0..count).map(blob).collect()
    }

    #[tokio::test]
    async fn after_a_cancellation_no_further_file_is_begun() {
        let place = Place::new();
        let store = Store::open(&place.config("", &[]).paths()).unwrap();
        let blobs: Vec<_> = (0..50)
            .map(|n: u32| {
                let bytes = n.to_be_bytes().to_vec();
                let sha256 = format!("{:x}", <sha2::Sha256 as sha2::Digest>::digest(&bytes));
                Blob { sha256, size: 4, name: format!("file {n}"), content: Content::Bytes(bytes) }
            })
            .collect();
        let cancel = CancellationToken::new();
        let reporter = CancelsAtOnce(cancel.clone(), Mutex::new(0));
        let error = publish(&store, &blobs, &reporter, &cancel).await.unwrap_err();
        assert!(matches!(error, PublishError::Cancelled), "{error:?}");
        assert!(*reporter.1.lock().unwrap() <= AT_ONCE);
        // What was begun was let through, and the next run goes on from there.
        let rest = publish(&store, &blobs, &crate::event::Silent, &CancellationToken::new()).await.unwrap();
        assert_eq!(rest.files as usize, blobs.len() - *reporter.1.lock().unwrap());
    }

    #[tokio::test]
    async fn a_failure_is_told_and_not_the_stop_that_follows_it() {
        let place = Place::new();
        let store = Store::open(&place.config("", &[]).paths()).unwrap();
        let error = publish(&store, &broken(20), &crate::event::Silent, &CancellationToken::new()).await.unwrap_err();
        assert!(matches!(error, PublishError::Store(StoreError::Package(_))), "{error:?}");
    }
}
