//! Work waits in the store until a worker is free. Every execution is the work of one job, and there is one way to run it.

mod again;
mod backlog;
mod begin;
mod flows;
mod handlers;
mod options;
mod plans;
mod queue;
mod retention;
mod run;
mod schedules;
mod stats;
mod submit;
mod triggers;
mod upkeep;
mod view;
mod webhooks;
mod work;

pub use again::Again;
pub use flows::{FlowCancelled, FlowError, FlowNode, FlowSubmit, FlowSubmitted};
pub use handlers::{PrepareError, result};
pub use options::{Begin, JobOptions};
pub use plans::{LoadPlanError, PlanError};
pub use queue::{Cancelled, Live, Queue};
pub use schedules::{FiredSchedules, RunScheduleError, ScheduledJob};
pub use stats::{JobStats, Percentiles, QueueState};
pub use submit::{Submit, SubmitError, Submitted, Ticket};
pub use triggers::TriggerToken;
pub use view::JobProgress;
pub use webhooks::{PreparedWebhook, WebhookError, WebhookRequest, webhook_events};

use std::time::Duration;

use crate::config::JobsConfig;

/// How long to wait after the attempt with this number has failed: exponential, with a jitter between half and the whole
/// of it, of which `fraction` (`0.0..1.0`) is the place.
pub(crate) fn backoff(config: &JobsConfig, attempt: u32, fraction: f64) -> Duration {
    let doubled = config.backoff.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1).min(20)));
    doubled.min(config.max_backoff).mul_f64(0.5 + fraction.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_jitter() {
        let config = JobsConfig {
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(300),
            ..JobsConfig::default()
        };
        let longest = |attempt| backoff(&config, attempt, 1.0).as_millis();
        assert_eq!([1, 2, 3, 9, 40].map(longest), [1_000, 2_000, 4_000, 256_000, 300_000]);
        assert_eq!(backoff(&config, 2, 0.0), Duration::from_secs(1));
    }
}
