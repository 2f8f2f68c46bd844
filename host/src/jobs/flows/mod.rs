//! Flows: trees of jobs.
//!
//! What a job does knows nothing of flows. When one has ended, its flow is told beside the work, and if that fails the sweep
//! repairs it: a flow is always counted anew from its jobs.

mod submit;
mod view;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use tokio::sync::Notify;

pub use submit::{FlowError, FlowNode, FlowSubmit, FlowSubmitted};

use super::Queue;
use super::handlers::result;
use crate::domain::{FlowId, JobId};
use crate::store::StoreError;

/// Flows that are remembered as waiting to be told; what comes on top of that the sweep finds.
const MOST_WAITING: usize = 4096;
/// Flows told side by side, and jobs cancelled side by side.
const CONCURRENCY: usize = 16;
/// How often flows are looked for that nobody told.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Flows looked up at once.
const ROWS: u32 = 500;

/// Flows of which jobs have ended, each with the last of these jobs.
#[derive(Debug, Default)]
pub(super) struct Flows {
    waiting: Mutex<HashMap<FlowId, JobId>>,
    told: Notify,
}

impl Flows {
    fn add(&self, flow_id: &FlowId, job_id: &JobId) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST_WAITING || waiting.contains_key(flow_id) {
            waiting.insert(flow_id.clone(), job_id.clone());
        }
        drop(waiting);
        self.told.notify_one();
    }

    fn take(&self) -> HashMap<FlowId, JobId> {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What became of a wish to cancel a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowCancelled {
    /// There is no such flow.
    NotFound,
    /// All its jobs had ended before.
    AlreadyEnded,
    /// None of its jobs goes on.
    Accepted,
}

impl Queue {
    /// A job has ended, or was ended: its flow, if it has one, will hear of it. Never fails and never waits.
    pub(super) fn job_ended(&self, flow_id: Option<&FlowId>, job_id: &JobId) {
        if let Some(flow_id) = flow_id {
            self.shared.flows.add(flow_id, job_id);
        }
    }

    /// Tell flows of jobs that have ended, as long as this process works. Workers look for those that nobody told too.
    pub(super) fn keep_flows(&self) {
        let queue = self.clone();
        self.shared.tasks.spawn(async move {
            let stopping = queue.shared.hand_over.clone();
            tokio::select! {
                () = stopping.cancelled() => {}
                () = queue.tell_flows() => {}
            }
        });
    }

    async fn tell_flows(&self) {
        let shared = &self.shared;
        let mut sweeps = tokio::time::interval(SWEEP_INTERVAL);
        sweeps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shared.flows.told.notified() => self.advance_all(shared.flows.take()).await,
                _ = sweeps.tick(), if shared.jobs.worker => {
                    if let Err(error) = self.sweep_flows().await {
                        tracing::error!(%error, "flows that fell behind cannot be looked for");
                    }
                }
            }
        }
    }

    async fn advance_all(&self, flows: impl IntoIterator<Item = (FlowId, JobId)>) {
        let flows = stream::iter(flows);
        flows
            .for_each_concurrent(CONCURRENCY, |(flow_id, job_id)| async move { self.advance(&flow_id, &job_id).await })
            .await;
    }

    /// Bring a flow up to date, since this job has ended.
    async fn advance(&self, flow_id: &FlowId, job_id: &JobId) {
        let shared = &self.shared;
        match shared.store.advance_flow(flow_id, shared.sources.now_ms(), result).await {
            Ok(advanced) => {
                for (job_id, status) in &advanced.told {
                    tracing::info!(%flow_id, %job_id, status = status.as_str(), "flow progress updated");
                }
                if advanced.released {
                    self.wake();
                }
            }
            Err(error) => tracing::error!(%flow_id, %job_id, %error, "flow progress update failed"),
        }
    }

    /// Bring all flows up to date that have fallen behind their jobs, such as when a process died, or the store failed,
    /// between the end of a job and the word of it. How many there were.
    ///
    /// # Errors
    /// If the store fails to find them.
    pub async fn sweep_flows(&self) -> Result<usize, StoreError> {
        let (mut count, mut after) = (0, String::new());
        loop {
            let behind = self.shared.store.flows_behind(&after, ROWS).await?;
            count += behind.len();
            let last = behind.len() < ROWS as usize;
            if let Some((flow_id, _)) = behind.last() {
                after = flow_id.to_string();
            }
            self.advance_all(behind).await;
            if last {
                return Ok(count);
            }
        }
    }

    /// Stop all jobs of a flow that have not ended. Those that run have ended when this returns.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn cancel_flow(&self, flow_id: &FlowId) -> Result<FlowCancelled, StoreError> {
        let shared = &self.shared;
        let now = shared.sources.now_ms();
        let Some(found) = shared.store.cancel_flow(flow_id, now).await? else {
            return Ok(FlowCancelled::NotFound);
        };
        let mut ends = stream::iter(found.running.clone())
            .map(|job_id| {
                let queue = self.clone();
                async move { queue.cancel_job(&job_id).await }
            })
            .buffer_unordered(CONCURRENCY);
        while let Some(end) = ends.next().await {
            end?;
        }
        let Some(job_id) = found.cancelled.last().or(found.running.last()) else {
            return Ok(FlowCancelled::AlreadyEnded);
        };
        self.advance(flow_id, job_id).await;
        Ok(FlowCancelled::Accepted)
    }
}
