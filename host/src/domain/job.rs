//! One unit of work in a queue.

use serde::{Deserialize, Serialize};

use super::{ExecutionId, FlowId, JobId, Json, TimelineEntry, UserId};

/// Progress of a job while its workflow is loaded, in percent.
pub const LOADING: f64 = 5.0;
/// Progress of a job whose workflow is done, in percent.
pub const WORK_DONE: f64 = 95.0;

/// Progress of a job whose workflow is this far, both in percent.
pub fn progress_while(workflow: f64) -> f64 {
    ((LOADING + workflow * (WORK_DONE - LOADING) / 100.0) * 100.0).round() / 100.0
}

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$of:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $type { $($(#[$of])* #[serde(rename = $name)] $variant,)* }

        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name on the wire and in the database.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The one with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

names! {
    /// The state of a job.
    JobStatus {
        /// Waiting for its time.
        Delayed = "delayed",
        /// Waiting for its children in a flow.
        WaitingChildren = "waiting-children",
        /// Waiting for a worker.
        Pending = "pending",
        /// A worker holds its lease.
        Processing = "processing",
        /// Done.
        Completed = "completed",
        /// Ended with an error.
        Failed = "failed",
        /// Stopped.
        Cancelled = "cancelled",
        /// Parked: it took its worker down too often, or could not be carried out in all its attempts.
        Dead = "dead",
    }
}

impl JobStatus {
    /// Whether nothing more happens to the job.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Dead)
    }
}

names! {
    /// What a job does.
    JobType {
        /// Runs a workflow.
        Workflow = "WORKFLOW",
        /// Searches a social network.
        Search = "SEARCH",
        /// Adds people to an audience of Meta, or removes them.
        UploadToMeta = "UPLOAD_TO_META",
        /// Runs one block once.
        Block = "BLOCK",
        /// Delivers an event to a webhook.
        Webhook = "WEBHOOK",
    }
}

/// A job as it is shown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// For people: given in a flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who made it.
    pub user_id: UserId,
    /// What it does.
    #[serde(rename = "type")]
    pub job_type: JobType,
    /// Where it waits.
    pub queue: String,
    /// Where it stands.
    pub status: JobStatus,
    /// Higher goes first.
    pub priority: i64,
    /// 0 to 100, 100 only when it completed.
    pub progress: f64,
    /// What to do, a JSON object.
    pub payload: Json,
    /// What came of it.
    pub result: Json,
    /// Why it failed: a JSON object, or `null`.
    pub error: Json,
    /// What happened so far, or the newest part of it.
    pub timeline: Vec<TimelineEntry>,
    /// Events of its execution that came before those that the timeline is made of.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeline_omitted: u64,
    /// How often it was begun.
    pub attempts: u32,
    /// How often it may be begun when it fails through no fault of its own.
    pub max_attempts: u32,
    /// When it may begin, in Unix milliseconds.
    pub run_at: i64,
    /// What runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<ExecutionId>,
    /// The flow that it is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_id: Option<FlowId>,
    /// The job that waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<JobId>,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
    /// When it was first begun, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<i64>,
    /// Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
}

/// Whether there is nothing to say.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_goes_from_5_to_95_with_the_workflow() {
        assert_eq!([0.0, 50.0, 33.33, 100.0].map(progress_while), [5.0, 50.0, 35.0, 95.0]);
    }

    #[test]
    fn names_are_the_same_everywhere() {
        for status in JobStatus::ALL {
            assert_eq!(JobStatus::from_name(status.as_str()), Some(*status));
            assert_eq!(serde_json::to_string(status).unwrap(), format!("\"{}\"", status.as_str()));
        }
        assert_eq!(JobType::from_name("UPLOAD_TO_META"), Some(JobType::UploadToMeta));
        assert_eq!(JobType::from_name("workflow"), None);
    }
}
