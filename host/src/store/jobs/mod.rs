//! Jobs: claiming, leasing, putting off, cancelling, reading.

mod cancel;
mod claim;
mod lease;
mod postpone;
mod reads;

pub use cancel::CancelOutcome;
#[cfg(test)]
pub(crate) use claim::TO_CLAIM;
pub use claim::{ClaimRequest, Claimed, ClaimedJob, QueueLimit};
pub use lease::Renewed;
pub(crate) use lease::fence;
#[cfg(test)]
pub(crate) use lease::EXPIRED;
pub use postpone::Postponed;
#[cfg(test)]
pub(crate) use reads::{JOB, jobs_sql};
pub use reads::{JobFilter, JobRow, JobSummary};

/// `($from,…)` for `count` parameters.
fn list(from: usize, count: usize) -> String {
    let parameters: Vec<String> = (from..from + count).map(|number| format!("${number}")).collect();
    format!("({})", parameters.join(","))
}
