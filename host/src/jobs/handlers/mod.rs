//! What each type of job does: one file a type, and a line here.
//!
//! A handler turns a payload into an execution to submit. So every job has the sandbox, the retries, the progress and the
//! resumption of a workflow, whatever its type.

mod block;
mod search;
mod upload_to_meta;
mod workflow;

use blockyard_replay::{Exchange, Replay};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{JobOptions, Queue, Submit};
use crate::domain::problem::pointer;
use crate::domain::{JobType, Json, Mode, Problem, Report, RunOptions, UserId};
use crate::runtime::digest;
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
            JobType::Search => search::prepare(self, payload, user_id).await,
            JobType::UploadToMeta => upload_to_meta::prepare(self, payload, user_id).await,
            JobType::Block => block::prepare(self, payload, user_id).await,
            JobType::Webhook => Err(PrepareError::NotForClients(job_type)),
        }
    }

    /// A job that calls one block: `given` is what is said of it.
    async fn one_node(&self, given: OneNode<'_>) -> Result<Submit, PrepareError> {
        let options = run_options(given.mode, given.record, given.exchanges)?;
        let document = Json::from(&given.document);
        let plan = self.plan(&digest(document.as_str().as_bytes()), &document).await;
        let plan = plan.map_err(|error| PrepareError::Invalid(in_payload(error.0, given.members)))?;
        Ok(Submit {
            plan,
            workflow_version: None,
            input: given.input,
            mode: given.mode,
            variables: Map::new(),
            metadata: Json::null(),
            user_id: given.user_id.clone(),
            options,
            job: JobOptions {
                job_type: given.job_type,
                payload: Some(given.payload.clone()),
                queue: given.queue.to_owned(),
                ..JobOptions::default()
            },
            waits: false,
        })
    }
}

/// What came of a job, from what came of its execution.
pub fn result(job_type: JobType, output: &Json) -> Json {
    match job_type {
        JobType::Search => search::result(output),
        JobType::Workflow | JobType::UploadToMeta | JobType::Block | JobType::Webhook => output.clone(),
    }
}

/// A job that calls one block.
struct OneNode<'a> {
    job_type: JobType,
    queue: &'static str,
    user_id: &'a UserId,
    payload: &'a Json,
    /// A workflow of one node, which is the first.
    document: Value,
    input: Json,
    mode: Mode,
    record: bool,
    exchanges: Option<Json>,
    /// Where parts of the document come from, both as pointers: the first that fits counts.
    members: &'a [(&'a str, &'a str)],
}

/// The node that calls the block of a job.
fn document(id: &str, name: &str, node: Value) -> Value {
    serde_json::json!({"workflowId": id, "name": name, "nodes": [node]})
}

/// Findings about a document as findings about the payload that it was made from.
fn in_payload(mut report: Report, members: &[(&str, &str)]) -> Report {
    for problem in &mut report.errors {
        let place = members.iter().find_map(|(document, payload)| {
            let rest = problem.pointer.strip_prefix(document)?;
            Some(format!("{payload}{rest}"))
        });
        problem.pointer = place.unwrap_or_default();
    }
    report
}

/// What an execution is asked besides its input. Exchanges are looked at before anything runs.
fn run_options(mode: Mode, record: bool, exchanges: Option<Json>) -> Result<RunOptions, PrepareError> {
    if let Some(exchanges) = &exchanges {
        let invalid = |at: String, message: String| PrepareError::at(at, "invalid-exchanges", message);
        let here = || "/exchanges".to_owned();
        if mode != Mode::Test {
            let message = format!("exchanges belong to mode `test`, and this is mode `{}`", mode.as_str());
            return Err(invalid(here(), message));
        }
        let read: Vec<Exchange> =
            read(exchanges).map_err(|(place, message)| invalid(format!("/exchanges{place}"), message))?;
        Replay::strict(read).map_err(|error| invalid(here(), error.to_string()))?;
    }
    Ok(RunOptions { record, exchanges })
}

/// A payload as its handler reads it; the error points at what does not fit.
fn decode<T: DeserializeOwned>(payload: &Json) -> Result<T, PrepareError> {
    read(payload).map_err(|(place, message)| PrepareError::at(place, "invalid-payload", message))
}

/// `json` as `T`, or the pointer to what does not fit and why.
fn read<T: DeserializeOwned>(json: &Json) -> Result<T, (String, String)> {
    let mut deserializer = serde_json::Deserializer::from_str(json.as_str());
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let place = error.path().iter().fold(String::new(), |base, segment| match segment {
            serde_path_to_error::Segment::Unknown => base,
            segment => pointer(&base, segment.to_string().trim_start_matches('[').trim_end_matches(']')),
        });
        let text = error.inner().to_string();
        // Lines and columns count from the start of the payload, which the caller does not see.
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text).to_owned();
        (place, text)
    })
}
