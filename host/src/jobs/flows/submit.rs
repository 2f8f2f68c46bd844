//! Making all jobs of a flow at once.

use serde_json::json;

use super::super::handlers::PrepareError;
use super::super::{Begin, Queue, Submit, SubmitError};
use crate::domain::flow::with_member;
use crate::domain::{EventKind, ExecutionId, FlowId, JobId, JobType, Json, Problem, Report, TimelineEntry, UserId};
use crate::store::{FlowPlace, IdempotencyKey, NewFlow, Once, Record, StoreError, Urgency};

/// Findings that are reported at most.
const MOST_FINDINGS: usize = 100;

/// A flow to start.
#[derive(Debug)]
pub struct FlowSubmit {
    /// For people.
    pub name: String,
    /// Who starts it.
    pub user_id: UserId,
    /// The job that waits for all others.
    pub root: FlowNode,
}

/// A job of a flow to start.
#[derive(Debug)]
pub struct FlowNode {
    /// For people.
    pub name: Option<String>,
    /// What it does.
    pub job_type: JobType,
    /// What to do.
    pub payload: Json,
    /// Where it waits; the queue of its type if absent.
    pub queue: Option<String>,
    /// Higher goes first.
    pub priority: i64,
    /// How long it waits at least from now on, in milliseconds.
    pub delay_ms: i64,
    /// How often it may be begun; the configured number if absent.
    pub max_attempts: Option<u32>,
    /// Whether its failure is that of its parent.
    pub fail_parent: bool,
    /// The jobs that it waits for, whose results it is given.
    pub children: Vec<Self>,
}

/// What came of handing in a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowSubmitted {
    /// It is new, and on the disk.
    New(FlowId),
    /// The key has made this one before.
    Known(FlowId),
    /// The key was used for another request.
    Reused,
}

/// Why a flow was not started.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// Jobs of it cannot be carried out. Pointers start at the root job, whose payload is `data`.
    #[error("{}", .0.errors.first().map_or("the flow is not valid", |problem| problem.message.as_str()))]
    Invalid(Report),
    /// The server, or its database.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

impl From<StoreError> for FlowError {
    fn from(error: StoreError) -> Self {
        Self::Submit(error.into())
    }
}

/// A node with its place.
struct Planned<'f> {
    node: &'f FlowNode,
    /// Of the node.
    pointer: String,
    id: ExecutionId,
    parent_id: Option<JobId>,
}

impl Queue {
    /// Start a flow: all its jobs or none. With a key, unless that was used before.
    ///
    /// # Errors
    /// If a job of it cannot be carried out, there are too many, the server is shutting down, or the store fails.
    pub async fn submit_flow(
        &self,
        flow: &FlowSubmit,
        key: Option<IdempotencyKey>,
    ) -> Result<FlowSubmitted, FlowError> {
        let shared = &self.shared;
        let id: FlowId = shared.sources.id().into();
        let planned = self.plan_flow(&flow.root)?;
        let (mut records, mut findings) = (Vec::with_capacity(planned.len() * 2 + 1), Vec::new());
        records.push(self.flow_record(flow, &id, &planned));
        for job in &planned {
            match self.prepare(job.node.job_type, &job.node.payload, &flow.user_id).await {
                Ok(submit) => match self.records(&self.placed(submit, job, &id), &job.id) {
                    Ok(job) => records.extend(job),
                    Err(SubmitError::UnknownQueue(queue)) => findings.push(Problem::new(
                        format!("{}/queue", job.pointer),
                        "unknown-queue",
                        format!("there is no queue `{queue}`"),
                    )),
                    Err(error) => return Err(error.into()),
                },
                Err(error) => findings.extend(found(error, &job.pointer)?),
            }
            if findings.len() >= MOST_FINDINGS {
                findings.truncate(MOST_FINDINGS);
                break;
            }
        }
        if !findings.is_empty() {
            return Err(FlowError::Invalid(Report::new(findings, Vec::new())));
        }
        match key {
            None => drop(shared.store.write(records, Urgency::Now).await?),
            Some(key) => match shared.store.write_once(key, id.as_str(), records).await? {
                Once::Done(()) => {}
                Once::Known(id) => return Ok(FlowSubmitted::Known(id.into())),
                Once::Reused => return Ok(FlowSubmitted::Reused),
            },
        }
        self.wake();
        Ok(FlowSubmitted::New(id))
    }

