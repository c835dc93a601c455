use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use jiff::Timestamp;
use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::package::Content;

/// A store in a directory that vanishes.
struct Place {
    _dir: TempDir,
    paths: Paths,
    store: Store,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::new(dir.path().join("data"), None, dir.path().join("cache"));
    let store = Store::open(&paths).unwrap();
    Place { _dir: dir, paths, store }
}

fn sha256(content: &[u8]) -> String {
    format!("{:x}", Sha256::digest(content))
}

fn blob(content: &[u8]) -> Blob {
    let (sha256, size) = (sha256(content), content.len() as u64);
    Blob { sha256, size, name: "asset".into(), content: Content::Bytes(content.to_vec()) }
}

fn file(path: &str, content: &[u8]) -> directory::File {
    directory::File { path: path.into(), sha256: sha256(content), size: content.len() as u64 }
}

/// A component whose files hold their own paths.
fn component(paths: &[&str]) -> ServedComponent {
    ServedComponent {
        id: "web".into(),
        description: None,
        wasm: file("web.wasm", b"wasm"),
        files: paths.iter().map(|path| file(path, path.as_bytes())).collect(),
        environment: BTreeMap::new(),
        variables: Default::default(),
        allowed_outbound_hosts: Vec::new(),
        key_value_stores: Vec::new(),
    }
}

fn document(version: &str, paths: &[&str]) -> Document {
    Document {
        format: Document::FORMAT,
        name: "shop".into(),
        version: version.into(),
        description: None,
        base: "/".into(),
        triggers: Vec::new(),
        components: vec![component(paths)],
    }
}

impl Place {
    /// Stores a document and its files; its digest.
    fn put_all(&self, document: &Document) -> String {
        let json = serde_json::to_vec(document).unwrap();
        self.store.put(&blob(&json)).unwrap();
        self.store.put(&blob(b"wasm")).unwrap();
        for file in &document.components[0].files {
            self.store.put(&blob(file.path.as_bytes())).unwrap();
        }
        sha256(&json)
    }

    /// Lets everything in a directory be that old.
    fn age(&self, dir: &Path, age: Duration) {
        for entry in fs::read_dir(dir).unwrap() {
            File::open(entry.unwrap().path()).unwrap().set_modified(SystemTime::now() - age).unwrap();
        }
    }

    fn age_all(&self) {
        for dir in [self.paths.blobs(), self.paths.mounts(), self.paths.unfinished()] {
            self.age(&dir, GRACE * 2);
        }
    }

    fn collect(&self) -> Collected {
        self.store.collect(&BTreeSet::new(), SystemTime::now()).unwrap()
    }

    fn blobs(&self) -> BTreeSet<String> {
        names(&self.paths.blobs())
    }
}

