//! Downloads of component sources given by URL, kept in a cache by their digest.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::anyhow;
use reqwest::Method;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use url::Url;

use crate::app::{Fetch, FetchError, FetchErrorKind};
use crate::event::{Direction, Event, Reporter};
use crate::http::{Client, Download, Repeat, Request, RetryNotice, SafeUrl};

/// How many bytes of a cached file are hashed at once.
const CHUNK: usize = 256 * 1024;

/// Downloads over HTTP into a directory.
pub struct Downloader {
    client: Client,
    cache: PathBuf,
    reporter: Arc<dyn Reporter>,
    transfers: AtomicU64,
}

type Failure = (FetchErrorKind, anyhow::Error);

impl Downloader {
    /// Downloads are kept in `cache`, a file for each digest; `reporter` hears of progress.
    pub fn new(client: Client, cache: PathBuf, reporter: Arc<dyn Reporter>) -> Self {
        Downloader { client, cache, reporter, transfers: AtomicU64::new(0) }
    }

    async fn bring_in(&self, url: &str, sha256: &str) -> Result<PathBuf, Failure> {
        let path = self.cache.join(sha256);
        if holds(&path, sha256).map_err(storage)? {
            return Ok(path);
        }
        let url = Url::parse(url).map_err(|error| (FetchErrorKind::Unreachable, error.into()))?;
        let request = Request { accept: "*/*", repeat: Repeat::Freely, ..Request::new(Method::GET, url.clone()) };
        let reporter = &self.reporter;
        let on_retry = |RetryNotice { what, reason, attempt, delay }| {
            reporter.report(Event::Retrying { what, reason, attempt, delay });
        };
        let download = self.client.download(request, &on_retry).await.map_err(unreachable)?;

        let id = self.transfers.fetch_add(1, Ordering::Relaxed);
        let (direction, name) = (Direction::Download, SafeUrl::from(&url).to_string());
        self.reporter.report(Event::TransferStarted { id, direction, name, bytes: download.length() });
        let stored = self.store(download, id, &path, sha256).await;
        self.reporter.report(Event::TransferFinished { id, ok: stored.is_ok() });
        stored.map(|()| path)
    }

    /// Writes what comes beside its final place, and moves it there when it is what was promised.
    async fn store(&self, mut download: Download, id: u64, path: &Path, sha256: &str) -> Result<(), Failure> {
        std::fs::create_dir_all(&self.cache).map_err(storage)?;
        let mut file = NamedTempFile::new_in(&self.cache).map_err(storage)?;
        let (mut hasher, mut sent) = (Sha256::new(), 0);
        while let Some(chunk) = download.chunk().await.map_err(unreachable)? {
            hasher.update(&chunk);
            file.write_all(&chunk).map_err(storage)?;
            sent += chunk.len() as u64;
            self.reporter.report(Event::TransferProgress { id, sent });
        }
        let found = format!("{:x}", hasher.finalize());
        if found != sha256 {
            let message = anyhow!("its SHA-256 is {found}, the manifest promises {sha256}");
            return Err((FetchErrorKind::DigestMismatch, message));
        }
        file.persist(path).map_err(|error| storage(error.error))?;
        Ok(())
    }
}

#[async_trait::async_trait]
impl Fetch for Downloader {
    async fn fetch(&self, url: &str, sha256: &str) -> Result<PathBuf, FetchError> {
        let safe =
            || Url::parse(url).map_or_else(|_| "an invalid address".to_owned(), |url| SafeUrl::from(&url).to_string());
        let fetched = self.bring_in(url, sha256).await;
        fetched.map_err(|(kind, source)| FetchError { url: safe(), kind, source: source.into() })
    }
}

/// Whether a cached file is there and still is what its name says.
fn holds(path: &Path, sha256: &str) -> io::Result<bool> {
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(format!("{:x}", hasher.finalize()) == sha256),
            count => hasher.update(&buffer[..count]),
        }
    }
}

fn storage(error: io::Error) -> Failure {
    (FetchErrorKind::Storage, error.into())
}

fn unreachable(error: crate::http::HttpError) -> Failure {
    (FetchErrorKind::Unreachable, error.into())
}
