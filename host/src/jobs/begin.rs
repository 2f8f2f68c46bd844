//! A claimed job: loaded and begun, put off, or parked.

use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;

use super::plans::LoadPlanError;
use super::queue::{Live, Queue};
use super::run::at_end;
use super::work::{MAX_STORE_WAIT, STORE_WAIT};
use crate::domain::{
    EventKind, Execution, ExecutionError, ExecutionId, ExecutionStatus, JobId, JobType, Json, TimelineEntry,
};
use crate::orchestrator::{Ended, Start, merged_variables};
use crate::store::{ClaimedJob, ExecutionRow, Finished, Parked, Postponed, Record, StoreError, Stored, Urgency};

impl Queue {
    /// Load a claimed job and run it.
    pub(super) fn take(&self, job: ClaimedJob, slot: OwnedSemaphorePermit) {
        let queue = self.clone();
        let (live, before) = self.register(&job.job_id);
        if job.cancel {
            live.cancel.cancel();
        }
        self.shared.tasks.spawn(async move {
            // Never two at once: what it still records is gone on from.
            if let Some(before) = before {
                before.gone().await;
            }
            if job.job_type == JobType::Webhook {
                queue.deliver(&job, &live).await;
                return queue.let_go(&job.job_id, &live, slot);
            }
            match queue.load(&job).await {
                Ok(Some((start, execution))) => queue.spawn(start, execution, live, job.flow_id, slot, true),
                Ok(None) => {
                    queue.job_ended(job.flow_id.as_ref(), &job.job_id);
                    queue.let_go(&job.job_id, &live, slot);
                }
                Err(error) => {
                    tracing::error!(job_id = %job.job_id, %error, "a job cannot be loaded");
                    // Nothing of this attempt stands in the way of the next.
                    queue.shared.store.forget_failure(&ExecutionId::from(&job.job_id));
                    queue.put_off(&job, &error, &live).await;
                    queue.let_go(&job.job_id, &live, slot);
                }
            }
        });
    }

    fn let_go(&self, job_id: &JobId, live: &Live, slot: OwnedSemaphorePermit) {
        self.remove(job_id, live);
        drop(slot);
        self.shared.freed.notify_waiters();
    }

    /// Try a job again later that failed through no fault of its own, or park it after its last attempt.
    async fn put_off(&self, job: &ClaimedJob, error: &StoreError, live: &Live) {
        let mut wait = STORE_WAIT;
        loop {
            let done = if job.attempts >= job.max_attempts {
                let message = format!("given up after {} attempts: {error}", job.attempts);
                let done = self.park(&job.job_id, message).await;
                if done.is_ok() {
                    self.job_ended(job.flow_id.as_ref(), &job.job_id);
                }
                done
            } else {
                self.postpone(job, error).await
            };
            let Err(error) = done else { return };
            tracing::error!(job_id = %job.job_id, %error, "a job cannot be put off");
            tokio::select! {
                // It is released with all others, or taken over when its lease ends.
                () = live.hand_over.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(MAX_STORE_WAIT);
        }
    }

    /// Park a job whose records cannot be read, for as long as the store does not take it.
    pub(super) async fn give_up(&self, job_id: &JobId, message: String, live: &Live) {
        let mut wait = STORE_WAIT;
        while let Err(error) = self.park(job_id, message.clone()).await {
            tracing::error!(%job_id, %error, "a job cannot be given up");
            tokio::select! {
                () = live.hand_over.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(MAX_STORE_WAIT);
        }
    }

    async fn park(&self, job_id: &JobId, message: String) -> Result<(), StoreError> {
        let shared = &self.shared;
        let now = shared.sources.now_ms();
        let error = ExecutionError {
            code: "attempts-exhausted".to_owned(),
            message: message.clone(),
            node_id: None,
            details: Json::null(),
        };
        let entry = TimelineEntry {
            seq: 0,
            timestamp: now,
            event: EventKind::ExecutionFailed,
            node_id: None,
            message,
            progress: 0.0,
            data: Some(serde_json::json!({"error": error}).into()),
        };
        let parked = Parked { job_id: job_id.clone(), owner: shared.owner.clone(), now, error, entry };
        shared.store.park_job(parked).await.map(drop)
    }

    async fn postpone(&self, job: &ClaimedJob, error: &StoreError) -> Result<(), StoreError> {
        let shared = &self.shared;
        let now = shared.sources.now_ms();
        let delay = super::backoff(&shared.jobs, job.attempts, shared.sources.fraction());
        let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        let entry = TimelineEntry {
            seq: 0,
            timestamp: now,
            event: EventKind::ExecutionRetrying,
            node_id: None,
            message: format!("attempt {} could not begin, next in {delay_ms} ms: {error}", job.attempts),
            progress: 0.0,
            data: Some(serde_json::json!({"attempt": job.attempts, "delayMs": delay_ms}).into()),
        };
        let postponed = Postponed {
            job_id: job.job_id.clone(),
            owner: shared.owner.clone(),
            now,
            run_at: now.saturating_add(delay_ms),
            free: false,
            entry: job.execution_id.is_some().then_some(entry),
        };
        shared.store.postpone_job(postponed).await?;
        self.wake();
        Ok(())
    }

    /// What to run; `None` if the job ended here, since it cannot be run.
    async fn load(&self, job: &ClaimedJob) -> Result<Option<(Start, Execution)>, StoreError> {
        let shared = &self.shared;
        let Some(id) = &job.execution_id else { return Ok(None) };
        let Some(row) = shared.store.execution(id).await? else { return Ok(None) };
        if job.takeovers > shared.config.max_takeovers {
            let message = format!("the process that ran it died {} times in a row", job.takeovers);
            self.refuse(row, "too-many-takeovers", message, true).await?;
            return Ok(None);
        }
        let plan = match self.plan_of(&row).await {
            Ok(Some(plan)) => plan,
            Ok(None) => {
                self.refuse(row, "missing-document", "its workflow document is gone".to_owned(), false).await?;
                return Ok(None);
            }
            Err(LoadPlanError::Plan(error)) => {
                self.refuse(row, "invalid-workflow", error.to_string(), false).await?;
                return Ok(None);
            }
            Err(LoadPlanError::Store(error)) => return Err(error),
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

    /// End an execution that cannot be run; `dead` parks its job.
    async fn refuse(&self, row: ExecutionRow, code: &str, message: String, dead: bool) -> Result<(), StoreError> {
        let shared = &self.shared;
        let execution_id = row.execution.execution_id.clone();
        let at = shared.sources.now_ms();
        let error = ExecutionError { code: code.to_owned(), message, node_id: None, details: Json::null() };
        let entry = TimelineEntry {
            seq: shared.store.last_seq(&execution_id).await? + 1,
            timestamp: at,
            event: EventKind::ExecutionFailed,
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
            dead,
            at,
        };
        let event = Record::Event { execution_id: execution_id.clone(), entry };
        shared.store.write(vec![event, Record::Finished(Box::new(finished))], Urgency::Now).await?;
        if let Some(live) = self.live(&JobId::from(&execution_id)) {
            let (output, progress) = (Json::null(), row.execution.progress);
            let ended = Ended::Terminal { status: ExecutionStatus::Failed, output, error: Some(error), progress, at };
            live.end(at_end(row.execution, ended));
        }
        Ok(())
    }
}
