//! Compiled workflows, kept so that a workflow that runs often is compiled once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::{Json, Problem, Report};
use crate::orchestrator::{Orchestrator, Pins, Plan};
use crate::store::StoreError;

/// Plans kept.
const CAPACITY: usize = 256;

/// Why a stored document cannot be run.
#[derive(Debug, thiserror::Error)]
#[error("the workflow is not valid: {}", first(.0))]
pub struct PlanError(pub Report);

fn first(report: &Report) -> String {
    report.errors.first().map_or_else(String::new, |problem| format!("{}: {}", problem.pointer, problem.message))
}

/// Why the workflow of an earlier execution cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadPlanError {
    /// It does not fit the blocks any more.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The database. It may go better another time.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// By digest of the document and the blocks that it was compiled with.
type Key = (String, String);

#[derive(Debug, Default)]
pub(super) struct Plans {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    plans: HashMap<Key, Arc<Plan>>,
    oldest: VecDeque<Key>,
}

impl Plans {
    /// The plan of a stored document. `pins` are the blocks that an execution started with, as stored; without them the
    /// document means the active versions.
    pub(super) async fn get(
        &self,
        orchestrator: &Orchestrator,
        digest: &str,
        pins: Option<&Json>,
        document: impl Future<Output = Option<Json>>,
    ) -> Result<Option<Arc<Plan>>, PlanError> {
        let blocks = match pins {
            Some(pins) => pins.as_str().to_owned(),
            None => format!("active:{}", orchestrator.catalogue().generation()),
        };
        let key = (digest.to_owned(), blocks);
        if let Some(plan) = self.find(&key) {
            return Ok(Some(plan));
        }
        let Some(document) = document.await else { return Ok(None) };
        let document = document.to_value().map_err(|error| {
            let problem = Problem::new("", "invalid-document", error.to_string());
            PlanError(Report::new(vec![problem], Vec::new()))
        })?;
        let pins: Option<Pins> = pins.and_then(|pins| pins.decode().ok());
        let (plan, _) = orchestrator.compile_document(&document, pins.as_ref()).await.map_err(PlanError)?;
        let plan = Arc::new(plan);
        self.keep(key, Arc::clone(&plan));
        Ok(Some(plan))
    }

    fn find(&self, key: &Key) -> Option<Arc<Plan>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).plans.get(key).cloned()
    }

    fn keep(&self, key: Key, plan: Arc<Plan>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.plans.insert(key.clone(), plan).is_none() {
            known.oldest.push_back(key);
        }
        if known.oldest.len() > CAPACITY
            && let Some(oldest) = known.oldest.pop_front()
        {
            known.plans.remove(&oldest);
        }
    }
}
