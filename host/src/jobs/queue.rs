//! Submitting, waiting for, and cancelling executions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backlog::Backlog;
use super::plans::{PlanError, Plans};
use crate::config::ExecutionConfig;
use crate::domain::{
    EventKind, Execution, ExecutionId, ExecutionStatus, JobId, Json, Mode, RunOptions, Sources, TimelineEntry, UserId,
};
use crate::orchestrator::{Orchestrator, Plan, Start, Stops, merged_variables};
use crate::store::{CancelOutcome, Claim, ExecutionRow, Record, Store, StoreError, Submission, Urgency};

/// The queue that workflows wait in.
const QUEUE: &str = "workflow";
/// How long a claim holds without being renewed. SQLite has one process, whose next start takes everything back.
pub(super) const LEASE_MS: i64 = 60_000;

/// How often, and after which time, a job that was claimed is looked for among those at work.
const CLAIM_LOOKS: u32 = 100;
const CLAIM_WAIT: Duration = Duration::from_millis(10);

/// Where executions are handed in. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Queue {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) orchestrator: Orchestrator,
    pub(super) config: ExecutionConfig,
    pub(super) sources: Sources,
    pub(super) owner: String,
    /// One permit an execution at work.
    pub(super) slots: Arc<Semaphore>,
    pub(super) backlog: Backlog,
    /// A job became claimable.
    pub(super) wake: Notify,
    /// An execution gave its slot back.
    pub(super) freed: Notify,
    pub(super) plans: Plans,
    pub(super) tasks: TaskTracker,
    pub(super) hand_over: CancellationToken,
    live: Mutex<HashMap<ExecutionId, Live>>,
}

/// An execution that this process knows of and that has not ended.
#[derive(Clone, Debug)]
pub struct Live {
    cancel: CancellationToken,
    done: watch::Sender<Option<Arc<Execution>>>,
}

/// An execution to start.
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
    /// Whether the caller waits for the end. Then the submission is committed with it, at the latest.
    pub waits: bool,
}

/// A submitted execution.
#[derive(Debug)]
pub struct Ticket {
    /// The job.
    pub job_id: JobId,
    /// The execution.
    pub execution_id: ExecutionId,
    /// Whether it is at work already.
    pub started: bool,
    done: watch::Receiver<Option<Arc<Execution>>>,
    store: Store,
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The server is about to stop.
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// What became of a wish to cancel.
#[derive(Debug)]
pub enum Cancelled {
    /// There is no such execution.
    NotFound,
    /// It had ended before.
    AlreadyEnded(ExecutionStatus),
    /// It is or will shortly be cancelled.
    Accepted,
}

impl Ticket {
    /// The submission is on the disk when the answer is there.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn accepted(&self) -> Result<(), StoreError> {
        self.store.barrier(&self.execution_id).await.map(drop)
    }

    /// The ended execution; `None` if this process stops before the end.
    pub async fn ended(&mut self) -> Option<Arc<Execution>> {
        self.done.wait_for(Option::is_some).await.ok()?.clone()
    }
}

