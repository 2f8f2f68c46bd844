//! One unit of work in a queue.

use serde::{Deserialize, Serialize};

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// Waiting for a worker.
    Pending,
    /// A worker holds its lease.
    Processing,
    /// Done.
    Completed,
    /// Ended with an error.
    Failed,
    /// Stopped.
    Cancelled,
    /// Took its worker down too often; parked.
    Dead,
}

impl JobStatus {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }

    /// The status with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Processing, Self::Completed, Self::Failed, Self::Cancelled, Self::Dead]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}
