//! Instances that wait for their next call.

use std::time::Duration;

/// How long instances of blocks that are granted `stateless` are kept, and how many.
#[derive(Clone, Debug)]
pub struct WarmConfig {
    /// Instances that wait, of all blocks; 0 keeps none. A call that needs their room takes it. `BLOCKYARD_WARM_INSTANCES`,
    /// default 64.
    pub instances: usize,
    /// Of these, instances of one block (of an uploaded one: for one user). `BLOCKYARD_WARM_PER_BLOCK`, default 16.
    pub per_block: usize,
    /// Linear memory of all that wait, in bytes. `BLOCKYARD_WARM_BYTES`, default 256 MiB.
    pub bytes: usize,
    /// Calls that one instance answers. `BLOCKYARD_WARM_CALLS`, default 1,000.
    pub calls: u32,
    /// From an instance's first call to its last. `BLOCKYARD_WARM_AGE_MS`, default 60 s.
    pub age: Duration,
    /// How long one waits for its next call. `BLOCKYARD_WARM_IDLE_MS`, default 15 s.
    pub idle: Duration,
    /// How far its linear memory may grow beyond what it started with, in bytes. `BLOCKYARD_WARM_GROWTH_BYTES`, default
    /// 16 MiB.
    pub growth_bytes: usize,
}

impl Default for WarmConfig {
    fn default() -> Self {
        Self {
            instances: 64,
            per_block: 16,
            bytes: 256 << 20,
            calls: 1_000,
            age: Duration::from_secs(60),
            idle: Duration::from_secs(15),
            growth_bytes: 16 << 20,
        }
    }
}