impl Queue {
    /// With these parts. Nothing is claimed before [`Queue::start`].
    pub fn new(store: Store, orchestrator: Orchestrator, config: ExecutionConfig, sources: Sources) -> Self {
        let shared = Shared {
            store,
            orchestrator,
            slots: Arc::new(Semaphore::new(config.execution_concurrency.max(1))),
            config,
            owner: sources.id(),
            sources,
            backlog: Backlog::unknown(),
            wake: Notify::new(),
            freed: Notify::new(),
            plans: Plans::default(),
            tasks: TaskTracker::new(),
            hand_over: CancellationToken::new(),
            live: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The plan of a saved document with the active blocks. `document` is asked only if it is not known.
    ///
    /// # Errors
    /// If the document does not fit the blocks (any more).
    pub async fn plan(&self, digest: &str, document: &Json) -> Result<Arc<Plan>, PlanError> {
        let document = async { Some(document.clone()) };
        let plan = self.shared.plans.get(&self.shared.orchestrator, digest, None, document).await?;
        plan.ok_or_else(|| PlanError(Default::default()))
    }

    /// The plan that an execution runs by, with the blocks that it started with.
    ///
    /// # Errors
    /// If one of them is not here any more.
    pub async fn plan_of(&self, row: &ExecutionRow) -> Result<Option<Arc<Plan>>, PlanError> {
        let shared = &self.shared;
        let document = async {
            let read = shared.store.document(&row.document_digest).await;
            read.inspect_err(|error| tracing::error!(%error, "a document cannot be read")).ok().flatten()
        };
        shared.plans.get(&shared.orchestrator, &row.document_digest, Some(&row.blocks), document).await
    }

    /// Hand in an execution. It starts at once if a slot is free and nobody waits for one.
    ///
    /// # Errors
    /// If the server is shutting down.
    pub fn submit(&self, submit: Submit) -> Result<Ticket, SubmitError> {
        let shared = &self.shared;
        if shared.hand_over.is_cancelled() {
            return Err(SubmitError::ShuttingDown);
        }
        let free = || Arc::clone(&shared.slots).try_acquire_owned().ok();
        let slot = if shared.backlog.is_waiting() { None } else { free() };
        let now = shared.sources.now_ms();
        let execution = new_execution(shared, &submit, now, slot.is_some());
        let urgency = if submit.waits && slot.is_some() { Urgency::RideAlong } else { Urgency::Now };
        let commit = shared.store.write(records(shared, &submit, &execution, slot.is_some()), urgency);
        let (live, done) = self.register(&execution.execution_id);
        let ticket = Ticket {
            job_id: execution.job_id.clone(),
            execution_id: execution.execution_id.clone(),
            started: slot.is_some(),
            done,
            store: shared.store.clone(),
        };
        match slot {
            Some(slot) => self.begin(submit, execution, live, slot, now),
            None => {
                shared.backlog.arrived();
                let queue = self.clone();
                // The worker can claim what is committed, not before.
                shared.tasks.spawn(async move {
                    if commit.await.is_ok() {
                        queue.shared.wake.notify_one();
                    }
                });
            }
        }
        Ok(ticket)
    }

    fn begin(&self, submit: Submit, execution: Execution, live: Live, slot: OwnedSemaphorePermit, now: i64) {
        let variables = merged_variables(&submit.plan.workflow.variables, &submit.variables);
        let start = Start {
            execution_id: execution.execution_id.clone(),
            plan: submit.plan,
            input: submit.input,
            mode: submit.mode,
            variables,
            user_id: submit.user_id,
            started_at: now,
            options: submit.options,
        };
        self.spawn(start, execution, live, slot, false);
    }

    /// Stop an execution.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn cancel(&self, execution_id: &ExecutionId) -> Result<Cancelled, StoreError> {
        let shared = &self.shared;
        let now = shared.sources.now_ms();
        shared.store.barrier(execution_id).await?;
        let entry = TimelineEntry {
            seq: 0,
            timestamp: now,
            event: EventKind::ExecutionCancelled,
            node_id: None,
            message: "execution cancelled before it began".to_owned(),
            progress: 0.0,
            data: None,
        };
        for _ in 0..CLAIM_LOOKS {
            match shared.store.request_cancel(execution_id, now, vec![entry.clone()]).await? {
                CancelOutcome::NotFound => return Ok(Cancelled::NotFound),
                CancelOutcome::AlreadyEnded(status) => return Ok(Cancelled::AlreadyEnded(status)),
                CancelOutcome::Cancelled => {
                    if let Some(live) = self.remove(execution_id)
                        && let Some(row) = shared.store.execution(execution_id).await?
                    {
                        live.done.send_replace(Some(Arc::new(row.execution)));
                    }
                    return Ok(Cancelled::Accepted);
                }
                CancelOutcome::Running => {}
            }
            if let Some(live) = self.live(execution_id) {
                live.cancel.cancel();
                let mut done = live.done.subscribe();
                drop(live);
                let _ = done.wait_for(Option::is_some).await;
                return Ok(Cancelled::Accepted);
            }
            // Claimed a moment ago and not yet taken note of, or just ended.
            tokio::time::sleep(CLAIM_WAIT).await;
        }
        Ok(Cancelled::Accepted)
    }

    /// Wait for an execution that this process runs or will run.
    pub fn wait_for(&self, execution_id: &ExecutionId) -> Option<watch::Receiver<Option<Arc<Execution>>>> {
        self.live(execution_id).map(|live| live.done.subscribe())
    }

    /// Take note of an execution; the one that is known already if there is one.
    pub(super) fn register(&self, id: &ExecutionId) -> (Live, watch::Receiver<Option<Arc<Execution>>>) {
        let mut known = self.shared.live.lock().unwrap_or_else(PoisonError::into_inner);
        let live = known
            .entry(id.clone())
            .or_insert_with(|| Live { cancel: CancellationToken::new(), done: watch::Sender::new(None) });
        (live.clone(), live.done.subscribe())
    }

    fn live(&self, id: &ExecutionId) -> Option<Live> {
        self.shared.live.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(super) fn remove(&self, id: &ExecutionId) -> Option<Live> {
        self.shared.live.lock().unwrap_or_else(PoisonError::into_inner).remove(id)
    }
}

impl Live {
    /// Who may stop it.
    pub(super) fn stops(&self, hand_over: &CancellationToken) -> Stops {
        Stops { cancel: self.cancel.clone(), hand_over: hand_over.clone() }
    }

    /// Tell those who wait.
    pub(super) fn end(&self, execution: Execution) {
        self.done.send_replace(Some(Arc::new(execution)));
    }
}

fn new_execution(shared: &Shared, submit: &Submit, now: i64, started: bool) -> Execution {
    Execution {
        execution_id: shared.sources.id().into(),
        job_id: shared.sources.id().into(),
        workflow_id: submit.plan.workflow.id.clone(),
        workflow_version: submit.workflow_version,
        status: if started { ExecutionStatus::Running } else { ExecutionStatus::Pending },
        mode: submit.mode,
        progress: 0.0,
        input: submit.input.clone(),
        output: Json::null(),
        error: None,
        metadata: submit.metadata.clone(),
        started_at: started.then_some(now),
        ended_at: None,
        execution_time: None,
        created_at: now,
        user_id: submit.user_id.clone(),
    }
}

fn records(shared: &Shared, submit: &Submit, execution: &Execution, claimed: bool) -> Vec<Record> {
    let lease_until = execution.created_at.saturating_add(LEASE_MS);
    let submission = Submission {
        execution_id: execution.execution_id.clone(),
        job_id: execution.job_id.clone(),
        user_id: submit.user_id.clone(),
        workflow_id: execution.workflow_id.clone(),
        workflow_version: submit.workflow_version,
        document_digest: submit.plan.document_digest.clone(),
        document: submit.plan.document.clone(),
        blocks: submit.plan.blocks.clone(),
        mode: submit.mode,
        variables: Json::from(Value::Object(submit.variables.clone())),
        metadata: submit.metadata.clone(),
        options: submit.options.clone(),
        input: submit.input.clone(),
        queue: QUEUE.to_owned(),
        priority: 0,
        max_attempts: 1,
        created_at: execution.created_at,
        claim: claimed.then(|| Claim { owner: shared.owner.clone(), lease_until }),
    };
    let entry = TimelineEntry {
        seq: 1,
        timestamp: execution.created_at,
        event: EventKind::ExecutionStarted,
        node_id: None,
        message: "execution started".to_owned(),
        progress: 0.0,
        data: None,
    };
    let execution_id = execution.execution_id.clone();
    vec![Record::Submission(Box::new(submission)), Record::Event { execution_id, entry }]
}
