//! What the store is asked to write, and how the same comes back.

use serde::{Deserialize, Serialize};

use crate::domain::{
    CallError, ExecutionError, ExecutionId, ExecutionStatus, FlowId, JobId, JobStatus, JobType, Json, LogLine, Mode,
    NodeId, NodeStatus, RunOptions, TimelineEntry, UserId,
};

use super::payloads::{Stored, StoredOutputs};
use super::webhooks::NewWebhook;

/// One thing to write. The records of one write are committed together or not at all.
#[derive(Clone, Debug)]
pub enum Record {
    /// A new job with its execution.
    Submission(Box<Submission>),
    /// A new flow, written together with the submissions of its jobs.
    Flow(Box<NewFlow>),
    /// A webhook for the events of a job that the same write makes.
    Webhook(Box<NewWebhook>),
    /// The next entry of a timeline; its position is given out at the commit.
    Event {
        /// Whose timeline.
        execution_id: ExecutionId,
        /// The entry.
        entry: TimelineEntry,
    },
    /// A document that rows refer to by its number.
    Payload {
        /// Whose.
        execution_id: ExecutionId,
        /// Dense inside the execution; 0 is the input, which the submission writes.
        number: u32,
        /// The document.
        body: Json,
    },
    /// How a node stands now; replaces what was stored of it.
    Node {
        /// Of which execution.
        execution_id: ExecutionId,
        /// The node.
        node: Box<NodeRow>,
    },
    /// How an item of a `forEach` node stands now; replaces what was stored of it.
    Item {
        /// Of which execution.
        execution_id: ExecutionId,
        /// The item.
        item: Box<ItemRow>,
    },
    /// The end of an execution and of its job. The first that is committed wins: a write with a later one is dropped
    /// whole, and told so by `Written::superseded`.
    Finished(Box<Finished>),
}

impl Record {
    /// The execution that the record belongs to; none has a flow.
    pub fn execution_id(&self) -> Option<&ExecutionId> {
        match self {
            Self::Submission(submission) => Some(&submission.execution_id),
            Self::Flow(_) | Self::Webhook(_) => None,
            Self::Event { execution_id, .. }
            | Self::Payload { execution_id, .. }
            | Self::Node { execution_id, .. }
            | Self::Item { execution_id, .. } => Some(execution_id),
            Self::Finished(finished) => Some(&finished.execution_id),
        }
    }
}

/// A new job with its execution, which have one id. Without a claim the execution is pending, and the job is pending,
/// delayed until `run_at`, or waiting for its children.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The id of both.
    pub execution_id: ExecutionId,
    /// What the job does.
    pub job_type: JobType,
    /// For people.
    pub name: Option<String>,
    /// What the job was asked, if that is more than the execution tells.
    pub payload: Option<Json>,
    /// Who owns both.
    pub user_id: UserId,
    /// The workflow's id, from the document for inline runs.
    pub workflow_id: String,
    /// The saved version; `None` for inline runs.
    pub workflow_version: Option<u32>,
    /// Names the document: equal digests mean equal documents.
    pub document_digest: String,
    /// The workflow document.
    pub document: Json,
    /// `{type: digest}` of the blocks, fixed at the start.
    pub blocks: Json,
    /// Whether blocks may talk to the network.
    pub mode: Mode,
    /// The variables given with the request: a JSON object or `null`.
    pub variables: Json,
    /// What the caller attached: a JSON object or `null`.
    pub metadata: Json,
    /// What else was asked of it.
    pub options: RunOptions,
    /// The input; it becomes payload 0.
    pub input: Json,
    /// The job's queue.
    pub queue: String,
    /// Higher is claimed earlier.
    pub priority: i64,
    /// How often the job may be tried.
    pub max_attempts: u32,
    /// Unix milliseconds.
    pub created_at: i64,
    /// When it may begin, in Unix milliseconds.
    pub run_at: i64,
    /// Where it stands in a flow.
    pub place: Option<FlowPlace>,
    /// Given if the submitter runs it itself: the job is born `processing`, the execution `running`, both started at
    /// `created_at`, and this is the first attempt.
    pub claim: Option<Claim>,
}