fn names(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn first(app: &str, document: &str) -> Record {
    Record::first(app, 3001, "1.0.0", document, Timestamp::UNIX_EPOCH)
}

#[test]
fn everything_is_for_the_user_alone() {
    let place = place();
    let document = place.put_all(&document("1", &["a/b.txt"]));
    place.store.write_record(&first("shop", &document)).unwrap();
    let mount = place.store.mount(&document, &component(&["a/b.txt"])).unwrap().unwrap();
    let paths = &place.paths;
    for dir in [&paths.data, &paths.blobs(), &paths.apps(), &paths.app("shop"), &mount, &mount.join("a")] {
        assert_eq!(mode(dir), 0o700, "{}", dir.display());
    }
    assert_eq!(mode(&paths.app("shop").join(RECORD)), 0o600);
    assert_eq!(mode(&paths.data.join("store.lock")), 0o600);
    assert_eq!((mode(&place.store.blob(&document)), mode(&mount.join("a/b.txt"))), (0o400, 0o400));
}

#[test]
fn directories_of_ours_that_are_open_are_closed() {
    let place = place();
    fs::set_permissions(place.paths.blobs(), Permissions::from_mode(0o777)).unwrap();
    Store::open(&place.paths).unwrap();
    assert_eq!(mode(&place.paths.blobs()), 0o700);
}

#[test]
fn a_blob_is_stored_once() {
    let place = place();
    assert!(place.store.put(&blob(b"content")).unwrap());
    assert!(!place.store.put(&blob(b"content")).unwrap());
    assert_eq!(fs::read(place.store.blob(&sha256(b"content"))).unwrap(), b"content");
    assert_eq!(names(&place.paths.unfinished()), BTreeSet::new());
}

#[test]
fn large_files_are_stored_as_they_were_hashed() {
    let place = place();
    let content = vec![7; 3 * 1024 * 1024];
    let source = place.paths.data.join("source");
    fs::write(&source, &content).unwrap();
    let blob = Blob { content: Content::File(source.clone()), ..blob(&content) };
    assert!(place.store.put(&blob).unwrap());
    assert!(fs::read(place.store.blob(&blob.sha256)).unwrap() == content);

    fs::remove_file(place.store.blob(&blob.sha256)).unwrap();
    fs::write(&source, "other").unwrap();
    assert!(matches!(place.store.put(&blob), Err(StoreError::Package(PackageError::Changed { .. }))));
    assert_eq!(place.blobs(), BTreeSet::new());
    assert_eq!(names(&place.paths.unfinished()), BTreeSet::new());
}

#[test]
fn a_torn_blob_is_not_believed() {
    let place = place();
    fs::write(place.store.blob(&sha256(b"content")), b"cont").unwrap();
    assert_eq!(place.store.missing(&document("1", &["content"])), ["web.wasm", "content"]);
    assert!(place.store.put(&blob(b"content")).unwrap());
    assert_eq!(fs::read(place.store.blob(&sha256(b"content"))).unwrap(), b"content");
}

#[test]
fn many_may_store_the_same_at_once() {
    let place = place();
    let content = vec![3; 200_000];
    std::thread::scope(|scope| {
        for _ in 0..8 {
            // As if each was a process of its own.
            let store = Store::open(&place.paths).unwrap();
            let content = &content;
            scope.spawn(move || {
                store.put(&blob(content)).unwrap();
                assert!(fs::read(store.blob(&sha256(content))).unwrap() == *content);
            });
        }
    });
    assert_eq!(place.blobs(), [sha256(&content)].into());
    assert_eq!(names(&place.paths.unfinished()), BTreeSet::new());
}

#[test]
fn what_is_no_digest_becomes_no_path() {
    let place = place();
    let odd = "../../apps/shop/record.json";
    let blob = Blob { sha256: odd.into(), ..blob(b"x") };
    assert!(matches!(place.store.put(&blob), Err(StoreError::NoDigest(_))));
    assert!(matches!(place.store.document(odd), Err(StoreError::NoDigest(_))));
    assert!(matches!(place.store.mount(odd, &component(&["a"])), Err(StoreError::NoDigest(_))));
    let mut document = document("1", &[]);
    fs::write(place.paths.data.join("outside"), "wasm").unwrap();
    document.components[0].wasm.sha256 = "../outside".into();
    assert_eq!(place.store.missing(&document), ["web.wasm"]);
}

#[test]
fn a_document_comes_back_and_its_missing_files_are_named() {
    let place = place();
    let document = document("1", &["a.txt", "b.txt"]);
    let digest = place.put_all(&document);
    assert_eq!(place.store.document(&digest).unwrap(), Some(document.clone()));
    assert_eq!(place.store.missing(&document), [""; 0]);
    fs::remove_file(place.store.blob(&sha256(b"b.txt"))).unwrap();
    assert_eq!(place.store.missing(&document), ["b.txt"]);
    assert_eq!(place.store.document(&sha256(b"other")).unwrap(), None);
}

#[test]
fn a_damaged_document_is_refused_without_showing_it() {
    let place = place();
    let digest = place.put_all(&document("1", &[]));
    let path = place.store.blob(&digest);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "other").unwrap();
    let error = place.store.document(&digest).unwrap_err().to_string();
    assert!(error.ends_with("is damaged: remove it and deploy the application again"), "{error}");

    let json = br#"{"format": "pa55word"}"#;
    place.store.put(&blob(json)).unwrap();
    let error = place.store.document(&sha256(json)).unwrap_err();
    assert!(error.to_string().ends_with("cannot be understood at line 1, column 21"), "{error}");
    assert!(!format!("{error:?}").contains("pa55word"));
}

#[test]
fn a_record_is_replaced_as_a_whole() {
    let place = place();
    let old = first("shop", &sha256(b"1"));
    let new = old.clone().with_release("2", &sha256(b"2"), Timestamp::UNIX_EPOCH);
    assert_eq!(place.store.record("shop").unwrap(), None);
    place.store.write_record(&old).unwrap();
    assert_eq!(place.store.record("shop").unwrap(), Some(old));
    place.store.write_record(&new).unwrap();
    assert_eq!(place.store.record("shop").unwrap(), Some(new));
    assert_eq!(names(&place.paths.app("shop")), [RECORD.to_owned()].into());
}

