//! Jobs as they are shown, put together from what is stored of them and of their executions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::handlers;
use super::queue::Queue;
use crate::domain::{Event, EventKind, ExecutionId, Job, JobId, JobStatus, Json, NodeId, RunOptions, TimelineEntry};
use crate::store::{ExecutionRow, JobRow, JobSummary, StoreError};

/// Events of the execution that a job's timeline is made of: of more, the newest.
const MOST_EVENTS: u32 = 1_000;

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobProgress {
    /// Where it stands.
    pub status: JobStatus,
    /// 0 to 100.
    pub progress: f64,
    /// The name of the node that began last and has not ended, or its id if it has no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_step: Option<String>,
    /// Nodes that completed or were skipped.
    pub completed_nodes: usize,
    /// Nodes of the workflow; absent if its document is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_nodes: Option<usize>,
    /// Milliseconds from the beginning to the end, or until now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_time: Option<i64>,
    /// Why it failed: a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Json>,
}

impl Queue {
    /// A job with all that is known of it.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn job(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        let store = &self.shared.store;
        let Some(row) = store.job(id).await? else { return Ok(None) };
        let execution = match &row.summary.execution_id {
            Some(id) => store.execution(id).await?,
            None => None,
        };
        let events = match &row.summary.execution_id {
            Some(id) => store.newest_events(id, MOST_EVENTS).await?,
            None => Vec::new(),
        };
        let payload = self.payload(&row, execution.as_ref()).await?;
        Ok(Some(assembled(row, execution, payload, &events)))
    }

    /// How far a job is.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn job_progress(&self, id: &JobId) -> Result<Option<JobProgress>, StoreError> {
        let store = &self.shared.store;
        let Some(JobRow { summary, .. }) = store.job(id).await? else { return Ok(None) };
        let (mut nodes, mut steps) = (None, Vec::new());
        if let Some(execution_id) = &summary.execution_id {
            nodes = self.nodes_of(execution_id).await?;
            steps = store.node_steps(execution_id).await?;
        }
        Ok(Some(progress(summary, nodes.as_deref(), &steps, self.shared.sources.now_ms())))
    }

    /// What the job was asked. That of a workflow is put together from its execution.
    async fn payload(&self, row: &JobRow, execution: Option<&ExecutionRow>) -> Result<Json, StoreError> {
        if let Some(payload) = &row.payload {
            return Ok(payload.clone());
        }
        let Some(execution) = execution else { return Ok(Json::null()) };
        let definition = match execution.execution.workflow_version {
            Some(_) => None,
            None => self.shared.store.document(&execution.document_digest).await?,
        };
        Ok(workflow_payload(&row.summary, execution, definition))
    }

    /// The nodes of an execution's workflow.
    async fn nodes_of(&self, id: &ExecutionId) -> Result<Option<Vec<Node>>, StoreError> {
        let Some(row) = self.shared.store.execution(id).await? else { return Ok(None) };
        let document = self.shared.store.document(&row.document_digest).await?;
        Ok(document.and_then(|document| document.decode::<Document>().ok()).map(|document| document.nodes))
    }
}

/// As much of a workflow as is shown of its progress.
#[derive(Debug, Deserialize)]
struct Document {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: NodeId,
    name: Option<String>,
}

fn workflow_payload(job: &JobSummary, row: &ExecutionRow, definition: Option<Json>) -> Json {
    let execution = &row.execution;
    let mut members: Vec<(&str, Json)> = vec![("workflowId", Json::encode(&execution.workflow_id))];
    members.extend(definition.map(|definition| ("workflowDefinition", definition)));
    members.extend(execution.workflow_version.map(|version| ("version", Json::encode(&version))));
    members.extend([("input", execution.input.clone()), ("mode", Json::encode(&execution.mode))]);
    let variables = if row.variables.is_null() { Json::empty_object() } else { row.variables.clone() };
    members.extend([("variables", variables), ("metadata", execution.metadata.clone())]);
    let RunOptions { record, exchanges } = &row.options;
    members.extend(record.then(|| ("record", Json::encode(&true))));
    members.extend(exchanges.clone().map(|exchanges| ("exchanges", exchanges)));
    members.extend(job.flow_id.as_ref().map(|flow_id| ("flowId", Json::encode(flow_id))));
    Json::object(members.iter().map(|(name, value)| (*name, value)))
}

