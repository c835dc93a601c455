//! The files of a package, one for each digest.

use std::collections::BTreeSet;

use super::digest::Digest;
use super::{Blob, Content};

#[derive(Default)]
pub(super) struct Blobs {
    pub list: Vec<Blob>,
    known: BTreeSet<String>,
}

impl Blobs {
    /// Adds a file, unless there is one with the same bytes.
    pub fn add(&mut self, digest: &Digest, name: String, content: Content) {
        if self.known.insert(digest.sha256.clone()) {
            self.list.push(blob(digest, name, content));
        }
    }

    /// Puts the blob in front of all others, and in place of one with the same bytes.
    pub fn add_first(&mut self, digest: &Digest, name: String, content: Content) {
        self.list.retain(|blob| blob.sha256 != digest.sha256);
        self.list.insert(0, blob(digest, name, content));
    }
}

fn blob(digest: &Digest, name: String, content: Content) -> Blob {
    Blob { sha256: digest.sha256.clone(), size: digest.size, name, content }
}
