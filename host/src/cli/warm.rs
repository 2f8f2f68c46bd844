//! Flags for instances that are kept for their next call.

use std::time::Duration;

use clap::Args;

use super::settings::set;
use crate::config::WarmConfig;

/// Instances of blocks that are granted `stateless` answer many calls.
#[derive(Debug, Args)]
#[command(next_help_heading = "Warm instances")]
pub(super) struct Warm {
    /// Instances that wait for their next call, 0 for none [default: 64]
    #[arg(id = "warm_instances", long = "warm-instances", env = "BLOCKYARD_WARM_INSTANCES", value_name = "N")]
    instances: Option<usize>,
    /// Of these, instances of one block [default: 16]
    #[arg(id = "warm_per_block", long = "warm-per-block", env = "BLOCKYARD_WARM_PER_BLOCK", value_name = "N")]
    per_block: Option<usize>,
    /// Memory of all that wait [default: 268435456]
    #[arg(id = "warm_bytes", long = "warm-bytes", env = "BLOCKYARD_WARM_BYTES", value_name = "BYTES")]
    bytes: Option<usize>,
    /// Calls that one instance answers [default: 1000]
    #[arg(id = "warm_calls", long = "warm-calls", env = "BLOCKYARD_WARM_CALLS", value_name = "N")]
    calls: Option<u32>,
    /// From an instance's first call to its last [default: 60000]
    #[arg(id = "warm_age_ms", long = "warm-age-ms", env = "BLOCKYARD_WARM_AGE_MS", value_name = "MS", value_parser = milliseconds())]
    age_ms: Option<u64>,
    /// How long one waits for its next call [default: 15000]
    #[arg(id = "warm_idle_ms", long = "warm-idle-ms", env = "BLOCKYARD_WARM_IDLE_MS", value_name = "MS", value_parser = milliseconds())]
    idle_ms: Option<u64>,
    /// How far its memory may grow beyond what it started with [default: 16777216]
    #[arg(
        id = "warm_growth_bytes",
        long = "warm-growth-bytes",
        env = "BLOCKYARD_WARM_GROWTH_BYTES",
        value_name = "BYTES"
    )]
    growth_bytes: Option<usize>,
}

/// Up to a day, so that it can be added to any time.
fn milliseconds() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(0..=86_400_000)
}

impl Warm {
    /// Bring what was given into `config`.
    pub(super) fn apply(&self, config: &mut WarmConfig) {
        set(&mut config.instances, self.instances);
        set(&mut config.per_block, self.per_block);
        set(&mut config.bytes, self.bytes);
        set(&mut config.calls, self.calls);
        set(&mut config.age, self.age_ms.map(Duration::from_millis));
        set(&mut config.idle, self.idle_ms.map(Duration::from_millis));
        set(&mut config.growth_bytes, self.growth_bytes);
    }
}
