//! The multi-row inserts, and how records become their arguments.

use serde::Serialize;

use crate::domain::{Event, ExecutionId, Json};

use super::dialect::{Arg, Insert};
use super::records::{CallRow, ItemRow, NewFlow, NodeRow, Submission};

pub(crate) static DOCUMENTS: Insert = Insert::new(
    "INSERT INTO documents (digest, body)",
    2,
    "ON CONFLICT (digest) DO UPDATE SET unused_at = NULL WHERE documents.unused_at IS NOT NULL",
);

pub(crate) static PAYLOADS: Insert = Insert::new("INSERT INTO payloads (execution_id, number, body)", 3, "");

pub(crate) static JOBS: Insert = Insert::new(
    "INSERT INTO jobs (id, user_id, type, queue, status, priority, run_at, attempts, max_attempts, takeovers, \
     lease_owner, lease_until, execution_id, error, created_at, updated_at, started_at, ended_at, name, payload, \
     flow_id, parent_id, fail_parent)",
    job::COLUMNS,
    "",
);

pub(crate) static EXECUTIONS: Insert = Insert::new(
    "INSERT INTO executions (id, job_id, user_id, workflow_id, workflow_version, document_digest, blocks, status, \
     mode, variables, metadata, output, error, created_at, started_at, ended_at, options)",
    execution::COLUMNS,
    "",
);

pub(crate) static NODES: Insert = Insert::new(
    "INSERT INTO node_results (execution_id, node_id, status, outputs, error, metadata, logs, logs_dropped, \
     retry_count, start_time, end_time, suspension, exchanges, items)",
    node::COLUMNS,
    "ON CONFLICT (execution_id, node_id) DO UPDATE SET status = excluded.status, outputs = excluded.outputs, \
     error = excluded.error, metadata = excluded.metadata, logs = excluded.logs, \
     logs_dropped = excluded.logs_dropped, retry_count = excluded.retry_count, start_time = excluded.start_time, \
     end_time = excluded.end_time, suspension = excluded.suspension, \
     exchanges = excluded.exchanges, items = excluded.items",
);

pub(crate) static ITEMS: Insert = Insert::new(
    "INSERT INTO node_items (execution_id, node_id, item, status, outputs, error, metadata, logs, logs_dropped, \
     retry_count, start_time, end_time, suspension, exchanges)",
    item::COLUMNS,
    "ON CONFLICT (execution_id, node_id, item) DO UPDATE SET status = excluded.status, outputs = excluded.outputs, \
     error = excluded.error, metadata = excluded.metadata, logs = excluded.logs, \
     logs_dropped = excluded.logs_dropped, retry_count = excluded.retry_count, start_time = excluded.start_time, \
     end_time = excluded.end_time, suspension = excluded.suspension, exchanges = excluded.exchanges",
);

pub(crate) static EVENTS: Insert = Insert::new(
    "INSERT INTO events (position, subject, seq, timestamp, event, node_id, message, progress, data)",
    9,
    "",
);

/// Places in a row of [`JOBS`] that the end of the job fills in.
pub(crate) mod job {
    pub(crate) const COLUMNS: usize = 23;
    pub(crate) const STATUS: usize = 4;
    pub(crate) const LEASE_OWNER: usize = 10;
    pub(crate) const LEASE_UNTIL: usize = 11;
    pub(crate) const ERROR: usize = 13;
    pub(crate) const UPDATED_AT: usize = 15;
    pub(crate) const ENDED_AT: usize = 17;
}

/// Places in a row of [`EXECUTIONS`] that the end of the execution fills in.
pub(crate) mod execution {
    pub(crate) const COLUMNS: usize = 17;
    pub(crate) const STATUS: usize = 7;
    pub(crate) const OUTPUT: usize = 11;
    pub(crate) const ERROR: usize = 12;
    pub(crate) const ENDED_AT: usize = 15;
}

pub(crate) mod node {
    pub(crate) const COLUMNS: usize = 14;
}

pub(crate) mod item {
    pub(crate) const COLUMNS: usize = 14;
}

/// `value` as JSON text. Our own types serialise: their maps have text keys.
pub(crate) fn encoded(value: &impl Serialize) -> Arg {
    Arg::Text(Some(Json::encode(value).as_str().to_owned()))
}

fn unless_null(json: &Json) -> Arg {
    if json.is_null() { Arg::NULL } else { json.into() }
}

