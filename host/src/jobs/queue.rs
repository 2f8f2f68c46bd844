//! What the process knows of the jobs that it works on, and cancelling.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt as _, pin_mut};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backlog::Backlog;
use super::flows::Flows;
use super::plans::{LoadPlanError, PlanError, Plans};
use super::webhooks::Pump;
use crate::config::{ExecutionConfig, JobsConfig};
use crate::domain::{Execution, ExecutionId, JobId, JobStatus, Json, Sources};
use crate::events::Hub;
use crate::orchestrator::{Orchestrator, Plan, Stops};
use crate::store::{CancelOutcome, ExecutionRow, Store, StoreError};

/// How often, and after which time, a job that was claimed is looked for among those at work.
const CLAIM_LOOKS: u32 = 100;
const CLAIM_WAIT: Duration = Duration::from_millis(10);
/// Longest that a request to cancel waits for whoever has to carry it out.
const CANCEL_WAIT: Duration = Duration::from_secs(10);

/// Where jobs are handed in. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Queue {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) hub: Hub,
    pub(super) orchestrator: Orchestrator,
    pub(super) config: ExecutionConfig,
    pub(super) jobs: JobsConfig,
    pub(super) sources: Sources,
    pub(super) owner: String,
    /// One permit a job at work.
    pub(super) slots: Arc<Semaphore>,
    pub(super) backlog: Backlog,
    /// A job became claimable.
    pub(super) wake: Notify,
    /// A job gave its slot back.
    pub(super) freed: Notify,
    /// Queues of which nothing is begun.
    pub(super) paused: Mutex<HashSet<String>>,
    pub(super) pump: Pump,
    pub(super) plans: Plans,
    pub(super) flows: Flows,
    pub(super) tasks: TaskTracker,
    pub(super) hand_over: CancellationToken,
    live: Mutex<HashMap<JobId, Live>>,
}

/// A job that this process works on.
#[derive(Clone, Debug)]
pub struct Live {
    pub(super) cancel: CancellationToken,
    /// Another process has it, or will have it.
    pub(super) hand_over: CancellationToken,
    /// This process works on it no more.
    gone: CancellationToken,
    done: watch::Sender<Option<Arc<Execution>>>,
}

/// What became of a wish to cancel.
#[derive(Debug)]
pub enum Cancelled {
    /// There is no such job.
    NotFound,
    /// It had ended before.
    AlreadyEnded(JobStatus),
    /// It is or will shortly be cancelled.
    Accepted,
}

