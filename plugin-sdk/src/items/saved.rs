//! How far a list has come, as it outlives a suspension.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::Failure;

/// Everything that is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Saved<S, Totals> {
    pub(super) entries: Vec<Entry<S>>,
    pub(super) totals: Totals,
    /// Calls in a row that finished nothing.
    pub(super) stalls: u32,
}

/// One item.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Entry<S> {
    Pending { state: S, tries: u32 },
    Done(Box<RawValue>),
    Failed(SavedFailure),
}

impl<S> Entry<S> {
    pub(super) fn is_pending(&self) -> bool {
        matches!(self, Self::Pending { .. })
    }
}

/// A [`Failure`] for good.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedFailure {
    code: String,
    message: String,
    details: Map<String, Value>,
    #[serde(default)]
    retry: Option<Option<u64>>,
}

impl From<&Failure> for SavedFailure {
    fn from(failure: &Failure) -> Self {
        Self {
            code: failure.code().to_owned(),
            message: failure.message().to_owned(),
            details: failure.details().cloned().unwrap_or_default(),
            retry: failure.retry_hint().map(|hint| hint.after_ms),
        }
    }
}

impl From<SavedFailure> for Failure {
    fn from(saved: SavedFailure) -> Self {
        let failure = Self::new(saved.code, saved.message);
        let failure = saved.details.into_iter().fold(failure, |failure, (key, value)| failure.detail(key, value));
        match saved.retry {
            None => failure,
            Some(None) => failure.retry(),
            Some(Some(after_ms)) => failure.retry_after_ms(after_ms),
        }
    }
}
