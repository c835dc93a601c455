//! The key-value stores of applications, on disk: one file for each application, with all of its stores.
//!
//! Every operation is one transaction, durable when it returns. The work is done on threads that may block.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use redb::{
    Builder, Database, DatabaseError, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageError, Table,
    TableDefinition,
};
use sha2::{Digest, Sha256};

/// How many bytes of keys and values one operation may return. They are memory of the host.
const MAX_RESULT: usize = 16 * 1024 * 1024;

/// How many bytes a key may have.
const MAX_KEY: usize = 1024 * 1024;

/// How many bytes a value may have.
const MAX_VALUE: usize = MAX_RESULT;

/// What a file's pages may take in memory, in bytes.
const CACHE: usize = 4 * 1024 * 1024;

/// How long to wait for a file that somebody else has open: another process, or an instance that is being closed.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause between two tries to open such a file.
const PAUSE: Duration = Duration::from_millis(20);

type Place = (&'static str, &'static str);

type Value = &'static [u8];

/// (store, key) → value.
const VALUES: TableDefinition<Place, Value> = TableDefinition::new("values");

/// The open files of this process. A file can be open only once, so all who use it share an instance.
#[derive(Default)]
pub struct Databases {
    open: Mutex<HashMap<PathBuf, Weak<Shared>>>,
}

impl Databases {
    /// The stores in the file at `path`: the same instance for as long as anybody holds one, and the file is there.
    /// Nothing is opened yet.
    pub fn open(&self, path: &Path) -> Stores {
        let mut open = lock(&self.open);
        open.retain(|_, shared| shared.strong_count() > 0);
        if let Some(shared) = open.get(path).and_then(Weak::upgrade).filter(|shared| shared.is_current()) {
            return Stores { shared };
        }
        let stores = Stores::new(path.to_owned());
        open.insert(path.to_owned(), Arc::downgrade(&stores.shared));
        stores
    }
}

/// All stores of an application. Clones share the file.
#[derive(Clone)]
pub struct Stores {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    database: Mutex<Option<Arc<Database>>>,
}

/// Why a store could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened, read or written, or is damaged. It is left as it is.
    #[error("the key-value database `{}` cannot be used: {why}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// A fragment.
        why: String,
    },
    /// What was asked for is longer than one operation may return.
    #[error("the result is longer than {MAX_RESULT} bytes")]
    TooLarge,
    /// A key is longer than one may be.
    #[error("a key is longer than {MAX_KEY} bytes")]
    KeyTooLong,
    /// A value is longer than one may be.
    #[error("the value for the key `{0}` is longer than {MAX_VALUE} bytes")]
    ValueTooLong(String),
    /// A value cannot be incremented, as it is not 8 bytes long.
    #[error("the value of the key `{0}` is not a number of 8 bytes")]
    NotANumber(String),
    /// A number would leave the range of 64 bits.
    #[error("the number of the key `{0}` would be too large or too small")]
    Overflow(String),
}

/// What a key held at some time, in short: enough to tell whether that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(Option<[u8; 32]>);

impl Fingerprint {
    /// Of a value, or of its absence.
    pub fn of(value: Option<&[u8]>) -> Fingerprint {
        Fingerprint(value.map(|value| Sha256::digest(value).into()))
    }
}

/// What came of a swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swapped {
    /// The new value is there.
    Done,
    /// The key held something else than expected, namely this. Nothing was written.
    Changed(Fingerprint),
}

impl Stores {
    /// The stores in the file at `path`, whose directory must exist. The file is opened, or made, when first used.
    /// [`Databases::open`] makes sure that a process does this only once for a file.
    pub fn new(path: PathBuf) -> Stores {
        Stores { shared: Arc::new(Shared { path, database: Mutex::new(None) }) }
    }

