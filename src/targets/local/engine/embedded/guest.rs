//! What belongs to one instance: its store, with all that it may see and use up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::{PoolConcurrencyLimitError, ResourceLimiter, Store};
use wasmtime_wasi::cli::{StdinStream, StdoutStream};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::super::key_value::Stores;
use super::super::{HandleError, Workload};
use super::outbound::{self, Origin, Outbound};
use super::output::Output;
use super::runtime::Runtime;
use super::spin::{SpinState, SpinView};
use crate::targets::local::logs::Stream;

/// How many resources (streams, requests, headers, …) an instance may have at a time; each takes memory of the host.
const RESOURCES: usize = 4096;

/// How many bytes the headers of one message may take in memory.
const FIELDS: usize = 64 * 1024;

/// The data of a store. Modules and components share it: the preview 1 context holds a preview 2 one.
pub(super) struct Guest {
    pub(super) wasi: WasiP1Ctx,
    http: WasiHttpCtx,
    outbound: Outbound,
    spin: SpinState,
    memory: Memory,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: self.wasi.ctx().table, ctx: &mut self.http }
    }
}

impl SpinView for Guest {
    fn spin(&mut self) -> &mut SpinState {
        &mut self.spin
    }
}

/// What differs between two requests to the same component.
pub(super) struct Stdio<I, O> {
    /// Where the request comes from. Kept until the store goes.
    pub(super) origin: Origin,
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) stdin: I,
    pub(super) stdout: O,
}

/// What all requests to a component share.
pub(super) struct Host {
    pub(super) runtime: Runtime,
    pub(super) workload: Workload,
    stores: Stores,
    variables: Arc<BTreeMap<String, String>>,
    labels: Arc<BTreeSet<String>>,
}

impl Host {
    pub(super) fn new(runtime: Runtime, stores: Stores, workload: Workload) -> Host {
        let variables = Arc::new(workload.variables.clone());
        let labels = Arc::new(workload.key_value_stores.clone());
        Host { runtime, workload, stores, variables, labels }
    }

    /// The right to make an instance.
    pub(super) fn slot(&self) -> Result<OwnedSemaphorePermit, HandleError> {
        self.runtime.slot().ok_or(HandleError::Busy)
    }

    /// A store for a single request. It takes turns with others when it computes for long.
    pub(super) fn store(
        &self,
        stdio: Stdio<impl StdinStream + 'static, impl StdoutStream + 'static>,
    ) -> Result<Store<Guest>, HandleError> {
        let workload = &self.workload;
        let mut wasi = WasiCtx::builder();
        wasi.args(&stdio.arguments).envs(&stdio.environment);
        wasi.stdin(stdio.stdin).stdout(stdio.stdout).stderr(Output::log(&workload.log, Stream::Err));
        if let Some(files) = &workload.files {
            let opened = wasi.preopened_dir(files, "/", FsPerms::ReadOnly);
            opened.map_err(|error| HandleError::NoAnswer(format!("its files cannot be opened: {error:#}")))?;
        }
        outbound::sockets(&mut wasi, workload);
        let mut wasi = wasi.build_p1();
        wasi.ctx().table.set_max_capacity(RESOURCES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS);
        let guest = Guest {
            wasi,
            http,
            outbound: Outbound::new(workload, stdio.origin),
            spin: SpinState::new(self.variables.clone(), self.stores.clone(), self.labels.clone()),
            memory: Memory::new(workload.limits.memory),
        };
        let mut store = Store::new(&self.runtime.engine, guest);
        store.limiter(|guest| &mut guest.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        Ok(store)
    }

    /// Why the guest ended early; the log gets it at length.
    pub(super) fn failure(&self, store: &Store<Guest>, error: &wasmtime::Error) -> HandleError {
        if let Some(I32Exit(status)) = error.downcast_ref() {
            return HandleError::NoAnswer(format!("it exited with status {status}"));
        }
        if error.is::<PoolConcurrencyLimitError>() {
            return HandleError::Busy;
        }
        self.log(format_args!("{error:?}"));
        if store.data().memory.refused {
            return HandleError::OutOfMemory { limit: self.workload.limits.memory };
        }
        let reason = error.root_cause().to_string();
        HandleError::Trapped(reason.lines().next().unwrap_or_default().to_owned())
    }

    /// The time is up.
    pub(super) fn timed_out(&self) -> HandleError {
        let failure = HandleError::TimedOut { limit: self.workload.limits.time };
        self.log(&failure);
        failure
    }

    fn log(&self, text: impl Display) {
        self.workload.log.write(Stream::Err, text.to_string().as_bytes());
    }
}

/// Counts linear memory and tables, and refuses more than is allowed. What was counted stays counted, also where the
/// system then has not as much. The guest may survive a refusal; when it does not, `refused` tells why it trapped.
struct Memory {
    limit: u64,
    used: u64,
    refused: bool,
}

impl Memory {
    fn new(limit: u64) -> Memory {
        Memory { limit, used: 0, refused: false }
    }

    /// Whether something may grow from that many to that many bytes.
    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let used = self.used.saturating_add(desired.saturating_sub(current) as u64);
        self.refused = used > self.limit;
        if !self.refused {
            self.used = used;
        }
        !self.refused
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        Ok(fits(desired, most) && self.grow(current, desired))
    }

    fn table_growing(&mut self, current: usize, desired: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = |elements: usize| elements.saturating_mul(size_of::<usize>());
        Ok(fits(desired, most) && self.grow(bytes(current), bytes(desired)))
    }
}

/// Whether it is no more than it says of itself that it may become.
fn fits(desired: usize, most: Option<usize>) -> bool {
    most.is_none_or(|most| desired <= most)
}