fn assembled(row: JobRow, execution: Option<ExecutionRow>, payload: Json, events: &[Event]) -> Job {
    let progress = row.summary.progress();
    let job = row.summary;
    let result = match (&row.result, execution) {
        (Some(result), _) => result.clone(),
        (None, Some(row)) if job.status == JobStatus::Completed => {
            handlers::result(job.job_type, &row.execution.output)
        }
        _ => Json::null(),
    };
    let timeline: Vec<TimelineEntry> = events.iter().flat_map(Event::of_job).map(|event| event.entry).collect();
    // Numbers are dense, from 1.
    let timeline_omitted = events.first().map_or(0, |event| event.entry.seq.saturating_sub(1));
    Job {
        id: job.id,
        name: job.name,
        user_id: job.user_id,
        job_type: job.job_type,
        queue: job.queue,
        status: job.status,
        priority: job.priority,
        progress,
        payload,
        result,
        error: job.error.unwrap_or_else(Json::null),
        timeline,
        timeline_omitted,
        attempts: job.attempts,
        max_attempts: job.max_attempts,
        run_at: job.run_at,
        execution_id: job.execution_id,
        flow_id: job.flow_id,
        parent_id: job.parent_id,
        created_at: job.created_at,
        updated_at: job.updated_at,
        started_at: job.started_at,
        ended_at: job.ended_at,
    }
}

fn progress(job: JobSummary, nodes: Option<&[Node]>, steps: &[(EventKind, NodeId)], now: i64) -> JobProgress {
    // The last step of each node, with its place among all.
    let mut last = BTreeMap::new();
    for (place, (event, node)) in steps.iter().enumerate() {
        last.insert(node.as_str(), (place, *event));
    }
    let done = |event: &EventKind| matches!(event, EventKind::NodeCompleted | EventKind::NodeSkipped);
    let open = last.iter().filter(|(_, (_, event))| *event == EventKind::NodeStarted);
    let current = open.max_by_key(|(_, (place, _))| *place).map(|(node, _)| *node);
    let name = |id: &str| {
        let node = nodes.and_then(|nodes| nodes.iter().find(|node| node.id.as_str() == id));
        node.and_then(|node| node.name.clone()).unwrap_or_else(|| id.to_owned())
    };
    JobProgress {
        status: job.status,
        progress: job.progress(),
        current_step: current.filter(|_| !job.status.is_terminal()).map(name),
        completed_nodes: last.values().filter(|(_, event)| done(event)).count(),
        total_nodes: nodes.map(<[Node]>::len),
        execution_time: job.started_at.map(|start| job.ended_at.unwrap_or(now).saturating_sub(start).max(0)),
        error: job.error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::JobType;

    fn job(status: JobStatus) -> JobSummary {
        JobSummary {
            id: "j".into(),
            name: None,
            user_id: "u".into(),
            job_type: JobType::Workflow,
            queue: "workflow".into(),
            status,
            priority: 0,
            workflow_progress: 50.0,
            error: None,
            attempts: 1,
            max_attempts: 5,
            takeovers: 0,
            run_at: 0,
            execution_id: Some("j".into()),
            flow_id: None,
            parent_id: None,
            created_at: 0,
            updated_at: 0,
            started_at: Some(100),
            ended_at: status.is_terminal().then_some(350),
        }
    }

    #[test]
    fn the_current_step_is_the_one_that_began_last_and_has_not_ended() {
        use EventKind::{NodeCompleted, NodeFailed, NodeSkipped, NodeStarted};
        let nodes: Vec<Node> =
            serde_json::from_str(r#"[{"id":"a"},{"id":"b","name":"Büro"},{"id":"c"},{"id":"d"}]"#).unwrap();
        let mut steps = Vec::new();
        let mut seen = |event, node: &str, status| {
            steps.push((event, node.into()));
            let progress = progress(job(status), Some(&nodes), &steps, 1000);
            (progress.current_step, progress.completed_nodes)
        };
        let processing = JobStatus::Processing;
        assert_eq!(seen(NodeStarted, "a", processing), (Some("a".to_owned()), 0));
        assert_eq!(seen(NodeStarted, "b", processing), (Some("Büro".to_owned()), 0));
        assert_eq!(seen(NodeCompleted, "b", processing), (Some("a".to_owned()), 1));
        assert_eq!(seen(NodeFailed, "a", processing), (None, 1));
        assert_eq!(seen(NodeSkipped, "c", processing), (None, 2));
        assert_eq!(seen(NodeStarted, "d", JobStatus::Cancelled), (None, 2));
    }

    #[test]
    fn time_runs_until_the_end() {
        let at = |status| progress(job(status), None, &[], 1000);
        assert_eq!(at(JobStatus::Processing).execution_time, Some(900));
        assert_eq!(at(JobStatus::Failed).execution_time, Some(250));
        assert_eq!((at(JobStatus::Processing).progress, at(JobStatus::Completed).progress), (50.0, 100.0));
        assert_eq!(at(JobStatus::Processing).total_nodes, None);
    }
}
