//! Which files a package has on disk. A bindle lies there as Bindle's own standalone bindles do.

use serde::{Deserialize, Serialize};

use crate::package::{Blob, Description, Package};

/// The file that says what kind of package it is.
pub const HEADER: &str = "spin-deploy-package.json";
/// The file that describes a bindle.
pub const INVOICE: &str = "invoice.toml";

/// What [`HEADER`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The version of this layout: [`Header::VERSION`].
    pub spin_deploy_package: u32,
    /// The package's name.
    pub name: String,
    /// Its version, build metadata included.
    pub version: String,
    /// How the files are described.
    pub format: Kind,
    /// Of the directory format: the SHA-256 of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// A format, as the header names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An invoice and its parcels.
    Bindle,
    /// A document and its blobs.
    Directory,
}

impl Header {
    /// The version that this program writes, and the newest that it reads.
    pub const VERSION: u32 = 1;

    /// That of a package.
    pub fn of(package: &Package) -> Header {
        let (format, document) = match &package.description {
            Description::Bindle(_) => (Kind::Bindle, None),
            Description::Directory { document } => (Kind::Directory, Some(document.clone())),
        };
        Header {
            spin_deploy_package: Header::VERSION,
            name: package.id.name.clone(),
            version: package.id.version.to_string(),
            format,
            document,
        }
    }

    /// The file that names all others.
    pub fn description(&self) -> Option<String> {
        match self.format {
            Kind::Bindle => Some(INVOICE.to_owned()),
            Kind::Directory => self.document.as_deref().map(|sha256| self.format.path(sha256)),
        }
    }
}

impl Kind {
    /// Where the file of a digest is.
    pub fn path(self, sha256: &str) -> String {
        match self {
            Kind::Bindle => format!("parcels/{sha256}.dat"),
            Kind::Directory => format!("blobs/{sha256}"),
        }
    }
}

/// A file as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path in the package.
    pub path: String,
    /// What is in it.
    pub content: Text,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// This.
    Bytes(Vec<u8>),
    /// The blob of this digest.
    Blob(String),
}

/// Every file of a package, in the order in which it is written: the header, what describes the others, and those, sorted.
pub fn files(package: &Package) -> Vec<File> {
    let header = Header::of(package);
    let mut json = serde_json::to_vec_pretty(&header).expect("texts and a number are JSON");
    json.push(b'\n');
    let mut files = vec![File { path: HEADER.to_owned(), content: Text::Bytes(json) }];
    if let Description::Bindle(invoice) = &package.description {
        let invoice = toml::to_string(invoice).expect("an invoice has string keys only, which is all that TOML asks");
        files.push(File { path: INVOICE.to_owned(), content: Text::Bytes(invoice.into_bytes()) });
    }
    let file = |blob: &Blob| File { path: header.format.path(&blob.sha256), content: Text::Blob(blob.sha256.clone()) };
    let mut blobs: Vec<File> = package.blobs.iter().map(file).collect();
    // The document first: whoever unpacks knows then what is to follow.
    blobs.sort_by_key(|file| (Some(&file.path) != header.description().as_ref(), file.path.clone()));
    files.extend(blobs);
    files
}
