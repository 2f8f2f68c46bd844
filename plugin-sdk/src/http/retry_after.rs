//! The header `Retry-After`.

use std::time::SystemTime;

/// Milliseconds from now: seconds, possibly with a fraction, or a date.
pub(super) fn milliseconds(value: &str) -> Option<u64> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        // A float becomes the nearest integer within range, and negative or odd ones become 0.
        return seconds.is_finite().then_some((seconds * 1000.0).ceil() as u64);
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let wait = date.duration_since(SystemTime::now()).unwrap_or_default();
    Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(milliseconds(" 120 "), Some(120_000));
        assert_eq!(milliseconds("0.5"), Some(500));
        assert_eq!(milliseconds("-3"), Some(0));
        assert_eq!(milliseconds("NaN"), None);
        assert_eq!(milliseconds("Wed, 21 Oct 2015 07:28:00 GMT"), Some(0));
        let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!(matches!(milliseconds(&later), Some(98_000..=100_000)));
        assert_eq!(milliseconds("later"), None);
    }
}