pub(crate) fn job_row(submission: &Submission) -> [Arg; job::COLUMNS] {
    let (claim, place) = (submission.claim.as_ref(), submission.place.as_ref());
    let at = submission.created_at;
    [
        submission.execution_id.as_str().into(),
        submission.user_id.as_str().into(),
        submission.job_type.as_str().into(),
        submission.queue.as_str().into(),
        submission.status().as_str().into(),
        submission.priority.into(),
        submission.run_at.into(),
        i64::from(claim.is_some()).into(),
        submission.max_attempts.into(),
        0i64.into(),
        claim.map(|claim| claim.owner.as_str()).into(),
        claim.map(|claim| claim.lease_until).into(),
        submission.execution_id.as_str().into(),
        Arg::NULL,
        at.into(),
        at.into(),
        claim.map(|_| at).into(),
        Arg::NULL,
        submission.name.as_deref().into(),
        submission.payload.as_ref().into(),
        place.map(|place| place.flow_id.as_str()).into(),
        place.and_then(|place| place.parent_id.as_ref()).map(|id| id.as_str()).into(),
        place.map(|place| i64::from(place.fail_parent)).into(),
    ]
}

pub(crate) static FLOWS: Insert = Insert::new(
    "INSERT INTO flows (id, user_id, name, root_id, status, total, completed, failed, seq, created_at, updated_at)",
    11,
    "",
);

pub(crate) fn flow_row(flow: &NewFlow) -> [Arg; 11] {
    let at = flow.entry.timestamp;
    [
        flow.id.as_str().into(),
        flow.user_id.as_str().into(),
        flow.name.as_str().into(),
        flow.root_id.as_str().into(),
        "pending".into(),
        flow.total.into(),
        0i64.into(),
        0i64.into(),
        1i64.into(),
        at.into(),
        at.into(),
    ]
}

pub(crate) fn execution_row(submission: &Submission) -> [Arg; execution::COLUMNS] {
    let claim = submission.claim.as_ref();
    [
        submission.execution_id.as_str().into(),
        submission.execution_id.as_str().into(),
        submission.user_id.as_str().into(),
        submission.workflow_id.as_str().into(),
        submission.workflow_version.into(),
        submission.document_digest.as_str().into(),
        (&submission.blocks).into(),
        if claim.is_some() { "running" } else { "pending" }.into(),
        submission.mode.as_str().into(),
        (&submission.variables).into(),
        (&submission.metadata).into(),
        Arg::NULL,
        Arg::NULL,
        submission.created_at.into(),
        claim.map(|_| submission.created_at).into(),
        Arg::NULL,
        if submission.options.is_default() { Arg::NULL } else { encoded(&submission.options) },
    ]
}

/// What nodes and items share, from `status` to `exchanges`.
fn call_columns(call: &CallRow) -> [Arg; 11] {
    [
        call.status.as_str().into(),
        if call.outputs.is_empty() { Arg::NULL } else { encoded(&call.outputs) },
        call.error.as_ref().map_or(Arg::NULL, encoded),
        unless_null(&call.metadata),
        if call.logs.is_empty() { Arg::NULL } else { encoded(&call.logs) },
        i64::try_from(call.logs_dropped).unwrap_or(i64::MAX).into(),
        call.retry_count.into(),
        call.start_time.into(),
        call.end_time.into(),
        call.suspension.as_ref().map_or(Arg::NULL, encoded),
        call.exchanges.as_ref().into(),
    ]
}

pub(crate) fn node_row(execution_id: &ExecutionId, node: &NodeRow) -> Vec<Arg> {
    let mut row = Vec::with_capacity(node::COLUMNS);
    row.extend([execution_id.as_str().into(), node.node_id.as_str().into()]);
    row.extend(call_columns(&node.call));
    row.push(node.items.as_ref().into());
    row
}

pub(crate) fn item_row(execution_id: &ExecutionId, item: &ItemRow) -> Vec<Arg> {
    let mut row = Vec::with_capacity(item::COLUMNS);
    row.extend([execution_id.as_str().into(), item.node_id.as_str().into(), item_number(item.index)]);
    row.extend(call_columns(&item.call));
    row
}

fn item_number(index: usize) -> Arg {
    i64::try_from(index).unwrap_or(i64::MAX).into()
}

pub(crate) fn event_row(event: &Event) -> [Arg; 9] {
    let entry = &event.entry;
    [
        event.position.into(),
        event.topic.id().into(),
        i64::try_from(entry.seq).unwrap_or(i64::MAX).into(),
        entry.timestamp.into(),
        entry.event.as_str().into(),
        entry.node_id.as_ref().map(|id| id.as_str()).into(),
        entry.message.as_str().into(),
        hundredths(entry.progress).into(),
        entry.data.as_ref().into(),
    ]
}

/// Percent as it is stored.
pub(crate) fn hundredths(progress: f64) -> i64 {
    (progress * 100.0).round() as i64
}
