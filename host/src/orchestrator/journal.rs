//! What an execution leaves behind: its timeline and results, in one order, with progress that never goes back.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use super::plan::Plan;
use crate::domain::{
    CallError, EventKind, ExecutionError, ExecutionId, ExecutionStatus, Json, NodeId, NodeStatus, Outputs, Sources,
    TimelineEntry,
};
use crate::store::{CallRow, Commit, Finished, ItemRow, NodeRow, PayloadBook, Record, Store, Suspension, Urgency};

/// Shortest time between two progress events of one node.
const PROGRESS_INTERVAL_MS: i64 = 200;
/// Progress before the end is reached.
const ALMOST_DONE: f64 = 99.99;

/// Writes down one execution.
#[derive(Debug)]
pub(super) struct Journal {
    store: Store,
    sources: Sources,
    execution_id: ExecutionId,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    seq: u64,
    book: PayloadBook,
    nodes: Vec<NodeProgress>,
    settled: usize,
    /// Of the running nodes together, each 0 to 1.
    fractions: f64,
    /// The highest progress told so far.
    progress: f64,
}

#[derive(Debug, Default)]
struct NodeProgress {
    id: Option<NodeId>,
    started: bool,
    settled: bool,
    fraction: f64,
    told_at: i64,
    /// Progress that came too soon after the last to be told.
    untold: Option<String>,
    start_time: Option<i64>,
}

/// The end of an execution as it was recorded.
#[derive(Debug)]
pub(super) struct End {
    pub(super) progress: f64,
    /// Unix milliseconds.
    pub(super) at: i64,
    pub(super) commit: Commit,
}

impl Journal {
    /// For an execution of `plan` whose timeline has `seq` entries so far.
    pub(super) fn new(
        store: Store,
        sources: Sources,
        execution_id: ExecutionId,
        plan: &Plan,
        seq: u64,
        book: PayloadBook,
    ) -> Self {
        let node = |id: &NodeId| NodeProgress { id: Some(id.clone()), ..NodeProgress::default() };
        let nodes = plan.nodes.iter().map(|planned| node(&planned.id)).collect();
        let inner = Inner { seq, book, nodes, settled: 0, fractions: 0.0, progress: 0.0 };
        Self { store, sources, execution_id, inner: Mutex::new(inner) }
    }

    /// Everything recorded so far is committed when the answer is there.
    pub(super) fn barrier(&self) -> Commit {
        self.store.lease_barrier(&self.execution_id)
    }

    /// Progress was told to be this far before.
    pub(super) fn begin_at(&self, progress: f64) {
        self.with(|inner, _| inner.progress = progress);
    }

    /// Note that the execution begins after it had to wait for a worker.
    pub(super) fn running(&self) {
        self.note(EventKind::ExecutionRunning, "a worker begins");
    }

    /// Note that the execution goes on in this process.
    pub(super) fn resumed(&self) {
        self.note(EventKind::ExecutionResumed, "execution resumed");
    }

    fn note(&self, kind: EventKind, message: &str) {
        self.with(|inner, journal| {
            let record = inner.event(journal, kind, None, message.to_owned(), None);
            drop(journal.store.write(vec![record], Urgency::RideAlong));
        });
    }

    /// Take over a node that had settled before.
    pub(super) fn recorded(&self, node: usize) {
        self.with(|inner, _| inner.settle(node));
    }

    /// Note that a node starts.
    pub(super) fn started(&self, node: usize) {
        self.with(|inner, journal| {
            inner.nodes[node].started = true;
            inner.nodes[node].start_time = Some(journal.sources.now_ms());
            let record = inner.node_event(journal, EventKind::NodeStarted, node, "started".into(), None);
            drop(journal.store.write(vec![record], Urgency::RideAlong));
        });
    }

    /// Note how far a running node is, `0.0..=1.0`.
    pub(super) fn progress(&self, node: usize, fraction: f64, message: &str) {
        self.with(|inner, journal| {
            let now = journal.sources.now_ms();
            let known = &mut inner.nodes[node];
            if known.settled {
                return;
            }
            inner.fractions += (fraction - known.fraction).max(0.0);
            known.fraction = known.fraction.max(fraction);
            if now.saturating_sub(known.told_at).abs() < PROGRESS_INTERVAL_MS {
                known.untold = Some(message.to_owned());
                return;
            }
            known.told_at = now;
            known.untold = None;
            let record = inner.progress_event(journal, node, message.to_owned());
            drop(journal.store.write(vec![record], Urgency::RideAlong));
        });
    }

