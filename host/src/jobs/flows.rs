//! Flows: trees of jobs.

use super::Queue;
use crate::domain::FlowId;

impl Queue {
    /// A job has ended, or was ended: its flow, if it has one, has to hear of it.
    pub(super) fn job_ended(&self, _flow_id: Option<&FlowId>) {}
}