    /// The value of a key.
    pub async fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (store, key) = (store.to_owned(), key.to_owned());
        self.read(move |values| {
            let mut budget = Budget::default();
            values.get((store.as_str(), key.as_str()))?.map(|value| budget.take(value.value())).transpose()
        })
        .await
    }

    /// Whether there is such a key.
    pub async fn exists(&self, store: &str, key: &str) -> Result<bool, StoreError> {
        let (store, key) = (store.to_owned(), key.to_owned());
        self.read(move |values| Ok(values.get((store.as_str(), key.as_str()))?.is_some())).await
    }

    /// All keys of a store, in order.
    pub async fn keys(&self, store: &str) -> Result<Vec<String>, StoreError> {
        let store = store.to_owned();
        self.read(move |values| {
            let (mut keys, mut budget) = (Vec::new(), Budget::default());
            for entry in values.range((store.as_str(), "")..)? {
                let (place, _) = entry?;
                let (owner, key) = place.value();
                if owner != store {
                    break;
                }
                budget.spend(key.len() + size_of::<String>())?;
                keys.push(key.to_owned());
            }
            Ok(keys)
        })
        .await
    }

    /// The values of keys, in the order of the keys.
    pub async fn get_many(&self, store: &str, keys: Vec<String>) -> Result<Vec<(String, Option<Vec<u8>>)>, StoreError> {
        let store = store.to_owned();
        self.read(move |values| {
            let mut budget = Budget::default();
            keys.into_iter()
                .map(|key| {
                    budget.spend(key.len() + size_of::<(String, Option<Vec<u8>>)>())?;
                    let value = values.get((store.as_str(), key.as_str()))?;
                    let value = value.map(|value| budget.take(value.value())).transpose()?;
                    Ok((key, value))
                })
                .collect()
        })
        .await
    }

    /// Sets a value, whatever was there.
    pub async fn set(&self, store: &str, key: &str, value: Vec<u8>) -> Result<(), StoreError> {
        self.set_many(store, vec![(key.to_owned(), value)]).await
    }

    /// Sets values: all or none. The last one wins when a key comes twice.
    pub async fn set_many(&self, store: &str, entries: Vec<(String, Vec<u8>)>) -> Result<(), StoreError> {
        entries.iter().try_for_each(|(key, value)| check(key, value))?;
        let store = store.to_owned();
        self.write(move |values| {
            for (key, value) in &entries {
                values.insert((store.as_str(), key.as_str()), value.as_slice())?;
            }
            Ok(())
        })
        .await
    }

    /// Removes a key, if it is there.
    pub async fn delete(&self, store: &str, key: &str) -> Result<(), StoreError> {
        self.delete_many(store, vec![key.to_owned()]).await
    }

    /// Removes those keys that are there: all or none.
    pub async fn delete_many(&self, store: &str, keys: Vec<String>) -> Result<(), StoreError> {
        let store = store.to_owned();
        self.write(move |values| {
            for key in &keys {
                values.remove((store.as_str(), key.as_str()))?;
            }
            Ok(())
        })
        .await
    }

    /// Adds to the number that a key holds, and returns the sum. An absent key counts as 0. Numbers are kept as 8 bytes,
    /// the lowest first, as `crates/key-value-spin/src/store.rs@v4.0.2` does.
    pub async fn increment(&self, store: &str, key: &str, delta: i64) -> Result<i64, StoreError> {
        check(key, &[])?;
        let (store, key) = (store.to_owned(), key.to_owned());
        self.write(move |values| {
            let place = (store.as_str(), key.as_str());
            let number = match values.get(place)? {
                None => 0,
                Some(value) => {
                    let bytes = value.value().try_into().map_err(|_| StoreError::NotANumber(key.clone()))?;
                    i64::from_le_bytes(bytes)
                }
            };
            let sum = number.checked_add(delta).ok_or_else(|| StoreError::Overflow(key.clone()))?;
            values.insert(place, sum.to_le_bytes().as_slice())?;
            Ok(sum)
        })
        .await
    }

    /// Sets a value if the key still holds what is `expected`.
    pub async fn swap(
        &self,
        store: &str,
        key: &str,
        expected: Fingerprint,
        value: Vec<u8>,
    ) -> Result<Swapped, StoreError> {
        check(key, &value)?;
        let (store, key) = (store.to_owned(), key.to_owned());
        self.write(move |values| {
            let place = (store.as_str(), key.as_str());
            let found = Fingerprint::of(values.get(place)?.as_ref().map(|value| value.value()));
            if found != expected {
                return Ok(Swapped::Changed(found));
            }
            values.insert(place, value.as_slice())?;
            Ok(Swapped::Done)
        })
        .await
    }

    async fn read<R: Send + 'static>(
        &self,
        work: impl FnOnce(&ReadOnlyTable<Place, Value>) -> Result<R, Fault> + Send + 'static,
    ) -> Result<R, StoreError> {
        self.run(move |database| {
            let transaction = database.begin_read()?;
            work(&transaction.open_table(VALUES)?)
        })
        .await
    }

    /// Commits unless the work fails.
    async fn write<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Table<'_, Place, Value>) -> Result<R, Fault> + Send + 'static,
    ) -> Result<R, StoreError> {
        self.run(move |database| {
            let transaction = database.begin_write()?;
            let result = work(&mut transaction.open_table(VALUES)?)?;
            transaction.commit()?;
            Ok(result)
        })
        .await
    }

    async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<R, Fault> + Send + 'static,
    ) -> Result<R, StoreError> {
        let shared = self.shared.clone();
        let outcome = tokio::task::spawn_blocking(move || work(&*shared.database()?)).await;
        match outcome {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(Fault::Refused(error))) => Err(error),
            Ok(Err(Fault::Broken(why))) => Err(self.shared.broken(why)),
            // The database library panics over some damages.
            Err(_) => Err(self.shared.broken("it is damaged".to_owned())),
        }
    }
}