#[test]
fn a_damaged_record_does_not_hide_the_others() {
    let place = place();
    for app in ["a", "b", "c"] {
        place.store.write_record(&first(app, &sha256(b"1"))).unwrap();
    }
    fs::write(place.paths.app("b").join(RECORD), "{").unwrap();
    // Another one's record, and a directory of which a death left no more.
    fs::create_dir(place.paths.app("d")).unwrap();
    fs::copy(place.paths.app("a").join(RECORD), place.paths.app("d").join(RECORD)).unwrap();
    fs::create_dir(place.paths.app("e")).unwrap();
    let (records, errors) = place.store.records().unwrap();
    assert_eq!(records.iter().map(|record| record.app.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    let damaged = |app, why| format!("the record {} is damaged: {why}", place.paths.app(app).join(RECORD).display());
    assert_eq!(
        errors,
        [damaged("b", "it is no record at line 1, column 1"), damaged("d", "it is of another application")]
    );
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let place = place();
    for name in ["", ".", "..", ".hidden", "a/b", "../x", "a\0b", "a\nb", &"x".repeat(201)] {
        assert!(matches!(place.store.record(name), Err(StoreError::AppName(_))), "{name:?}");
        assert!(matches!(place.store.forget(name), Err(StoreError::AppName(_))), "{name:?}");
        assert!(matches!(place.store.write_record(&first(name, &sha256(b"1"))), Err(StoreError::AppName(_))));
    }
    assert_eq!(place.store.record("My shop_1").unwrap(), None);
}

#[test]
fn a_forgotten_application_leaves_nothing() {
    let place = place();
    place.store.write_record(&first("shop", &sha256(b"1"))).unwrap();
    place.store.write_record(&first("shop-2", &sha256(b"1"))).unwrap();
    fs::create_dir(place.paths.logs("shop")).unwrap();
    fs::write(place.store.log("shop", "web"), "x").unwrap();
    fs::write(place.store.database("shop"), "x").unwrap();
    assert!(place.store.forget("shop").unwrap());
    assert!(!place.store.forget("shop").unwrap());
    assert_eq!(names(&place.paths.apps()), ["shop-2".to_owned()].into());
    assert_eq!(names(&place.paths.unfinished()), BTreeSet::new());
}

#[test]
fn a_mount_holds_the_files_and_is_made_once() {
    let place = place();
    let digest = place.put_all(&document("1", &["index.html", "img/a/logo.svg"]));
    let component = component(&["index.html", "img/a/logo.svg"]);
    let mount = place.store.mount(&digest, &component).unwrap().unwrap();
    assert_eq!(fs::read(mount.join("img/a/logo.svg")).unwrap(), b"img/a/logo.svg");
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(&mount.join("index.html")), inode(&place.store.blob(&sha256(b"index.html"))));

    let before = inode(&mount);
    assert_eq!(place.store.mount(&digest, &component).unwrap(), Some(mount.clone()));
    assert_eq!(inode(&mount), before);
    assert_eq!(names(&place.paths.unfinished()), BTreeSet::new());
}

#[test]
fn a_component_without_files_needs_no_mount() {
    let place = place();
    assert_eq!(place.store.mount(&sha256(b"1"), &component(&[])).unwrap(), None);
}

#[test]
fn half_a_mount_is_made_anew() {
    let place = place();
    let digest = place.put_all(&document("1", &["a", "b"]));
    let mount = place.store.mount(&digest, &component(&["a", "b"])).unwrap().unwrap();
    for damage in [fs::remove_file as fn(PathBuf) -> io::Result<()>, |path| {
        fs::remove_file(&path).and_then(|()| fs::write(path, "longer"))
    }] {
        damage(mount.join("b")).unwrap();
        place.store.mount(&digest, &component(&["a", "b"])).unwrap();
        assert_eq!(fs::read(mount.join("b")).unwrap(), b"b");
    }
}

#[test]
fn a_mount_whose_content_is_missing_is_not_made() {
    let place = place();
    let digest = place.put_all(&document("1", &["a"]));
    let error = place.store.mount(&digest, &component(&["a", "lost"])).unwrap_err();
    assert_eq!(error.to_string(), "the content of lost is not stored: deploy the application again");
    assert_eq!(names(&place.paths.mounts()), BTreeSet::new());
    assert_eq!(names(&place.paths.unfinished()), BTreeSet::new());
}

#[test]
fn files_outside_of_the_root_or_in_one_place_are_refused() {
    let place = place();
    for path in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/", ".."] {
        let digest = place.put_all(&document("1", &[path]));
        let error = place.store.mount(&digest, &component(&[path])).unwrap_err();
        assert!(matches!(error, StoreError::GuestPath { .. }), "{path:?}: {error}");
    }
    for paths in [["a", "a"], ["a", "a/b"], ["a/b", "a"]] {
        let digest = place.put_all(&document("1", &paths));
        place.store.mount(&digest, &component(&paths)).unwrap_err();
        assert_eq!(fs::read(place.store.blob(&sha256(b"a"))).unwrap(), b"a", "blobs are never written to");
    }
    assert_eq!(names(&place.paths.mounts()), BTreeSet::new());
}

