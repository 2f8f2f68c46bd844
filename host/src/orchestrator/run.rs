//! One execution from its first ready node to its result.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use blockyard_replay::Replay;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::evaluate::Evaluator;
use super::journal::{Journal, Recorded};
use super::node::{self, NodeEnd};
use super::plan::Plan;
use super::scope::{self, NodeScope};
use super::state::Progression;
use super::{Orchestrator, inputs};
use crate::blocks;
use crate::capabilities::http::SharedReplay;
use crate::domain::workflow::OnError;
use crate::domain::{
    CallError, ExecutionError, ExecutionId, ExecutionStatus, Json, Mode, NodeId, NodeStatus, Outputs, RunOptions,
    Sources, UserId,
};
use crate::runtime::code;
use crate::store::{CallRow, PayloadBook, StoreError, Urgency};

/// An execution to run.
#[derive(Debug)]
pub struct Start {
    /// Its id.
    pub execution_id: ExecutionId,
    /// What to run.
    pub plan: Arc<Plan>,
    /// What to run it on.
    pub input: Json,
    /// Whether blocks may talk to the network.
    pub mode: Mode,
    /// The document's variables with those of the request.
    pub variables: Json,
    /// Who started it.
    pub user_id: UserId,
    /// When it first started, in Unix milliseconds.
    pub started_at: i64,
    /// What else was asked of it.
    pub options: RunOptions,
}

impl Start {
    /// The same execution once more.
    pub fn again(&self) -> Self {
        Self {
            execution_id: self.execution_id.clone(),
            plan: Arc::clone(&self.plan),
            input: self.input.clone(),
            mode: self.mode,
            variables: self.variables.clone(),
            user_id: self.user_id.clone(),
            started_at: self.started_at,
            options: self.options.clone(),
        }
    }
}

/// Who may end an execution before its time.
#[derive(Clone, Debug, Default)]
pub struct Stops {
    /// A person does not want it any more.
    pub cancel: CancellationToken,
    /// This process goes away; another one, or the next start, goes on with it.
    pub hand_over: CancellationToken,
}

/// How an execution ended, in this process.
#[derive(Clone, Debug)]
pub enum Ended {
    /// Its end is committed.
    Terminal {
        /// Which end.
        status: ExecutionStatus,
        /// Its result.
        output: Json,
        /// Why it failed.
        error: Option<ExecutionError>,
        /// How far it came, 0 to 100.
        progress: f64,
        /// When, in Unix milliseconds.
        at: i64,
    },
    /// Somebody else had committed another end before.
    Superseded,
    /// It is to be continued elsewhere.
    HandedOver,
}

/// How an execution comes to be driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begins {
    /// When it was submitted.
    AtOnce,
    /// It waited for a worker.
    Late,
    /// It had been driven before.
    Again,
}

/// An execution at work.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) plan: Arc<Plan>,
    pub(super) execution_id: ExecutionId,
    pub(super) input: Json,
    pub(super) mode: Mode,
    pub(super) variables: Json,
    pub(super) record: bool,
    /// What mode `test` answers from.
    pub(super) replay: Option<SharedReplay>,
    pub(super) user_id: UserId,
    pub(super) journal: Journal,
    pub(super) evaluator: Evaluator,
    pub(super) sources: Sources,
    recorded: Recorded,
}

impl Run {
    /// Items of `node` that were recorded before this process took over.
    pub(super) fn recorded_items(&self, node: &NodeId) -> HashMap<usize, CallRow<Outputs>> {
        self.recorded.items.get(node).cloned().unwrap_or_default()
    }
}

impl Orchestrator {
    /// Run an execution that this process started itself: nothing of it is recorded yet but its submission.
    ///
    /// # Errors
    /// If what happened cannot be recorded; the execution is then to be continued later.
    pub async fn run(&self, start: Start, stops: &Stops) -> Result<Ended, StoreError> {
        let book = PayloadBook::new(start.execution_id.clone(), &start.input);
        // The submission wrote entry 1.
        self.drive(start, Recorded::default(), 1, book, stops, Begins::AtOnce).await
    }

    /// Go on with an execution from what is recorded of it.
    ///
    /// # Errors
    /// As [`Orchestrator::run`], or if the records cannot be read.
    pub async fn resume(&self, start: Start, stops: &Stops) -> Result<Ended, StoreError> {
        let id = &start.execution_id;
        let nodes = self.store.nodes(id).await?;
        let mut recorded = Recorded::default();
        for item in self.store.items(id).await? {
            recorded.items.entry(item.node_id).or_default().insert(item.index, item.call);
        }
        recorded.nodes = nodes.into_iter().map(|row| (row.node_id.clone(), row)).collect();
        let seq = self.store.last_seq(id).await?;
        // Progress never goes back, not even over a restart.
        recorded.progress = self.store.execution(id).await?.map_or(0.0, |row| row.execution.progress);
        let book = PayloadBook::starting_at(id.clone(), self.store.next_payload_number(id).await?);
        // Only the submission's entry: it waited in the queue and starts here for the first time.
        let begins = if seq > 1 { Begins::Again } else { Begins::Late };
        self.drive(start, recorded, seq, book, stops, begins).await
    }

