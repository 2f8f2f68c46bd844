//! One execution: what is ready, what comes to it, what it came to.

mod attempt;
mod compile;
mod evaluate;
mod expressions;
mod fan_out;
mod inputs;
mod journal;
mod node;
pub mod path;
mod plan;
mod retry;
mod run;
mod scope;
pub mod single;
mod state;
mod template;

use std::sync::Arc;

use crate::blocks::Catalogue;
use crate::config::ExecutionConfig;
use crate::domain::Sources;
use crate::store::Store;

pub use compile::{Pins, merged_variables};
pub use evaluate::Evaluator;
pub use plan::{Plan, PlanNode};
pub use run::{Ended, Start, Stops};

/// Compiles and runs workflows. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Orchestrator {
    store: Store,
    catalogue: Catalogue,
    evaluator: Evaluator,
    config: Arc<ExecutionConfig>,
    sources: Sources,
}

impl Orchestrator {
    /// With these parts.
    ///
    /// # Errors
    /// If the catalogue lacks the block that evaluates expressions.
    pub fn new(store: Store, catalogue: Catalogue, config: ExecutionConfig, sources: Sources) -> Result<Self, String> {
        let evaluator = Evaluator::new(&catalogue)?;
        Ok(Self { store, catalogue, evaluator, config: Arc::new(config), sources })
    }

    /// Which blocks there are.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }
}