#[test]
fn a_component_may_have_any_id() {
    let place = place();
    let digest = place.put_all(&document("1", &["a"]));
    let mount = |id: &str| place.store.mount(&digest, &ServedComponent { id: id.into(), ..component(&["a"]) });
    let mounts: BTreeSet<_> = ["..", "a/../../b", "a b", "a.b"].map(|id| mount(id).unwrap().unwrap()).into();
    assert_eq!(mounts.len(), 4);
    assert!(mounts.iter().all(|mount| mount.parent() == Some(&place.paths.mounts())));
}

#[cfg(target_os = "linux")]
#[test]
fn where_links_fail_files_are_copied() {
    let place = place();
    let to = place.paths.data.join("copy");
    // Another file system.
    link_or_copy(Path::new("/proc/version"), &to).unwrap();
    assert_eq!(fs::read(&to).unwrap(), fs::read("/proc/version").unwrap());
    assert_eq!(mode(&to) & 0o222, 0);
    fs::write(place.paths.data.join("other"), "other").unwrap();
    link_or_copy(&place.paths.data.join("other"), &to).unwrap_err();
}

#[test]
fn what_no_release_needs_is_collected_once_it_is_old() {
    let place = place();
    let (kept, served, waste) =
        (document("1", &["kept"]), document("2", &["served"]), document("3", &["waste", "more waste"]));
    let [kept, served, waste] = [kept, served, waste].map(|document| {
        let digest = place.put_all(&document);
        place.store.mount(&digest, &document.components[0]).unwrap();
        digest
    });
    place.store.write_record(&first("shop", &kept)).unwrap();
    assert_eq!(place.collect(), Collected::default(), "a deploy may be on its way");

    place.age_all();
    let bytes =
        fs::metadata(place.store.blob(&waste)).unwrap().len() + "waste".len() as u64 + "more waste".len() as u64;
    let collect = |in_use: &[&String]| {
        place.store.collect(&in_use.iter().map(|digest| digest.to_string()).collect(), SystemTime::now()).unwrap()
    };
    assert_eq!(collect(&[&served]), Collected { blobs: 3, bytes });
    let left = [&kept, &served].map(String::clone).into_iter().chain([b"kept", &b"served"[..], b"wasm"].map(sha256));
    assert_eq!(place.blobs(), left.collect());
    assert_eq!(names(&place.paths.mounts()), [format!("{kept}.web"), format!("{served}.web")].into());

    assert_eq!(collect(&[]).blobs, 2, "it is not served any more");
    place.store.forget("shop").unwrap();
    assert_eq!(collect(&[]).blobs, 3);
    assert_eq!((place.blobs(), names(&place.paths.mounts())), Default::default());
}

#[test]
fn what_a_new_deploy_finds_stored_is_spared() {
    let place = place();
    place.store.put(&blob(b"a")).unwrap();
    place.store.put(&blob(b"b")).unwrap();
    place.age_all();
    assert!(!place.store.put(&blob(b"a")).unwrap());
    assert_eq!(place.collect().blobs, 1);
    assert_eq!(place.blobs(), [sha256(b"a")].into());
}

#[test]
fn a_clock_that_was_set_back_removes_nothing() {
    let place = place();
    place.store.put(&blob(b"a")).unwrap();
    let long_ago = SystemTime::now() - GRACE * 100;
    assert_eq!(place.store.collect(&BTreeSet::new(), long_ago).unwrap(), Collected::default());
}

