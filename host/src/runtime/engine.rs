//! One engine for the process, and the thread that makes its time pass.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use wasmtime::component::Linker;
use wasmtime::{Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::cache::{Alone, Busy, Cache};
use super::instance::{GuestState, Instance};
use super::pool::Pool;
use crate::capabilities::Capabilities;
use crate::config::RuntimeConfig;
use crate::domain::Sources;

/// How often running guests are looked at. Bounds how long a loop holds a worker thread.
const TICK: Duration = Duration::from_millis(5);

/// How long a component is left to another process that compiles it, and how often it is looked after.
const OTHERS_PATIENCE: Duration = Duration::from_secs(60);
const OTHERS_LOOK: Duration = Duration::from_millis(50);

/// Slots of the pool that stay mapped between calls.
const WARM_SLOTS: u32 = 64;
/// Core instances of one component.
const MOST_CORE_INSTANCES: u32 = 64;
/// Memories and tables of one component. There is room for as many in every slot, so that no block takes that of others.
const MOST_MEMORIES: u32 = 3;
const MOST_TABLES: u32 = 64;
/// How much of a slot's memory stays mapped.
const KEEP_RESIDENT_BYTES: usize = 1 << 20;

/// Compiles and calls components.
#[derive(Clone)]
pub struct Runtime {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) linker: Linker<GuestState>,
    pub(super) cache: Cache,
    pub(super) config: RuntimeConfig,
    pub(super) sources: Sources,
    capabilities: Capabilities,
    /// One permit a component that is compiled.
    compiling: Semaphore,
    /// One permit a process beside the compilers.
    pub(super) checking: Semaphore,
    /// One permit an instance at work.
    pub(super) instances: Semaphore,
    /// The slots that instances are in, with those that wait for their next call.
    pub(super) pool: Mutex<Pool<Instance>>,
    ticker: Arc<Ticker>,
}

impl Runtime {
    /// Set up the engine.
    ///
    /// # Errors
    /// If the machine cannot reserve the address space of the instance pool, or the cache directory is unusable.
    pub fn new(config: RuntimeConfig, sources: Sources, capabilities: Capabilities) -> wasmtime::Result<Self> {
        let engine = Engine::new(&engine_config(&config))?;
        let mut linker = Linker::new(&engine);
        crate::capabilities::add_to_linker(&mut linker)?;
        let cache = Cache::open(config.cache_dir.as_deref(), config.cache_bytes, &engine)?;
        let ticker = Arc::new(Ticker { engine: engine.weak(), running: AtomicUsize::new(0) });
        spawn_ticker(Arc::downgrade(&ticker))?;
        let slots = config.max_instances as usize;
        let compiling = Semaphore::new(config.compile_concurrency.max(1));
        let checking = Semaphore::new(thread::available_parallelism().map_or(1, NonZeroUsize::get));
        let (instances, pool) = (Semaphore::new(slots), Mutex::new(Pool::new(config.warm.clone(), slots)));
        Ok(Self {
            shared: Arc::new(Shared {
                engine,
                linker,
                cache,
                config,
                sources,
                capabilities,
                compiling,
                checking,
                instances,
                pool,
                ticker,
            }),
        })
    }

    /// The operator's limits.
    pub fn config(&self) -> &RuntimeConfig {
        &self.shared.config
    }

    /// Time and randomness.
    pub fn sources(&self) -> &Sources {
        &self.shared.sources
    }

    /// What calls can do besides computing.
    pub fn capabilities(&self) -> &Capabilities {
        &self.shared.capabilities
    }

    /// Wait until nobody else that uses the cache compiles this component, though not for ever: they may have been stopped.
    pub async fn compile_claim(&self, digest: &str) -> CompileClaim {
        self.compile_claim_within(digest, OTHERS_PATIENCE).await
    }

