//! Plain types that every layer shares. No IO and no framework lives here.

pub mod audit;
pub mod block;
pub mod event;
pub mod execution;
pub mod flow;
pub mod grant;
pub mod ids;
pub mod job;
pub mod json;
pub mod node;
pub mod object;
pub mod problem;
pub mod schedule;
pub mod secret;
pub mod sources;
pub mod time;
pub mod webhook;
pub mod whole;
pub mod workflow;

pub use audit::AuditEntry;
pub use block::{BlockRef, BlockType, Manifest};
pub use event::{Event, EventKind, TimelineEntry, Topic};
pub use execution::{Execution, ExecutionError, ExecutionStatus, Mode, RunOptions};
pub use flow::{Flow, FlowStatus};
pub use grant::{Grant, Missing};
pub use ids::{ExecutionId, FlowId, JobId, NodeId, UserId};
pub use job::{Job, JobStatus, JobType};
pub use json::Json;
pub use node::{CallError, CallResult, LogLine, NodeStatus, Outputs};
pub use problem::{Problem, Report};
pub use schedule::{CatchUp, Overlap, Schedule, ScheduleError, Timing};
pub use secret::{NewSecret, Owner, SecretInfo, SecretName, SecretSource, SecretText};
pub use sources::Sources;
pub use webhook::{Delivery, DeliveryStatus, EventFilter, Webhook, WebhookSecret};
pub use workflow::Workflow;