    async fn drive(
        &self,
        start: Start,
        recorded: Recorded,
        seq: u64,
        book: PayloadBook,
        stops: &Stops,
        begins: Begins,
    ) -> Result<Ended, StoreError> {
        let id = start.execution_id.clone();
        let journal = Journal::new(self.store.clone(), self.sources.clone(), id, &start.plan, seq, book);
        journal.begin_at(recorded.progress);
        match begins {
            Begins::AtOnce => {}
            Begins::Late => journal.running(),
            Begins::Again => journal.resumed(),
        }
        let started_at = start.started_at;
        let run = Arc::new(Run {
            execution_id: start.execution_id,
            input: start.input,
            mode: start.mode,
            variables: start.variables,
            record: start.options.record,
            replay: replay(&start.options, start.mode),
            user_id: start.user_id,
            journal,
            evaluator: self.evaluator.clone(),
            sources: self.sources.clone(),
            recorded,
            plan: start.plan,
        });
        let execution = scope::execution(&run.execution_id, run.mode, started_at);
        let driver = Driver {
            progression: Progression::new(&run.plan),
            ready: VecDeque::new(),
            tasks: JoinSet::new(),
            concurrency: self.config.node_concurrency.max(1),
            execution,
            deadline: run.plan.workflow.timeout_ms.map(|timeout_ms| remaining(&run.sources, started_at, timeout_ms)),
            run,
        };
        driver.drive(stops).await
    }
}

/// What mode `test` answers from. The exchanges were checked when they came in.
fn replay(options: &RunOptions, mode: Mode) -> Option<SharedReplay> {
    let exchanges = options.exchanges.as_ref().filter(|_| mode == Mode::Test)?;
    Some(blocks::shared(Replay::strict(exchanges.decode().ok()?).ok()?))
}

fn remaining(sources: &Sources, started_at: i64, timeout_ms: u64) -> Duration {
    let spent = u64::try_from(sources.now_ms().saturating_sub(started_at)).unwrap_or(0);
    Duration::from_millis(timeout_ms.saturating_sub(spent))
}

struct Driver {
    run: Arc<Run>,
    progression: Progression,
    ready: VecDeque<usize>,
    tasks: JoinSet<Result<NodeEnd, StoreError>>,
    concurrency: usize,
    execution: Json,
    deadline: Option<Duration>,
}

/// Why the loop over the nodes ended.
enum Stop {
    Done,
    Failed(ExecutionError),
    Cancelled,
    HandedOver,
}

impl Driver {
    async fn drive(mut self, stops: &Stops) -> Result<Ended, StoreError> {
        let stop = match self.take_over() {
            Some(error) => Stop::Failed(error),
            None => self.run_nodes(stops).await?,
        };
        // Guests that still run are stopped before anything is said about them.
        self.tasks.shutdown().await;
        let (status, output, error) = match stop {
            Stop::HandedOver => return Ok(Ended::HandedOver),
            Stop::Cancelled => (ExecutionStatus::Cancelled, Json::null(), None),
            Stop::Failed(error) => (ExecutionStatus::Failed, Json::null(), Some(error)),
            Stop::Done => match self.result().await {
                Ok(output) => (ExecutionStatus::Completed, output, None),
                Err(error) => (ExecutionStatus::Failed, Json::null(), Some(error)),
            },
        };
        let end = self.run.journal.finished(status, &output, error.clone());
        if end.commit.await?.superseded {
            return Ok(Ended::Superseded);
        }
        Ok(Ended::Terminal { status, output, error, progress: end.progress, at: end.at })
    }

    /// Settle what was recorded earlier, then see what is ready. The error of a node that had failed for good.
    fn take_over(&mut self) -> Option<ExecutionError> {
        let plan = Arc::clone(&self.run.plan);
        for node in plan.order.iter().copied() {
            let Some(row) = self.run.recorded.nodes.get(&plan.nodes[node].id) else { continue };
            let status = row.call.status;
            if !status.is_settled() || self.progression.status(node).is_settled() {
                continue;
            }
            if let Some(error) = &row.call.error
                && plan.nodes[node].on_error == OnError::Fail
            {
                return Some(node_error(&plan, node, error.clone()));
            }
            let fired = row.call.outputs.clone();
            self.run.journal.recorded(node);
            let consequences = self.progression.settle(&plan, node, status, fired);
            self.note_skipped(&consequences.skipped);
        }
        self.ready = self.progression.startable(&plan).into();
        None
    }