impl Submission {
    /// What the job is born as.
    pub fn status(&self) -> JobStatus {
        match &self.place {
            _ if self.claim.is_some() => JobStatus::Processing,
            Some(place) if place.waits => JobStatus::WaitingChildren,
            _ if self.run_at > self.created_at => JobStatus::Delayed,
            _ => JobStatus::Pending,
        }
    }
}

/// A job's place in a flow.
#[derive(Clone, Debug)]
pub struct FlowPlace {
    /// The flow.
    pub flow_id: FlowId,
    /// The job that waits for it; none has the root.
    pub parent_id: Option<JobId>,
    /// Whether its failure is that of its parent.
    pub fail_parent: bool,
    /// Whether it has children to wait for.
    pub waits: bool,
}

/// A new flow.
#[derive(Clone, Debug)]
pub struct NewFlow {
    /// Its id.
    pub id: FlowId,
    /// Who made it.
    pub user_id: UserId,
    /// For people.
    pub name: String,
    /// The job that waits for all others.
    pub root_id: JobId,
    /// How many jobs it has.
    pub total: u32,
    /// The first entry of its timeline, with `seq` 1.
    pub entry: TimelineEntry,
}

/// A lease on a job.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Who holds it.
    pub owner: String,
    /// Unix milliseconds.
    pub lease_until: i64,
}

/// How a call stands: the part that nodes and items share. `O` is [`StoredOutputs`] when written, and the documents
/// themselves (`domain::Outputs`) when read.
#[derive(Clone, Debug, PartialEq)]
pub struct CallRow<O = StoredOutputs> {
    /// Where it stands.
    pub status: NodeStatus,
    /// What it fired, by port.
    pub outputs: O,
    /// Why it failed.
    pub error: Option<CallError>,
    /// What the block says of the call: a JSON object or `null`.
    pub metadata: Json,
    /// What the block logged.
    pub logs: Vec<LogLine>,
    /// Lines past the limit.
    pub logs_dropped: u64,
    /// Attempts after the first.
    pub retry_count: u32,
    /// Unix milliseconds.
    pub start_time: Option<i64>,
    /// Unix milliseconds.
    pub end_time: Option<i64>,
    /// Given while it waits to be called again.
    pub suspension: Option<Suspension>,
    /// The HTTP exchanges that it was asked to record: a JSON list.
    pub exchanges: Option<Json>,
}

impl<O: Default> CallRow<O> {
    /// A call of which nothing is known but where it stands.
    pub fn new(status: NodeStatus) -> Self {
        Self {
            status,
            outputs: O::default(),
            error: None,
            metadata: Json::null(),
            logs: Vec::new(),
            logs_dropped: 0,
            retry_count: 0,
            start_time: None,
            end_time: None,
            suspension: None,
            exchanges: None,
        }
    }
}

/// How a node stands.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeRow<O = StoredOutputs> {
    /// The node.
    pub node_id: NodeId,
    /// Its call.
    pub call: CallRow<O>,
    /// For `forEach`: what is kept of its items in the node itself.
    pub items: Option<Json>,
}

/// How an item of a `forEach` node stands.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemRow<O = StoredOutputs> {
    /// The node.
    pub node_id: NodeId,
    /// Position in the list, from 0.
    pub index: usize,
    /// Its call.
    pub call: CallRow<O>,
}

/// A call that asked to be called again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// What it wants to be given then.
    pub state: Json,
    /// Unix milliseconds.
    pub resume_at: i64,
}

/// The end of an execution.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The execution.
    pub execution_id: ExecutionId,
    /// A terminal status.
    pub status: ExecutionStatus,
    /// Its result.
    pub output: Stored,
    /// Why it failed.
    pub error: Option<ExecutionError>,
    /// Whether its job is parked as `dead`, instead of having the status of the execution.
    pub dead: bool,
    /// Unix milliseconds.
    pub at: i64,
}

impl Finished {
    /// How the job ends.
    pub fn job_status(&self) -> JobStatus {
        match self.status {
            _ if self.dead => JobStatus::Dead,
            ExecutionStatus::Completed => JobStatus::Completed,
            ExecutionStatus::Cancelled => JobStatus::Cancelled,
            _ => JobStatus::Failed,
        }
    }
}

/// When a write has to be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// At once, together with everything that waits.
    Now,
    /// With the next write that is urgent, or after the configured flush interval.
    RideAlong,
}

/// What became of a committed write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The execution had ended before, so nothing of this write was stored.
    pub superseded: bool,
}
