//! Bodies on their way: streamed in large chunks from memory or from a file, watched for progress.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use humantime::format_duration;
use tokio::time::Instant;

use super::{Body, Progress};

/// How much is handed to the network at once. The 4 and 8 KiB of common streams cost a factor of ten.
const CHUNK: u64 = 256 * 1024;

/// A body that can be sent again and again.
#[derive(Debug, Clone)]
pub(super) struct Payload {
    content: Content,
    /// Its Content-Length.
    pub length: u64,
    pub media_type: &'static str,
    progress: Option<Progress>,
}

#[derive(Debug, Clone)]
enum Content {
    Memory(Bytes),
    File(Arc<File>),
}

impl Payload {
    /// The payload of a body; `None` for an empty one.
    pub fn new(body: Body) -> Option<Payload> {
        match body {
            Body::Empty => None,
            Body::Bytes { content, media_type } => Some(Payload {
                length: content.len() as u64,
                content: Content::Memory(content.into()),
                media_type,
                progress: None,
            }),
            Body::File { file, length, media_type, progress } => {
                Some(Payload { content: Content::File(Arc::new(file)), length, media_type, progress: Some(progress) })
            }
        }
    }

    /// Whether anything will move.
    pub fn has_bytes(&self) -> bool {
        self.length > 0
    }

    /// The body from its start, for one attempt. Each chunk that the network takes moves the deadline.
    pub fn stream(&self, deadline: Arc<Deadline>) -> reqwest::Body {
        let payload = self.clone();
        let start = (payload, deadline, 0);
        reqwest::Body::wrap_stream(stream::try_unfold(start, |(payload, deadline, sent)| async move {
            if sent == payload.length {
                return io::Result::Ok(None);
            }
            let chunk = payload.chunk(sent).await?;
            let sent = sent + chunk.len() as u64;
            deadline.moved(sent == payload.length);
            if let Some(Progress(hear)) = &payload.progress {
                hear(sent);
            }
            Ok(Some((chunk, (payload, deadline, sent))))
        }))
    }

    async fn chunk(&self, offset: u64) -> io::Result<Bytes> {
        let length = CHUNK.min(self.length - offset) as usize;
        match &self.content {
            Content::Memory(bytes) => Ok(bytes.slice(offset as usize..offset as usize + length)),
            Content::File(file) => {
                let file = file.clone();
                let read = tokio::task::spawn_blocking(move || read_exact_at(&file, offset, length));
                read.await.map_err(io::Error::other)?
            }
        }
    }
}

/// Reads without the file's cursor, which clones of a handle share.
fn read_exact_at(file: &File, offset: u64, length: usize) -> io::Result<Bytes> {
    let mut chunk = vec![0; length];
    #[cfg(unix)]
    std::os::unix::fs::FileExt::read_exact_at(file, &mut chunk, offset)?;
    #[cfg(not(unix))]
    {
        let mut filled = 0;
        while filled < length {
            match std::os::windows::fs::FileExt::seek_read(file, &mut chunk[filled..], offset + filled as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => filled += read,
            }
        }
    }
    Ok(chunk.into())
}

/// By when something must happen. A body that makes progress moves it.
#[derive(Debug)]
pub(super) struct Deadline {
    at: Mutex<Instant>,
    sent: AtomicBool,
    idle: Duration,
    patience: Duration,
}

impl Deadline {
    /// Begins to run: until the next chunk goes where there is a body, else until the answer comes.
    pub fn new(has_body: bool, idle: Duration, patience: Duration) -> Arc<Deadline> {
        let deadline = Deadline { at: Mutex::new(Instant::now()), sent: AtomicBool::new(false), idle, patience };
        deadline.moved(!has_body);
        Arc::new(deadline)
    }

    fn moved(&self, sent: bool) {
        let wait = if sent { self.patience } else { self.idle };
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + wait;
        self.sent.store(sent, Ordering::Relaxed);
    }

    fn at(&self) -> Instant {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends when the deadline has passed, and says what did not happen.
    pub async fn passed(&self) -> String {
        while self.at() > Instant::now() {
            tokio::time::sleep_until(self.at()).await;
        }
        match self.sent.load(Ordering::Relaxed) {
            true => format!("no answer came within {}", format_duration(self.patience)),
            false => format!("the body did not move for {}", format_duration(self.idle)),
        }
    }
}
