//! The nodes of an execution: what was recorded, and what the timeline says of those that have not ended.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::super::ApiState;
use super::super::problem::ApiResult;
use super::items::{FanOut, Items};
use crate::domain::workflow::OnItemError;
use crate::domain::{CallResult, EventKind, NodeId, NodeStatus, Outputs, TimelineEntry};
use crate::orchestrator::Plan;
use crate::store::{CallRow, ExecutionRow, NodeRow};

/// Results by node, in document order.
pub(super) struct Nodes(Vec<(NodeId, CallResult)>);

impl Serialize for Nodes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(id, result)| (id, result)))
    }
}

/// What the document says of a node.
struct Known {
    id: NodeId,
    default_port: Option<String>,
    on_item_error: Option<OnItemError>,
}

/// The result of every node of the document.
pub(super) async fn of(state: &ApiState, row: &ExecutionRow, timeline: &[TimelineEntry]) -> ApiResult<Nodes> {
    let id = &row.execution.execution_id;
    let known = known(state, row).await?;
    let rows = state.store.nodes(id).await?;
    let mut rows: HashMap<NodeId, NodeRow<Outputs>> = rows.into_iter().map(|row| (row.node_id.clone(), row)).collect();
    let mut items = HashMap::new();
    if known.iter().any(|node| node.on_item_error.is_some()) {
        for item in state.store.items(id).await? {
            items.entry(item.node_id.clone()).or_insert_with(Vec::new).push(item);
        }
    }
    let traces = traces(timeline);
    let nodes = known.into_iter().map(|node| {
        let recorded = rows.remove(&node.id);
        let trace = traces.get(&node.id);
        let kept = recorded.as_ref().and_then(|row| row.items.clone());
        let mut result = match recorded {
            Some(row) => result(row.call, node.default_port.as_deref()),
            None => CallResult::pending(),
        };
        if let Some(trace) = trace.filter(|_| !result.status.is_settled()) {
            trace.apply(&mut result);
        }
        if let Some(on_item_error) = node.on_item_error {
            let fan_out = FanOut { default_port: node.default_port.as_deref(), on_item_error };
            let rows = items.remove(&node.id).unwrap_or_default();
            result.items = Items { kept, rows }.results(&fan_out, &result.outputs);
        }
        (node.id, result)
    });
    Ok(Nodes(nodes.collect()))
}

/// From the plan; from the bare document if one of its blocks is not here any more.
async fn known(state: &ApiState, row: &ExecutionRow) -> ApiResult<Vec<Known>> {
    if let Ok(Some(plan)) = state.queue.plan_of(row).await {
        return Ok(planned(&plan));
    }
    let document = state.store.document(&row.document_digest).await?;
    let document = document.and_then(|document| document.to_value().ok()).unwrap_or(Value::Null);
    let Ok(workflow) = crate::domain::workflow::parse(&document) else { return Ok(Vec::new()) };
    let nodes = workflow.nodes.into_iter().map(|node| Known {
        id: node.id,
        default_port: None,
        on_item_error: node.for_each.map(|for_each| for_each.on_item_error),
    });
    Ok(nodes.collect())
}

fn planned(plan: &Arc<Plan>) -> Vec<Known> {
    let nodes = plan.nodes.iter().map(|node| Known {
        id: node.id.clone(),
        default_port: node.default_port.clone(),
        on_item_error: node.for_each.as_ref().map(|for_each| for_each.settings.on_item_error),
    });
    nodes.collect()
}

/// A recorded call as it is shown.
pub(super) fn result(call: CallRow<Outputs>, default_port: Option<&str>) -> CallResult {
    CallResult {
        status: call.status,
        output: call.outputs.output(default_port),
        outputs: call.outputs,
        execution_time: call.start_time.zip(call.end_time).map(|(start, end)| end.saturating_sub(start)),
        error: call.error,
        retry_count: call.retry_count,
        start_time: call.start_time,
        end_time: call.end_time,
        metadata: call.metadata,
        logs: call.logs,
        logs_dropped: call.logs_dropped,
        exchanges: call.exchanges,
        exchanges_dropped: 0,
        items: None,
    }
}

/// What the timeline says of a node.
#[derive(Default)]
struct Trace {
    status: Option<NodeStatus>,
    start_time: Option<i64>,
    retries: u32,
}

impl Trace {
    fn add(&mut self, entry: &TimelineEntry) {
        match entry.event {
            // A process that takes the execution over begins anew with what was not recorded.
            EventKind::NodeStarted => {
                *self = Self { status: Some(NodeStatus::Running), start_time: Some(entry.timestamp), retries: 0 };
            }
            EventKind::NodeProgress => self.status = Some(NodeStatus::Running),
            EventKind::NodeRetrying => {
                self.status = Some(NodeStatus::Retrying);
                self.retries += 1;
            }
            EventKind::NodeWaiting => self.status = Some(NodeStatus::Waiting),
            _ => {}
        }
    }

    /// Onto what was recorded of a node that has not ended.
    fn apply(&self, result: &mut CallResult) {
        if let Some(status) = self.status {
            result.status = status;
        }
        result.start_time = result.start_time.or(self.start_time);
        result.retry_count = result.retry_count.max(self.retries);
    }
}

fn traces(timeline: &[TimelineEntry]) -> HashMap<NodeId, Trace> {
    let mut traces: HashMap<NodeId, Trace> = HashMap::new();
    for entry in timeline {
        if let Some(id) = &entry.node_id {
            traces.entry(id.clone()).or_default().add(entry);
        }
    }
    traces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(event: EventKind, timestamp: i64) -> TimelineEntry {
        let message = String::new();
        TimelineEntry { seq: 1, timestamp, event, node_id: Some("a".into()), message, progress: 0.0, data: None }
    }

    #[test]
    fn a_node_without_a_result_stands_where_its_last_event_left_it() {
        let events = [(EventKind::NodeStarted, 5), (EventKind::NodeRetrying, 6), (EventKind::NodeRetrying, 9)];
        let timeline = events.map(|(event, at)| entry(event, at));
        let traces = traces(&timeline);
        let mut result = CallResult::pending();
        traces[&NodeId::from("a")].apply(&mut result);
        assert_eq!((result.status, result.start_time, result.retry_count), (NodeStatus::Retrying, Some(5), 2));
    }
}
