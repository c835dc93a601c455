//! Our push against real Bindle servers of both generations.

use std::path::Path;
use std::sync::Mutex;

use bindle::{BindleSpec, Invoice, Label, Parcel};
use sha2::{Digest, Sha256};
use spin_deploy::auth::{Login, Secret};
use spin_deploy::event::{Event, Reporter, Silent, Uploaded};
use spin_deploy::http::{Client, Config, Kind, Request};
use spin_deploy::package::{Blob, Content, Description, Package, PackageId};
use spin_deploy::registry::bindle::{BindleRegistry, RegistryError};
use tokio_util::sync::CancellationToken;

use crate::support::bindle::{BindleServer, CreatorKey, Generation};

fn hex(content: &[u8]) -> String {
    format!("{:x}", Sha256::digest(content))
}

fn blob(name: &str, content: Vec<u8>) -> Blob {
    Blob { sha256: hex(&content), size: content.len() as u64, name: name.into(), content: Content::Bytes(content) }
}

/// A package of this version with the blobs, and with a second parcel for the first of them.
fn package(version: &str, blobs: Vec<Blob>) -> Package {
    let parcel = |blob: &Blob, name: &str| Parcel {
        label: Label {
            sha256: blob.sha256.clone(),
            media_type: "application/octet-stream".into(),
            name: name.into(),
            size: blob.size,
            annotations: None,
            feature: None,
            origin: None,
        },
        conditions: None,
    };
    let id = PackageId { name: "shop".into(), version: version.parse().unwrap() };
    let spec =
        BindleSpec { id: id.to_string().parse().unwrap(), description: None, authors: Some(vec!["Dana".into()]) };
    let mut invoice = Invoice::new(spec);
    let copy = blobs.first().map(|blob| parcel(blob, "the same again"));
    invoice.parcel = Some(blobs.iter().map(|blob| parcel(blob, &blob.name)).chain(copy).collect());
    Package { id, blobs, description: Description::Bindle(invoice), routes: Vec::new(), derived: true }
}

/// Three files, one of them without a byte.
fn shop(version: &str) -> Package {
    package(version, vec![blob("api.wasm", b"wasm".to_vec()), blob("site.css", b"css".to_vec()), blob("empty", vec![])])
}

async fn registry(server: &BindleServer, login: Option<Login>, key: Option<&Path>) -> BindleRegistry {
    let client = Client::new(&Config::default()).unwrap();
    BindleRegistry::new(server.url().parse().unwrap(), client, login, key).await.unwrap()
}

async fn push(server: &BindleServer, package: &Package) -> Result<Uploaded, RegistryError> {
    registry(server, None, None).await.push(package, &Silent, &CancellationToken::new()).await
}

fn old() -> BindleServer {
    BindleServer::builder(Generation::V0_8).start()
}

/// The body of an answer, and its status.
async fn get(server: &BindleServer, path: &str) -> (u16, Vec<u8>) {
    let url = format!("{}/{path}", server.url()).parse().unwrap();
    let request = Request { limit: 64 << 20, ..Request::new(reqwest::Method::GET, url) };
    let response = Client::new(&Config::default()).unwrap().send(request, &|_| ()).await.unwrap();
    (response.status.as_u16(), response.body)
}

async fn assert_complete(server: &BindleServer, package: &Package) {
    for blob in &package.blobs {
        let (status, body) = get(server, &format!("_i/{}@{}", package.id, blob.sha256)).await;
        assert_eq!((status, hex(&body)), (200, blob.sha256.clone()), "{}", blob.name);
    }
}

#[tokio::test]
async fn a_first_push_and_the_same_again() {
    let server = old();
    let package = shop("1.0.0+s1");
    assert_eq!(push(&server, &package).await.unwrap(), Uploaded { files: 3, bytes: 7 });
    assert_complete(&server, &package).await;
    assert_eq!(push(&server, &package).await.unwrap(), Uploaded::default());
}

