//! Claiming jobs and seeing them through.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;

use super::queue::{LEASE_MS, Live, Queue};
use crate::domain::{Execution, ExecutionError, ExecutionId, ExecutionStatus, Json};
use crate::orchestrator::{Ended, Start, merged_variables};
use crate::store::{ClaimedJob, ExecutionRow, Finished, Record, StoreError, Stored, Urgency};

/// Jobs claimed at once.
const CLAIMS: usize = 16;
/// First wait after the store failed; it doubles up to [`MAX_STORE_WAIT`].
const STORE_WAIT: Duration = Duration::from_millis(250);
const MAX_STORE_WAIT: Duration = Duration::from_secs(30);

impl Queue {
    /// Take back what an earlier process left unfinished, and begin to claim jobs.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn start(&self) -> Result<(), StoreError> {
        let recovered = self.shared.store.recover_jobs(self.shared.sources.now_ms()).await?;
        if recovered > 0 {
            tracing::info!(jobs = recovered, "going on with jobs that were cut off");
        }
        let queue = self.clone();
        self.shared.tasks.spawn(async move {
            let stopping = queue.shared.hand_over.clone();
            tokio::select! {
                () = stopping.cancelled() => {}
                () = queue.claim_jobs() => {}
            }
        });
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Stop claiming, hand over what does not end within the configured time, and wait until nothing runs.
    pub async fn stop(&self) {
        let shared = &self.shared;
        // No execution gets a slot from here on; those that have one may end.
        shared.slots.close();
        let idle = async {
            loop {
                let freed = shared.freed.notified();
                if shared.slots.available_permits() >= shared.config.execution_concurrency.max(1) {
                    return;
                }
                freed.await;
            }
        };
        if tokio::time::timeout(shared.config.shutdown_grace, idle).await.is_err() {
            tracing::info!("handing over executions that still run");
        }
        shared.hand_over.cancel();
        shared.tasks.close();
        shared.tasks.wait().await;
        // Handed over on purpose, which does not count against them as a death of their process does.
        if let Err(error) = shared.store.release_jobs(&shared.owner, shared.sources.now_ms()).await {
            tracing::warn!(%error, "jobs cannot be handed over; the next start takes them back");
        }
    }

    async fn claim_jobs(&self) {
        let shared = &self.shared;
        let mut wait = STORE_WAIT;
        loop {
            let Ok(mut slots) = Arc::clone(&shared.slots).acquire_owned().await else { return };
            while slots.num_permits() < CLAIMS
                && let Ok(more) = Arc::clone(&shared.slots).try_acquire_owned()
            {
                slots.merge(more);
            }
            let seen = shared.backlog.seen();
            let wanted = slots.num_permits();
            match self.claim(wanted).await {
                Ok(claimed) => {
                    wait = STORE_WAIT;
                    let all = claimed.len() == wanted;
                    for job in claimed {
                        let Some(slot) = slots.split(1) else { break };
                        self.take(job, slot);
                    }
                    drop(slots);
                    if !all {
                        shared.backlog.emptied(&seen);
                        shared.wake.notified().await;
                    }
                }
                Err(error) => {
                    drop(slots);
                    tracing::error!(%error, "jobs cannot be claimed");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(MAX_STORE_WAIT);
                }
            }
        }
    }

    async fn claim(&self, wanted: usize) -> Result<Vec<ClaimedJob>, StoreError> {
        let shared = &self.shared;
        let now = shared.sources.now_ms();
        let limit = u32::try_from(wanted).unwrap_or(1);
        shared.store.claim_jobs(&shared.owner, now, now.saturating_add(LEASE_MS), limit).await
    }

    /// Load a claimed job and run it.
    fn take(&self, job: ClaimedJob, slot: OwnedSemaphorePermit) {
        let queue = self.clone();
        self.shared.tasks.spawn(async move {
            let (live, _) = queue.register(&job.execution_id);
            match queue.load(&job).await {
                Ok(Some((start, execution))) => queue.spawn(start, execution, live, slot, true),
                Ok(None) => drop(queue.remove(&job.execution_id)),
                Err(error) => {
                    // It stays claimed, and the next start takes it back.
                    tracing::error!(execution_id = %job.execution_id, %error, "a job cannot be loaded");
                    drop(queue.remove(&job.execution_id));
                }
            }
        });
    }

