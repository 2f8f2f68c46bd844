//! One run of a workflow.

use serde::{Deserialize, Serialize};

use super::{ExecutionId, JobId, Json, UserId};

/// Whether blocks may talk to the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// They may, within their grants.
    #[default]
    Production,
    /// They are answered from the recorded exchanges of the block's examples.
    Demo,
    /// They are answered from exchanges given with the request.
    Test,
}

impl Mode {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Demo => "demo",
            Self::Test => "test",
        }
    }

    /// The mode with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Production, Self::Demo, Self::Test].into_iter().find(|mode| mode.as_str() == name)
    }
}

impl std::str::FromStr for Mode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::from_name(name).ok_or_else(|| format!("`{name}` is no mode: production, demo or test"))
    }
}

/// What an execution is asked besides its input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunOptions {
    /// Whether HTTP exchanges are kept with the results.
    pub record: bool,
    /// Recorded exchanges that mode `test` answers from: a JSON list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchanges: Option<Json>,
}

impl RunOptions {
    /// Whether nothing is asked.
    pub fn is_default(&self) -> bool {
        !self.record && self.exchanges.is_none()
    }
}

/// The state of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExecutionStatus {
    /// Accepted, not begun.
    Pending,
    /// At work.
    Running,
    /// Held: nothing new is started.
    Paused,
    /// Ended with a result.
    Completed,
    /// Ended with an error.
    Failed,
    /// Stopped.
    Cancelled,
}

impl ExecutionStatus {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Running, Self::Paused, Self::Completed, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == name)
    }

    /// Whether nothing more happens to the execution.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// Why an execution failed, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionError {
    /// Stable and machine-readable.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// The node that failed, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// A JSON object with more, or `null`.
    #[serde(default = "Json::null")]
    pub details: Json,
}

/// An execution without its nodes and timeline.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// Its id.
    pub execution_id: ExecutionId,
    /// The job that runs it, one to one.
    pub job_id: JobId,
    /// The workflow's id, from the document for inline runs.
    pub workflow_id: String,
    /// The saved version; `null` for inline runs.
    pub workflow_version: Option<u32>,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// Whether blocks may talk to the network.
    pub mode: Mode,
    /// 0 to 100, never backwards, 100 only at the end.
    pub progress: f64,
    /// What it was started with.
    pub input: Json,
    /// Its result.
    pub output: Json,
    /// Why it failed.
    pub error: Option<ExecutionError>,
    /// What the caller attached, a JSON object or `null`.
    pub metadata: Json,
    /// Unix milliseconds; `null` while pending.
    pub started_at: Option<i64>,
    /// Unix milliseconds.
    pub ended_at: Option<i64>,
    /// Milliseconds from start to end.
    pub execution_time: Option<i64>,
    /// When it was accepted, in Unix milliseconds.
    pub created_at: i64,
    /// Who started it.
    pub user_id: UserId,
}
