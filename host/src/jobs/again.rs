//! Doing an ended job again.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::options::JobOptions;
use super::plans::LoadPlanError;
use super::queue::Queue;
use super::submit::Submit;
use crate::domain::{JobId, JobStatus, Json, UserId};
use crate::store::{JobFilter, JobSummary, StoreError};

/// What a wish to do a job again comes to.
#[derive(Debug)]
pub enum Again {
    /// To be handed in.
    Submit(Box<Submit>),
    /// There is no such job.
    NotFound,
    /// It has not ended.
    NotEnded(JobStatus),
    /// It is the parent of others in a flow, and ended before it was given what came of them.
    NeverRan,
    /// The server alone makes jobs of its type.
    NotForClients,
}

impl Queue {
    /// A new job with the type, payload and queue of an ended one, outside of any flow. Its workflow is the one that was
    /// run then, with the blocks that are active now.
    ///
    /// # Errors
    /// If the workflow does not fit the blocks, or the store fails.
    pub async fn again(&self, id: &JobId, user_id: &UserId) -> Result<Again, LoadPlanError> {
        let store = &self.shared.store;
        let Some(job) = store.job(id).await? else { return Ok(Again::NotFound) };
        if !job.summary.status.is_terminal() {
            return Ok(Again::NotEnded(job.summary.status));
        }
        if job.summary.started_at.is_none() && self.is_parent(&job.summary).await? {
            return Ok(Again::NeverRan);
        }
        let Some(execution_id) = &job.summary.execution_id else { return Ok(Again::NotForClients) };
        let Some(row) = store.execution(execution_id).await? else { return Ok(Again::NotFound) };
        let Some(document) = store.document(&row.document_digest).await? else { return Ok(Again::NotFound) };
        let plan = self.plan(&row.document_digest, &document).await?;
        let variables: Map<String, Value> = row.variables.decode().unwrap_or_default();
        Ok(Again::Submit(Box::new(Submit {
            plan,
            workflow_version: row.execution.workflow_version,
            input: row.execution.input,
            mode: row.execution.mode,
            variables,
            metadata: row.execution.metadata,
            user_id: user_id.clone(),
            options: row.options,
            job: JobOptions {
                job_type: job.summary.job_type,
                name: job.summary.name,
                payload: job.payload.map(without_flow),
                queue: job.summary.queue,
                priority: job.summary.priority,
                max_attempts: Some(job.summary.max_attempts),
                ..JobOptions::default()
            },
            waits: false,
        })))
    }

    /// Whether others of its flow are its children.
    async fn is_parent(&self, job: &JobSummary) -> Result<bool, StoreError> {
        if job.flow_id.is_none() {
            return Ok(false);
        }
        let filter = JobFilter { flow_id: job.flow_id.clone(), limit: u32::MAX, ..JobFilter::default() };
        let jobs = self.shared.store.jobs(&filter).await?;
        Ok(jobs.iter().any(|other| other.parent_id.as_ref() == Some(&job.id)))
    }
}

/// A payload as it was before the flow's id was put into it.
fn without_flow(payload: Json) -> Json {
    let Ok(mut members) = payload.decode::<BTreeMap<String, Json>>() else { return payload };
    match members.remove("flowId") {
        Some(_) => Json::object(members.iter().map(|(name, value)| (name.as_str(), value))),
        None => payload,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_loses_its_flow_and_nothing_else() {
        let shown = |text: &str| without_flow(Json::parse(text.to_owned()).unwrap()).as_str().to_owned();
        assert_eq!(shown(r#"{"n": 12345678901234567890, "flowId": "f"}"#), r#"{"n":12345678901234567890}"#);
        assert_eq!(shown(r#"{ "n": 1.0 }"#), r#"{ "n": 1.0 }"#);
        assert_eq!(shown("[7]"), "[7]");
    }
}
