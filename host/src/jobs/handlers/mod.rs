//! What each type of job does: one file a type, and a line here.
//!
//! A handler turns a payload into an execution to submit. So every job has the sandbox, the retries, the progress and the
//! resumption of a workflow, whatever its type.

mod workflow;

use serde::de::DeserializeOwned;

use super::{Queue, Submit};
use crate::domain::problem::pointer;
use crate::domain::{JobType, Json, Problem, Report, UserId};
use crate::store::StoreError;

/// Why a payload cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The payload, or the workflow in it, is not valid. Pointers start at the payload.
    #[error("{}", .0.errors.first().map_or("the payload is not valid", |problem| problem.message.as_str()))]
    Invalid(Report),
    /// There is no such workflow.
    #[error("there is no workflow `{workflow_id}`{}", .version.map(|version| format!(" of version {version}")).unwrap_or_default())]
    UnknownWorkflow {
        /// What was asked for.
        workflow_id: String,
        /// Given if a version was asked for.
        version: Option<u32>,
    },
    /// Jobs of this type are made by the server alone.
    #[error("jobs of type {} cannot be submitted", .0.as_str())]
    NotForClients(JobType),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PrepareError {
    /// One thing that is wrong with the payload.
    pub(super) fn at(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(Report::new(vec![Problem::new(pointer, code, message)], Vec::new()))
    }

    /// Everything that is wrong with a document at `prefix` of the payload.
    pub(super) fn within(prefix: &str, mut report: Report) -> Self {
        for problem in &mut report.errors {
            problem.pointer.insert_str(0, prefix);
        }
        Self::Invalid(report)
    }
}

impl Queue {
    /// What a job of this type with this payload submits; how the job is treated (queue, priority, flow) is left to the
    /// caller, with the type's own queue as the default.
    ///
    /// # Errors
    /// If the payload cannot be carried out, or the store fails.
    pub async fn prepare(&self, job_type: JobType, payload: &Json, user_id: &UserId) -> Result<Submit, PrepareError> {
        match job_type {
            JobType::Workflow => workflow::prepare(self, payload, user_id).await,
            JobType::Search | JobType::UploadToMeta | JobType::Block | JobType::Webhook => {
                Err(PrepareError::NotForClients(job_type))
            }
        }
    }
}

/// A payload as its handler reads it; the error points at what does not fit.
fn decode<T: DeserializeOwned>(payload: &Json) -> Result<T, PrepareError> {
    let mut deserializer = serde_json::Deserializer::from_str(payload.as_str());
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().iter().fold(String::new(), |base, segment| match segment {
            serde_path_to_error::Segment::Unknown => base,
            segment => pointer(&base, segment.to_string().trim_start_matches('[').trim_end_matches(']')),
        });
        PrepareError::at(path, "invalid-payload", error.inner().to_string())
    })
}
