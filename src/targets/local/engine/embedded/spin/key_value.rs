//! `fermyon:spin/key-value` and `wasi:keyvalue`.

use wasmtime::component::{Resource, ResourceTableError};

use super::SpinState;
use super::bindings::fermyon::spin::key_value::{self as spin, Error};
use super::bindings::wasi::keyvalue::{atomics, batch, store as wasi};
use crate::targets::local::engine::key_value::{Fingerprint, StoreError, Swapped};

/// A store that an instance has open: `store` for Spin, `bucket` for WASI.
pub struct OpenStore {
    label: String,
}

/// A compare-and-swap that an instance has begun.
pub struct PendingSwap {
    label: String,
    key: String,
    expected: Fingerprint,
}

impl SpinState {
    fn open_store(&mut self, label: String) -> Result<Resource<OpenStore>, Error> {
        if !self.labels.contains(&label) {
            return Err(Error::AccessDenied);
        }
        self.open.push(OpenStore { label }).map_err(|_| Error::StoreTableFull)
    }

    fn label(&self, store: &Resource<OpenStore>) -> Result<&str, UnknownHandle> {
        Ok(&self.open.get(store)?.label)
    }

    fn begin_swap(&mut self, swap: PendingSwap) -> Result<Resource<PendingSwap>, wasi::Error> {
        self.swaps.push(swap).map_err(|_| wasi::Error::Other("too many swaps are open".to_owned()))
    }
}

impl spin::Host for SpinState {}

impl spin::HostStore for SpinState {
    async fn open(&mut self, label: String) -> Result<Resource<OpenStore>, Error> {
        self.open_store(label)
    }

    async fn get(&mut self, store: Resource<OpenStore>, key: String) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.stores.get(self.label(&store)?, &key).await?)
    }

    async fn set(&mut self, store: Resource<OpenStore>, key: String, value: Vec<u8>) -> Result<(), Error> {
        Ok(self.stores.set(self.label(&store)?, &key, value).await?)
    }

    async fn delete(&mut self, store: Resource<OpenStore>, key: String) -> Result<(), Error> {
        Ok(self.stores.delete(self.label(&store)?, &key).await?)
    }

    async fn exists(&mut self, store: Resource<OpenStore>, key: String) -> Result<bool, Error> {
        Ok(self.stores.exists(self.label(&store)?, &key).await?)
    }

    async fn get_keys(&mut self, store: Resource<OpenStore>) -> Result<Vec<String>, Error> {
        Ok(self.stores.keys(self.label(&store)?).await?)
    }

    async fn drop(&mut self, store: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.open.delete(store)?;
        Ok(())
    }
}

impl wasi::Host for SpinState {
    async fn open(&mut self, identifier: String) -> Result<Resource<OpenStore>, wasi::Error> {
        Ok(self.open_store(identifier)?)
    }
}

impl wasi::HostBucket for SpinState {
    async fn get(&mut self, bucket: Resource<OpenStore>, key: String) -> Result<Option<Vec<u8>>, wasi::Error> {
        Ok(self.stores.get(self.label(&bucket)?, &key).await?)
    }

    async fn set(&mut self, bucket: Resource<OpenStore>, key: String, value: Vec<u8>) -> Result<(), wasi::Error> {
        Ok(self.stores.set(self.label(&bucket)?, &key, value).await?)
    }

    async fn delete(&mut self, bucket: Resource<OpenStore>, key: String) -> Result<(), wasi::Error> {
        Ok(self.stores.delete(self.label(&bucket)?, &key).await?)
    }

    async fn exists(&mut self, bucket: Resource<OpenStore>, key: String) -> Result<bool, wasi::Error> {
        Ok(self.stores.exists(self.label(&bucket)?, &key).await?)
    }

    /// All keys come at once, so there never is a cursor to go on with.
    async fn list_keys(
        &mut self,
        bucket: Resource<OpenStore>,
        cursor: Option<String>,
    ) -> Result<wasi::KeyResponse, wasi::Error> {
        if cursor.is_some() {
            return Err(wasi::Error::Other("there are no cursors: all keys come at once".to_owned()));
        }
        let keys = self.stores.keys(self.label(&bucket)?).await?;
        Ok(wasi::KeyResponse { keys, cursor: None })
    }

