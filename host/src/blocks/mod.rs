//! The blocks that workflows can use: what they say of themselves, their versions, and how they are called.

mod access;
pub mod builtin;
mod call;
mod catalogue;
mod code;
mod register;
mod schema;
mod schema_cost;
#[cfg(test)]
mod testing;
pub mod uploads;

use std::sync::Arc;
use std::time::Duration;

use blockyard_replay::Replay;

use crate::capabilities::ProgressSink;
use crate::domain::Manifest;
use crate::runtime::{CallLimits, Runtime};

pub use access::{CallAccess, shared};
pub use call::{Call, CallContext};
pub use catalogue::{Catalogue, ResolveError, Versions};
pub use register::RegisterError;
pub use schema::{CHECK_COMMAND, Early, PathSegment, check_alone, is_expression_field};

use access::{Grants, Settings};
use code::Code;
use schema::Schema;

/// One version of a block, ready to be called.
pub struct Block {
    /// What it says of itself.
    pub manifest: Manifest,
    code: Code,
    /// Whether it can ask for the text of secrets.
    reveals: bool,
    config_schema: Schema,
    input_schema: Schema,
    runtime: Runtime,
    grants: Grants,
    settings: Settings,
    /// The exchanges of its examples.
    recorded: Replay,
}

impl Block {
    /// Have the component loaded, so that the first call need not. A failure is logged, and the first call tries again.
    async fn load(&self) {
        drop(self.code.get(&self.runtime, Duration::MAX).await);
    }

    /// Whether it can ask for the text of secrets.
    pub fn reveals(&self) -> bool {
        self.reveals
    }

    /// SHA-256 of the component.
    pub fn digest(&self) -> &str {
        self.code.digest()
    }

    /// What is wrong with a config in which the values at the pointers `templated` are not filled in yet. Pointers
    /// start with `at`.
    pub fn check_config_early(&self, config: &serde_json::Value, at: &str, templated: &[&str]) -> Early {
        self.config_schema.check_early(config, at, crate::runtime::code::INVALID_CONFIG, templated)
    }

    /// The limits of one call: the operator's, lowered by what the block wishes, with the node's own time limit.
    pub fn limits(&self, timeout_ms: Option<u64>) -> CallLimits {
        let config = self.runtime.config();
        let wishes = self.manifest.limits;
        let ceilings = CallLimits::ceilings(config);
        let wished = timeout_ms.or(wishes.timeout_ms).map(Duration::from_millis);
        let memory = wishes.memory_bytes.and_then(|bytes| usize::try_from(bytes).ok());
        CallLimits {
            timeout: wished.map_or(config.timeout, |wish| wish.min(config.max_timeout)),
            cpu: wishes.cpu_ms.map_or(ceilings.cpu, |ms| Duration::from_millis(ms).min(ceilings.cpu)),
            memory_bytes: memory.map_or(ceilings.memory_bytes, |bytes| bytes.min(ceilings.memory_bytes)),
            ..ceilings
        }
    }
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block({}@{})", self.manifest.block_type, self.manifest.version)
    }
}

/// Who hears of a call's progress.
pub type Progress = Option<Arc<dyn ProgressSink>>;
