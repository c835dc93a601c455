//! Downloads of component sources given by URL, kept in a cache by their digest.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use url::Url;

use crate::app::{Fetch, FetchError, FetchErrorKind};
use crate::event::{Direction, Event, Reporter};
use crate::http::{Client, HttpError, Request, RetryNotice, SafeUrl};

/// Downloads on their way have names that begin like this.
const PARTIAL: &str = ".download-";
/// A partial download that has not grown for this long belongs to a run that was killed: a living one that stands
/// still ends much sooner.
const ABANDONED: Duration = Duration::from_secs(600);

/// Downloads over HTTP into a directory.
pub struct Downloader {
    /// How to speak HTTP.
    pub client: Client,
    /// Where downloads are kept, a file for each digest.
    pub cache: PathBuf,
    /// Hears of progress.
    pub reporter: Arc<dyn Reporter>,
}

#[async_trait::async_trait]
impl Fetch for Downloader {
    async fn fetch(&self, url: &str, sha256: &str) -> Result<PathBuf, FetchError> {
        let parsed = Url::parse(url).map_err(|error| FetchError {
            // Not even parts of what cannot be understood are known to be safe.
            url: "a source".into(),
            kind: FetchErrorKind::Unreachable,
            source: error.into(),
        })?;
        self.bring(&parsed, sha256).await.map_err(|trouble| {
            let (kind, source) = trouble.explain();
            FetchError { url: SafeUrl::from(&parsed).to_string(), kind, source }
        })
    }
}

