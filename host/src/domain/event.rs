//! What happened, in the order in which it became visible.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::job::{LOADING, WORK_DONE, progress_while};
use super::{ExecutionId, FlowId, JobId, Json, NodeId};

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What can happen to an execution and its nodes, to a job, or to a flow.
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
    /// The execution exists: it was accepted.
    ExecutionStarted = "execution.started",
    /// A worker begins with an execution that had to wait for one.
    ExecutionRunning = "execution.running",
    /// It cannot go on for now, through no fault of its own, and will be tried again.
    ExecutionRetrying = "execution.retrying",
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
    /// The job exists.
    JobCreated = "job.created",
    /// The job came further.
    JobProgress = "job.progress",
    /// The job is done.
    JobCompleted = "job.completed",
    /// The job ended with an error.
    JobFailed = "job.failed",
    /// The job was stopped.
    JobCancelled = "job.cancelled",
    /// The flow exists.
    FlowCreated = "flow.created",
    /// A job of the flow has ended.
    FlowProgress = "flow.progress",
    /// All jobs of the flow have ended, its root with a result.
    FlowCompleted = "flow.completed",
    /// All jobs of the flow have ended, its root with an error.
    FlowFailed = "flow.failed",
    /// All jobs of the flow have ended, its root was stopped.
    FlowCancelled = "flow.cancelled",
}

impl EventKind {
    /// Whether nothing follows in this execution.
    pub fn ends_execution(self) -> bool {
        matches!(self, Self::ExecutionCompleted | Self::ExecutionFailed | Self::ExecutionCancelled)
    }

    /// Whether nothing follows in its topic.
    pub fn is_last(self) -> bool {
        self.ends_execution()
            || matches!(self, Self::JobCompleted | Self::JobFailed | Self::JobCancelled)
            || matches!(self, Self::FlowCompleted | Self::FlowFailed | Self::FlowCancelled)
    }

    /// The name with a colon, as WebSocket messages and webhooks have it: `job:completed`.
    pub fn with_colon(self) -> String {
        self.as_str().replacen('.', ":", 1)
    }

    /// The kind of this name, written with a dot or with a colon.
    pub fn parse(name: &str) -> Option<Self> {
        Self::from_name(&name.replacen(':', ".", 1))
    }
}

impl Serialize for EventKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One entry of a timeline.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// Dense inside an execution and inside a flow, from 1. A job's entries have those of its execution.
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
    /// Of the execution, job or flow, 0 to 100.
    pub progress: f64,
    /// More, as a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Json>,
}

/// Whose events they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Of an execution and its nodes.
    Execution(ExecutionId),
    /// Of a job.
    Job(JobId),
    /// Of a flow.
    Flow(FlowId),
}

impl Topic {
    /// The id without its kind.
    pub fn id(&self) -> &str {
        match self {
            Self::Execution(id) => id.as_str(),
            Self::Job(id) => id.as_str(),
            Self::Flow(id) => id.as_str(),
        }
    }

    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Execution(_) => "execution",
            Self::Job(_) => "job",
            Self::Flow(_) => "flow",
        }
    }
}

/// `execution:ID`, `job:ID` or `flow:ID`.
impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.id())
    }
}

impl FromStr for Topic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("execution", id)) if !id.is_empty() => Ok(Self::Execution(id.into())),
            Some(("job", id)) if !id.is_empty() => Ok(Self::Job(id.into())),
            Some(("flow", id)) if !id.is_empty() => Ok(Self::Flow(id.into())),
            _ => Err(format!("`{text}` is no topic: execution:ID, job:ID or flow:ID")),
        }
    }
}

/// A committed timeline entry with its place among all events.
#[derive(Clone, Debug)]
pub struct Event {
    /// Global, only growing in the order in which readers can see events; gaps are allowed.
    pub position: i64,
    /// Whose timeline it belongs to.
    pub topic: Topic,
    /// The entry.
    pub entry: TimelineEntry,
}

/// Distance between the positions of two stored events. Those between belong to what follows from the first of them: the
/// events of the job that runs an execution are not stored, they are the execution's seen from the job.
pub const POSITION_STRIDE: i64 = 4;

