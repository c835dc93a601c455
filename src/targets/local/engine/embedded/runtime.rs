//! How wasmtime is set up: where compiled code is kept, what instances are made of, and how a guest that never returns
//! is made to share its thread.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// How many instances, of all components together, there are at the same time if not more are wanted; further requests
/// are refused.
pub(super) const INSTANCES: u32 = 200;

/// How many instances there are at most: a pool of so many takes a tenth of the address space.
pub(super) const MOST_INSTANCES: u32 = 1000;

/// How long a guest computes before the next one has its turn.
const TURN: Duration = Duration::from_millis(2);

/// How long, at most, it takes to notice that the engine is gone.
const REST: Duration = Duration::from_secs(1);

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Compiled code is trusted code: a place for it must be this user's alone.
    #[error("cannot keep compiled code in {}: {why}", .path.display())]
    CodeCache {
        /// The directory.
        path: PathBuf,
        /// A fragment.
        why: String,
    },
    /// The runtime cannot be set up.
    #[error("cannot set up the WebAssembly runtime: {0}")]
    Runtime(String),
}

/// A wasmtime engine and what goes with it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Runtime {
    pub(super) engine: Engine,
    /// As many as there may be instances, of all components together.
    pub(super) slots: Arc<Semaphore>,
    /// Who ends the turns of instances; rests while there are none.
    turns: Thread,
}

impl Runtime {
    /// Keeps compiled code in that directory, and makes so many instances at the same time.
    pub(super) fn start(code_cache: &Path, instances: u32) -> Result<Runtime, EngineError> {
        let engine =
            build(&cache(code_cache)?, pool(instances)).map_err(|error| EngineError::Runtime(format!("{error:#}")))?;
        let slots = Arc::new(Semaphore::new(instances as usize));
        let turns =
            take_turns(&engine, slots.clone(), instances).map_err(|error| EngineError::Runtime(error.to_string()))?;
        Ok(Runtime { engine, slots, turns })
    }

    /// The right to make an instance, unless there are too many.
    pub(super) fn slot(&self) -> Option<OwnedSemaphorePermit> {
        let slot = self.slots.clone().try_acquire_owned().ok()?;
        self.turns.unpark();
        Some(slot)
    }
}

/// Wasmtime's own cache: its keys are made of the Wasm, wasmtime's version, its settings and the processor. An entry
/// that does not decompress, or is of another wasmtime, is compiled anew.
fn cache(directory: &Path) -> Result<Cache, EngineError> {
    let refused = |why: String| EngineError::CodeCache { path: directory.to_owned(), why };
    own(directory).map_err(|error| refused(error.to_string()))?;
    let directory = fs::canonicalize(directory).map_err(|error| refused(error.to_string()))?;
    let mut config = CacheConfig::new();
    // Wasmtime would compress what was used 256 times once more, at zstd's level 20: well over 100 MB of memory at a
    // moment that nobody chose, in a server that otherwise needs half of that. Entries stay as they were first written.
    config.with_directory(directory).with_baseline_compression_level(3).with_optimized_compression_level(3);
    Cache::new(config).map_err(|error| refused(format!("{error:#}")))
}

/// Sees to it that the directory is there, is this user's, and that nobody else may enter it.
fn own(directory: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let found = fs::symlink_metadata(directory)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(std::io::Error::other("it must be a directory that belongs to the user who runs this"));
    }
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// An engine with instances from a pool or, where the address space for one cannot be had (`ulimit -v`, small
/// machines), made one by one.
fn build(cache: &Cache, pool: PoolingAllocationConfig) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.cache(Some(cache.clone())).epoch_interruption(true);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config).or_else(|error| {
        tracing::warn!("no pool of instances, requests take longer: {error:#}");
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        // Nothing is reserved ahead; the code checks bounds instead.
        config.memory_reservation(0).memory_guard_size(64 * 1024);
        Engine::new(&config)
    })
}

/// A component is several core instances (its own, adapters, glue), seldom more than one memory, and some tables.
/// The numbers cost address space, not memory; what is written on is given back after each request but for a little.
fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances * 20)
        .total_memories(instances * 2)
        .total_tables(instances * 5)
        .total_stacks(instances)
        .max_memories_per_module(2)
        .max_tables_per_module(5)
        .table_elements(100_000)
        .max_unused_warm_slots(8)
        .linear_memory_keep_resident(64 * 1024)
        .table_keep_resident(8 * 1024)
        .async_stack_keep_resident(16 * 1024);
    pool
}

/// Ends the turn of whoever computes, again and again, as long as there is the engine.
fn take_turns(engine: &Engine, slots: Arc<Semaphore>, instances: u32) -> std::io::Result<Thread> {
    let engine = engine.weak();
    let turns = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            if slots.available_permits() == instances as usize {
                thread::park_timeout(REST);
            } else {
                thread::sleep(TURN);
            }
        }
    };
    let thread = thread::Builder::new().name("guests' turns".to_owned()).spawn(turns)?;
    Ok(thread.thread().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn compiled_code_is_kept_where_nobody_else_may_look() {
        let folder = tempfile::tempdir().unwrap();
        let (new, open) = (folder.path().join("cache/code"), folder.path().join("open"));
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
        for directory in [&new, &open] {
            cache(directory).unwrap();
            assert_eq!(mode(directory), 0o700, "{}", directory.display());
        }
    }

    #[test]
    fn a_link_or_a_file_is_no_place_for_compiled_code() {
        let folder = tempfile::tempdir().unwrap();
        let (link, file) = (folder.path().join("link"), folder.path().join("file"));
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        fs::write(&file, "").unwrap();
        for place in [link, file] {
            assert!(matches!(cache(&place), Err(EngineError::CodeCache { path, .. }) if path == place));
        }
    }

    #[test]
    fn there_is_a_pool() {
        let folder = tempfile::tempdir().unwrap();
        for instances in [INSTANCES, MOST_INSTANCES] {
            let engine = build(&cache(folder.path()).unwrap(), pool(instances)).unwrap();
            assert!(engine.pooling_allocator_metrics().is_some());
        }
    }

    #[test]
    fn without_room_for_a_pool_instances_are_made_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut huge = pool(INSTANCES);
        huge.total_memories(10_000_000);
        let engine = build(&cache(folder.path()).unwrap(), huge).unwrap();
        assert!(engine.pooling_allocator_metrics().is_none());
        let module = wasmtime::Module::new(&engine, wat::parse_str("(module (memory 1))").unwrap()).unwrap();
        let mut store = wasmtime::Store::new(&engine, ());
        wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
    }
}