/// What can go wrong with a download.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Http(#[from] HttpError),
    /// It began well and broke off.
    #[error(transparent)]
    BrokenOff(HttpError),
    #[error("its SHA-256 is {found}, not {expected}")]
    Digest { found: String, expected: String },
    #[error("{expected:?} is no SHA-256 in lower-case hex")]
    NoDigest { expected: String },
    #[error("could not write to {}", .path.display())]
    Storage {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Trouble {
    fn explain(self) -> (FetchErrorKind, Box<dyn std::error::Error + Send + Sync>) {
        match self {
            Trouble::Http(error) | Trouble::BrokenOff(error) => (FetchErrorKind::Unreachable, error.into()),
            Trouble::Digest { .. } | Trouble::NoDigest { .. } => (FetchErrorKind::DigestMismatch, self.into()),
            Trouble::Storage { .. } => (FetchErrorKind::Storage, self.into()),
        }
    }
}

impl Downloader {
    /// The file of this digest, from the cache where it is sound there.
    async fn bring(&self, url: &Url, sha256: &str) -> Result<PathBuf, Trouble> {
        // It becomes a file name.
        if sha256.len() != 64 || !sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Trouble::NoDigest { expected: sha256.into() });
        }
        let path = self.cache.join(sha256);
        if digest_of(&path).await.as_deref() == Some(sha256) {
            return Ok(path);
        }
        self.tidy().map_err(|source| self.storage(source))?;
        // Its clock begins with the first failure: how long a download took before says nothing of the server.
        let mut backoff = None;
        let mut attempt = 0;
        let (partial, found) = loop {
            attempt += 1;
            let error = match self.download(url).await {
                Ok(done) => break done,
                // Up to its beginning the client itself has tried again.
                Err(Trouble::BrokenOff(error)) => error,
                Err(trouble) => return Err(trouble),
            };
            let delay = backoff.get_or_insert_with(|| self.client.backoff()).next(None);
            let Some(delay) = delay else { return Err(Trouble::BrokenOff(error)) };
            self.tell(RetryNotice { what: format!("GET {}", error.url), reason: error.message, attempt, delay });
            tokio::time::sleep(delay).await;
        };
        if found != sha256 {
            return Err(Trouble::Digest { found, expected: sha256.into() });
        }
        partial.persist(&path).map_err(|error| self.storage(error.error))?;
        Ok(path)
    }

    /// One download into a new file, and its digest.
    async fn download(&self, url: &Url) -> Result<(NamedTempFile, String), Trouble> {
        let request = Request { accept: "*/*", ..Request::new(reqwest::Method::GET, url.clone()) };
        let mut download = self.client.download(request, &|notice| self.tell(notice)).await?;
        let id = transfer_id(url);
        self.reporter.report(Event::TransferStarted {
            id,
            direction: Direction::Download,
            name: SafeUrl::from(url).to_string(),
            bytes: download.length(),
        });
        let receive = async {
            let partial = tempfile::Builder::new().prefix(PARTIAL).tempfile_in(&self.cache);
            let partial = partial.map_err(|source| self.storage(source))?;
            let mut file = tokio::fs::File::from_std(partial.reopen().map_err(|source| self.storage(source))?);
            let mut hasher = Sha256::new();
            let mut sent = 0;
            while let Some(chunk) = download.chunk().await.map_err(Trouble::BrokenOff)? {
                file.write_all(&chunk).await.map_err(|source| self.storage(source))?;
                hasher.update(&chunk);
                sent += chunk.len() as u64;
                self.reporter.report(Event::TransferProgress { id, sent });
            }
            file.flush().await.map_err(|source| self.storage(source))?;
            Ok((partial, format!("{:x}", hasher.finalize())))
        };
        let result = receive.await;
        self.reporter.report(Event::TransferFinished { id, ok: result.is_ok() });
        result
    }

    /// Makes the cache where there is none, and removes what killed runs have left in it.
    fn tidy(&self) -> io::Result<()> {
        std::fs::create_dir_all(&self.cache)?;
        for entry in std::fs::read_dir(&self.cache)?.flatten() {
            let age = entry.metadata().and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
            let is_partial = entry.file_name().to_string_lossy().starts_with(PARTIAL);
            if is_partial && age.is_some_and(|age| age > ABANDONED) {
                // Another run may be quicker; then it is gone as well.
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    fn tell(&self, notice: RetryNotice) {
        let RetryNotice { what, reason, attempt, delay } = notice;
        self.reporter.report(Event::Retrying { what, reason, attempt, delay });
    }

    fn storage(&self, source: io::Error) -> Trouble {
        Trouble::Storage { path: self.cache.clone(), source }
    }
}

/// The SHA-256 of a file in lower-case hex, if it can be read.
async fn digest_of(path: &Path) -> Option<String> {
    let path = path.to_owned();
    let hash = move || -> io::Result<String> {
        let mut hasher = Sha256::new();
        io::copy(&mut File::open(path)?, &mut hasher)?;
        Ok(format!("{:x}", hasher.finalize()))
    };
    tokio::task::spawn_blocking(hash).await.ok()?.ok()
}

/// A number for a transfer that other addresses do not have: 48 bits, so that every JSON reader can hold it exactly.
fn transfer_id(url: &Url) -> u64 {
    let digest = Sha256::digest(url.as_str());
    digest.iter().take(6).fold(0, |id, byte| id << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::SystemTime;

    use super::*;
    use crate::http::testing::{Act, Server, answer, client};

    #[derive(Default)]
    struct Recorder(Mutex<Vec<Event>>);

    impl Reporter for Recorder {
        fn report(&self, event: Event) {
            self.0.lock().unwrap().push(event);
        }
    }

    struct Fixture {
        server: Server,
        events: Arc<Recorder>,
        downloader: Downloader,
        /// Below it the cache is made.
        directory: tempfile::TempDir,
    }

    const WASM: &[u8] = b"\0asm and so on";

    fn sha(content: &[u8]) -> String {
        format!("{:x}", Sha256::digest(content))
    }

    impl Fixture {
        async fn new(acts: impl Into<Vec<Act>>) -> Fixture {
            let directory = tempfile::tempdir().unwrap();
            let events = Arc::new(Recorder::default());
            let cache = directory.path().join("a/cache");
            let downloader = Downloader { client: client(), cache, reporter: events.clone() };
            Fixture { server: Server::new(acts).await, events, downloader, directory }
        }

        async fn fetch(&self) -> Result<PathBuf, FetchError> {
            let url = self.server.url.join("x.wasm?token=canary").unwrap();
            self.downloader.fetch(url.as_str(), &sha(WASM)).await
        }

        fn cached(&self) -> Vec<String> {
            let entries = std::fs::read_dir(&self.downloader.cache).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_download_is_kept() {
        let fixture = Fixture::new([answer("200 OK", &[], WASM)]).await;
        let path = fixture.fetch().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), WASM);
        assert_eq!(path, fixture.downloader.cache.join(sha(WASM)));
        let events = std::mem::take(&mut *fixture.events.0.lock().unwrap());
        let bytes = WASM.len() as u64;
        let Event::TransferStarted { id, direction: Direction::Download, name, bytes: Some(total) } = &events[0] else {
            panic!("{events:?}")
        };
        assert_eq!((name, *total), (&format!("{}x.wasm", fixture.server.url), bytes));
        let [.., progress, finished] = &events[..] else { panic!("{events:?}") };
        assert_eq!(*progress, Event::TransferProgress { id: *id, sent: bytes });
        assert_eq!(*finished, Event::TransferFinished { id: *id, ok: true });

        assert_eq!(fixture.fetch().await.unwrap(), path);
        assert_eq!(fixture.server.count(), 1);
        assert_eq!(fixture.cached(), [sha(WASM)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_damaged_cache_is_repaired() {
        let fixture = Fixture::new([answer("200 OK", &[], WASM)]).await;
        let path = fixture.fetch().await.unwrap();
        std::fs::write(&path, "damaged").unwrap();
        assert_eq!(std::fs::read(fixture.fetch().await.unwrap()).unwrap(), WASM);
        assert_eq!(fixture.server.count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn other_content_is_not_kept() {
        let fixture = Fixture::new([answer("200 OK", &[], "something else")]).await;
        let error = fixture.fetch().await.unwrap_err();
        assert_eq!(error.kind, FetchErrorKind::DigestMismatch);
        assert_eq!(error.to_string(), format!("could not download {}x.wasm", fixture.server.url));
        let words = format!("its SHA-256 is {}, not {}", sha(b"something else"), sha(WASM));
        assert_eq!(error.source.to_string(), words);
        assert_eq!(fixture.cached(), [""; 0]);
        assert_eq!(fixture.server.count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_breaks_off_is_begun_again() {
        let half = Act::Reset([&b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n"[..], &WASM[..5]].concat());
        let fixture = Fixture::new([half, answer("200 OK", &[], WASM)]).await;
        fixture.fetch().await.unwrap();
        assert_eq!(fixture.cached(), [sha(WASM)]);
        let events = fixture.events.0.lock().unwrap();
        assert!(events.iter().any(|event| matches!(event, Event::Retrying { attempt: 1, .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_have_it() {
        let fixture = Fixture::new([answer("404 Not Found", &[], "")]).await;
        let error = fixture.fetch().await.unwrap_err();
        assert_eq!(error.kind, FetchErrorKind::Unreachable);
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        let fixture = Fixture::new([Act::Reset(Vec::new())]).await;
        assert_eq!(fixture.fetch().await.unwrap_err().kind, FetchErrorKind::Unreachable);
        assert_eq!(fixture.server.count(), 6);
        let half = Act::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nx".to_vec());
        let fixture = Fixture::new([half]).await;
        assert_eq!(fixture.fetch().await.unwrap_err().kind, FetchErrorKind::Unreachable);
        assert_eq!(fixture.server.count(), 6);
        assert_eq!(fixture.cached(), [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cache_that_cannot_be_written() {
        let fixture = Fixture::new([answer("200 OK", &[], WASM)]).await;
        std::fs::write(fixture.directory.path().join("a"), "a file where a directory should be").unwrap();
        assert_eq!(fixture.fetch().await.unwrap_err().kind, FetchErrorKind::Storage);
    }

    #[tokio::test(start_paused = true)]
    async fn what_killed_runs_leave_is_removed() {
        let fixture = Fixture::new([answer("200 OK", &[], WASM)]).await;
        let cache = &fixture.downloader.cache;
        std::fs::create_dir_all(cache).unwrap();
        let old = File::create(cache.join(".download-old")).unwrap();
        old.set_modified(SystemTime::now() - ABANDONED - Duration::from_secs(1)).unwrap();
        File::create(cache.join(".download-alive")).unwrap();
        fixture.fetch().await.unwrap();
        let mut cached = fixture.cached();
        cached.sort();
        assert_eq!(cached, [".download-alive".to_owned(), sha(WASM)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_digest_is_no_path() {
        let fixture = Fixture::new([answer("200 OK", &[], WASM)]).await;
        for sha256 in ["../../etc/passwd", "", &sha(WASM).to_uppercase(), &sha(WASM)[1..]] {
            let error = fixture.downloader.fetch(fixture.server.url.as_str(), sha256).await.unwrap_err();
            assert_eq!(error.kind, FetchErrorKind::DigestMismatch);
        }
        assert_eq!(fixture.server.count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_is_none() {
        let fixture = Fixture::new([answer("200 OK", &[], WASM)]).await;
        let error = fixture.downloader.fetch("canary", &sha(WASM)).await.unwrap_err();
        assert_eq!(error.kind, FetchErrorKind::Unreachable);
        assert!(!format!("{error:?}").contains("canary"));
    }
}
