//! The header `Retry-After`.

use std::time::SystemTime;

/// The most that is told, in milliseconds: what counts exactly everywhere.
const MAX_MS: f64 = 9_007_199_254_740_991.0;

/// Milliseconds from now: seconds, possibly with a fraction, or a date.
pub(super) fn milliseconds(value: &str) -> Option<u64> {
    number(value, 1000.0).or_else(|| {
        let date = httpdate::parse_http_date(value.trim()).ok()?;
        let wait = date.duration_since(SystemTime::now()).unwrap_or_default();
        u64::try_from(wait.as_millis()).ok()
    })
}

/// Digits, possibly with a fraction, in units of `scale` milliseconds.
pub(super) fn number(text: &str, scale: f64) -> Option<u64> {
    let text = text.trim();
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let number: f64 = (is_digits(whole) && is_digits(fraction)).then(|| text.parse().ok())??;
    Some((number * scale).ceil().min(MAX_MS) as u64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(milliseconds(" 120 "), Some(120_000));
        assert_eq!(milliseconds("0.5"), Some(500));
        for odd in ["-3", "+3", "1e308", "1e3", "0x10", "inf", "NaN", ".5", "5.", "1_0", "", "\u{663}"] {
            assert_eq!(milliseconds(odd), None, "{odd}");
        }
        for many in ["99999999999999999999", &"9".repeat(5000)] {
            assert_eq!((milliseconds(many), number(many, 1.0)), (Some(MAX_MS as u64), Some(MAX_MS as u64)));
        }
        assert_eq!(milliseconds("Wed, 21 Oct 2015 07:28:00 GMT"), Some(0));
        let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!(matches!(milliseconds(&later), Some(98_000..=100_000)));
        assert_eq!(milliseconds("later"), None);
    }
}
