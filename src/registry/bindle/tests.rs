//! The push against a small Bindle server with a memory and with faults, in virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindle::{BindleSpec, Invoice, Label, Parcel};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::*;
use crate::event::Event;
use crate::http::Kind;
use crate::http::testing::{Act, Seen, Server, answer, client};
use crate::package::{Blob, Content};

/// What the server has, and what it will do wrong.
#[derive(Default)]
struct Store {
    invoices: BTreeMap<String, String>,
    yanked: BTreeSet<String>,
    parcels: BTreeSet<String>,
    /// Digests whose uploads are answered with 409, as if a broken one had left its directory behind.
    stuck: BTreeSet<String>,
    /// `POST _i` and the like, without ids and digests.
    log: Vec<String>,
    /// The next requests that begin like this meet this fault.
    faults: VecDeque<(&'static str, Fault)>,
    password: Option<&'static str>,
}

enum Fault {
    /// The request is not looked at.
    Instead(Act),
    /// The request is done, and this is the answer.
    Afterwards(Act),
}

fn says(status: &str, words: &str) -> Act {
    answer(status, &[], format!("error = {words:?}\n"))
}

fn lost() -> Act {
    Act::Reset(Vec::new())
}

impl Store {
    fn act(&mut self, seen: &Seen) -> Act {
        let mut words = seen.head.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let Some(path) = path.strip_prefix("/v1/") else { return answer("404 Not Found", &[], "") };
        let short = match path.split_once('@') {
            Some(_) => format!("{method} parcel"),
            None => format!("{method} {}", path.split("/shop").next().unwrap()),
        };
        self.log.push(short.clone());
        let fault = match self.faults.front() {
            Some((begin, _)) if short.starts_with(begin) => self.faults.pop_front().map(|(_, fault)| fault),
            _ => None,
        };
        if let Some(Fault::Instead(act)) = fault {
            return act;
        }
        let act = self.answer(method, path, seen);
        match fault {
            Some(Fault::Afterwards(act)) => act,
            _ => act,
        }
    }

    fn answer(&mut self, method: &str, path: &str, seen: &Seen) -> Act {
        if let Some(password) = self.password {
            match seen.header("authorization") {
                Some(given) if given == password => (),
                Some(_) => return says("401 Unauthorized", "unauthorized"),
                None if method != "GET" => return says("403 Forbidden", "access denied"),
                None => (),
            }
        }
        match (method, path) {
            ("GET", "_q?l=1") => answer("200 OK", &[], "query = \"\"\ninvoices = []\n"),
            ("POST", "_i") => self.create(&seen.body),
            ("GET", path) if path.starts_with("_i/") => match &path[3..] {
                id if self.yanked.contains(id) => says("403 Forbidden", "bindle is yanked"),
                id => match self.invoices.get(id) {
                    Some(invoice) => answer("200 OK", &[], invoice),
                    None => says("404 Not Found", "invoice not found"),
                },
            },
            ("GET", path) if path.starts_with("_r/missing/") => {
                let missing = self.missing(&path["_r/missing/".len()..]);
                answer("200 OK", &[], format!("missing = [{}]\n", missing.join(", ")))
            }
            ("POST", path) => self.upload(path.rsplit_once('@').unwrap().1, &seen.body),
            _ => answer("404 Not Found", &[], ""),
        }
    }

    fn create(&mut self, body: &[u8]) -> Act {
        let text = std::str::from_utf8(body).unwrap();
        let invoice: Invoice = toml::from_str(text).unwrap();
        if self.invoices.contains_key(&invoice.name()) {
            return says("409 Conflict", "resource already exists");
        }
        self.invoices.insert(invoice.name(), text.to_owned());
        answer("201 Created", &[], format!("[invoice]\nbindleVersion = {:?}\n", invoice.bindle_version))
    }

    fn missing(&self, id: &str) -> Vec<String> {
        let invoice: Invoice = toml::from_str(&self.invoices[id]).unwrap();
        let labels = invoice.parcel.unwrap_or_default().into_iter().map(|parcel| parcel.label.sha256);
        labels.filter(|sha| !self.parcels.contains(sha)).map(|sha| format!("{{ sha256 = {sha:?}, new = 1 }}")).collect()
    }

