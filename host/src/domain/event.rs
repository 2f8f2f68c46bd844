//! What happened, in the order in which it became visible.

use serde::Serialize;

use super::{ExecutionId, Json, NodeId};

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The kinds of entries in an execution's timeline.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventKind { $($(#[$doc])* $variant,)* }

        impl EventKind {
            /// The name on the wire and in the database.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The kind with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

event_kinds! {
    /// The execution exists.
    ExecutionStarted = "execution.started",
    /// A node's block is about to be called.
    NodeStarted = "node.started",
    /// A node came further.
    NodeProgress = "node.progress",
    /// An attempt failed and another follows.
    NodeRetrying = "node.retrying",
    /// A node asked to be called again later.
    NodeWaiting = "node.waiting",
    /// A node fired its ports.
    NodeCompleted = "node.completed",
    /// A node failed for good.
    NodeFailed = "node.failed",
    /// No data came to a node.
    NodeSkipped = "node.skipped",
    /// A node was stopped.
    NodeCancelled = "node.cancelled",
    /// Nothing new is started.
    ExecutionPaused = "execution.paused",
    /// Going on, after a pause or in another process.
    ExecutionResumed = "execution.resumed",
    /// The result is there.
    ExecutionCompleted = "execution.completed",
    /// It failed.
    ExecutionFailed = "execution.failed",
    /// It was stopped.
    ExecutionCancelled = "execution.cancelled",
}

impl EventKind {
    /// Whether nothing follows in this execution.
    pub fn ends_execution(self) -> bool {
        matches!(self, Self::ExecutionCompleted | Self::ExecutionFailed | Self::ExecutionCancelled)
    }
}

impl Serialize for EventKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One entry of an execution's timeline.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// Dense inside the execution, from 1.
    pub seq: u64,
    /// Unix milliseconds.
    pub timestamp: i64,
    /// What happened.
    pub event: EventKind,
    /// The node it happened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<NodeId>,
    /// One sentence for a person.
    pub message: String,
    /// Of the execution, 0 to 100.
    pub progress: f64,
    /// More, as a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Json>,
}

/// A committed timeline entry with its place among all events.
#[derive(Clone, Debug)]
pub struct Event {
    /// Global, only growing in the order in which readers can see events; gaps are allowed.
    pub position: i64,
    /// Whose timeline it belongs to.
    pub execution_id: ExecutionId,
    /// The entry.
    pub entry: TimelineEntry,
}
