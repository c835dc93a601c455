//! Downloads of component sources given by URL, kept in a cache by their digest.

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::{Fetch, FetchError};
use crate::event::Reporter;
use crate::http::Client;

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
        let _ = (url, sha256);
        todo!()
    }
}