    /// All nodes, each before its children, which are in their order.
    fn plan_flow<'f>(&self, root: &'f FlowNode) -> Result<Vec<Planned<'f>>, FlowError> {
        let (most, deepest) = (self.shared.jobs.max_flow_jobs, self.shared.jobs.max_flow_depth);
        let refused = |pointer: String, code, message| {
            FlowError::Invalid(Report::new(vec![Problem::new(pointer, code, message)], Vec::new()))
        };
        let mut planned: Vec<Planned<'f>> = Vec::new();
        let mut open = vec![(root, String::new(), None, 1)];
        while let Some((node, pointer, parent_id, level)) = open.pop() {
            if planned.len() >= most {
                return Err(refused(pointer, "flow-too-large", format!("a flow has {most} jobs at most")));
            }
            if level > deepest {
                return Err(refused(pointer, "flow-too-deep", format!("a flow has {deepest} levels at most")));
            }
            let id: ExecutionId = self.shared.sources.id().into();
            let job_id = JobId::from(&id);
            // No more than may be taken from it, so that a hostile flow costs nothing.
            let children = node.children.iter().enumerate().take(most + 1).rev();
            open.extend(
                children.map(|(n, child)| (child, format!("{pointer}/children/{n}"), Some(job_id.clone()), level + 1)),
            );
            planned.push(Planned { node, pointer, id, parent_id });
        }
        Ok(planned)
    }

    fn flow_record(&self, flow: &FlowSubmit, id: &FlowId, planned: &[Planned<'_>]) -> Record {
        let root_id = JobId::from(&planned[0].id);
        let total = u32::try_from(planned.len()).unwrap_or(u32::MAX);
        let entry = TimelineEntry {
            seq: 1,
            timestamp: self.shared.sources.now_ms(),
            event: EventKind::FlowCreated,
            node_id: None,
            message: format!("flow created with {total} jobs"),
            progress: 0.0,
            data: Some(json!({"jobId": root_id, "total": total}).into()),
        };
        let (user_id, name) = (flow.user_id.clone(), flow.name.clone());
        Record::Flow(Box::new(NewFlow { id: id.clone(), user_id, name, root_id, total, entry }))
    }

    /// The job with its place in the flow.
    fn placed(&self, mut submit: Submit, job: &Planned<'_>, flow_id: &FlowId) -> Submit {
        let node = job.node;
        let options = &mut submit.job;
        options.name = node.name.clone();
        if let Some(queue) = &node.queue {
            options.queue.clone_from(queue);
        }
        options.priority = node.priority;
        options.begin = Begin::After(node.delay_ms);
        options.max_attempts = node.max_attempts;
        if let Some(payload) = &mut options.payload {
            *payload = with_member(payload, "flowId", &Json::encode(flow_id));
        }
        options.place = Some(FlowPlace {
            flow_id: flow_id.clone(),
            parent_id: job.parent_id.clone(),
            fail_parent: job.parent_id.is_some() && node.fail_parent,
            waits: !node.children.is_empty(),
        });
        submit
    }
}

/// What is wrong with the job at `pointer`.
fn found(error: PrepareError, pointer: &str) -> Result<Vec<Problem>, FlowError> {
    let at = |member: &str, code, message| vec![Problem::new(format!("{pointer}/{member}"), code, message)];
    let message = error.to_string();
    Ok(match error {
        PrepareError::Invalid(report) => {
            let mut problems = report.errors;
            for problem in &mut problems {
                problem.pointer.insert_str(0, &format!("{pointer}/data"));
            }
            problems
        }
        PrepareError::UnknownWorkflow { version: None, .. } => at("data/workflowId", "unknown-workflow", message),
        PrepareError::UnknownWorkflow { .. } => at("data/version", "unknown-workflow", message),
        PrepareError::NotForClients(_) => at("type", "not-for-clients", message),
        PrepareError::Store(error) => return Err(error.into()),
    })
}
