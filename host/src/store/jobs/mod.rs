//! Jobs: claiming, leasing, putting off, cancelling, reading.

mod cancel;
mod claim;
mod lease;
mod postpone;
mod queues;
mod reads;
mod stats;

pub use cancel::CancelOutcome;
pub(crate) use cancel::{cancelled, end_execution, end_job};
#[cfg(test)]
pub(crate) use claim::TO_CLAIM;
pub use claim::{ClaimRequest, Claimed, ClaimedJob, QueueLimit};
#[cfg(test)]
pub(crate) use lease::EXPIRED;
pub use lease::Renewed;
pub(crate) use lease::fence;
pub use postpone::{Parked, Postponed};
pub use queues::{QUEUES_CHANGED, QueueCounts};
#[cfg(test)]
pub(crate) use reads::{JOB, jobs_sql};
pub use reads::{JobFilter, JobRow, JobSummary};
#[cfg(test)]
pub(crate) use stats::{ENDED_SINCE, NEWEST_EVENTS, STEPS, TIMES};
pub use stats::{JobTimes, MOST_TIMED, TypeCount};

/// `($from,…)` for `count` parameters.
pub(crate) fn list(from: usize, count: usize) -> String {
    let parameters: Vec<String> = (from..from + count).map(|number| format!("${number}")).collect();
    format!("({})", parameters.join(","))
}