    /// What to run; `None` if the job ended here, since it cannot be run.
    async fn load(&self, job: &ClaimedJob) -> Result<Option<(Start, Execution)>, StoreError> {
        let shared = &self.shared;
        let Some(row) = shared.store.execution(&job.execution_id).await? else { return Ok(None) };
        if job.takeovers > shared.config.max_takeovers {
            let message = format!("the process that ran it died {} times", job.takeovers);
            self.refuse(row, "too-many-takeovers", message).await?;
            return Ok(None);
        }
        let plan = match self.plan_of(&row).await {
            Ok(Some(plan)) => plan,
            Ok(None) => {
                self.refuse(row, "missing-document", "its workflow document is gone".to_owned()).await?;
                return Ok(None);
            }
            Err(error) => {
                self.refuse(row, "invalid-workflow", error.to_string()).await?;
                return Ok(None);
            }
        };
        let given: Map<String, Value> = row.variables.decode().unwrap_or_default();
        let execution = row.execution;
        let start = Start {
            execution_id: execution.execution_id.clone(),
            variables: merged_variables(&plan.workflow.variables, &given),
            options: row.options.clone(),
            plan,
            input: execution.input.clone(),
            mode: execution.mode,
            user_id: execution.user_id.clone(),
            started_at: execution.started_at.unwrap_or_else(|| shared.sources.now_ms()),
        };
        Ok(Some((start, execution)))
    }

    /// End an execution that cannot be run.
    async fn refuse(&self, row: ExecutionRow, code: &str, message: String) -> Result<(), StoreError> {
        let shared = &self.shared;
        let execution_id = row.execution.execution_id.clone();
        let at = shared.sources.now_ms();
        let error = ExecutionError { code: code.to_owned(), message, node_id: None, details: Json::null() };
        let entry = crate::domain::TimelineEntry {
            seq: shared.store.last_seq(&execution_id).await? + 1,
            timestamp: at,
            event: crate::domain::EventKind::ExecutionFailed,
            node_id: None,
            message: format!("execution failed: {}", error.message),
            progress: row.execution.progress,
            data: Some(serde_json::json!({"error": error}).into()),
        };
        let finished = Finished {
            execution_id: execution_id.clone(),
            status: ExecutionStatus::Failed,
            output: Stored::Json(Json::null()),
            error: Some(error.clone()),
            at,
        };
        let event = Record::Event { execution_id: execution_id.clone(), entry };
        shared.store.write(vec![event, Record::Finished(Box::new(finished))], Urgency::Now).await?;
        if let Some(live) = self.remove(&execution_id) {
            let (output, progress) = (Json::null(), row.execution.progress);
            let ended = Ended::Terminal { status: ExecutionStatus::Failed, output, error: Some(error), progress, at };
            live.end(at_end(row.execution, ended));
        }
        Ok(())
    }

    /// Run an execution in a task of its own, until its end is recorded.
    pub(super) fn spawn(
        &self,
        start: Start,
        execution: Execution,
        live: Live,
        slot: OwnedSemaphorePermit,
        resume: bool,
    ) {
        let queue = self.clone();
        self.shared.tasks.spawn(async move {
            queue.see_through(start, execution, &live, resume).await;
            drop(slot);
            queue.shared.freed.notify_waiters();
        });
    }

    async fn see_through(&self, start: Start, execution: Execution, live: &Live, mut resume: bool) {
        let shared = &self.shared;
        let id = start.execution_id.clone();
        // However this ends: nobody waits for an execution that nobody runs.
        let _known = Known { queue: self, id: &id };
        let stops = live.stops(&shared.hand_over);
        let mut wait = STORE_WAIT;
        loop {
            let this = start.again();
            let ended = if resume {
                shared.orchestrator.resume(this, &stops).await
            } else {
                shared.orchestrator.run(this, &stops).await
            };
            match ended {
                Ok(Ended::HandedOver) => break,
                Ok(Ended::Superseded) => {
                    if let Ok(Some(row)) = shared.store.execution(&id).await {
                        live.end(row.execution);
                    }
                    break;
                }
                Ok(ended) => {
                    live.end(at_end(execution, ended));
                    break;
                }
                Err(error) => {
                    tracing::error!(execution_id = %id, %error, "an execution cannot be recorded, trying again");
                    tokio::select! {
                        () = shared.hand_over.cancelled() => break,
                        () = tokio::time::sleep(wait) => {}
                    }
                    wait = (wait * 2).min(MAX_STORE_WAIT);
                    shared.store.forget_failure(&id);
                    // What was recorded decides whether there is something to go on with.
                    match shared.store.execution(&id).await {
                        Ok(None) => break,
                        Ok(Some(_)) | Err(_) => resume = true,
                    }
                }
            }
        }
    }
}

/// An execution's place among those that this process knows of, for as long as it runs.
struct Known<'a> {
    queue: &'a Queue,
    id: &'a ExecutionId,
}

impl Drop for Known<'_> {
    fn drop(&mut self) {
        drop(self.queue.remove(self.id));
    }
}

fn at_end(mut execution: Execution, ended: Ended) -> Execution {
    if let Ended::Terminal { status, output, error, progress, at } = ended {
        execution.status = status;
        execution.output = output;
        execution.error = error;
        execution.progress = progress;
        execution.ended_at = Some(at);
        execution.execution_time = execution.started_at.map(|started| at.saturating_sub(started));
    }
    execution
}
