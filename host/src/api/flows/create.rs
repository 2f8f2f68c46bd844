//! `POST /flows`

use axum::Json as JsonBody;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::extract::{InQuery, NoQuery};
use super::super::idempotency::{self, Keyed, kind};
use super::super::jobs::treatment::Treatment;
use super::super::problem::{ApiError, ApiResult};
use super::read::load;
use crate::domain::flow::FlowJob;
use crate::domain::{Flow, FlowId, FlowStatus, JobId, JobStatus, JobType, Json, Problem, Report, UserId};
use crate::jobs::{FlowError, FlowNode, FlowSubmit, FlowSubmitted};
use crate::store::IdempotencyKey;

/// From so many problems on no more are looked for.
const MOST_PROBLEMS: usize = 100;

/// A flow: its root, with a name that is the flow's too.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::api) struct Request {
    name: String,
    #[serde(rename = "type")]
    job_type: JobType,
    data: Json,
    queue: Option<String>,
    priority: Option<i64>,
    /// Milliseconds from now.
    delay: Option<i64>,
    max_attempts: Option<i64>,
    #[serde(default)]
    children: Vec<Child>,
}

/// A job that another waits for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Child {
    name: Option<String>,
    #[serde(rename = "type")]
    job_type: JobType,
    data: Json,
    queue: Option<String>,
    priority: Option<i64>,
    /// Milliseconds from now.
    delay: Option<i64>,
    max_attempts: Option<i64>,
    /// Whether its failure is that of its parent.
    #[serde(default = "yes")]
    fail_parent_on_failure: bool,
    #[serde(default)]
    children: Vec<Self>,
}

fn yes() -> bool {
    true
}

/// What was started.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    flow_id: FlowId,
    /// The root.
    job_id: Option<JobId>,
    jobs: Vec<AcceptedJob>,
    status: FlowStatus,
}

/// A job of it. The root comes first, each before its children.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AcceptedJob {
    job_id: JobId,
    parent_id: Option<JobId>,
    name: Option<String>,
    r#type: JobType,
    queue: String,
    status: JobStatus,
}

impl From<FlowJob> for AcceptedJob {
    fn from(job: FlowJob) -> Self {
        Self {
            job_id: job.id,
            parent_id: job.parent_id,
            name: job.name,
            r#type: job.job_type,
            queue: job.queue,
            status: job.status,
        }
    }
}

impl From<Flow> for Accepted {
    fn from(flow: Flow) -> Self {
        let job_id = flow.jobs.first().map(|root| root.id.clone());
        let jobs = flow.jobs.into_iter().map(AcceptedJob::from).collect();
        Self { flow_id: flow.id, job_id, jobs, status: flow.status }
    }
}

impl From<Child> for FlowNode {
    fn from(child: Child) -> Self {
        Self {
            name: child.name,
            job_type: child.job_type,
            payload: child.data,
            queue: child.queue,
            priority: child.priority.unwrap_or(0),
            delay_ms: child.delay.unwrap_or(0),
            max_attempts: child.max_attempts.and_then(|attempts| u32::try_from(attempts).ok()),
            fail_parent: child.fail_parent_on_failure,
            children: child.children.into_iter().map(Self::from).collect(),
        }
    }
}

impl From<Request> for FlowSubmit {
    fn from(request: Request) -> Self {
        let root = FlowNode {
            name: Some(request.name.clone()),
            job_type: request.job_type,
            payload: request.data,
            queue: request.queue,
            priority: request.priority.unwrap_or(0),
            delay_ms: request.delay.unwrap_or(0),
            max_attempts: request.max_attempts.and_then(|attempts| u32::try_from(attempts).ok()),
            fail_parent: false,
            children: request.children.into_iter().map(FlowNode::from).collect(),
        };
        Self { name: request.name, user_id: UserId::local(), root }
    }
}

impl Request {
    /// What is out of bounds in the treatment of its jobs, as for jobs of their own. Not all is told of very many.
    fn problems(&self, now: i64) -> Vec<Problem> {
        let (name, priority, delay, max_attempts) =
            (Some(self.name.clone()), self.priority, self.delay, self.max_attempts);
        let mut problems = Treatment { name, priority, delay, max_attempts, ..Treatment::default() }.problems(now);
        let mut open: Vec<(&Child, String)> = children(&self.children, "");
        while let Some((child, pointer)) = open.pop()
            && problems.len() < MOST_PROBLEMS
        {
            let (name, priority, delay, max_attempts) =
                (child.name.clone(), child.priority, child.delay, child.max_attempts);
            let treatment = Treatment { name, priority, delay, max_attempts, ..Treatment::default() };
            problems.extend(treatment.problems(now).into_iter().map(|mut problem| {
                problem.pointer.insert_str(0, &pointer);
                problem
            }));
            open.extend(children(&child.children, &pointer));
        }
        problems
    }
}

/// Those below `pointer`, the last first.
fn children<'a>(children: &'a [Child], pointer: &str) -> Vec<(&'a Child, String)> {
    children.iter().enumerate().rev().map(|(n, child)| (child, format!("{pointer}/children/{n}"))).collect()
}

/// Start a flow: all its jobs or none.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    Keyed { body, asked }: Keyed<Request>,
) -> ApiResult<Response> {
    let key = asked.key(&state, kind::FLOW);
    let (id, replayed) = match idempotency::earlier(&state, key.as_ref()).await? {
        Some(id) => (id.into(), true),
        None => match submit(&state, body, key).await? {
            FlowSubmitted::New(id) => (id, false),
            FlowSubmitted::Known(id) => (id, true),
            FlowSubmitted::Reused => return Err(idempotency::reused()),
        },
    };
    let location = format!("/flows/{id}");
    let accepted = Accepted::from(load(&state, &id).await?);
    let response = (StatusCode::ACCEPTED, [(header::LOCATION, location)], JsonBody(accepted)).into_response();
    Ok(if replayed { idempotency::replayed(response) } else { response })
}

async fn submit(state: &ApiState, request: Request, key: Option<IdempotencyKey>) -> ApiResult<FlowSubmitted> {
    let problems = request.problems(state.sources.now_ms());
    if !problems.is_empty() {
        return Err(refused(FlowError::Invalid(Report::new(problems, Vec::new()))));
    }
    state.queue.submit_flow(&request.into(), key).await.map_err(refused)
}

fn refused(error: FlowError) -> ApiError {
    match error {
        FlowError::Submit(error) => error.into(),
        FlowError::Invalid(Report { errors, .. }) => {
            let detail = match errors.as_slice() {
                [] => "the flow is not valid".to_owned(),
                [only] => format!("the flow is not valid: {}", only.message),
                [first, rest @ ..] => format!("the flow is not valid: {}, and {} more", first.message, rest.len()),
            };
            let mut refused = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-flow", detail);
            refused.errors = errors;
            refused
        }
    }
}