    /// Note that an attempt failed and another follows.
    pub(super) fn retrying(&self, node: usize, attempt: u32, error: &CallError, delay_ms: u64) {
        self.with(|inner, journal| {
            let message = format!("attempt {attempt} failed, next in {delay_ms} ms: {error}");
            let data = json!({"attempt": attempt, "delayMs": delay_ms, "error": error});
            let record = inner.node_event(journal, EventKind::NodeRetrying, node, message, Some(data.into()));
            drop(journal.store.write(vec![record], Urgency::RideAlong));
        });
    }

    /// Record that a node asked to be called again. It may wait once this is committed.
    pub(super) fn waiting(&self, node: usize, call: CallRow) -> Commit {
        self.with(|inner, journal| {
            let until = call.suspension.as_ref().map(|Suspension { resume_at, .. }| *resume_at);
            let row = inner.row(node, call, None);
            let data = until.map(|until| json!({"resumeAt": until}).into());
            let event =
                inner.node_event(journal, EventKind::NodeWaiting, node, "waiting to be called again".into(), data);
            journal.store.write(vec![journal.node(row), event], Urgency::Now)
        })
    }

    /// Record that an item asked to be called again. It may wait once this is committed.
    pub(super) fn item_waiting(&self, node: usize, index: usize, call: CallRow) -> Commit {
        self.with(|inner, journal| {
            let item = Box::new(ItemRow { node_id: inner.id(node), index, call });
            let execution_id = journal.execution_id.clone();
            journal.store.write(vec![Record::Item { execution_id, item }], Urgency::Now)
        })
    }

    /// Record an item of a `forEach` node with effects.
    pub(super) fn item(&self, node: usize, index: usize, call: CallRow<Outputs>) -> Commit {
        self.with(|inner, journal| {
            let mut records = Vec::new();
            let call = inner.keep(call, &mut records);
            let node_id = inner.id(node);
            let execution_id = journal.execution_id.clone();
            records.push(Record::Item { execution_id, item: Box::new(ItemRow { node_id, index, call }) });
            journal.store.write(records, Urgency::Now)
        })
    }

    /// Record a node's end.
    pub(super) fn settled(&self, node: usize, call: CallRow<Outputs>, items: Option<Json>, urgency: Urgency) -> Commit {
        self.with(|inner, journal| {
            let mut records = Vec::new();
            if let Some(message) = inner.nodes[node].untold.take() {
                records.push(inner.progress_event(journal, node, message));
            }
            let (kind, message) = match call.status {
                NodeStatus::Completed => (EventKind::NodeCompleted, "completed".to_owned()),
                NodeStatus::Skipped => (EventKind::NodeSkipped, "skipped: no data came to it".to_owned()),
                NodeStatus::Cancelled => (EventKind::NodeCancelled, "cancelled".to_owned()),
                _ => (EventKind::NodeFailed, failed_message(call.error.as_ref())),
            };
            let data = call.error.as_ref().map(|error| json!({"error": error}).into());
            let call = inner.keep(call, &mut records);
            let row = inner.row(node, call, items);
            records.push(journal.node(row));
            inner.settle(node);
            records.push(inner.node_event(journal, kind, node, message, data));
            journal.store.write(records, urgency)
        })
    }