impl Shared {
    /// Whether what is written here is found at the path: not in a file that is open and was deleted.
    fn is_current(&self) -> bool {
        self.path.exists() || lock(&self.database).is_none()
    }

    fn database(&self) -> Result<Arc<Database>, Fault> {
        let mut database = lock(&self.database);
        if let Some(database) = &*database {
            return Ok(database.clone());
        }
        let opened = Arc::new(open_or_create(&self.path)?);
        *database = Some(opened.clone());
        Ok(opened)
    }

    /// An instance that met an error of the disk never recovers: the next operation opens the file anew.
    fn broken(&self, why: String) -> StoreError {
        lock(&self.database).take();
        StoreError::Database { path: self.path.clone(), why }
    }
}

/// The value of a mutex, even if a thread panicked while it held it: what is kept here is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_or_create(path: &Path) -> Result<Database, Fault> {
    let patience = Instant::now() + PATIENCE;
    loop {
        match builder().open(path) {
            Err(DatabaseError::DatabaseAlreadyOpen) if Instant::now() < patience => std::thread::sleep(PAUSE),
            Err(DatabaseError::Storage(StorageError::Io(error))) if error.kind() == io::ErrorKind::NotFound => {
                return create(path);
            }
            opened => return Ok(opened?),
        }
    }
}

/// Makes the file complete under another name first: a half-made one would be taken for damaged. Only its owner may
/// read it.
fn create(path: &Path) -> Result<Database, Fault> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::NamedTempFile::new_in(directory)?;
    let database = builder().create(file.path())?;
    let transaction = database.begin_write()?;
    transaction.open_table(VALUES)?;
    transaction.commit()?;
    file.persist_noclobber(path).map_err(|refused| refused.error)?;
    File::open(directory)?.sync_all()?;
    Ok(database)
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    builder
}

