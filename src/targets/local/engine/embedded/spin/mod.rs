//! What Spin offers to components besides WASI: variables and key-value stores.
//!
//! The interfaces are described in `wit/`. What the functions do and refuse is what Spin 4.0.2 does
//! (`crates/factor-variables`, `crates/factor-key-value`, `crates/key-value-spin`), but for four things: `get-many`
//! tells absent keys too, as its description says; a swap fails as well when a key that was absent has appeared;
//! a number that cannot be incremented is an error, where Spin panics; and keys, values and results have a greatest
//! length.

mod foreign;
mod key_value;
mod variables;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wasmtime::component::{HasData, Linker, ResourceTable};

pub use self::foreign::stub_foreign;
pub use self::key_value::{OpenStore, PendingSwap};
use crate::targets::local::engine::key_value::Stores;

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "spin-deploy:local/host",
        imports: { default: async },
        with: {
            "fermyon:spin/key-value.store": super::OpenStore,
            "wasi:keyvalue/store.bucket": super::OpenStore,
            "wasi:keyvalue/atomics.cas": super::PendingSwap,
        },
    });
}

/// The interfaces that [`add_to_linker`] defines, by their full names.
pub const INTERFACES: &[&str] = &[
    "fermyon:spin/variables@2.0.0",
    "fermyon:spin/key-value@2.0.0",
    "wasi:config/store@0.2.0-draft-2024-09-27",
    "wasi:keyvalue/store@0.2.0-draft2",
    "wasi:keyvalue/batch@0.2.0-draft2",
    "wasi:keyvalue/atomics@0.2.0-draft2",
];

/// How many stores, and how many swaps, an instance may have open at a time
/// (`DEFAULT_STORE_TABLE_CAPACITY` in `crates/factor-key-value/src/host.rs@v4.0.2`).
pub const MAX_OPEN: usize = 256;

/// What the interfaces keep for one instance.
pub struct SpinState {
    variables: Arc<BTreeMap<String, String>>,
    stores: Stores,
    labels: Arc<BTreeSet<String>>,
    open: ResourceTable,
    swaps: ResourceTable,
}

impl SpinState {
    /// For a component with these variables, which may use those of the application's stores that have these labels.
    pub fn new(variables: Arc<BTreeMap<String, String>>, stores: Stores, labels: Arc<BTreeSet<String>>) -> SpinState {
        SpinState { variables, stores, labels, open: table(), swaps: table() }
    }
}

fn table() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(MAX_OPEN);
    table
}

/// The data of a `wasmtime` store that has a [`SpinState`].
pub trait SpinView: Send {
    /// It.
    fn spin(&mut self) -> &mut SpinState;
}

/// Defines all of [`INTERFACES`].
pub fn add_to_linker<T: SpinView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    bindings::Host_::add_to_linker::<T, Spin>(linker, T::spin)
}

struct Spin;

impl HasData for Spin {
    type Data<'a> = &'a mut SpinState;
}