impl Queue {
    /// With these parts. Nothing is claimed before [`Queue::start`].
    pub fn new(
        store: Store,
        hub: Hub,
        orchestrator: Orchestrator,
        config: ExecutionConfig,
        jobs: JobsConfig,
        sources: Sources,
    ) -> Self {
        let owner = sources.id();
        store.claim_as(&owner);
        let shared = Shared {
            store,
            hub,
            orchestrator,
            slots: Arc::new(Semaphore::new(config.execution_concurrency.max(1))),
            config,
            jobs,
            owner,
            sources,
            backlog: Backlog::unknown(),
            wake: Notify::new(),
            freed: Notify::new(),
            paused: Mutex::default(),
            pump: Pump::default(),
            plans: Plans::default(),
            flows: Flows::default(),
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
    /// If one of them is not here any more, or the store fails.
    pub async fn plan_of(&self, row: &ExecutionRow) -> Result<Option<Arc<Plan>>, LoadPlanError> {
        let shared = &self.shared;
        let mut failed = None;
        let document = async {
            let read = shared.store.document(&row.document_digest).await;
            read.unwrap_or_else(|error| {
                failed = Some(error);
                None
            })
        };
        let plan = shared.plans.get(&shared.orchestrator, &row.document_digest, Some(&row.blocks), document).await?;
        failed.map_or(Ok(plan), |error| Err(error.into()))
    }

    /// Stop an execution and its job.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn cancel(&self, execution_id: &ExecutionId) -> Result<Cancelled, StoreError> {
        self.cancel_job(&execution_id.into()).await
    }

    /// Stop a job and its execution.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn cancel_job(&self, job_id: &JobId) -> Result<Cancelled, StoreError> {
        let shared = &self.shared;
        shared.store.barrier(&job_id.into()).await?;
        for _ in 0..CLAIM_LOOKS {
            let now = shared.sources.now_ms();
            match shared.store.request_cancel(job_id, now).await? {
                CancelOutcome::NotFound => return Ok(Cancelled::NotFound),
                CancelOutcome::AlreadyEnded(status) => return Ok(Cancelled::AlreadyEnded(status)),
                CancelOutcome::Cancelled { flow_id } => {
                    self.job_ended(flow_id.as_ref(), job_id);
                    return Ok(Cancelled::Accepted);
                }
                CancelOutcome::Running => {}
            }
            if let Some(live) = self.live(job_id) {
                live.cancel.cancel();
                let mut done = live.done.subscribe();
                drop(live);
                // It ends as soon as the store takes its end.
                let _ = tokio::time::timeout(CANCEL_WAIT, done.wait_for(Option::is_some)).await;
                return Ok(Cancelled::Accepted);
            }
            if shared.store.is_shared() {
                // Whoever holds it has been told.
                let _ = tokio::time::timeout(CANCEL_WAIT, self.seen_to_end(&job_id.into())).await;
                return Ok(Cancelled::Accepted);
            }
            // Claimed a moment ago and not yet taken note of, or just ended.
            tokio::time::sleep(CLAIM_WAIT).await;
        }
        Ok(Cancelled::Accepted)
    }

    /// The execution once it has ended, whoever runs it; `None` if there is none, or its end cannot be seen.
    pub(super) async fn seen_to_end(&self, execution_id: &ExecutionId) -> Option<Execution> {
        let shared = &self.shared;
        let events = shared.hub.follow(shared.store.clone(), execution_id.clone(), 0, false);
        pin_mut!(events);
        let row = shared.store.execution(execution_id).await.ok()??;
        if row.execution.status.is_terminal() {
            return Some(row.execution);
        }
        while let Some(event) = events.next().await {
            if event.ok()?.entry.event.ends_execution() {
                return shared.store.execution(execution_id).await.ok()?.map(|row| row.execution);
            }
        }
        None
    }

    /// Take note of a job that this process works on from now on. If it has worked on it until now, since it has lost the
    /// job and claimed it again, that work is told to stop.
    pub(super) fn register(&self, id: &JobId) -> (Live, Option<Live>) {
        let live = Live {
            cancel: CancellationToken::new(),
            hand_over: self.shared.hand_over.child_token(),
            gone: CancellationToken::new(),
            done: watch::Sender::new(None),
        };
        let before = self.known().insert(id.clone(), live.clone());
        if let Some(before) = &before {
            before.hand_over.cancel();
        }
        (live, before)
    }

    pub(super) fn live(&self, id: &JobId) -> Option<Live> {
        self.known().get(id).cloned()
    }

    /// The jobs that this process works on.
    pub(super) fn held(&self) -> Vec<JobId> {
        self.known().keys().cloned().collect()
    }

    /// Note that this process works on a job no more.
    pub(super) fn remove(&self, id: &JobId, live: &Live) {
        let mut known = self.known();
        if known.get(id).is_some_and(|found| found.done.same_channel(&live.done)) {
            known.remove(id);
        }
        drop(known);
        live.gone.cancel();
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, Live>> {
        self.shared.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// Who may stop it.
    pub(super) fn stops(&self) -> Stops {
        Stops { cancel: self.cancel.clone(), hand_over: self.hand_over.clone() }
    }

    /// Who waits for the end.
    pub(super) fn watch(&self) -> watch::Receiver<Option<Arc<Execution>>> {
        self.done.subscribe()
    }

    /// Until this process works on it no more.
    pub(super) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Tell those who wait.
    pub(super) fn end(&self, execution: Execution) {
        self.done.send_replace(Some(Arc::new(execution)));
    }
}
