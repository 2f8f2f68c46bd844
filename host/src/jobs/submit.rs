//! Handing jobs in, and waiting for their end.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::options::JobOptions;
use super::queue::{Queue, Shared};
use super::webhooks::{self, PreparedWebhook};
use crate::domain::{
    EventKind, Execution, ExecutionId, ExecutionStatus, JobId, JobStatus, Json, Mode, RunOptions, TimelineEntry,
    UserId, WebhookSecret,
};
use crate::orchestrator::{Plan, Start, merged_variables};
use crate::store::{Claim, Commit, IdempotencyKey, Once, Record, StoreError, Submission, Urgency};

/// An execution to start, and how its job is to be treated.
#[derive(Debug)]
pub struct Submit {
    /// What to run.
    pub plan: Arc<Plan>,
    /// The saved version; `None` for inline runs.
    pub workflow_version: Option<u32>,
    /// What to run it on.
    pub input: Json,
    /// Whether blocks may talk to the network.
    pub mode: Mode,
    /// Override the document's, member by member.
    pub variables: Map<String, Value>,
    /// Whatever the caller wants to find again: a JSON object or `null`.
    pub metadata: Json,
    /// Who starts it.
    pub user_id: UserId,
    /// What else is asked of it.
    pub options: RunOptions,
    /// How its job is to be treated.
    pub job: JobOptions,
    /// Whether the caller waits for the end. Then the submission is committed with it, at the latest.
    pub waits: bool,
}

/// A job that was handed in.
#[derive(Debug)]
pub struct Ticket {
    /// The job.
    pub job_id: JobId,
    /// The execution, which has the same id.
    pub execution_id: ExecutionId,
    /// What the job is born as.
    pub status: JobStatus,
    /// The key that deliveries to its webhook are signed with, if it was made here. It is shown once.
    pub webhook_secret: Option<WebhookSecret>,
    /// Given if this process runs it.
    done: Option<watch::Receiver<Option<Arc<Execution>>>>,
    queue: Queue,
}

/// What came of handing in a job with an idempotency key.
#[derive(Debug)]
pub enum Submitted {
    /// It is new.
    New(Ticket),
    /// The key has made this one before.
    Known(Ticket),
    /// The key was used for another request.
    Reused,
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The server is about to stop.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// There is no such queue.
    #[error("there is no queue `{0}`")]
    UnknownQueue(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Ticket {
    /// The submission is on the disk when the answer is there.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn accepted(&self) -> Result<(), StoreError> {
        self.queue.shared.store.barrier(&self.execution_id).await.map(drop)
    }

    /// The ended execution; `None` if its end cannot be seen, since this process stops before.
    pub async fn ended(&mut self) -> Option<Arc<Execution>> {
        match &mut self.done {
            Some(done) => done.wait_for(Option::is_some).await.ok()?.clone(),
            None => {
                self.accepted().await.ok()?;
                let stopping = self.queue.shared.hand_over.clone();
                tokio::select! {
                    ended = self.queue.seen_to_end(&self.execution_id) => ended.map(Arc::new),
                    () = stopping.cancelled() => None,
                }
            }
        }
    }
}

impl Queue {
    /// Hand in an execution. It starts at once if a slot is free and nobody waits for one.
    ///
    /// # Errors
    /// If the server is shutting down, or there is no such queue.
    pub fn submit(&self, submit: Submit) -> Result<Ticket, SubmitError> {
        let shared = &self.shared;
        self.admit(&submit.job)?;
        let id: ExecutionId = shared.sources.id().into();
        let now = shared.sources.now_ms();
        let slot = self.slot(&submit.job, now);
        let submission = shared.submission(&submit, &id, now, slot.is_some());
        let status = submission.status();
        let urgency = if submit.waits && slot.is_some() { Urgency::RideAlong } else { Urgency::Now };
        let execution = new_execution(&submission);
        let commit = shared.store.write(records(submission, submit.job.webhook.as_ref()), urgency);
        let mut ticket = self.ticket(id, status, &submit.job);
        match slot {
            Some(slot) => ticket.done = Some(self.begin(submit, execution, slot)),
            None => self.announce(commit),
        }
        Ok(ticket)
    }

    /// Hand in an execution unless `key` was used before. It is on disk when this returns.
    ///
    /// # Errors
    /// As [`Queue::submit`], or if the store fails.
    pub async fn submit_once(&self, submit: Submit, key: IdempotencyKey) -> Result<Submitted, SubmitError> {
        let shared = &self.shared;
        self.admit(&submit.job)?;
        let id: ExecutionId = shared.sources.id().into();
        let now = shared.sources.now_ms();
        let slot = self.slot(&submit.job, now);
        let submission = shared.submission(&submit, &id, now, slot.is_some());
        let status = submission.status();
        let execution = new_execution(&submission);
        match shared.store.write_once(key, id.as_str(), records(submission, submit.job.webhook.as_ref())).await? {
            Once::Reused => Ok(Submitted::Reused),
            Once::Known(id) => Ok(Submitted::Known(self.earlier(id.into()).await?)),
            Once::Done(()) => {
                let mut ticket = self.ticket(id, status, &submit.job);
                match slot {
                    Some(slot) => ticket.done = Some(self.begin(submit, execution, slot)),
                    None => self.wake(),
                }
                Ok(Submitted::New(ticket))
            }
        }
    }

    /// A job that was handed in before, with a key.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn earlier(&self, id: ExecutionId) -> Result<Ticket, StoreError> {
        let row = self.shared.store.job(&(&id).into()).await?;
        let status = row.map_or(JobStatus::Completed, |row| row.summary.status);
        // Its secret was shown the first time.
        Ok(self.ticket(id, status, &JobOptions::default()))
    }

