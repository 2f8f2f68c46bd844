//! Workflows that start by themselves: when, how often, and what happens to the times that were missed.

mod timing;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{JobId, Json, Mode, UserId};

pub use timing::{Timing, parse_at, parse_cron, parse_zone};

/// A workflow with the times at which it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Sorts with the time at which it was made.
    pub id: String,
    /// Who made it, and owns the jobs that it makes.
    pub user_id: UserId,
    /// What to start.
    pub workflow_id: String,
    /// Which version; the latest at that time if absent.
    pub version: Option<u32>,
    /// When.
    pub timing: Timing,
    /// The zone in which the times of a cron are local times, by its IANA name.
    pub timezone: String,
    /// What to run it on.
    pub input: Json,
    /// Whether blocks may talk to the network.
    pub mode: Mode,
    /// Override the document's, member by member.
    pub variables: Map<String, Value>,
    /// What becomes of due times that passed while nobody looked.
    pub catch_up: CatchUp,
    /// What becomes of a due time at which the last job has not ended.
    pub overlap: Overlap,
    /// Whether it fires at all.
    pub active: bool,
    /// The due time to come, in Unix milliseconds; none if there is no more, or it is not active.
    pub next_at: Option<i64>,
    /// Due times that wait for the last job to end, the oldest first, in Unix milliseconds.
    pub waiting: Vec<i64>,
    /// The due time that made the last job, in Unix milliseconds.
    pub last_at: Option<i64>,
    /// The last job.
    pub last_job_id: Option<JobId>,
    /// Why the last due time made no job.
    pub last_error: Option<ScheduleError>,
    /// Goes up with each change, those by firing among them.
    pub revision: i64,
    /// Unix milliseconds.
    pub created_at: i64,
    /// When a person last changed it, in Unix milliseconds.
    pub updated_at: i64,
}

/// Why a due time made no job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleError {
    /// Unix milliseconds.
    pub at: i64,
    /// One sentence for a person.
    pub message: String,
}

/// What becomes of due times that passed while nobody looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// Nothing.
    Skip,
    /// One job for all of them, unless another due time fires at the same moment anyway.
    #[default]
    One,
    /// A job for each.
    All,
}

impl CatchUp {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::One => "one",
            Self::All => "all",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Skip, Self::One, Self::All].into_iter().find(|policy| policy.as_str() == name)
    }
}

/// What becomes of a due time at which the schedule's last job has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// It makes a job all the same.
    #[default]
    Allow,
    /// It makes none.
    Skip,
    /// It waits for the job's end, in a line.
    Queue,
}

impl Overlap {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Skip => "skip",
            Self::Queue => "queue",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Allow, Self::Skip, Self::Queue].into_iter().find(|policy| policy.as_str() == name)
    }
}
