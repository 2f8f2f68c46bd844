//! When a failed attempt is followed by another.

use crate::domain::workflow::Retry;
use crate::runtime::CallFailure;

/// How long to wait before the attempt after number `attempt` (from 1), in milliseconds; `None` if there is none.
///
/// Retried are failures with a hint and codes in `retryOn`. The delay is the larger of the hint and an exponential
/// backoff with full jitter, which `fraction` (`0.0..1.0`) decides.
pub(super) fn delay_ms(policy: &Retry, failure: &CallFailure, attempt: u32, fraction: f64) -> Option<u64> {
    let wanted = failure.retry.is_some() || policy.retry_on.contains(&failure.error.code);
    if !wanted || attempt >= policy.max_attempts {
        return None;
    }
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let grown = policy.initial_delay_ms as f64 * policy.multiplier.powi(exponent);
    // A float cast saturates, so an overflowing backoff ends up at the maximum.
    let backoff = (grown.min(policy.max_delay_ms as f64) * fraction) as u64;
    let hint = failure.retry.and_then(|hint| hint.after_ms).unwrap_or(0);
    Some(backoff.max(hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::RetryHint;

    fn failure(code: &str, retry: Option<RetryHint>) -> CallFailure {
        CallFailure { retry, ..CallFailure::permanent(code, "") }
    }

    #[test]
    fn hints_and_listed_codes_are_retried_until_the_attempts_are_used_up() {
        let policy = Retry { max_attempts: 3, retry_on: vec!["busy".into()], ..Retry::default() };
        let hinted = failure("x", Some(RetryHint { after_ms: Some(9000) }));
        assert_eq!(delay_ms(&policy, &hinted, 1, 0.5), Some(9000));
        assert_eq!(delay_ms(&policy, &failure("busy", None), 2, 0.5), Some(1000));
        assert_eq!(delay_ms(&policy, &failure("busy", None), 3, 0.5), None);
        assert_eq!(delay_ms(&policy, &failure("other", None), 1, 0.5), None);
    }

    #[test]
    fn backoff_grows_to_its_maximum_and_never_overflows() {
        let policy = Retry { max_attempts: u32::MAX, max_delay_ms: 5000, ..Retry::default() };
        let hinted = failure("x", Some(RetryHint::default()));
        let delays: Vec<_> = [1, 2, 3, 4, 5000].map(|n| delay_ms(&policy, &hinted, n, 1.0)).into();
        assert_eq!(delays, [Some(1000), Some(2000), Some(4000), Some(5000), Some(5000)]);
    }
}