/// What a transaction ends with if not with a result.
enum Fault {
    /// The asked thing cannot be done; the database is fine.
    Refused(StoreError),
    /// The database is not fine.
    Broken(String),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        Fault::Refused(error)
    }
}

impl<E: Into<redb::Error>> From<E> for Fault {
    fn from(error: E) -> Fault {
        Fault::Broken(error.into().to_string())
    }
}

/// Refuses what is too long to be kept.
fn check(key: &str, value: &[u8]) -> Result<(), StoreError> {
    if key.len() > MAX_KEY {
        return Err(StoreError::KeyTooLong);
    }
    if value.len() > MAX_VALUE {
        return Err(StoreError::ValueTooLong(key.to_owned()));
    }
    Ok(())
}

/// What may still be returned of [`MAX_RESULT`].
struct Budget(usize);

impl Default for Budget {
    fn default() -> Budget {
        Budget(MAX_RESULT)
    }
}

impl Budget {
    fn spend(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.0 = self.0.checked_sub(bytes).ok_or(StoreError::TooLarge)?;
        Ok(())
    }

    fn take(&mut self, value: &[u8]) -> Result<Vec<u8>, Fault> {
        self.spend(value.len())?;
        Ok(value.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key-value.redb");
        (directory, path)
    }

    fn bytes(text: &str) -> Vec<u8> {
        text.as_bytes().to_vec()
    }

    #[tokio::test]
    async fn what_was_set_is_there_until_it_is_deleted() {
        let (_directory, path) = place();
        let stores = Stores::new(path);
        assert_eq!(stores.get("default", "a").await, Ok(None));
        stores.set("default", "a", bytes("1")).await.unwrap();
        stores.set("default", "a", bytes("2")).await.unwrap();
        assert_eq!(stores.get("default", "a").await, Ok(Some(bytes("2"))));
        assert_eq!(stores.exists("default", "a").await, Ok(true));
        stores.delete("default", "a").await.unwrap();
        stores.delete("default", "a").await.unwrap();
        assert_eq!(stores.exists("default", "a").await, Ok(false));
    }

    #[tokio::test]
    async fn the_stores_of_an_application_do_not_see_each_other() {
        let (_directory, path) = place();
        let stores = Stores::new(path);
        for (store, key) in [("a", "2"), ("a", "1"), ("a", ""), ("a", "ä/\0"), ("aa", "3"), ("b", "4")] {
            stores.set(store, key, bytes(store)).await.unwrap();
        }
        assert_eq!(stores.keys("a").await.unwrap(), ["", "1", "2", "ä/\0"]);
        assert_eq!(stores.keys("aa").await.unwrap(), ["3"]);
        assert_eq!(stores.keys("none").await.unwrap(), [""; 0]);
        assert_eq!(stores.get("b", "1").await, Ok(None));
    }

    #[tokio::test]
    async fn many_keys_at_once_keep_their_order_and_tell_what_is_absent() {
        let (_directory, path) = place();
        let stores = Stores::new(path);
        let twice = vec![("b".to_owned(), bytes("1")), ("a".to_owned(), bytes("2")), ("b".to_owned(), bytes("3"))];
        stores.set_many("default", twice).await.unwrap();
        let keys = ["b", "none", "a", "b"].map(str::to_owned).to_vec();
        let values: Vec<_> =
            stores.get_many("default", keys.clone()).await.unwrap().into_iter().map(|(_, v)| v).collect();
        assert_eq!(values, [Some(bytes("3")), None, Some(bytes("2")), Some(bytes("3"))]);
        stores.delete_many("default", keys).await.unwrap();
        assert_eq!(stores.keys("default").await.unwrap(), [""; 0]);
    }

    #[tokio::test]
    async fn values_outlive_the_process_that_wrote_them() {
        let (_directory, path) = place();
        Stores::new(path.clone()).set("default", "a", bytes("1")).await.unwrap();
        assert_eq!(Stores::new(path).get("default", "a").await, Ok(Some(bytes("1"))));
    }

    #[tokio::test]
    async fn values_outlive_a_process_that_was_killed() {
        let (directory, path) = place();
        let stores = Stores::new(path.clone());
        stores.set("default", "a", bytes("1")).await.unwrap();
        // What lies on the disk while the database is still open is what a killed process leaves.
        let left = directory.path().join("left.redb");
        std::fs::copy(&path, &left).unwrap();
        assert_eq!(Stores::new(left).get("default", "a").await, Ok(Some(bytes("1"))));
    }

    #[tokio::test]
    async fn only_the_owner_may_read_the_file() {
        let (directory, path) = place();
        Stores::new(path.clone()).set("default", "a", bytes("1")).await.unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(directory.path().read_dir().unwrap().count(), 1, "nothing else is left");
    }

    #[tokio::test]
    async fn nothing_is_on_disk_before_the_first_use() {
        let (_directory, path) = place();
        let _stores = Stores::new(path.clone());
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_damaged_file_is_an_error_and_stays_as_it_is() {
        let (_directory, path) = place();
        Stores::new(path.clone()).set("default", "a", vec![7; 100_000]).await.unwrap();
        let whole = std::fs::read(&path).unwrap();
        let half_zero = [&whole[..whole.len() / 2], &vec![0; whole.len() / 2]].concat();
        for damaged in [bytes(""), bytes("no database"), whole[..whole.len() / 2].to_vec(), half_zero] {
            std::fs::write(&path, &damaged).unwrap();
            let outcome = Stores::new(path.clone()).get("default", "a").await;
            assert!(matches!(&outcome, Err(StoreError::Database { .. })), "{outcome:?} of {} bytes", damaged.len());
            assert!(std::fs::read(&path).unwrap() == damaged, "{} bytes are changed", damaged.len());
        }
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(Stores::new(path).exists("default", "a").await, Ok(true));
    }

    #[tokio::test]
    async fn an_error_of_the_disk_passes_when_the_disk_is_well_again() {
        let (directory, path) = place();
        let missing = directory.path().join("missing");
        let stores = Stores::new(missing.join("key-value.redb"));
        let error = stores.get("default", "a").await.unwrap_err();
        assert!(error.to_string().contains("missing/key-value.redb"), "{error}");
        std::fs::create_dir(&missing).unwrap();
        assert_eq!(stores.get("default", "a").await, Ok(None));
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn increments_at_the_same_time_all_count() {
        let (_directory, path) = place();
        let databases = Databases::default();
        let tasks = (0..16).map(|_| {
            let stores = databases.open(&path);
            tokio::spawn(async move { stores.increment("default", "n", 1).await.unwrap() })
        });
        let mut sums = futures_util::future::join_all(tasks).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        sums.sort_unstable();
        assert_eq!(sums, (1..=16).collect::<Vec<i64>>());
        assert_eq!(databases.open(&path).get("default", "n").await, Ok(Some(16_i64.to_le_bytes().to_vec())));
    }

    #[tokio::test]
    async fn what_is_no_number_is_not_incremented() {
        let (_directory, path) = place();
        let stores = Stores::new(path);
        stores.set("default", "text", bytes("seven")).await.unwrap();
        stores.set("default", "most", i64::MAX.to_le_bytes().to_vec()).await.unwrap();
        assert_eq!(stores.increment("default", "text", 1).await, Err(StoreError::NotANumber("text".to_owned())));
        assert_eq!(stores.increment("default", "most", 1).await, Err(StoreError::Overflow("most".to_owned())));
        assert_eq!(stores.get("default", "text").await, Ok(Some(bytes("seven"))));
        assert_eq!(stores.increment("default", "most", -1).await, Ok(i64::MAX - 1));
    }

    #[tokio::test]
    async fn of_swaps_at_the_same_time_one_wins() {
        let (_directory, path) = place();
        let stores = Stores::new(path);
        let absent = Fingerprint::of(None);
        let tasks = (0..8_u8).map(|i| {
            let (stores, absent) = (stores.clone(), absent.clone());
            tokio::spawn(async move { stores.swap("default", "k", absent, vec![i]).await.unwrap() })
        });
        let outcomes = futures_util::future::join_all(tasks).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        let held = stores.get("default", "k").await.unwrap();
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Swapped::Done).count(), 1);
        let changed = Swapped::Changed(Fingerprint::of(held.as_deref()));
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == changed).count(), 7);
    }

    #[tokio::test]
    async fn an_operation_returns_no_more_than_its_limit() {
        let (_directory, path) = place();
        let stores = Stores::new(path);
        stores.set("default", "a", vec![0; MAX_RESULT / 4]).await.unwrap();
        assert!(stores.get_many("default", vec!["a".to_owned(); 3]).await.is_ok());
        assert_eq!(stores.get_many("default", vec!["a".to_owned(); 4]).await, Err(StoreError::TooLarge));
    }

    #[tokio::test]
    async fn what_is_too_long_is_not_kept() {
        let (_directory, path) = place();
        let stores = Stores::new(path);
        let (long_key, longest) = ("k".repeat(MAX_KEY + 1), vec![0; MAX_VALUE]);
        let too_long = [longest.as_slice(), b"0"].concat();
        let refused = Err(StoreError::ValueTooLong("a".to_owned()));
        assert_eq!(stores.set("default", &long_key, bytes("1")).await, Err(StoreError::KeyTooLong));
        assert_eq!(stores.increment("default", &long_key, 1).await, Err(StoreError::KeyTooLong));
        assert_eq!(stores.set("default", "a", too_long.clone()).await, refused);
        let swapped = stores.swap("default", "a", Fingerprint::of(None), too_long).await;
        assert_eq!(swapped.map(drop), refused);
        stores.set("default", "a", longest.clone()).await.unwrap();
        assert!(stores.get("default", "a").await.unwrap() == Some(longest), "it can be read again");
    }

    #[tokio::test]
    async fn whoever_comes_after_the_file_was_deleted_gets_a_new_one() {
        let (_directory, path) = place();
        let databases = Databases::default();
        let old = databases.open(&path);
        old.set("default", "a", bytes("old")).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let new = databases.open(&path);
        assert_eq!(new.get("default", "a").await, Ok(None));
        new.set("default", "a", bytes("new")).await.unwrap();
        old.set("default", "a", bytes("late")).await.unwrap();
        assert!(Arc::ptr_eq(&new.shared, &databases.open(&path).shared), "the new one is shared");
        drop((old, new));
        assert_eq!(databases.open(&path).get("default", "a").await, Ok(Some(bytes("new"))));
    }

    #[tokio::test]
    async fn a_file_that_is_just_being_closed_is_waited_for() {
        let (_directory, path) = place();
        let (closing, next) = (Stores::new(path.clone()), Stores::new(path));
        closing.set("default", "a", bytes("0")).await.unwrap();
        let waiting = tokio::spawn(async move { next.get("default", "a").await });
        for round in 1..=20_u8 {
            closing.set("default", "a", vec![round]).await.unwrap();
        }
        drop(closing);
        assert_eq!(waiting.await.unwrap(), Ok(Some(vec![20])));
    }

    #[tokio::test]
    async fn a_file_is_opened_once_for_as_long_as_it_is_used() {
        let (_directory, path) = place();
        let databases = Databases::default();
        let (one, other) = (databases.open(&path), databases.open(&path));
        assert!(Arc::ptr_eq(&one.shared, &other.shared));
        one.set("default", "a", bytes("1")).await.unwrap();
        assert_eq!(other.get("default", "a").await, Ok(Some(bytes("1"))));
        drop((one, other));
        assert_eq!(databases.open(&path).get("default", "a").await, Ok(Some(bytes("1"))));
    }
}
