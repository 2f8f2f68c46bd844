//! One node from its start to its end.

use std::sync::Arc;

use serde_json::json;

use super::attempt::{Attempts, Observer};
use super::plan::PlanNode;
use super::run::Run;
use super::scope::NodeScope;
use crate::capabilities::ProgressSink;
use crate::domain::workflow::{ERROR_PORT, OnError};
use crate::domain::{CallError, Json, NodeStatus, Outputs};
use crate::store::{CallRow, NodeRow, StoreError, Urgency};

/// What the rest of the execution needs to know of a node that ended.
#[derive(Debug)]
pub(super) struct NodeEnd {
    pub(super) node: usize,
    pub(super) status: NodeStatus,
    pub(super) fired: Outputs,
    /// Given if the whole execution fails with it.
    pub(super) fatal: Option<CallError>,
}

/// Run node number `node`, record what it came to.
pub(super) async fn run(
    run: Arc<Run>,
    node: usize,
    scope: NodeScope,
    recorded: Option<NodeRow<Outputs>>,
) -> Result<NodeEnd, StoreError> {
    let planned = &run.plan.nodes[node];
    run.journal.started(node);
    if planned.has_effects {
        run.journal.barrier().await?;
    }
    let scope = Arc::new(scope);
    let (mut call, items) = if planned.for_each.is_some() {
        super::fan_out::run(&run, node, &scope).await?
    } else {
        (single(&run, node, &scope, recorded).await?, None)
    };
    let mut fatal = None;
    if let Some(error) = &call.error {
        match planned.on_error {
            OnError::Fail => fatal = Some(error.clone()),
            OnError::Continue => call.outputs = null_on_default(planned),
            OnError::Route => call.outputs = Outputs::single(ERROR_PORT, routed(planned, error)),
        }
    }
    let (status, fired) = (call.status, call.outputs.clone());
    let urgency = if planned.has_effects { Urgency::Now } else { Urgency::RideAlong };
    let commit = run.journal.settled(node, call, items, urgency);
    if planned.has_effects {
        commit.await?;
    }
    Ok(NodeEnd { node, status, fired, fatal })
}

fn null_on_default(planned: &PlanNode) -> Outputs {
    planned.default_port.as_ref().map(|port| Outputs::single(port.clone(), Json::null())).unwrap_or_default()
}

fn routed(planned: &PlanNode, error: &CallError) -> Json {
    json!({"code": error.code, "message": error.message, "details": error.details, "nodeId": planned.id}).into()
}

async fn single(
    run: &Arc<Run>,
    node: usize,
    scope: &NodeScope,
    recorded: Option<NodeRow<Outputs>>,
) -> Result<CallRow<Outputs>, StoreError> {
    let planned = &run.plan.nodes[node];
    let config = match run.evaluator.fill(&planned.config, scope).await {
        Ok(config) => config,
        Err(error) => return Ok(failed(run, error)),
    };
    let attempts = Attempts {
        run,
        node: planned,
        item: None,
        config: &config,
        input: &scope.input,
        progress: Some(Arc::new(NodeProgress { run: Arc::clone(run), node })),
        recorded: recorded.as_ref().map(|row| &row.call),
    };
    attempts.run(&NodeObserver { run, node }).await
}

/// A node that failed before its block was called.
pub(super) fn failed(run: &Run, error: CallError) -> CallRow<Outputs> {
    let now = Some(run.sources.now_ms());
    CallRow { error: Some(error), start_time: now, end_time: now, ..CallRow::new(NodeStatus::Failed) }
}

struct NodeObserver<'a> {
    run: &'a Run,
    node: usize,
}

impl Observer for NodeObserver<'_> {
    fn retrying(&self, attempt: u32, error: &CallError, delay_ms: u64) {
        self.run.journal.retrying(self.node, attempt, error, delay_ms);
    }

    async fn waiting(&self, call: CallRow) -> Result<(), StoreError> {
        self.run.journal.waiting(self.node, call).await.map(drop)
    }
}

struct NodeProgress {
    run: Arc<Run>,
    node: usize,
}

impl ProgressSink for NodeProgress {
    fn report(&self, percent: f32, message: &str) {
        self.run.journal.progress(self.node, f64::from(percent) / 100.0, message);
    }
}
