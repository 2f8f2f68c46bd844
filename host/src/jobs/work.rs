//! Claiming jobs and seeing them through.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;

use super::queue::{Live, Queue};
use crate::domain::{EventKind, Execution, ExecutionError, ExecutionStatus, FlowId, JobId, JobType, Json, TimelineEntry};
use crate::orchestrator::{Ended, Start, merged_variables};
use crate::store::{
    ClaimRequest, Claimed, ClaimedJob, ExecutionRow, Finished, Postponed, QueueLimit, Record, StoreError, Stored,
    Urgency,
};

/// Jobs claimed at once.
const CLAIMS: usize = 16;
/// First wait after the store failed; it doubles up to [`MAX_STORE_WAIT`].
const STORE_WAIT: Duration = Duration::from_millis(250);
const MAX_STORE_WAIT: Duration = Duration::from_secs(30);

impl Queue {
    /// Begin to claim jobs, if this process is a worker, and keep what it holds. What a process that is gone has left
    /// unfinished is taken back.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn start(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        // With a database of its own nobody else can be at work.
        let alone = !shared.store.is_shared();
        let recovered = shared.store.take_over(shared.sources.now_ms(), alone).await?;
        if recovered > 0 {
            tracing::info!(jobs = recovered, "going on with jobs that were cut off");
        }
        self.load_paused().await?;
        let seen = shared.backlog.seen();
        if shared.store.counts().await?.pending_jobs == 0 {
            shared.backlog.emptied(&seen);
        }
        self.keep_up();
        self.keep_flows();
        if shared.jobs.worker {
            self.keep_schedules();
            self.forget_old();
            self.pump_webhooks();
            let queue = self.clone();
            shared.tasks.spawn(async move {
                let stopping = queue.shared.hand_over.clone();
                tokio::select! {
                    () = stopping.cancelled() => {}
                    () = queue.claim_jobs() => {}
                }
            });
        }
        shared.wake.notify_one();
        Ok(())
    }

    /// Stop claiming, hand over what does not end within the configured time, and wait until nothing runs.
    pub async fn stop(&self) {
        let shared = &self.shared;
        // No job gets a slot from here on; those that have one may end.
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
            tracing::warn!(%error, "jobs cannot be handed over; they are taken back later");
        }
    }

    async fn claim_jobs(&self) {
        let shared = &self.shared;
        let mut wait = STORE_WAIT;
        let mut turn = 0;
        loop {
            let Ok(mut slots) = Arc::clone(&shared.slots).acquire_owned().await else { return };
            while slots.num_permits() < CLAIMS
                && let Ok(more) = Arc::clone(&shared.slots).try_acquire_owned()
            {
                slots.merge(more);
            }
            let seen = shared.backlog.seen();
            let wanted = slots.num_permits();
            turn += 1;
            match self.claim(wanted, turn).await {
                Ok(Claimed { jobs, next_due, held_back }) => {
                    wait = STORE_WAIT;
                    let all = jobs.len() == wanted;
                    for job in jobs {
                        let Some(slot) = slots.split(1) else { break };
                        self.take(job, slot);
                    }
                    drop(slots);
                    if !all {
                        if !held_back {
                            shared.backlog.emptied(&seen);
                        }
                        self.sleep(next_due, held_back).await;
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

    /// Until somebody tells of a job, the next delayed one is due, or a job that stood in the way has ended.
    async fn sleep(&self, next_due: Option<i64>, held_back: bool) {
        let shared = &self.shared;
        let due = next_due.map(|due| {
            let left = due.saturating_sub(shared.sources.now_ms());
            Duration::from_millis(u64::try_from(left).unwrap_or(0))
        });
        let poll = shared.store.is_shared().then_some(shared.jobs.poll_interval);
        let longest = due.into_iter().chain(poll).min();
        let told = async {
            tokio::select! {
                () = shared.wake.notified() => {}
                () = shared.freed.notified(), if held_back => {}
            }
        };
        match longest {
            Some(longest) => drop(tokio::time::timeout(longest, told).await),
            None => told.await,
        }
    }

    async fn claim(&self, wanted: usize, turn: usize) -> Result<Claimed, StoreError> {
        let shared = &self.shared;
        let now = shared.sources.now_ms();
        let mut queues: Vec<QueueLimit> = shared.jobs.queues.iter().map(|name| self.limit(name)).collect();
        // Each comes first in turn, so that a full queue does not keep the others waiting.
        let first = turn % queues.len().max(1);
        queues.rotate_left(first);
        let request = ClaimRequest {
            owner: shared.owner.clone(),
            now,
            lease_until: now.saturating_add(self.lease_ms()),
            limit: u32::try_from(wanted).unwrap_or(1),
            queues,
            per_user: shared.jobs.user_concurrency,
        };
        shared.store.claim_jobs(request).await
    }

    fn limit(&self, name: &str) -> QueueLimit {
        QueueLimit { name: name.to_owned(), at_most: self.shared.jobs.limit_of(name) }
    }

    /// Load a claimed job and run it.
    fn take(&self, job: ClaimedJob, slot: OwnedSemaphorePermit) {
        let queue = self.clone();
        let (live, _) = self.register(&job.job_id);
        if job.cancel {
            live.cancel.cancel();
        }
        self.shared.tasks.spawn(async move {
            if job.job_type == JobType::Webhook {
                queue.deliver(&job, &live).await;
                return queue.let_go(&job.job_id, slot);
            }
            match queue.load(&job).await {
                Ok(Some((start, execution))) => queue.spawn(start, execution, live, job.flow_id, slot, true),
                Ok(None) => {
                    queue.job_ended(job.flow_id.as_ref(), &job.job_id);
                    queue.let_go(&job.job_id, slot);
                }
                Err(error) => {
                    tracing::error!(job_id = %job.job_id, %error, "a job cannot be loaded");
                    queue.put_off(&job, &error).await;
                    queue.let_go(&job.job_id, slot);
                }
            }
        });
    }

    fn let_go(&self, job_id: &JobId, slot: OwnedSemaphorePermit) {
        drop(self.remove(job_id));
        drop(slot);
        self.shared.freed.notify_waiters();
    }

    /// Try a job again later that failed through no fault of its own, or park it after its last attempt.
    async fn put_off(&self, job: &ClaimedJob, error: &StoreError) {
        let shared = &self.shared;
        let mut wait = STORE_WAIT;
        loop {
            let done = if job.attempts >= job.max_attempts {
                self.park(job, error).await
            } else {
                self.postpone(job, error).await
            };
            let Err(error) = done else { return };
            tracing::error!(job_id = %job.job_id, %error, "a job cannot be put off");
            tokio::select! {
                // It is released with all others, or taken over when its lease ends.
                () = shared.hand_over.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(MAX_STORE_WAIT);
        }
    }

    async fn park(&self, job: &ClaimedJob, error: &StoreError) -> Result<(), StoreError> {
        let Some(id) = &job.execution_id else { return Ok(()) };
        let Some(row) = self.shared.store.execution(id).await? else { return Ok(()) };
        let message = format!("given up after {} attempts: {error}", job.attempts);
        self.refuse(row, "attempts-exhausted", message, true).await?;
        self.job_ended(job.flow_id.as_ref(), &job.job_id);
        Ok(())
    }

    async fn postpone(&self, job: &ClaimedJob, error: &StoreError) -> Result<(), StoreError> {
        let shared = &self.shared;
        let now = shared.sources.now_ms();
        let delay = super::backoff(&shared.jobs, job.attempts, shared.sources.fraction());
        let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        let id = crate::domain::ExecutionId::from(&job.job_id);
        let progress = shared.store.execution(&id).await?.map_or(0.0, |row| row.execution.progress);
        let entry = TimelineEntry {
            seq: 0,
            timestamp: now,
            event: EventKind::ExecutionRetrying,
            node_id: None,
            message: format!("attempt {} could not begin, next in {delay_ms} ms: {error}", job.attempts),
            progress,
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
            Err(error) => {
                self.refuse(row, "invalid-workflow", error.to_string(), false).await?;
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
        if let Some(live) = self.remove(&JobId::from(&execution_id)) {
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
        flow_id: Option<FlowId>,
        slot: OwnedSemaphorePermit,
        resume: bool,
    ) {
        let (queue, job_id) = (self.clone(), JobId::from(&start.execution_id));
        self.shared.tasks.spawn(async move {
            queue.see_through(start, execution, &live, resume).await;
            queue.job_ended(flow_id.as_ref(), &job_id);
            drop(slot);
            queue.shared.freed.notify_waiters();
        });
    }

    async fn see_through(&self, start: Start, execution: Execution, live: &Live, mut resume: bool) {
        let shared = &self.shared;
        let id = start.execution_id.clone();
        // However this ends: nobody waits for an execution that nobody runs.
        let job_id = JobId::from(&id);
        let _known = Known { queue: self, id: &job_id };
        let stops = live.stops();
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
                Err(StoreError::LeaseLost { .. }) => {
                    // It is another's now, until it may come back to this process.
                    shared.store.forget_failure(&id);
                    break;
                }
                Err(error) => {
                    tracing::error!(execution_id = %id, %error, "an execution cannot be recorded, trying again");
                    tokio::select! {
                        () = live.hand_over.cancelled() => break,
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
    id: &'a JobId,
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