    /// Record the end of the execution; nodes that still run are cancelled. The first committed end wins.
    pub(super) fn finished(&self, status: ExecutionStatus, output: &Json, error: Option<ExecutionError>) -> End {
        self.with(|inner, journal| {
            let at = journal.sources.now_ms();
            let mut records = Vec::new();
            let running: Vec<usize> = (0..inner.nodes.len())
                .filter(|node| inner.nodes[*node].started && !inner.nodes[*node].settled)
                .collect();
            for node in running {
                let start_time = inner.nodes[node].start_time;
                let call = CallRow { start_time, end_time: Some(at), ..CallRow::new(NodeStatus::Cancelled) };
                let row = inner.row(node, call, None);
                records.push(journal.node(row));
                inner.settle(node);
                records.push(inner.node_event(journal, EventKind::NodeCancelled, node, "cancelled".into(), None));
            }
            let (kind, message) = match (status, &error) {
                (ExecutionStatus::Completed, _) => (EventKind::ExecutionCompleted, "execution completed".to_owned()),
                (ExecutionStatus::Cancelled, _) => (EventKind::ExecutionCancelled, "execution cancelled".to_owned()),
                (_, Some(error)) => (EventKind::ExecutionFailed, format!("execution failed: {}", error.message)),
                (_, None) => (EventKind::ExecutionFailed, "execution failed".to_owned()),
            };
            if status == ExecutionStatus::Completed {
                inner.progress = 100.0;
            }
            let data = error.as_ref().map(|error| json!({"error": error}).into());
            let output = inner.book.keep(output, &mut records);
            records.push(inner.event(journal, kind, None, message, data));
            let execution_id = journal.execution_id.clone();
            records.push(Record::Finished(Box::new(Finished { execution_id, status, output, error, dead: false, at })));
            End { progress: inner.progress, at, commit: journal.store.write(records, Urgency::Now) }
        })
    }

    fn node(&self, row: NodeRow) -> Record {
        Record::Node { execution_id: self.execution_id.clone(), node: Box::new(row) }
    }

    /// Numbering and handing over to the store happen under one lock, so that the timeline is committed in its order.
    fn with<T>(&self, act: impl FnOnce(&mut Inner, &Self) -> T) -> T {
        let mut inner: MutexGuard<'_, Inner> = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut inner, self)
    }
}

fn failed_message(error: Option<&CallError>) -> String {
    error.map_or_else(|| "failed".to_owned(), |error| format!("failed: {error}"))
}

impl Inner {
    fn id(&self, node: usize) -> NodeId {
        self.nodes[node].id.clone().unwrap_or_else(|| NodeId::from(""))
    }

    fn settle(&mut self, node: usize) {
        let known = &mut self.nodes[node];
        if !known.settled {
            known.settled = true;
            self.fractions -= known.fraction;
            self.settled += 1;
        }
    }

    fn row(&self, node: usize, call: CallRow, items: Option<Json>) -> NodeRow {
        NodeRow { node_id: self.id(node), call, items }
    }

    /// The same call with its documents kept among the execution's payloads.
    fn keep(&mut self, call: CallRow<Outputs>, records: &mut Vec<Record>) -> CallRow {
        let outputs = call.outputs.0.iter().map(|(port, data)| (port.clone(), self.book.keep(data, records))).collect();
        CallRow {
            outputs,
            status: call.status,
            error: call.error,
            metadata: call.metadata,
            logs: call.logs,
            logs_dropped: call.logs_dropped,
            retry_count: call.retry_count,
            start_time: call.start_time,
            end_time: call.end_time,
            suspension: call.suspension,
            exchanges: call.exchanges,
        }
    }

    fn progress_event(&mut self, journal: &Journal, node: usize, message: String) -> Record {
        let percent = (self.nodes[node].fraction * 10_000.0).round() / 100.0;
        self.node_event(journal, EventKind::NodeProgress, node, message, Some(json!({"percent": percent}).into()))
    }

    fn node_event(
        &mut self,
        journal: &Journal,
        kind: EventKind,
        node: usize,
        message: String,
        data: Option<Json>,
    ) -> Record {
        let node_id = self.nodes[node].id.clone();
        self.event(journal, kind, node_id, message, data)
    }

    fn event(
        &mut self,
        journal: &Journal,
        event: EventKind,
        node_id: Option<NodeId>,
        message: String,
        data: Option<Json>,
    ) -> Record {
        let nodes = self.nodes.len().max(1) as f64;
        let now = 100.0 * (self.settled as f64 + self.fractions.max(0.0)) / nodes;
        if self.progress < ALMOST_DONE {
            self.progress = self.progress.max((now * 100.0).round() / 100.0).min(ALMOST_DONE);
        }
        self.seq += 1;
        let timestamp = journal.sources.now_ms();
        let entry = TimelineEntry { seq: self.seq, timestamp, event, node_id, message, progress: self.progress, data };
        Record::Event { execution_id: journal.execution_id.clone(), entry }
    }
}

/// Calls that were recorded before this process took the execution over.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// By node.
    pub nodes: HashMap<NodeId, NodeRow<Outputs>>,
    /// By node and item.
    pub items: HashMap<NodeId, HashMap<usize, CallRow<Outputs>>>,
    /// Told last.
    pub progress: f64,
}
