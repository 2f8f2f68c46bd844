//! One instance of a component, for one call or for several that follow one another, and the slot that it has.

use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtxView, WasiView};

use super::component::Component;
use super::engine::{Runtime, Shared};
use super::limits::{CallLimits, CpuClock, MemoryLimiter};
use super::pool::{Entry, History, Key, Pool, WarmStats};
use crate::capabilities::bindings::BlockComponentRevealing;
use crate::capabilities::stdio::Ambient;
use crate::capabilities::{CallState, HasCall};

/// What a host call may pass besides data, in bytes: names, headers, the list itself.
const HOST_CALL_SLACK_BYTES: usize = 64 << 10;
/// Instances whose time is up are looked for no more often than this.
const SWEEP: Duration = Duration::from_millis(100);

/// The data of a store.
pub(super) struct GuestState {
    /// All of the running call.
    pub(super) call: CallState,
    pub(super) memory: MemoryLimiter,
    pub(super) cpu: CpuClock,
    pub(super) limits: CallLimits,
    pub(super) ambient: Ambient,
}

impl HasCall for GuestState {
    fn call(&mut self) -> &mut CallState {
        &mut self.call
    }
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.ambient.view(&mut self.call.table)
    }
}

/// An instance, made when it is first asked for something.
pub(super) struct Instance {
    pub(super) store: Store<GuestState>,
    block: Option<BlockComponentRevealing>,
    /// Linear memory that it started with.
    first_bytes: usize,
}

impl Instance {
    /// For a call: the one that waited for it, or else a new one.
    pub(super) fn of(warm: Option<Self>, engine: &Engine, call: CallState, limits: CallLimits) -> Self {
        match warm {
            Some(mut warm) => {
                warm.begin(call, limits);
                warm
            }
            None => Self::new(engine, call, limits),
        }
    }

    fn new(engine: &Engine, call: CallState, limits: CallLimits) -> Self {
        let memory = MemoryLimiter::new(limits.memory_bytes);
        let state = GuestState { call, memory, cpu: CpuClock::new(limits.cpu), limits, ambient: Ambient::new() };
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.memory);
        store.epoch_deadline_callback(|mut context| context.data_mut().cpu.on_tick());
        store.call_hook(|mut context, hook| {
            context.data_mut().cpu.on_transition(hook);
            Ok(())
        });
        let mut instance = Self { store, block: None, first_bytes: 0 };
        instance.allow(limits);
        instance
    }

    /// Another call: nothing of the one before is left but what the guest itself remembers.
    fn begin(&mut self, call: CallState, limits: CallLimits) {
        let state = self.store.data_mut();
        state.call = call;
        state.memory.renew(limits.memory_bytes);
        state.cpu = CpuClock::new(limits.cpu);
        state.limits = limits;
        state.ambient.forget_output();
        self.allow(limits);
    }

    fn allow(&mut self, limits: CallLimits) {
        self.store.set_hostcall_fuel(limits.output_bytes.saturating_add(HOST_CALL_SLACK_BYTES));
        self.store.set_epoch_deadline(1);
    }

    /// The exports, to be called with the store. The first time, this is what instantiates the component.
    pub(super) async fn block(
        &mut self,
        component: &Component,
    ) -> wasmtime::Result<(&BlockComponentRevealing, &mut Store<GuestState>)> {
        let Self { store, block, first_bytes } = self;
        let block = match block {
            Some(block) => block,
            None => {
                let made = component.pre.instantiate_async(&mut *store).await?;
                *first_bytes = store.data().memory.used_bytes();
                block.insert(made)
            }
        };
        Ok((block, store))
    }

    /// Whether another call may follow one that the guest answered: it holds nothing of that call, and has not grown by
    /// more than `growth_bytes`.
    fn is_reusable(&self, growth_bytes: usize) -> bool {
        let state = self.store.data();
        let grown = state.memory.used_bytes().saturating_sub(self.first_bytes);
        state.call.left_nothing() && !state.memory.refused() && grown <= growth_bytes
    }
}

/// A slot of the engine's pool of instances, free again when this is dropped. What is in it has to be dropped before.
pub(super) struct Slot<'r> {
    runtime: &'r Runtime,
    /// Unless the slot was handed over with its instance.
    held: bool,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if self.held {
            self.runtime.shared.pool().release();
        }
    }
}

impl<'r> Slot<'r> {
    /// For a call that holds a permit, with the instance that waits for calls with this key.
    pub(super) async fn enter(runtime: &'r Runtime, key: Option<Key>) -> (Self, Option<History>, Option<Instance>) {
        loop {
            let entered = runtime.shared.pool().enter(key.as_ref(), Instant::now());
            if let Some(Entry { history, warm, evicted }) = entered {
                drop(evicted);
                return (Self { runtime, held: true }, history, warm);
            }
            // There are as many permits as slots, so that somebody is just dropping an instance, on another thread.
            tokio::task::yield_now().await;
        }
    }

    /// Keep the instance for the next call, if it may be kept.
    pub(super) fn keep(mut self, history: History, mut instance: Instance) {
        let shared = &self.runtime.shared;
        if !instance.is_reusable(shared.config.warm.growth_bytes) {
            // Before the slot, which is dropped at the end of the function.
            return drop(instance);
        }
        let (sources, capabilities) = (self.runtime.sources().clone(), self.runtime.capabilities().clone());
        let state = instance.store.data_mut();
        state.call = CallState::between_calls(sources, capabilities);
        let bytes = state.memory.used_bytes();
        self.held = false;
        let (removed, unswept) = {
            let mut pool = shared.pool();
            (pool.park(history, instance, bytes, Instant::now()), pool.wants_sweeper())
        };
        shared.discard(removed);
        if unswept {
            tokio::spawn(sweep(Sweeper { shared: Arc::downgrade(shared), leaving: false }));
        }
    }
}

impl Shared {
    fn pool(&self) -> MutexGuard<'_, Pool<Instance>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drop instances, which takes a while, without a lock.
    fn discard(&self, removed: Vec<Instance>) {
        for instance in removed {
            drop(instance);
            self.pool().release();
        }
    }
}

impl Runtime {
    /// What waits for calls.
    pub fn warm_stats(&self) -> WarmStats {
        self.shared.pool().stats()
    }
}

/// Whoever looks after the pool; if it goes while something waits there, the next call finds another.
struct Sweeper {
    shared: Weak<Shared>,
    leaving: bool,
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        if !self.leaving
            && let Some(shared) = self.shared.upgrade()
        {
            shared.pool().sweeper_is_gone();
        }
    }
}

/// Drops instances whose time is up, until none waits.
async fn sweep(mut sweeper: Sweeper) {
    loop {
        let next = {
            let Some(shared) = sweeper.shared.upgrade() else { return };
            let (removed, next) = shared.pool().sweep(Instant::now());
            // From here on another one may be at it.
            sweeper.leaving = next.is_none();
            shared.discard(removed);
            next
        };
        let Some(next) = next else { return };
        sleep_until(next.max(Instant::now() + SWEEP)).await;
    }
}