    /// The same, with so much patience.
    pub async fn compile_claim_within(&self, digest: &str, patience: Duration) -> CompileClaim {
        let begun = Instant::now();
        loop {
            match self.shared.cache.try_alone(digest) {
                Ok(alone) => return CompileClaim(alone),
                Err(Busy) if begun.elapsed() >= patience => {
                    tracing::warn!(digest, "another process compiles a block for long; it is compiled here as well");
                    return CompileClaim(None);
                }
                Err(Busy) => tokio::time::sleep(OTHERS_LOOK).await,
            }
        }
    }

    /// Wait until one more component may be compiled here, which is until the answer is dropped. Who waits for others has
    /// its claim before, and so keeps nobody waiting.
    pub async fn compile_turn(&self, claim: CompileClaim) -> CompileTurn<'_> {
        // It is never closed, and then nothing would hold back anyway.
        CompileTurn { _permit: self.shared.compiling.acquire().await.ok(), _claim: claim }
    }

    /// Make time pass for guests until the answer is dropped.
    pub(super) fn keep_ticking(&self) -> Ticking {
        let ticker = Arc::clone(&self.shared.ticker);
        ticker.running.fetch_add(1, Ordering::Relaxed);
        Ticking(ticker)
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

/// Says that nobody else compiles a component.
#[derive(Debug)]
pub struct CompileClaim(#[expect(dead_code, reason = "held")] Option<Alone>);

/// Says that a component may be compiled.
#[derive(Debug)]
pub struct CompileTurn<'a> {
    _permit: Option<SemaphorePermit<'a>>,
    _claim: CompileClaim,
}

pub(super) fn engine_config(config: &RuntimeConfig) -> wasmtime::Config {
    let instances = config.max_instances;
    let keep = if PoolingAllocationConfig::is_pagemap_scan_available() { KEEP_RESIDENT_BYTES } else { 0 };
    let mut pool = PoolingAllocationConfig::new();
    // A Rust component is three core instances (its own and two adapters) with one memory and a few tables; a Python one
    // is forty, as its libraries are linked when it starts. They are only counted, so that all may be of that kind.
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(MOST_CORE_INSTANCES))
        .total_memories(instances.saturating_mul(MOST_MEMORIES))
        .total_tables(instances.saturating_mul(MOST_TABLES))
        .total_stacks(instances)
        .max_core_instances_per_component(MOST_CORE_INSTANCES)
        .max_memories_per_component(MOST_MEMORIES)
        .max_tables_per_component(MOST_TABLES)
        .max_memory_size(config.memory_bytes)
        .max_unused_warm_slots(instances.min(WARM_SLOTS))
        // Where the kernel can tell which pages a call touched, those are set back in place: the next call in the slot
        // then finds them mapped. Elsewhere nothing is kept, since setting back all of it costs more than it saves.
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(keep)
        .table_keep_resident(keep);
    let mut engine = wasmtime::Config::new();
    engine
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .epoch_interruption(true)
        .wasm_component_model(true)
        .concurrency_support(false)
        .memory_init_cow(true)
        // One frame is enough to tell an error inside of the guest from one about its answer.
        .wasm_backtrace_max_frames(NonZeroUsize::new(1))
        .generate_address_map(false);
    engine
}

/// Moves the engine's epoch while guests run.
struct Ticker {
    engine: wasmtime::EngineWeak,
    running: AtomicUsize,
}

pub(super) struct Ticking(Arc<Ticker>);

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One thread for the process, which ends with the runtime.
fn spawn_ticker(ticker: Weak<Ticker>) -> std::io::Result<()> {
    let tick = move || {
        while let Some(ticker) = ticker.upgrade() {
            if ticker.running.load(Ordering::Relaxed) > 0
                && let Some(engine) = ticker.engine.upgrade()
            {
                engine.increment_epoch();
            }
            drop(ticker);
            thread::sleep(TICK);
        }
    };
    thread::Builder::new().name("epoch-ticker".to_owned()).spawn(tick)?;
    Ok(())
}
