//! How a job is to be treated, as a request says it.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::super::ApiState;
use super::super::problem::{ApiError, ApiResult};
use super::super::webhooks::secret;
use crate::domain::{Json, Problem, UserId};
use crate::jobs::{Begin, JobOptions, WebhookError, WebhookRequest};

/// Highest priority, and with a minus the lowest.
const MAX_PRIORITY: i64 = 1_000_000;
/// Longest delay: ten years of 365 days.
const MAX_DELAY_MS: i64 = 10 * 365 * 24 * 3_600_000;
/// Most attempts that may be asked for.
const MAX_ATTEMPTS: i64 = 100;
/// Most characters of a name.
const MAX_NAME: usize = 256;

/// What a request may say besides what is to be done.
#[derive(Debug, Default)]
pub(in crate::api) struct Treatment {
    pub(in crate::api) name: Option<String>,
    pub(in crate::api) queue: Option<String>,
    pub(in crate::api) priority: Option<i64>,
    /// Milliseconds from now.
    pub(in crate::api) delay: Option<i64>,
    /// Unix milliseconds.
    pub(in crate::api) run_at: Option<i64>,
    pub(in crate::api) max_attempts: Option<i64>,
    pub(in crate::api) webhook: Option<Webhook>,
}

/// Where the events of the job are sent. Read by [`webhook`] only.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Webhook {
    url: String,
    /// Names such as `job:completed` or `job:*`.
    events: Vec<String>,
    /// To sign with. Without it one is made, which the answer shows once.
    #[serde(default, deserialize_with = "secret")]
    secret: Option<Zeroizing<String>>,
}

/// Without the secret, and without what a URL may hold besides its place.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("events", &self.events).finish_non_exhaustive()
    }
}

/// A webhook in a request. Of one that cannot be read nothing is repeated, no name of a member either: a secret may stand
/// in the wrong place.
pub(in crate::api) fn webhook<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Webhook>, D::Error> {
    // As text first: errors within name the way to where they are.
    let found = Option::<Json>::deserialize(deserializer)?.map(|text| text.decode());
    let wrong = "not an object with the members url, events and secret, each at most once";
    found.transpose().map_err(|_| serde::de::Error::custom(wrong))
}

impl Treatment {
    /// Bring it into `job`.
    ///
    /// # Errors
    /// All that is out of bounds, with its place in the request.
    pub(in crate::api) fn apply(self, state: &ApiState, job: &mut JobOptions) -> ApiResult<()> {
        let errors = self.problems(state.sources.now_ms());
        if !errors.is_empty() {
            return Err(ApiError::invalid_job(errors));
        }
        job.name = self.name;
        if let Some(queue) = self.queue {
            job.queue = queue;
        }
        job.priority = self.priority.unwrap_or(0);
        job.begin = match (self.run_at, self.delay) {
            (Some(time), _) => Begin::At(time),
            (None, Some(delay)) => Begin::After(delay),
            (None, None) => Begin::AtOnce,
        };
        job.max_attempts = self.max_attempts.and_then(|attempts| u32::try_from(attempts).ok());
        if let Some(Webhook { url, events, secret }) = self.webhook {
            let request = WebhookRequest { url, events, secret };
            let prepared = state.queue.prepare_webhook(request, &UserId::local());
            job.webhook = Some(prepared.map_err(refused)?);
        }
        Ok(())
    }

    /// All that is out of bounds, with its place in the request.
    pub(in crate::api) fn problems(&self, now: i64) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut check = |fits: bool, pointer: &str, message: String| {
            if !fits {
                problems.push(Problem::new(pointer, "out-of-range", message));
            }
        };
        if let Some(name) = &self.name {
            let fits = !name.is_empty() && name.chars().count() <= MAX_NAME;
            check(fits, "/name", format!("a name has 1 to {MAX_NAME} characters"));
        }
        if let Some(priority) = self.priority {
            let fits = (-MAX_PRIORITY..=MAX_PRIORITY).contains(&priority);
            check(fits, "/priority", format!("a priority is from -{MAX_PRIORITY} to {MAX_PRIORITY}"));
        }
        if let Some(delay) = self.delay {
            let fits = (0..=MAX_DELAY_MS).contains(&delay);
            check(fits, "/delay", format!("a delay is from 0 to {MAX_DELAY_MS} milliseconds"));
            check(self.run_at.is_none(), "/runAt", "it cannot stand beside `delay`".to_owned());
        }
        if let Some(run_at) = self.run_at {
            let fits = (0..=now.saturating_add(MAX_DELAY_MS)).contains(&run_at);
            check(fits, "/runAt", "a time is in Unix milliseconds, and at most ten years from now".to_owned());
        }
        if let Some(attempts) = self.max_attempts {
            let fits = (1..=MAX_ATTEMPTS).contains(&attempts);
            check(fits, "/maxAttempts", format!("there are 1 to {MAX_ATTEMPTS} attempts"));
        }
        problems
    }
}

fn refused(error: WebhookError) -> ApiError {
    match error {
        WebhookError::Invalid(mut problems) => {
            for problem in &mut problems {
                problem.pointer.insert_str(0, "/webhook");
            }
            ApiError::invalid_job(problems)
        }
        WebhookError::Vault(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(treatment: &Treatment) -> Vec<String> {
        treatment.problems(1_000).into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        let all = Treatment {
            name: Some("é".repeat(257)),
            queue: None,
            priority: Some(i64::MAX),
            delay: Some(-1),
            run_at: Some(i64::MAX),
            max_attempts: Some(0),
            webhook: None,
        };
        assert_eq!(pointers(&all), ["/name", "/priority", "/delay", "/runAt", "/runAt", "/maxAttempts"]);
        let fine = Treatment {
            name: Some("é".repeat(256)),
            priority: Some(-1_000_000),
            delay: Some(0),
            max_attempts: Some(100),
            ..Treatment::default()
        };
        assert!(pointers(&fine).is_empty());
    }
}