    fn upload(&mut self, sha: &str, body: &[u8]) -> Act {
        if self.stuck.contains(sha) || self.parcels.contains(sha) {
            return says("409 Conflict", "resource already exists");
        }
        if hex(body) != sha {
            return says("400 Bad Request", "digest does not match");
        }
        self.parcels.insert(sha.to_owned());
        answer("200 OK", &[], "message = \"parcel created\"\n")
    }
}

/// The server with a package to push to it.
struct Shop {
    server: Server,
    store: Arc<Mutex<Store>>,
    package: Package,
    events: Recorder,
    cancel: CancellationToken,
}

#[derive(Default)]
struct Recorder(Mutex<Vec<Event>>);

impl Reporter for Recorder {
    fn report(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

fn hex(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn blob(name: &str, content: &[u8]) -> Blob {
    Blob {
        sha256: hex(content),
        size: content.len() as u64,
        name: name.into(),
        content: Content::Bytes(content.to_vec()),
    }
}

/// A package `shop/1.0.0+s1` with a parcel for each blob, and one more for the first.
fn package(blobs: Vec<Blob>) -> Package {
    let parcel = |blob: &Blob, name: &str| Parcel {
        label: Label {
            sha256: blob.sha256.clone(),
            media_type: "text/plain".into(),
            name: name.into(),
            size: blob.size,
            annotations: None,
            feature: None,
            origin: None,
        },
        conditions: None,
    };
    let id = "shop/1.0.0+s1".parse().unwrap();
    let mut invoice = Invoice::new(BindleSpec { id, description: None, authors: None });
    let copy = blobs.first().map(|blob| parcel(blob, "copy"));
    invoice.parcel = Some(blobs.iter().map(|blob| parcel(blob, &blob.name)).chain(copy).collect());
    let id = PackageId { name: "shop".into(), version: "1.0.0+s1".parse().unwrap() };
    Package { id, blobs, description: Description::Bindle(invoice), routes: Vec::new(), derived: true }
}

impl Shop {
    async fn new(blobs: Vec<Blob>) -> Shop {
        let store = Arc::new(Mutex::new(Store::default()));
        let log = store.clone();
        let server = Server::with(move |_, seen| log.lock().unwrap().act(seen)).await;
        Shop { server, store, package: package(blobs), events: Recorder::default(), cancel: CancellationToken::new() }
    }

    /// With three files, of which one is empty.
    async fn small() -> Shop {
        Shop::new(vec![blob("a.wasm", b"aa"), blob("b.css", b"b"), blob("empty", b"")]).await
    }

    fn fault(&self, begin: &'static str, fault: Fault) {
        self.store.lock().unwrap().faults.push_back((begin, fault));
    }

    async fn push_to(&self, path: &str, login: Option<Login>) -> Result<Uploaded, RegistryError> {
        let base = self.server.url.join(path).unwrap();
        let registry = BindleRegistry::new(base, client(), login, None).await.unwrap();
        registry.push(&self.package, &self.events, &self.cancel).await
    }

    async fn push(&self) -> Result<Uploaded, RegistryError> {
        self.push_to("v1", None).await
    }

    /// What was asked since the last time.
    fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.store.lock().unwrap().log)
    }

    fn all_stored(&self) -> bool {
        let store = self.store.lock().unwrap();
        self.package.blobs.iter().all(|blob| store.parcels.contains(&blob.sha256))
    }

    fn events(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.0.lock().unwrap())
    }
}

const FIRST_PUSH: [&str; 5] = ["POST _i", "GET _r/missing", "POST parcel", "POST parcel", "POST parcel"];

#[tokio::test(start_paused = true)]
async fn the_first_push_and_the_second() {
    let shop = Shop::small().await;
    assert_eq!(shop.push().await.unwrap(), Uploaded { files: 3, bytes: 3 });
    assert!(shop.all_stored());
    assert_eq!(shop.log(), FIRST_PUSH);
    let parcel = shop.server.seen().into_iter().find(|seen| seen.body == b"aa").unwrap();
    assert_eq!(parcel.header("content-type"), Some("application/octet-stream"));
    assert_eq!(parcel.header("content-length"), Some("2"));
    let path = format!("/v1/_i/shop/1.0.0+s1@{}", hex(b"aa"));
    assert!(parcel.head.starts_with(&format!("POST {path} ")), "{}", parcel.head);

    assert_eq!(shop.push().await.unwrap(), Uploaded::default());
    assert_eq!(shop.log(), ["POST _i", "GET _i", "GET _r/missing"]);
}

#[tokio::test(start_paused = true)]
async fn each_transfer_is_told() {
    let content = vec![7; 3 << 20];
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &content).unwrap();
    let big = Blob { content: Content::File(file.path().to_owned()), ..blob("big.bin", &content) };
    let shop = Shop::new(vec![big]).await;
    shop.push().await.unwrap();
    let events = shop.events();
    let Event::TransferStarted { id, ref name, bytes: Some(bytes), .. } = events[0] else { panic!("{events:?}") };
    assert_eq!((name.as_str(), bytes), ("big.bin", 3 << 20));
    let progress = events.iter().filter_map(|event| match event {
        Event::TransferProgress { id: of, sent } if *of == id => Some(*sent),
        _ => None,
    });
    let progress: Vec<_> = progress.collect();
    assert!(!progress.is_empty() && progress.is_sorted() && *progress.last().unwrap() <= 3 << 20, "{progress:?}");
    assert_eq!(events.last(), Some(&Event::TransferFinished { id, ok: true }));
}