#[tokio::test]
async fn only_what_a_new_version_adds_is_sent() {
    let server = old();
    push(&server, &shop("1.0.0+s1")).await.unwrap();
    let mut blobs = shop("1.0.0+s1").blobs;
    blobs[1] = blob("site.css", b"other".to_vec());
    let next = package("1.0.0+s2", blobs);
    assert_eq!(push(&server, &next).await.unwrap(), Uploaded { files: 1, bytes: 5 });
    assert_complete(&server, &next).await;
}

#[tokio::test]
async fn a_push_goes_on_where_another_was_cut_off() {
    /// Pulls the plug when the first transfer has ended.
    struct Plug(Mutex<u32>, CancellationToken);
    impl Reporter for Plug {
        fn report(&self, event: Event) {
            if matches!(event, Event::TransferFinished { ok: true, .. }) {
                *self.0.lock().unwrap() += 1;
                self.1.cancel();
            }
        }
    }
    let server = old();
    let blobs = (0..40).map(|n: u32| blob(&format!("file {n}"), n.to_be_bytes().repeat(20_000))).collect();
    let package = package("1.0.0+s1", blobs);
    let cancel = CancellationToken::new();
    let plug = Plug(Mutex::new(0), cancel.clone());
    let result = registry(&server, None, None).await.push(&package, &plug, &cancel).await;
    assert!(matches!(result, Err(RegistryError::Cancelled)), "{result:?}");
    let sent = u64::from(plug.0.into_inner().unwrap());
    assert!((1..=12).contains(&sent), "{sent}");
    assert_eq!(push(&server, &package).await.unwrap().files, 40 - sent);
    assert_complete(&server, &package).await;
}

#[tokio::test]
async fn other_content_under_the_same_version_is_refused() {
    let server = old();
    push(&server, &shop("1.0.0")).await.unwrap();
    let other = package("1.0.0", vec![blob("api.wasm", b"other".to_vec())]);
    let error = push(&server, &other).await.unwrap_err();
    assert!(matches!(error, RegistryError::OtherContent { .. }), "{error:?}");
}

#[tokio::test]
async fn a_yanked_version_stays_yanked() {
    let server = old();
    let package = shop("1.0.0+s1");
    push(&server, &package).await.unwrap();
    let url = format!("{}/_i/{}", server.url(), package.id).parse().unwrap();
    let yank = Request::new(reqwest::Method::DELETE, url);
    Client::new(&Config::default()).unwrap().send(yank, &|_| ()).await.unwrap().success().unwrap();
    let error = push(&server, &package).await.unwrap_err();
    assert!(matches!(error, RegistryError::Yanked { .. }), "{error:?}");
}

/// A stuck parcel is found, and once it is freed on the server the push goes on.
async fn assert_stuck_parcels_are_found(generation: Generation) {
    let key = CreatorKey::generate("Dana <dana@example.com>");
    let file = tempfile::NamedTempFile::new().unwrap();
    key.write_secret_file(file.path());
    let server = BindleServer::builder(generation).trust(&key.keyring()).start();
    let package = shop("1.0.0+s1");
    let stuck = &package.blobs[1];
    server.poison(&stuck.sha256);
    let registry = registry(&server, None, Some(file.path())).await;
    let error = registry.push(&package, &Silent, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(&error, RegistryError::Poisoned { name, .. } if name == "site.css"), "{error:?}");
    std::fs::remove_dir(server.directory().join("parcels").join(&stuck.sha256)).unwrap();
    let uploaded = registry.push(&package, &Silent, &CancellationToken::new()).await.unwrap();
    assert_eq!(uploaded, Uploaded { files: 1, bytes: 3 });
    assert_complete(&server, &package).await;
}

#[tokio::test]
async fn stuck_parcels_are_found_on_0_8() {
    assert_stuck_parcels_are_found(Generation::V0_8).await;
}

#[tokio::test]
async fn stuck_parcels_are_found_on_0_9() {
    assert_stuck_parcels_are_found(Generation::V0_9).await;
}

