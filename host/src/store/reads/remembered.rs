//! Workflows read a moment ago, since an often run one is asked for again and again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::WorkflowRow;

/// Rows kept; past that many the memory starts anew.
const MOST: usize = 1024;

/// What was read while the writer had carried out no further command, which is the only way that workflows change.
/// Nothing of a database that other processes change too.
#[derive(Debug)]
pub(crate) struct Remembered {
    is_shared: bool,
    known: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    generation: u64,
    rows: HashMap<(String, Option<u32>), WorkflowRow>,
}

impl Remembered {
    /// `is_shared`: whether other processes may work on the same database.
    pub(crate) fn new(is_shared: bool) -> Self {
        Self { is_shared, known: Mutex::default() }
    }

    pub(crate) fn find(&self, generation: u64, workflow_id: &str, version: Option<u32>) -> Option<WorkflowRow> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.generation != generation {
            return None;
        }
        known.rows.get(&(workflow_id.to_owned(), version)).cloned()
    }

    /// Keep what was read; `generation` is that from before the read, so that a row that was changed during it is not
    /// taken for the present one.
    pub(crate) fn keep(&self, generation: u64, workflow_id: &str, version: Option<u32>, row: &WorkflowRow) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_shared || generation < known.generation {
            return;
        }
        if generation > known.generation || known.rows.len() >= MOST {
            known.rows.clear();
            known.generation = generation;
        }
        known.rows.insert((workflow_id.to_owned(), version), row.clone());
    }
}