#[test]
fn nothing_is_collected_where_a_record_or_a_document_cannot_be_read() {
    let place = place();
    let digest = place.put_all(&document("1", &["a"]));
    place.store.write_record(&first("shop", &digest)).unwrap();
    let before = place.blobs();
    let record = place.paths.app("shop").join(RECORD);
    let good = fs::read(&record).unwrap();
    place.age_all();

    fs::write(&record, &good[..good.len() / 2]).unwrap();
    let error = place.store.collect(&BTreeSet::new(), SystemTime::now()).unwrap_err();
    assert!(matches!(error, StoreError::DamagedRecord { .. }), "{error}");
    assert_eq!(place.blobs(), before);

    fs::write(&record, &good).unwrap();
    fs::remove_file(place.store.blob(&digest)).unwrap();
    fs::write(place.store.blob(&digest), "{").unwrap();
    let error = place.store.collect(&BTreeSet::new(), SystemTime::now()).unwrap_err();
    assert!(matches!(error, StoreError::DamagedDocument { .. }), "{error}");
    assert_eq!(place.blobs(), before);
}

#[test]
fn what_killed_processes_leave_is_collected_and_never_taken_for_more() {
    let place = place();
    let digest = place.put_all(&document("1", &["a"]));
    place.store.write_record(&first("shop", &digest)).unwrap();
    // Killed while storing a blob, making a mount, removing an application.
    let unfinished = place.paths.unfinished();
    fs::write(unfinished.join(".tmpblob"), "cont").unwrap();
    fs::create_dir_all(unfinished.join(".tmpmount/img")).unwrap();
    fs::hard_link(place.store.blob(&sha256(b"a")), unfinished.join(".tmpmount/img/a")).unwrap();
    fs::create_dir(unfinished.join(".tmpgone")).unwrap();
    fs::rename(place.paths.app("shop"), unfinished.join(".tmpgone/removed")).unwrap();

    let store = Store::open(&place.paths).unwrap();
    assert_eq!(store.record("shop").unwrap(), None);
    place.age(&unfinished, GRACE / 2);
    place.collect();
    assert_eq!(names(&unfinished).len(), 3);
    place.age(&unfinished, GRACE * 2);
    assert_eq!(place.collect(), Collected::default());
    assert_eq!(names(&unfinished), BTreeSet::new());
    assert_eq!(fs::read(store.blob(&sha256(b"a"))).unwrap(), b"a");
}

#[test]
fn a_full_disk_is_recognised() {
    let io = |kind: ErrorKind| StoreError::Io { doing: "write", path: "/x".into(), source: kind.into() };
    assert!(io(ErrorKind::StorageFull).is_full());
    assert!(io(ErrorKind::QuotaExceeded).is_full());
    assert!(!io(ErrorKind::PermissionDenied).is_full());
    let stage = PackageError::Stage { path: "/x".into(), source: ErrorKind::StorageFull.into() };
    assert!(StoreError::Package(stage).is_full());
}

#[cfg(target_os = "linux")]
#[test]
fn what_does_not_fit_leaves_nothing() {
    let place = place();
    let path = place.store.blob(&sha256(b"a"));
    let full = |_: &mut File| OpenOptions::new().write(true).open("/dev/full")?.write_all(b"a");
    let error = place.store.publish(&path, 0o400, full).unwrap_err();
    assert!(error.is_full(), "{error}");
    assert_eq!((place.blobs(), names(&place.paths.unfinished())), Default::default());
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(16))]

    #[test]
    fn after_any_history_every_remembered_release_can_be_served(deploys in prop::collection::vec((0u8..15, 0u8..3), 1..25)) {
        let place = place();
        for (n, app) in deploys {
            let (app, version) = (format!("app-{app}"), format!("1.0.{n}"));
            let document = document(&version, &[&version, "shared"]);
            let digest = place.put_all(&document);
            let now = Timestamp::UNIX_EPOCH;
            let record = match place.store.record(&app).unwrap() {
                Some(record) => record.with_release(&version, &digest, now),
                None => Record::first(&app, 3001, &version, &digest, now),
            };
            place.store.write_record(&record).unwrap();
            place.age_all();
            place.collect();
        }
        let (records, errors) = place.store.records().unwrap();
        prop_assert!(errors.is_empty());
        let mut needed = BTreeSet::from([sha256(b"wasm"), sha256(b"shared")]);
        for release in records.iter().flat_map(|record| &record.releases) {
            let document = place.store.document(&release.document).unwrap().unwrap();
            prop_assert_eq!(place.store.missing(&document), [""; 0]);
            needed.extend([release.document.clone(), sha256(release.version.as_bytes())]);
        }
        prop_assert_eq!(place.blobs(), needed);
    }
}
