//! Nothing is lost, nothing is shown, nothing is made that was not asked for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Barrier, Mutex};

use insta::assert_snapshot;
use tempfile::TempDir;
use url::Url;

use super::*;
use crate::auth::Secret;

/// A document in memory.
#[derive(Debug, Default, Clone)]
struct Memory(Arc<Mutex<Option<Vec<u8>>>>);

impl Backing for Memory {
    fn place(&self) -> StorePlace {
        StorePlace::Keyring
    }

    fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn save(&self, document: &[u8]) -> Result<(), StoreError> {
        *self.0.lock().unwrap() = Some(document.to_owned());
        Ok(())
    }

    fn remove(&self) -> Result<(), StoreError> {
        *self.0.lock().unwrap() = None;
        Ok(())
    }
}

fn in_memory(directory: &TempDir) -> (Store, Memory) {
    let memory = Memory::default();
    (Store { directory: directory.path().join("kept"), backing: Box::new(memory.clone()) }, memory)
}

fn in_file(directory: &TempDir) -> Store {
    Store::file(directory.path().join("kept"))
}

/// With this in place of a document.
fn damaged(document: &[u8]) -> StoreError {
    let directory = TempDir::new().unwrap();
    let (store, memory) = in_memory(&directory);
    *memory.0.lock().unwrap() = Some(document.to_owned());
    let error = store.all().unwrap_err();
    let everything = [
        store.update(&server("a"), |record| record.token = Some(token("t1"))).unwrap_err(),
        store.forget(&server("a")).unwrap_err(),
        store.forget_all().unwrap_err(),
    ];
    for other in everything {
        assert_eq!(format!("{other:?}"), format!("{error:?}"));
    }
    assert_eq!(memory.0.lock().unwrap().as_deref(), Some(document), "it was overwritten");
    error
}

fn server(name: &str) -> ServerOrigin {
    ServerOrigin::from(&Url::parse(&format!("https://{name}.example.com")).unwrap())
}

fn token(secret: &str) -> Token {
    Token { secret: Secret::new(secret), username: None, expires: None }
}

fn login() -> Login {
    Login { username: "dana".into(), password: Secret::new("s3cret \"quoted\"") }
}

fn record(token: Option<Token>, login: Option<Login>) -> Record {
    Record { token, login }
}

/// All files below a directory, with their contents.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let named = entries.map(|entry| {
        let content = fs::read_to_string(entry.path()).unwrap();
        (entry.file_name().into_string().unwrap(), content)
    });
    named.collect()
}

fn told(error: &StoreError, directory: &Path) -> String {
    format!("{error} {:?}", error.hints()).replace(&directory.display().to_string(), "~")
}

