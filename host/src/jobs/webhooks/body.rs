//! What is sent: `{type, timestamp, data}`.

use serde_json::{Map, Value, json};

use crate::domain::time::rfc3339;
use crate::domain::{Event, EventKind, JobId, Json, Topic};
use crate::jobs::handlers;
use crate::store::{Store, StoreError};

/// The type of what is sent to try a webhook.
pub(super) const TEST: &str = "webhook:test";
/// Results that are larger, in bytes, are left out.
const RESULT_BYTES: usize = 256 << 10;
/// The same for the data of a timeline entry.
const ENTRY_BYTES: usize = 64 << 10;

/// What is sent of an event, without the result of a job.
pub(super) fn of_event(event: &Event) -> Json {
    let mut entry = event.entry.clone();
    let too_large = entry.data.as_ref().is_some_and(|data| data.as_str().len() > ENTRY_BYTES);
    if too_large {
        entry.data = Some(super::json(&json!({"omitted": true})));
    }
    let id = match &event.topic {
        Topic::Execution(_) => "executionId",
        Topic::Job(_) => "jobId",
        Topic::Flow(_) => "flowId",
    };
    let data = json!({
        "position": event.position, "topic": event.topic.to_string(), id: event.topic.id(), "entry": entry,
    });
    body(&entry.event.with_colon(), entry.timestamp, data)
}

/// What is sent to try a webhook.
pub(super) fn of_test(webhook_id: &str, at: i64) -> Json {
    body(TEST, at, json!({"webhookId": webhook_id}))
}

fn body(kind: &str, at: i64, data: Value) -> Json {
    super::json(&json!({"type": kind, "timestamp": rfc3339(at), "data": data}))
}

/// The text to send: for the end of a job with its status, and its result or error.
///
/// # Errors
/// If the store fails.
pub(super) async fn complete(store: &Store, body: &Json) -> Result<String, StoreError> {
    let Ok(Value::Object(mut sent)) = body.to_value() else { return Ok(body.as_str().to_owned()) };
    let ends = |kind: &EventKind| matches!(kind, EventKind::JobCompleted | EventKind::JobFailed);
    let kind = sent.get("type").and_then(Value::as_str).and_then(EventKind::parse).filter(ends);
    if let (Some(kind), Some(Value::Object(data))) = (kind, sent.get_mut("data"))
        && let Some(job_id) = data.get("jobId").and_then(Value::as_str).map(JobId::from)
    {
        add_end(store, kind, &job_id, data).await?;
    }
    Ok(Value::Object(sent).to_string())
}

async fn add_end(
    store: &Store,
    kind: EventKind,
    job_id: &JobId,
    data: &mut Map<String, Value>,
) -> Result<(), StoreError> {
    let Some(job) = store.job(job_id).await?.map(|row| row.summary) else {
        // It ended so long ago that it was removed.
        data.insert("resultOmitted".into(), json!(true));
        return Ok(());
    };
    data.insert("status".into(), json!(job.status));
    if kind == EventKind::JobFailed {
        let error = job.error.as_ref().and_then(|error| error.to_value().ok());
        data.insert("error".into(), error.unwrap_or(Value::Null));
        return Ok(());
    }
    let execution = match &job.execution_id {
        Some(id) => store.execution(id).await?.map(|row| row.execution),
        None => None,
    };
    let result = execution.map_or_else(Json::null, |execution| handlers::result(job.job_type, &execution.output));
    match result.to_value() {
        Ok(value) if result.as_str().len() <= RESULT_BYTES => data.insert("result".into(), value),
        _ => data.insert("resultOmitted".into(), json!(true)),
    };
    Ok(())
}