#[tokio::test]
async fn signatures_on_both_generations() {
    let known = CreatorKey::generate("Dana <dana@example.com>");
    let stranger = CreatorKey::generate("Mallory <mallory@example.com>");
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    known.write_secret_file(&file("known"));
    stranger.write_secret_file(&file("stranger"));
    for (generation, key, accepted) in [
        (Generation::V0_8, None, true),
        (Generation::V0_8, Some("known"), true),
        (Generation::V0_8, Some("stranger"), false),
        (Generation::V0_9, None, false),
        (Generation::V0_9, Some("known"), true),
        (Generation::V0_9, Some("stranger"), false),
    ] {
        let server = BindleServer::builder(generation).trust(&known.keyring()).start();
        let key_file = key.map(file);
        let registry = registry(&server, None, key_file.as_deref()).await;
        let result = registry.push(&shop("1.0.0+s1"), &Silent, &CancellationToken::new()).await;
        match result {
            Ok(uploaded) => assert!(accepted && uploaded.files == 3, "{generation:?} {key:?}"),
            Err(RegistryError::Signature { message }) => assert!(!accepted, "{generation:?} {key:?}: {message}"),
            Err(error) => panic!("{generation:?} {key:?}: {error:?}"),
        }
        if accepted {
            // The signature carries another time, which makes it no other content.
            let again = registry.push(&shop("1.0.0+s1"), &Silent, &CancellationToken::new()).await.unwrap();
            assert_eq!(again, Uploaded::default());
        }
    }
}

#[tokio::test]
async fn basic_authentication() {
    let server = BindleServer::builder(Generation::V0_8).htpasswd("dana", "hunter2").start();
    let login = |password: &str| Some(Login { username: "dana".into(), password: Secret::new(password) });
    for (login, refused) in
        [(None, Some(Kind::PermissionDenied)), (login("wrong"), Some(Kind::Unauthenticated)), (login("hunter2"), None)]
    {
        let registry = registry(&server, login, None).await;
        let result = registry.push(&shop("1.0.0+s1"), &Silent, &CancellationToken::new()).await;
        match (result, refused) {
            (Ok(uploaded), None) => assert_eq!(uploaded.files, 3),
            (Err(RegistryError::Http(error)), Some(kind)) => assert_eq!(error.kind, kind),
            (result, _) => panic!("{refused:?}: {result:?}"),
        }
    }
}

#[tokio::test]
async fn a_base_without_its_prefix_is_noticed() {
    let server = old();
    let base = server.url().trim_end_matches("v1").parse().unwrap();
    let registry = BindleRegistry::new(base, Client::new(&Config::default()).unwrap(), None, None).await.unwrap();
    let error = registry.push(&shop("1.0.0+s1"), &Silent, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, RegistryError::NotBindle { .. }), "{error:?}");
}

#[tokio::test]
async fn two_hundred_small_files() {
    let server = old();
    let blobs = (0..200).map(|n: u32| blob(&format!("file {n}"), n.to_be_bytes().to_vec())).collect();
    let package = package("1.0.0+s1", blobs);
    assert_eq!(push(&server, &package).await.unwrap(), Uploaded { files: 200, bytes: 800 });
    assert_complete(&server, &package).await;
}

#[tokio::test]
async fn a_large_file() {
    let content: Vec<u8> = (0..30_000_000_u32).map(|n| (n % 251) as u8).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &content).unwrap();
    let mut blob = blob("model.bin", content);
    blob.content = Content::File(file.path().to_owned());
    let server = old();
    let package = package("1.0.0+s1", vec![blob]);
    assert_eq!(push(&server, &package).await.unwrap(), Uploaded { files: 1, bytes: 30_000_000 });
    assert_complete(&server, &package).await;
}

#[tokio::test]
async fn two_at_once_bring_it_together() {
    let server = old();
    let blobs: Vec<_> = (0..30).map(|n: u32| blob(&format!("file {n}"), n.to_be_bytes().repeat(5000))).collect();
    let package = package("1.0.0+s1", blobs);
    let (one, other) = tokio::join!(push(&server, &package), push(&server, &package));
    // One whose early refusal was seen as a broken connection is counted by both.
    assert!((30..=60).contains(&(one.unwrap().files + other.unwrap().files)));
    assert_complete(&server, &package).await;
}