    async fn run_nodes(&mut self, stops: &Stops) -> Result<Stop, StoreError> {
        let deadline = self.deadline;
        let timeout = async {
            match deadline {
                Some(deadline) => tokio::time::sleep(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(timeout);
        loop {
            self.start_ready();
            let joined = tokio::select! {
                biased;
                () = stops.cancel.cancelled() => return Ok(Stop::Cancelled),
                () = stops.hand_over.cancelled() => return Ok(Stop::HandedOver),
                () = &mut timeout => return Ok(Stop::Failed(self.timed_out())),
                joined = self.tasks.join_next() => joined,
            };
            let Some(joined) = joined else { return Ok(Stop::Done) };
            let end = match joined {
                Ok(end) => end?,
                Err(error) => return Ok(Stop::Failed(internal(&error))),
            };
            if let Some(error) = end.fatal {
                return Ok(Stop::Failed(node_error(&self.run.plan, end.node, error)));
            }
            let plan = Arc::clone(&self.run.plan);
            let consequences = self.progression.settle(&plan, end.node, end.status, end.fired);
            self.note_skipped(&consequences.skipped);
            self.ready.extend(consequences.ready);
        }
    }

    fn start_ready(&mut self) {
        while self.tasks.len() < self.concurrency
            && let Some(node) = self.ready.pop_front()
        {
            self.progression.start(node);
            let run = &self.run;
            let planned = &run.plan.nodes[node];
            let input = inputs::gather(&run.plan, &self.progression, node, &run.input);
            let scope = self.scope(scope::templates(planned), input);
            let recorded = run.recorded.nodes.get(&planned.id).cloned();
            self.tasks.spawn(node::run(Arc::clone(run), node, scope, recorded));
        }
    }

    fn scope<'t>(&self, templates: impl Iterator<Item = &'t super::template::Template>, input: Json) -> NodeScope {
        let run = &self.run;
        NodeScope::new(&run.plan, &self.progression, templates, input, run.variables.clone(), self.execution.clone())
    }

    fn note_skipped(&self, skipped: &[usize]) {
        for node in skipped {
            if self.run.recorded.nodes.contains_key(&self.run.plan.nodes[*node].id) {
                self.run.journal.recorded(*node);
            } else {
                let row = CallRow::new(NodeStatus::Skipped);
                drop(self.run.journal.settled(*node, row, None, Urgency::RideAlong));
            }
        }
    }

    /// The document's `output`, or what the last nodes on each way came to.
    async fn result(&self) -> Result<Json, ExecutionError> {
        let plan = &self.run.plan;
        if let Some(template) = &plan.output {
            let scope = self.scope(std::iter::once(template), self.run.input.clone());
            let filled = self.run.evaluator.fill(template, &scope).await;
            let filled = filled.map_err(|error| execution_error(None, error))?;
            return Json::parse(filled).map_err(|error| {
                execution_error(None, CallError::new(code::INVALID_OUTPUT, format!("`output`: {error}")))
            });
        }
        let outputs: Vec<(&str, Json)> = self
            .progression
            .contributors(plan)
            .map(|node| {
                let planned = &plan.nodes[node];
                (planned.id.as_str(), self.progression.fired(node).output(planned.default_port.as_deref()))
            })
            .collect();
        Ok(match outputs.as_slice() {
            [] => Json::null(),
            [(_, only)] => only.clone(),
            several => Json::object(several.iter().map(|(id, output)| (*id, output))),
        })
    }

    fn timed_out(&self) -> ExecutionError {
        let timeout_ms = self.run.plan.workflow.timeout_ms.unwrap_or_default();
        let message = format!("the execution took longer than its {timeout_ms} ms");
        execution_error(None, CallError::new(code::TIMEOUT, message))
    }
}

fn node_error(plan: &Plan, node: usize, error: CallError) -> ExecutionError {
    execution_error(Some(plan.nodes[node].id.as_str()), error)
}

fn execution_error(node: Option<&str>, error: CallError) -> ExecutionError {
    let message = match node {
        Some(node) => format!("node `{node}`: {}", error.message),
        None => error.message,
    };
    ExecutionError { code: error.code, message, node_id: node.map(str::to_owned), details: error.details }
}

/// A node's task panicked: a defect of the host, kept to this execution.
fn internal(error: &tokio::task::JoinError) -> ExecutionError {
    tracing::error!(%error, "a node's task ended unexpectedly");
    execution_error(None, CallError::new("internal", "the host failed while running a node; its log says more"))
}
