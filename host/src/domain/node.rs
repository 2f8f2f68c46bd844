//! What one call of a block, or one node of an execution, came to.

use serde::{Deserialize, Serialize};

use super::Json;

/// The state of a node in an execution, and of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeStatus {
    /// Not started.
    Pending,
    /// Its block is being called.
    Running,
    /// A failed attempt, the next one is due.
    Retrying,
    /// Suspended: it asked to be called again later.
    Waiting,
    /// It fired its ports.
    Completed,
    /// It failed for good.
    Failed,
    /// No incoming edge carried data.
    Skipped,
    /// Stopped before it ended.
    Cancelled,
}

impl NodeStatus {
    /// The name as on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Pending,
            Self::Running,
            Self::Retrying,
            Self::Waiting,
            Self::Completed,
            Self::Failed,
            Self::Skipped,
            Self::Cancelled,
        ]
        .into_iter()
        .find(|status| status.as_str() == name)
    }

    /// Whether nothing more happens to the node.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Skipped | Self::Cancelled)
    }
}

/// Why a call, a node or an execution failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// Stable and machine-readable: the host's (`trap`, `cpu-limit`, …) or the block's own.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// A JSON object with more, or `null`.
    #[serde(default = "Json::null")]
    pub details: Json,
}

impl CallError {
    /// An error without details.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), details: Json::null() }
    }

    /// The same with details.
    pub fn with_details(mut self, details: impl Into<Json>) -> Self {
        self.details = details.into();
        self
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for CallError {}

/// One line that a block logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Unix milliseconds.
    pub timestamp: i64,
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// The text, cut to the host's limit.
    pub message: String,
    /// A JSON object, if the block gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Json>,
}

/// Data by the port that it left through, in the order in which the block named them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs(pub Vec<(String, Json)>);

impl Outputs {
    /// One port, one document.
    pub fn single(port: impl Into<String>, data: Json) -> Self {
        Self(vec![(port.into(), data)])
    }

    /// What left through `port`.
    pub fn get(&self, port: &str) -> Option<&Json> {
        self.0.iter().find(|(name, _)| name == port).map(|(_, data)| data)
    }

    /// The default port's data, else that of the only port that fired, else `null`.
    pub fn output(&self, default_port: Option<&str>) -> Json {
        let by_default = default_port.and_then(|port| self.get(port));
        let only = || match self.0.as_slice() {
            [(_, data)] => Some(data),
            _ => None,
        };
        by_default.or_else(only).cloned().unwrap_or_else(Json::null)
    }

    /// Size of all documents in bytes.
    pub fn len_bytes(&self) -> usize {
        self.0.iter().map(|(_, data)| data.len()).sum()
    }
}

impl Serialize for Outputs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(port, data)| (port, data)))
    }
}

/// The result of one call, as it is shown everywhere.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallResult {
    /// How the call ended.
    pub status: NodeStatus,
    /// The default port's data, else that of the only port that fired, else `null`.
    pub output: Json,
    /// Data by port.
    pub outputs: Outputs,
    /// Milliseconds from start to end; `null` if it has not ended.
    pub execution_time: Option<i64>,
    /// Why it failed.
    pub error: Option<CallError>,
    /// Attempts after the first.
    pub retry_count: u32,
    /// Unix milliseconds.
    pub start_time: Option<i64>,
    /// Unix milliseconds.
    pub end_time: Option<i64>,
    /// What the block says of the call: a JSON object, or `null`.
    pub metadata: Json,
    /// What the block logged.
    pub logs: Vec<LogLine>,
    /// Lines past the limit.
    pub logs_dropped: u64,
    /// The HTTP exchanges that it was asked to record: a list of `{request, response}` without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchanges: Option<Json>,
    /// Of the test of one block: exchanges that had no room in the recording.
    #[serde(skip_serializing_if = "is_none")]
    pub exchanges_dropped: u64,
    /// For `forEach`: the result of each item, in item order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<ItemResult>>,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

/// The result of one item of a `forEach` node.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemResult {
    /// Position in the list, from 0.
    pub index: usize,
    /// The item's call.
    #[serde(flatten)]
    pub result: CallResult,
}

impl CallResult {
    /// A call that has not happened.
    pub fn pending() -> Self {
        Self {
            status: NodeStatus::Pending,
            output: Json::null(),
            outputs: Outputs::default(),
            execution_time: None,
            error: None,
            retry_count: 0,
            start_time: None,
            end_time: None,
            metadata: Json::null(),
            logs: Vec::new(),
            logs_dropped: 0,
            exchanges: None,
            exchanges_dropped: 0,
            items: None,
        }
    }
}