/// The position of the stored event that the one at `position` is or follows from.
pub fn stored_position(position: i64) -> i64 {
    position - position.rem_euclid(POSITION_STRIDE)
}

impl Event {
    /// What this event of an execution means to its job, in order; nothing for others.
    pub fn of_job(&self) -> Vec<Self> {
        let Topic::Execution(id) = &self.topic else { return Vec::new() };
        let entry = &self.entry;
        let running = progress_while(entry.progress);
        let is_queued = || entry.data.as_ref().is_some_and(|data| data.as_str().contains("\"queued\":true"));
        let steps: Vec<(EventKind, f64)> = match entry.event {
            EventKind::ExecutionStarted if is_queued() => vec![(EventKind::JobCreated, 0.0)],
            EventKind::ExecutionStarted => vec![(EventKind::JobCreated, 0.0), (EventKind::JobProgress, LOADING)],
            EventKind::ExecutionCompleted => {
                vec![(EventKind::JobProgress, WORK_DONE), (EventKind::JobCompleted, 100.0)]
            }
            EventKind::ExecutionFailed => vec![(EventKind::JobFailed, running)],
            EventKind::ExecutionCancelled => vec![(EventKind::JobCancelled, running)],
            // These change nothing of the progress.
            EventKind::NodeStarted | EventKind::NodeRetrying | EventKind::NodeWaiting => Vec::new(),
            _ => vec![(EventKind::JobProgress, running)],
        };
        let derived = (self.position + 1..).zip(steps).map(|(position, (event, progress))| {
            let mut entry = TimelineEntry { event, progress, ..entry.clone() };
            if event == EventKind::JobCreated {
                // It may be long before a worker begins.
                "job created".clone_into(&mut entry.message);
            }
            Self { position, topic: Topic::Job(id.into()), entry }
        });
        derived.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind, progress: f64, data: Option<&str>) -> Event {
        let data = data.map(|text| Json::parse(text.into()).unwrap());
        let entry =
            TimelineEntry { seq: 1, timestamp: 5, event: kind, node_id: None, message: String::new(), progress, data };
        Event { position: 40, topic: Topic::Execution("e".into()), entry }
    }

    fn told(event: &Event) -> Vec<(i64, EventKind, f64)> {
        event.of_job().iter().map(|event| (event.position, event.entry.event, event.entry.progress)).collect()
    }

    #[test]
    fn a_job_is_told_of_what_its_execution_does() {
        use EventKind::*;
        assert_eq!(told(&event(ExecutionStarted, 0.0, None)), [(41, JobCreated, 0.0), (42, JobProgress, 5.0)]);
        assert_eq!(told(&event(ExecutionStarted, 0.0, Some(r#"{"queued":true}"#))), [(41, JobCreated, 0.0)]);
        assert_eq!(told(&event(ExecutionRunning, 0.0, None)), [(41, JobProgress, 5.0)]);
        assert_eq!(told(&event(NodeCompleted, 50.0, None)), [(41, JobProgress, 50.0)]);
        assert_eq!(told(&event(NodeStarted, 50.0, None)), []);
        assert_eq!(event(ExecutionStarted, 0.0, None).of_job()[0].entry.message, "job created");
        assert_eq!(told(&event(ExecutionCompleted, 100.0, None)), [(41, JobProgress, 95.0), (42, JobCompleted, 100.0)]);
        assert_eq!(told(&event(ExecutionFailed, 20.0, None)), [(41, JobFailed, 23.0)]);
        assert_eq!(stored_position(42), 40);
        assert_eq!(stored_position(40), 40);
    }

    #[test]
    fn topics_survive_as_text() {
        for text in ["execution:a", "job:b:c", "flow:é"] {
            assert_eq!(text.parse::<Topic>().unwrap().to_string(), text);
        }
        for text in ["", "job", "job:", "node:x", "JOB:x"] {
            assert!(text.parse::<Topic>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_known_with_dot_and_colon() {
        assert_eq!(EventKind::parse("job:completed"), Some(EventKind::JobCompleted));
        assert_eq!(EventKind::parse("job.completed"), Some(EventKind::JobCompleted));
        assert_eq!(EventKind::NodeCompleted.with_colon(), "node:completed");
        assert_eq!(EventKind::parse("job"), None);
    }
}