#[test]
fn what_is_kept_is_read_again() {
    let directory = TempDir::new().unwrap();
    let full = Token {
        secret: Secret::new("t0"),
        username: Some("dana".into()),
        expires: Some("2026-01-02T03:04:05.678Z".parse().unwrap()),
    };
    let records =
        [record(Some(full.clone()), Some(login())), record(Some(token("t1")), None), record(None, Some(login()))];
    for store in [in_file(&directory), in_memory(&directory).0] {
        for (name, record) in ["a", "b", "c"].into_iter().zip(&records) {
            store.update(&server(name), |kept| *kept = record.clone()).unwrap();
        }
        store.update(&server("b"), |kept| kept.login = Some(login())).unwrap();

        assert_eq!(store.read(&server("a")).unwrap(), records[0]);
        assert_eq!(store.read(&server("b")).unwrap(), record(Some(token("t1")), Some(login())));
        assert_eq!(store.read(&server("d")).unwrap(), Record::default());
        assert_eq!(store.all().unwrap().into_keys().collect::<Vec<_>>(), ["a", "b", "c"].map(server));
    }
    // What the next version of this program has to read.
    assert_snapshot!(files(&directory.path().join("kept"))["logins.json"], @r#"{"version":1,"servers":{"https://a.example.com":{"token":{"token":"t0","username":"dana","expires":"2026-01-02T03:04:05.678Z"},"login":{"username":"dana","password":"s3cret \"quoted\""}},"https://b.example.com":{"token":{"token":"t1"},"login":{"username":"dana","password":"s3cret \"quoted\""}},"https://c.example.com":{"login":{"username":"dana","password":"s3cret \"quoted\""}}}}"#);
}

#[test]
fn what_is_forgotten_leaves_no_trace() {
    let directory = TempDir::new().unwrap();
    let store = in_file(&directory);
    let keep = |name: &str| store.update(&server(name), |record| record.token = Some(token("t0"))).unwrap();
    for name in ["a", "b", "c"] {
        keep(name);
    }

    assert!(store.forget(&server("a")).unwrap());
    assert!(!store.forget(&server("a")).unwrap());
    assert_eq!(store.forget_all().unwrap(), ["b", "c"].map(server));
    assert_eq!(store.forget_all().unwrap(), []);
    assert_eq!(files(&directory.path().join("kept")).into_keys().collect::<Vec<_>>(), ["lock"]);

    // The last one takes the document with it, whichever way it goes, and what a killed write left behind, too.
    keep("a");
    fs::write(directory.path().join("kept/logins.json.new"), "t0").unwrap();
    store.update(&server("a"), |record| record.token = None).unwrap();
    assert_eq!(files(&directory.path().join("kept")).into_keys().collect::<Vec<_>>(), ["lock"]);

    let (store, memory) = in_memory(&directory);
    store.update(&server("a"), |record| record.token = Some(token("t0"))).unwrap();
    assert!(store.forget(&server("a")).unwrap());
    assert_eq!(*memory.0.lock().unwrap(), None);
}

#[test]
fn reading_and_forgetting_nothing_make_nothing() {
    let directory = TempDir::new().unwrap();
    for store in [in_file(&directory), in_memory(&directory).0] {
        assert_eq!(store.read(&server("a")).unwrap(), Record::default());
        assert_eq!(store.all().unwrap(), BTreeMap::new());
        assert!(!store.forget(&server("a")).unwrap());
        assert_eq!(store.forget_all().unwrap(), []);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

#[test]
fn what_a_killed_write_left_behind_is_in_nobodys_way() {
    let directory = TempDir::new().unwrap();
    let store = in_file(&directory);
    fs::create_dir(directory.path().join("kept")).unwrap();
    fs::write(directory.path().join("kept/logins.json.new"), "{\"ver").unwrap();
    store.update(&server("a"), |record| record.token = Some(token("t0"))).unwrap();
    assert_eq!(store.read(&server("a")).unwrap().token, Some(token("t0")));
    assert_eq!(files(&directory.path().join("kept")).into_keys().collect::<Vec<_>>(), ["lock", "logins.json"]);
}

#[test]
fn of_a_hundred_at_once_none_is_lost() {
    let directory = TempDir::new().unwrap();
    let barrier = Barrier::new(101);
    let memory = Memory::default();
    let stores = || {
        let store = Store { directory: directory.path().join("in memory"), backing: Box::new(memory.clone()) };
        [in_file(&directory), store]
    };
    std::thread::scope(|scope| {
        for number in 0..100 {
            let (barrier, stores) = (&barrier, stores());
            scope.spawn(move || {
                barrier.wait();
                for store in stores {
                    store.update(&server(&format!("s{number}")), |record| record.token = Some(token("t0"))).unwrap();
                    store
                        .update(&server("shared"), |record| {
                            let before = record.login.as_ref().map_or(0, |login| login.username.parse().unwrap());
                            let username = (before + 1).to_string();
                            record.login = Some(Login { username, password: Secret::new("") });
                        })
                        .unwrap();
                }
            });
        }
        // Whoever reads meanwhile sees a whole document.
        barrier.wait();
        for _ in 0..200 {
            in_file(&directory).all().unwrap();
        }
    });
    for store in stores() {
        assert_eq!(store.all().unwrap().len(), 101);
        assert_eq!(store.read(&server("shared")).unwrap().login.unwrap().username, "100");
    }
}

#[test]
fn what_is_damaged_is_refused_and_left_alone() {
    let table: [&[u8]; 11] = [
        b"",
        b"s3cret",
        b"[]",
        br#"{"servers":{}}"#,
        br#"{"version":"s3cret","servers":{}}"#,
        br#"{"version":1}"#,
        b"{\"version\":1,\n\"servers\":{\"https://a.example.com\":{\"token\":\"s3cret\"}}}",
        br#"{"version":1,"servers":{"https://a.example.com":{"token":{"token":"t0","expires":"s3cret"}}}}"#,
        br#"{"version":1,"servers":{"https://a.example.com":{"s3cret":{}}}}"#,
        b"{\"version\":1,\"servers\":{\"https://a.example.com\":{\"token\":{\"token\":\"s3cret\xff\"}}}}",
        br#"{"version":2,"servers":["s3cret"]}"#,
    ];
    let shown = table.map(|document| {
        let error = damaged(document);
        assert!(!format!("{error:?} {error}").contains("s3cret"), "{error:?}");
        error.to_string()
    });
    assert_snapshot!(shown.join("\n"), @r#"
    what is kept in the system's keyring cannot be read: it is damaged at line 1, column 0
    what is kept in the system's keyring cannot be read: it is damaged at line 1, column 1
    what is kept in the system's keyring cannot be read: it is damaged at line 1, column 2
    what is kept in the system's keyring cannot be read: it is damaged at line 1, column 14
    what is kept in the system's keyring cannot be read: it is damaged at line 1, column 19
    what is kept in the system's keyring cannot be read: it is damaged at line 1, column 13
    what is kept in the system's keyring cannot be read: it is damaged at line 2, column 52
    what is kept in the system's keyring cannot be read: it is damaged at line 1, column 89
    what is kept in the system's keyring cannot be read: it is damaged at line 1, column 57
    what is kept in the system's keyring cannot be read: it is damaged at line 1, column 74
    what is kept in the system's keyring is of version 2; this program knows version 1
    "#);
}

#[test]
fn no_secret_is_shown() {
    let directory = TempDir::new().unwrap();
    let store = in_file(&directory);
    store
        .update(&server("a"), |record| *record = Record { token: Some(token("s3cret")), login: Some(login()) })
        .unwrap();
    assert!(!format!("{store:?} {:?}", store.all().unwrap()).contains("s3cret"));
}

#[test]
fn places_and_advice() {
    let directory = TempDir::new().unwrap();
    let store = in_file(&directory);
    let file = directory.path().join("kept/logins.json");
    assert_eq!(store.place(), file.display().to_string());
    assert_eq!(Store::keyring(directory.path().to_owned()).place(), "the system's keyring");

    fs::create_dir(directory.path().join("kept")).unwrap();
    let place = StorePlace::File(file.clone());
    let errors = [
        StoreError::Damaged { place: place.clone(), line: 1, column: 2 },
        StoreError::OtherVersion { place, version: 2 },
        StoreError::Open { path: file.clone(), mode: 0o644 },
        StoreError::Foreign { path: file.clone() },
        StoreError::NoFile { path: file },
        StoreError::Keyring { doing: "read", trouble: KeyringTrouble("it is locked".into()) },
        StoreError::NoKeyring,
    ];
    assert_snapshot!(errors.map(|error| told(&error, directory.path())).join("\n"), @r#"
    what is kept in ~/kept/logins.json cannot be read: it is damaged at line 1, column 2 ["rm ~/kept/logins.json", "spin-deploy login"]
    what is kept in ~/kept/logins.json is of version 2; this program knows version 1 ["use the spin-deploy that wrote it, or remove it and log in again: rm ~/kept/logins.json", "spin-deploy login"]
    others may use ~/kept/logins.json, which holds logins (its mode is 644) ["chmod 600 ~/kept/logins.json"]
    ~/kept/logins.json belongs to another user ["run spin-deploy as the user to whom it belongs, or make it yours: chown \"$(id -u)\" ~/kept/logins.json"]
    ~/kept/logins.json is no regular file ["put ~/kept/logins.json somewhere else, then log in again: `spin-deploy login`"]
    could not read the system's keyring ["--credential-store file"]
    could not use the system's keyring: this program was built without the cargo feature `keyring` ["--credential-store file"]
    "#);
}

#[cfg(not(feature = "keyring"))]
#[test]
fn without_the_feature_keyrings_are_refused() {
    let directory = TempDir::new().unwrap();
    let store = Store::keyring(directory.path().to_owned());
    let change = store.update(&server("a"), |record| record.token = Some(token("t0")));
    for error in [store.all().unwrap_err(), change.unwrap_err(), store.forget_all().unwrap_err()] {
        assert!(matches!(error, StoreError::NoKeyring), "{error:?}");
    }
}

#[cfg(unix)]
mod on_unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn keep(store: &Store) -> Result<(), StoreError> {
        store.update(&server("a"), |record| record.token = Some(token("t0")))
    }

    #[test]
    fn what_is_made_is_for_the_user_alone() {
        let directory = TempDir::new().unwrap();
        let store = Store::file(directory.path().join("config/kept"));
        keep(&store).unwrap();
        let kept = directory.path().join("config/kept");
        assert_eq!(mode(&directory.path().join("config")), 0o700);
        assert_eq!(mode(&kept), 0o700);
        assert_eq!(mode(&kept.join("logins.json")), 0o600);
        assert_eq!(mode(&kept.join("lock")), 0o600);
    }

    #[test]
    fn an_open_directory_is_closed_when_something_is_kept() {
        let directory = TempDir::new().unwrap();
        let kept = directory.path().join("kept");
        fs::create_dir(&kept).unwrap();
        set_mode(&kept, 0o755);
        let store = in_file(&directory);
        assert_eq!(store.all().unwrap(), BTreeMap::new());
        assert_eq!(mode(&kept), 0o755, "reading changes nothing");
        keep(&store).unwrap();
        assert_eq!(mode(&kept), 0o700);
    }

    #[test]
    fn an_open_file_is_refused() {
        let directory = TempDir::new().unwrap();
        let store = in_file(&directory);
        keep(&store).unwrap();
        let file = directory.path().join("kept/logins.json");
        for open in [0o640, 0o604, 0o620, 0o601] {
            set_mode(&file, open);
            for error in [store.all().unwrap_err(), keep(&store).unwrap_err(), store.forget_all().unwrap_err()] {
                assert!(matches!(error, StoreError::Open { mode, .. } if mode == open), "{open:o}: {error:?}");
            }
            assert_eq!(mode(&file), open);
        }
        // The advice helps; a file that nobody can write is as good.
        set_mode(&file, 0o600);
        assert_eq!(store.read(&server("a")).unwrap().token, Some(token("t0")));
        set_mode(&file, 0o400);
        assert_eq!(store.read(&server("a")).unwrap().token, Some(token("t0")));
    }

    #[test]
    fn links_and_directories_in_the_place_of_the_file_are_refused() {
        let directory = TempDir::new().unwrap();
        let store = in_file(&directory);
        keep(&store).unwrap();
        let file = directory.path().join("kept/logins.json");
        let elsewhere = directory.path().join("elsewhere.json");
        fs::rename(&file, &elsewhere).unwrap();
        symlink(&elsewhere, &file).unwrap();
        for error in [store.all().unwrap_err(), keep(&store).unwrap_err()] {
            assert!(matches!(error, StoreError::NoFile { .. }), "{error:?}");
        }
        fs::remove_file(&elsewhere).unwrap();
        assert!(matches!(store.all().unwrap_err(), StoreError::NoFile { .. }), "a link that leads nowhere");
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(matches!(store.all().unwrap_err(), StoreError::NoFile { .. }));
    }

    #[test]
    fn what_belongs_to_others_is_refused() {
        let directory = TempDir::new().unwrap();
        let store = in_file(&directory);
        keep(&store).unwrap();
        let (kept, file) = (directory.path().join("kept"), directory.path().join("kept/logins.json"));
        // Only root can give a file away; as anybody else, this looks at files that are not ours already.
        if std::os::unix::fs::chown(&file, Some(12345), None).is_err() {
            assert_ne!(fs::metadata("/").unwrap().uid(), rustix::process::geteuid().as_raw());
            let error = file::lock(Path::new("/")).unwrap_err();
            assert!(matches!(error, StoreError::Foreign { .. }), "{error:?}");
            return;
        }
        assert!(matches!(store.all().unwrap_err(), StoreError::Foreign { path } if path == file));
        std::os::unix::fs::chown(&file, Some(0), None).unwrap();
        std::os::unix::fs::chown(&kept, Some(12345), None).unwrap();
        assert!(matches!(keep(&store).unwrap_err(), StoreError::Foreign { path } if path == kept));
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_an_error_with_its_name() {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("kept"), "").unwrap();
        let store = in_file(&directory);
        assert_eq!(told(&store.all().unwrap_err(), directory.path()), "could not read ~/kept/logins.json []");
        let store = in_memory(&directory).0;
        assert_eq!(told(&keep(&store).unwrap_err(), directory.path()), "could not make ~/kept []");
    }

    #[test]
    fn the_lock_keeps_others_from_changing_but_not_from_reading() {
        let directory = TempDir::new().unwrap();
        let store = in_file(&directory);
        keep(&store).unwrap();
        let other = || fs::File::open(directory.path().join("kept/lock")).unwrap();
        let lock = file::lock(&directory.path().join("kept")).unwrap();
        assert!(matches!(other().try_lock(), Err(fs::TryLockError::WouldBlock)));
        assert_eq!(store.all().unwrap().len(), 1);
        drop(lock);
        other().try_lock().unwrap();
    }
}