    /// The records that make a job with its execution, for a transaction that makes more than that. The caller wakes the
    /// workers once they are committed.
    ///
    /// # Errors
    /// As [`Queue::submit`].
    pub fn records(&self, submit: &Submit, id: &ExecutionId) -> Result<Vec<Record>, SubmitError> {
        self.admit(&submit.job)?;
        let now = self.shared.sources.now_ms();
        Ok(records(self.shared.submission(submit, id, now, false), submit.job.webhook.as_ref()))
    }

    /// Look for jobs: there may be some to claim.
    pub fn wake(&self) {
        self.shared.backlog.arrived();
        self.shared.wake.notify_one();
    }

    fn admit(&self, job: &JobOptions) -> Result<(), SubmitError> {
        if self.shared.hand_over.is_cancelled() {
            return Err(SubmitError::ShuttingDown);
        }
        if !self.shared.jobs.queues.contains(&job.queue) {
            return Err(SubmitError::UnknownQueue(job.queue.clone()));
        }
        Ok(())
    }

    /// A free slot, if the job may begin without being claimed: nothing waits, and no limit has to be kept.
    fn slot(&self, job: &JobOptions, now: i64) -> Option<OwnedSemaphorePermit> {
        let shared = &self.shared;
        let limited = shared.jobs.user_concurrency.is_some() || shared.jobs.queue_concurrency.contains_key(&job.queue);
        let later = job.begin.time(now) > now || job.place.is_some();
        let waits = limited || later || self.is_paused(&job.queue) || shared.backlog.is_waiting();
        if !shared.jobs.worker || waits {
            return None;
        }
        Arc::clone(&shared.slots).try_acquire_owned().ok()
    }

    fn ticket(&self, id: ExecutionId, status: JobStatus, job: &JobOptions) -> Ticket {
        let webhook_secret = job.webhook.as_ref().and_then(|webhook| webhook.made.clone());
        let job_id = JobId::from(&id);
        Ticket { job_id, execution_id: id, status, webhook_secret, done: None, queue: self.clone() }
    }

    /// Wake the workers when `commit` is there: they can claim what is committed, not before.
    fn announce(&self, commit: Commit) {
        self.shared.backlog.arrived();
        let queue = self.clone();
        self.shared.tasks.spawn(async move {
            if commit.await.is_ok() {
                queue.shared.wake.notify_one();
            }
        });
    }

    fn begin(
        &self,
        submit: Submit,
        execution: Execution,
        slot: OwnedSemaphorePermit,
    ) -> watch::Receiver<Option<Arc<Execution>>> {
        let (live, _) = self.register(&execution.job_id);
        let done = live.watch();
        let variables = merged_variables(&submit.plan.workflow.variables, &submit.variables);
        let start = Start {
            execution_id: execution.execution_id.clone(),
            plan: submit.plan,
            input: submit.input,
            mode: submit.mode,
            variables,
            user_id: submit.user_id,
            started_at: execution.created_at,
            options: submit.options,
        };
        self.spawn(start, execution, live, None, slot, false);
        done
    }
}

impl Shared {
    fn submission(&self, submit: &Submit, id: &ExecutionId, now: i64, claimed: bool) -> Submission {
        let job = &submit.job;
        let lease = i64::try_from(self.jobs.lease.as_millis()).unwrap_or(i64::MAX);
        Submission {
            execution_id: id.clone(),
            job_type: job.job_type,
            name: job.name.clone(),
            payload: job.payload.clone(),
            user_id: submit.user_id.clone(),
            workflow_id: submit.plan.workflow.id.clone(),
            workflow_version: submit.workflow_version,
            document_digest: submit.plan.document_digest.clone(),
            document: submit.plan.document.clone(),
            blocks: submit.plan.blocks.clone(),
            mode: submit.mode,
            variables: Json::from(Value::Object(submit.variables.clone())),
            metadata: submit.metadata.clone(),
            options: submit.options.clone(),
            input: submit.input.clone(),
            queue: job.queue.clone(),
            priority: job.priority,
            max_attempts: job.max_attempts.unwrap_or(self.jobs.max_attempts).max(1),
            created_at: now,
            run_at: job.begin.time(now),
            place: job.place.clone(),
            claim: claimed.then(|| Claim { owner: self.owner.clone(), lease_until: now.saturating_add(lease) }),
        }
    }
}

fn new_execution(submission: &Submission) -> Execution {
    let claimed = submission.claim.is_some();
    Execution {
        execution_id: submission.execution_id.clone(),
        job_id: (&submission.execution_id).into(),
        workflow_id: submission.workflow_id.clone(),
        workflow_version: submission.workflow_version,
        status: if claimed { ExecutionStatus::Running } else { ExecutionStatus::Pending },
        mode: submission.mode,
        progress: 0.0,
        input: submission.input.clone(),
        output: Json::null(),
        error: None,
        metadata: submission.metadata.clone(),
        started_at: claimed.then_some(submission.created_at),
        ended_at: None,
        execution_time: None,
        created_at: submission.created_at,
        user_id: submission.user_id.clone(),
    }
}

fn records(submission: Submission, webhook: Option<&PreparedWebhook>) -> Vec<Record> {
    let queued = submission.claim.is_none();
    let entry = TimelineEntry {
        seq: 1,
        timestamp: submission.created_at,
        event: EventKind::ExecutionStarted,
        node_id: None,
        message: "execution started".to_owned(),
        progress: 0.0,
        data: queued.then(|| json!({"queued": true}).into()),
    };
    let execution_id = submission.execution_id.clone();
    let webhook = webhook.map(|webhook| webhooks::record(webhook, JobId::from(&execution_id)));
    let job = [Record::Submission(Box::new(submission)), Record::Event { execution_id, entry }];
    job.into_iter().chain(webhook).collect()
}