    async fn drop(&mut self, bucket: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.open.delete(bucket)?;
        Ok(())
    }
}

impl batch::Host for SpinState {
    async fn get_many(
        &mut self,
        bucket: Resource<OpenStore>,
        keys: Vec<String>,
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, wasi::Error> {
        Ok(self.stores.get_many(self.label(&bucket)?, keys).await?)
    }

    async fn set_many(
        &mut self,
        bucket: Resource<OpenStore>,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Result<(), wasi::Error> {
        Ok(self.stores.set_many(self.label(&bucket)?, entries).await?)
    }

    async fn delete_many(&mut self, bucket: Resource<OpenStore>, keys: Vec<String>) -> Result<(), wasi::Error> {
        Ok(self.stores.delete_many(self.label(&bucket)?, keys).await?)
    }
}

impl atomics::Host for SpinState {
    async fn increment(&mut self, bucket: Resource<OpenStore>, key: String, delta: i64) -> Result<i64, wasi::Error> {
        Ok(self.stores.increment(self.label(&bucket)?, &key, delta).await?)
    }

    async fn swap(&mut self, cas: Resource<PendingSwap>, value: Vec<u8>) -> Result<(), atomics::CasError> {
        let PendingSwap { label, key, expected } = self.swaps.delete(cas).map_err(UnknownHandle::from)?;
        match self.stores.swap(&label, &key, expected, value).await? {
            Swapped::Done => Ok(()),
            Swapped::Changed(expected) => {
                Err(atomics::CasError::CasFailed(self.begin_swap(PendingSwap { label, key, expected })?))
            }
        }
    }
}

impl atomics::HostCas for SpinState {
    async fn new(&mut self, bucket: Resource<OpenStore>, key: String) -> Result<Resource<PendingSwap>, wasi::Error> {
        let label = self.label(&bucket)?.to_owned();
        let expected = Fingerprint::of(self.stores.get(&label, &key).await?.as_deref());
        self.begin_swap(PendingSwap { label, key, expected })
    }

    async fn current(&mut self, cas: Resource<PendingSwap>) -> Result<Option<Vec<u8>>, wasi::Error> {
        let swap = self.swaps.get_mut(&cas).map_err(UnknownHandle::from)?;
        let value = self.stores.get(&swap.label, &swap.key).await?;
        swap.expected = Fingerprint::of(value.as_deref());
        Ok(value)
    }

    async fn drop(&mut self, cas: Resource<PendingSwap>) -> wasmtime::Result<()> {
        self.swaps.delete(cas)?;
        Ok(())
    }
}

/// A handle that this instance does not have. The runtime lets no component get this far with one.
struct UnknownHandle(ResourceTableError);

impl From<ResourceTableError> for UnknownHandle {
    fn from(error: ResourceTableError) -> UnknownHandle {
        UnknownHandle(error)
    }
}

impl From<UnknownHandle> for Error {
    fn from(error: UnknownHandle) -> Error {
        Error::Other(error.0.to_string())
    }
}

impl From<UnknownHandle> for wasi::Error {
    fn from(_: UnknownHandle) -> wasi::Error {
        wasi::Error::NoSuchStore
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        Error::Other(error.to_string())
    }
}

impl From<StoreError> for wasi::Error {
    fn from(error: StoreError) -> wasi::Error {
        wasi::Error::Other(error.to_string())
    }
}

/// As `to_wasi_err` in `crates/factor-key-value/src/host.rs@v4.0.2`.
impl From<Error> for wasi::Error {
    fn from(error: Error) -> wasi::Error {
        match error {
            Error::AccessDenied => wasi::Error::AccessDenied,
            Error::NoSuchStore => wasi::Error::NoSuchStore,
            Error::StoreTableFull => wasi::Error::Other("store table full".to_owned()),
            Error::Other(why) => wasi::Error::Other(why),
        }
    }
}

impl<E: Into<wasi::Error>> From<E> for atomics::CasError {
    fn from(error: E) -> atomics::CasError {
        atomics::CasError::StoreError(error.into())
    }
}
