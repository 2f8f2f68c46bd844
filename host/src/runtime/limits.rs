//! What one call may use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{CallHook, ResourceLimiter, UpdateDeadline};

use crate::config::RuntimeConfig;

/// Limits of one call.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// Wall time.
    pub timeout: Duration,
    /// Time inside the guest.
    pub cpu: Duration,
    /// Linear memory in bytes.
    pub memory_bytes: usize,
    /// Emissions and metadata together, in bytes.
    pub output_bytes: usize,
    /// Log lines kept.
    pub log_lines: usize,
    /// Longest log line in bytes.
    pub log_line_bytes: usize,
}

impl CallLimits {
    /// The operator's ceilings.
    pub fn ceilings(config: &RuntimeConfig) -> Self {
        Self {
            timeout: config.timeout,
            cpu: config.cpu,
            memory_bytes: config.memory_bytes,
            output_bytes: config.output_bytes,
            log_lines: config.log_lines,
            log_line_bytes: config.log_line_bytes,
        }
    }
}

/// Elements in all tables of one instance. Rust and C components use a few thousand at most.
const TABLE_ELEMENTS: usize = 200_000;

/// Refuses memory past the limit, and remembers that it did.
#[derive(Debug)]
pub(super) struct MemoryLimiter {
    limit_bytes: usize,
    used_bytes: usize,
    table_elements: usize,
    refused: bool,
}

impl MemoryLimiter {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, used_bytes: 0, table_elements: 0, refused: false }
    }

    /// Start another call in the same instance: what it has counts on.
    pub(super) fn renew(&mut self, limit_bytes: usize) {
        (self.limit_bytes, self.refused) = (limit_bytes, false);
    }

    /// Linear memory that the instance has, in bytes.
    pub(super) fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    /// Whether the guest asked for more than it may have.
    pub(super) fn refused(&self) -> bool {
        self.refused
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.used_bytes.saturating_add(desired.saturating_sub(current));
        if total > self.limit_bytes {
            self.refused = true;
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.used_bytes = total;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        if total > TABLE_ELEMENTS {
            self.refused = true;
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }
}

/// Measures the time that one call spends inside its guest.
///
/// It runs from each entry into the guest to the next exit, in CPU time of the thread, so that neither waiting for the
/// host nor being descheduled counts. Host calls cannot reset it.
#[derive(Debug)]
pub(super) struct CpuClock {
    budget_ns: u64,
    spent_ns: u64,
    /// Thread time of the last entry into the guest; `STOPPED` outside.
    since_ns: Arc<AtomicU64>,
}

const STOPPED: u64 = u64::MAX;

/// The guest used up its CPU budget.
#[derive(Debug, thiserror::Error)]
#[error("CPU budget used up")]
pub(super) struct CpuLimit;

fn thread_time_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // Both parts are never negative for this clock.
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

impl CpuClock {
    pub(super) fn new(budget: Duration) -> Self {
        Self {
            budget_ns: u64::try_from(budget.as_nanos()).unwrap_or(u64::MAX),
            spent_ns: 0,
            since_ns: Arc::new(AtomicU64::new(STOPPED)),
        }
    }

    pub(super) fn on_transition(&mut self, hook: CallHook) {
        if hook.exiting_host() { self.since_ns.store(thread_time_ns(), Ordering::Relaxed) } else { self.stop() }
    }

    fn stop(&mut self) {
        let since = self.since_ns.swap(STOPPED, Ordering::Relaxed);
        if since != STOPPED {
            self.spent_ns += thread_time_ns().saturating_sub(since);
        }
    }

    /// Called when the epoch moved on while the guest runs: stop it, or let others run and go on.
    pub(super) fn on_tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        self.stop();
        if self.spent_ns > self.budget_ns {
            return Err(wasmtime::Error::new(CpuLimit));
        }
        let since = Arc::clone(&self.since_ns);
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(async move {
                tokio::task::yield_now().await;
                // Possibly on another thread by now, which is why the clock starts again here.
                since.store(thread_time_ns(), Ordering::Relaxed);
            }),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_over_all_memories() {
        let mut limiter = MemoryLimiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert!(!limiter.refused());
        assert!(!limiter.memory_growing(60, 61, None).unwrap());
        assert!(limiter.refused());
    }

    #[test]
    fn only_time_inside_the_guest_counts() {
        let mut clock = CpuClock::new(Duration::from_secs(1));
        clock.on_transition(CallHook::CallingWasm);
        clock.on_transition(CallHook::CallingHost);
        let spent = clock.spent_ns;
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(5) {}
        clock.on_transition(CallHook::ReturningFromHost);
        assert_eq!(clock.spent_ns, spent);
        while start.elapsed() < Duration::from_millis(10) {}
        clock.on_transition(CallHook::ReturningFromWasm);
        assert!(clock.spent_ns > spent);
    }
}