#[tokio::test(start_paused = true)]
async fn only_what_lacks_is_sent() {
    let shop = Shop::small().await;
    shop.store.lock().unwrap().parcels.insert(hex(b"aa"));
    assert_eq!(shop.push().await.unwrap(), Uploaded { files: 2, bytes: 1 });
}

#[tokio::test(start_paused = true)]
async fn an_invoice_of_unknown_fate_is_looked_for_before_it_is_sent_again() {
    let broken = || answer("500 Internal Server Error", &[], "");
    for (fault, requests) in [
        (Fault::Afterwards(lost()), vec!["POST _i", "GET _i"]),
        (Fault::Afterwards(broken()), vec!["POST _i", "GET _i"]),
        (Fault::Afterwards(Act::Stall(Vec::new())), vec!["POST _i", "GET _i"]),
        (Fault::Afterwards(says("404 Not Found", "no such file")), vec!["POST _i", "GET _i"]),
        (Fault::Instead(lost()), vec!["POST _i", "GET _i", "POST _i"]),
        (Fault::Instead(broken()), vec!["POST _i", "GET _i", "POST _i"]),
    ] {
        let shop = Shop::small().await;
        shop.fault("POST _i", fault);
        assert_eq!(shop.push().await.unwrap().files, 3);
        let log = shop.log();
        assert_eq!(log[..log.len() - 4], requests);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_in_progress_is_waited_for() {
    let shop = Shop::small().await;
    let busy = "a write operation is currently in progress for this resource and it cannot be accessed";
    shop.fault("POST _i", Fault::Instead(says("409 Conflict", busy)));
    shop.push().await.unwrap();
    assert_eq!(shop.log()[..2], ["POST _i", "POST _i"]);
    let events = shop.events();
    let Event::Retrying { what, attempt: 1, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!(what, "create shop/1.0.0+s1");

    for _ in 0..6 {
        shop.fault("POST _i", Fault::Instead(says("409 Conflict", busy)));
    }
    let Err(RegistryError::Http(error)) = shop.push().await else { panic!("it ends") };
    assert_eq!(error.kind, Kind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn other_content_and_yanked_content() {
    let shop = Shop::small().await;
    shop.push().await.unwrap();
    shop.log();
    let other = Shop { package: package(vec![blob("a.wasm", b"xx")]), ..shop };
    let error = other.push().await.unwrap_err();
    assert!(matches!(error, RegistryError::OtherContent { .. }), "{error:?}");
    assert_eq!(error.to_string(), "shop/1.0.0+s1 exists on the Bindle server with other content");
    other.store.lock().unwrap().yanked.insert("shop/1.0.0+s1".into());
    let error = other.push().await.unwrap_err();
    assert!(matches!(error, RegistryError::Yanked { .. }), "{error:?}");
    assert_eq!(other.log(), ["POST _i", "GET _i", "POST _i", "GET _i"]);
}

#[tokio::test(start_paused = true)]
async fn a_parcel_of_unknown_fate_is_looked_for_before_it_is_sent_again() {
    for (fault, posts) in [
        (Fault::Afterwards(lost()), 3),
        (Fault::Afterwards(answer("502 Bad Gateway", &[], "<html>")), 3),
        (Fault::Instead(lost()), 4),
        (Fault::Instead(answer("503 Service Unavailable", &[], "")), 4),
    ] {
        let shop = Shop::small().await;
        shop.fault("POST parcel", fault);
        assert_eq!(shop.push().await.unwrap(), Uploaded { files: 3, bytes: 3 });
        assert!(shop.all_stored());
        let log = shop.log();
        assert_eq!(log.iter().filter(|line| *line == "POST parcel").count(), posts);
        assert!(log.iter().filter(|line| *line == "GET _r/missing").count() > 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_keeps_failing_is_given_up() {
    let shop = Shop::new(vec![blob("a.wasm", b"aa")]).await;
    for _ in 0..20 {
        shop.fault("POST parcel", Fault::Instead(lost()));
    }
    let begun = Instant::now();
    let Err(RegistryError::Http(error)) = shop.push().await else { panic!("it ends") };
    assert_eq!(error.kind, Kind::Interrupted);
    assert_eq!(shop.log().iter().filter(|line| *line == "POST parcel").count(), 6);
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn a_stuck_digest_is_named_and_does_not_stop_the_others() {
    let shop = Shop::small().await;
    shop.store.lock().unwrap().stuck.insert(hex(b"b"));
    let error = shop.push().await.unwrap_err();
    assert!(matches!(&error, RegistryError::Poisoned { sha256, .. } if *sha256 == hex(b"b")), "{error:?}");
    let words = error.to_string();
    assert!(words.contains("b.css") && words.contains(&format!("<BINDLE_DIRECTORY>/parcels/{}", hex(b"b"))), "{words}");
    assert_eq!(shop.store.lock().unwrap().parcels.len(), 2);

    // Cleaned up on the server, the same push goes on.
    shop.store.lock().unwrap().stuck.clear();
    assert_eq!(shop.push().await.unwrap(), Uploaded { files: 1, bytes: 1 });
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_brings_is_not_counted_as_ours() {
    let shop = Shop::small().await;
    let conflict = says("409 Conflict", "resource already exists");
    shop.fault("POST parcel", Fault::Afterwards(conflict));
    assert_eq!(shop.push().await.unwrap().files, 2);
    assert!(shop.all_stored());
}

#[tokio::test(start_paused = true)]
async fn a_refused_parcel_names_its_file() {
    for status in ["400 Bad Request", "413 Payload Too Large", "404 Not Found"] {
        let shop = Shop::new(vec![blob("a.wasm", b"aa")]).await;
        shop.fault("POST parcel", Fault::Instead(says(status, "digest does not match")));
        let error = shop.push().await.unwrap_err();
        assert_eq!(error.to_string(), "the Bindle server refused a.wasm");
        let RegistryError::Refused { source, .. } = error else { panic!("{error:?}") };
        assert!(source.message.ends_with(": digest does not match"), "{source}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changed_stops_the_push_and_lets_the_others_through() {
    let path = tempfile::NamedTempFile::new().unwrap();
    let changed = Blob { content: Content::File(path.path().to_owned()), ..blob("changed", b"was") };
    let shop = Shop::new(vec![blob("a.wasm", b"aa"), changed, blob("b.css", b"b")]).await;
    let error = shop.push().await.unwrap_err();
    assert!(matches!(error, RegistryError::Package(PackageError::Changed { .. })), "{error:?}");
    let log = shop.log();
    let begun = shop.events().iter().filter(|event| matches!(event, Event::TransferStarted { .. })).count();
    assert_eq!(log.iter().filter(|line| *line == "POST parcel").count(), begun, "{log:?}");
    assert_eq!(shop.store.lock().unwrap().parcels.len(), begun);
}

#[tokio::test(start_paused = true)]
async fn wrong_credentials_are_found_out_by_a_small_request() {
    let shop = Shop::small().await;
    shop.store.lock().unwrap().password = Some("Basic ZGFuYTpodW50ZXIy");
    let login = |password: &str| Some(Login { username: "dana".into(), password: Secret::new(password) });

    let Err(RegistryError::Http(error)) = shop.push_to("v1", login("wrong")).await else { panic!("refused") };
    assert_eq!(error.kind, Kind::Unauthenticated);
    assert_eq!(shop.log(), ["GET _q?l=1"]);

    let Err(RegistryError::Http(error)) = shop.push_to("v1", None).await else { panic!("refused") };
    assert_eq!(error.kind, Kind::PermissionDenied);
    assert_eq!(shop.log(), ["POST _i"]);

    assert_eq!(shop.push_to("v1", login("hunter2")).await.unwrap().files, 3);
    assert_eq!(shop.log()[1..], FIRST_PUSH);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_bindle_server() {
    let shop = Shop::small().await;
    let error = shop.push_to("", None).await.unwrap_err();
    let words = format!("{} does not answer like a Bindle server: its address ends in /v1 as a rule", shop.server.url);
    assert_eq!(error.to_string(), words);

    for act in [
        answer("200 OK", &[], "<!doctype html><title>Hippo</title>"),
        answer("200 OK", &[], "{\"invoice\": {}}"),
        answer("201 Created", &[], b"\xff"),
        answer("404 Not Found", &[], "<html>"),
        answer("405 Method Not Allowed", &[], ""),
        answer("415 Unsupported Media Type", &[], "{\"title\": \"Unsupported Media Type\"}"),
    ] {
        let shop = Shop::small().await;
        shop.fault("POST _i", Fault::Instead(act));
        let error = shop.push().await.unwrap_err();
        assert_eq!(error.to_string(), format!("{}v1/ does not answer like a Bindle server", shop.server.url));
    }
}

#[tokio::test(start_paused = true)]
async fn signatures_are_told_from_other_bad_requests() {
    for words in [
        "No signatures found on invoice. At least one signature is required",
        "strategy requires that all signatures for role(s) must be verified",
        "none of the signatures are made with a known key",
        "No signature found for role Creator",
        "no suitable key for signing data",
    ] {
        let shop = Shop::small().await;
        shop.fault("POST _i", Fault::Instead(says("400 Bad Request", words)));
        let error = shop.push().await.unwrap_err();
        assert!(matches!(&error, RegistryError::Signature { message } if message.contains(words)), "{error:?}");
    }
    let shop = Shop::small().await;
    shop.fault("POST _i", Fault::Instead(says("400 Bad Request", "unknown field `x`")));
    let Err(RegistryError::Http(error)) = shop.push().await else { panic!("refused") };
    assert_eq!(error.kind, Kind::Rejected);
}

#[tokio::test(start_paused = true)]
async fn an_invoice_of_an_unknown_form_is_an_error_and_not_other_content() {
    let shop = Shop::small().await;
    shop.push().await.unwrap();
    shop.store.lock().unwrap().invoices.insert("shop/1.0.0+s1".into(), "future = 1\n".into());
    let Err(RegistryError::Http(error)) = shop.push().await else { panic!("refused") };
    assert_eq!(error.kind, Kind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_push_begins_nothing() {
    let shop = Shop::small().await;
    shop.cancel.cancel();
    assert!(matches!(shop.push().await, Err(RegistryError::Cancelled)));
    assert_eq!(shop.log(), [""; 0]);
}

/// Ten files, and a server that is slow with each.
async fn slow(seconds: u64) -> Shop {
    let shop = Shop::new((0..10).map(|n| blob(&format!("{n}"), &[n; 4])).collect()).await;
    for _ in 0..10 {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n".to_vec();
        shop.fault("POST parcel", Fault::Afterwards(Act::Drip(head, b"\n".to_vec(), seconds * 1000)));
    }
    shop
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_lets_through_what_is_on_its_way_and_begins_no_more() {
    let shop = slow(20).await;
    let begun = Instant::now();
    let (result, ()) = tokio::join!(shop.push(), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        shop.cancel.cancel();
    });
    assert!(matches!(result, Err(RegistryError::Cancelled)));
    assert_eq!(begun.elapsed().as_secs(), 20);
    assert_eq!(shop.log().iter().filter(|line| *line == "POST parcel").count(), 6);
    let finished = |event: &&Event| matches!(event, Event::TransferFinished { ok: true, .. });
    assert_eq!(shop.events().iter().filter(finished).count(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_does_not_wait_for_ever() {
    let shop = Shop::new(vec![blob("a.wasm", b"aa")]).await;
    shop.fault("POST parcel", Fault::Instead(Act::Stall(Vec::new())));
    let begun = Instant::now();
    let (result, ()) = tokio::join!(shop.push(), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        shop.cancel.cancel();
    });
    assert!(matches!(result, Err(RegistryError::Cancelled)));
    assert_eq!(begun.elapsed().as_secs(), 31);
}

#[tokio::test(start_paused = true)]
async fn a_failure_does_not_break_off_its_siblings() {
    let shop = slow(20).await;
    let refusal = ("POST parcel", Fault::Instead(answer("413 Payload Too Large", &[], "")));
    shop.store.lock().unwrap().faults.push_front(refusal);
    let error = shop.push().await.unwrap_err();
    assert!(matches!(error, RegistryError::Refused { .. }), "{error:?}");
    assert_eq!(shop.store.lock().unwrap().parcels.len(), 5, "its five siblings came through, and no more were begun");
}

#[tokio::test(start_paused = true)]
async fn at_most_six_at_once() {
    let shop = slow(10).await;
    let begun = Instant::now();
    shop.push().await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 20, "ten in two waves");
}

#[tokio::test(start_paused = true)]
async fn a_push_can_be_part_of_a_task() {
    fn is_send<T: Send>(work: T) -> T {
        work
    }
    let shop = Shop::small().await;
    let registry = BindleRegistry::new(shop.server.url.join("v1").unwrap(), client(), None, None).await.unwrap();
    is_send(registry.push(&shop.package, &shop.events, &shop.cancel)).await.unwrap();
}
