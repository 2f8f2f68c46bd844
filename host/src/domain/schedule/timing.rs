//! Due times: which moments a cron or a date means.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// Longest cron, in bytes.
const MAX_CRON: usize = 200;
/// The last moment of the year 9999, in Unix milliseconds.
const END_OF_TIME: i64 = 253_402_300_799_999;

/// When something is due. All times are Unix milliseconds.
///
/// Where clocks change, a cron whose second, minute and hour are one number each (`30 2 * * *`) is due once on that day:
/// if its time is skipped, at the first moment after the gap; if it comes twice, the first time. All other crons
/// (`*/15 * * * *`, and lists such as `0 2,14 * * *` too) go by the clock on the wall: what is skipped is not due, and what
/// comes twice is due twice.
#[derive(Clone, Debug)]
pub enum Timing {
    /// Again and again.
    Cron {
        /// The text.
        expression: String,
        /// What it means.
        cron: Box<Cron>,
        /// Where.
        zone: Tz,
    },
    /// Once.
    At(i64),
}

/// Equal if they are due at the same times.
impl PartialEq for Timing {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cron { cron, zone, .. }, Self::Cron { cron: other, zone: other_zone, .. }) => {
                cron == other && zone == other_zone
            }
            (Self::At(at), Self::At(other)) => at == other,
            _ => false,
        }
    }
}

impl Timing {
    /// From texts that were checked before.
    ///
    /// # Errors
    /// If they mean nothing all the same.
    pub fn of_cron(expression: &str, timezone: &str) -> Result<Self, String> {
        let (cron, zone) = (Box::new(parse_cron(expression)?), parse_zone(timezone)?);
        Ok(Self::Cron { expression: expression.to_owned(), cron, zone })
    }

    /// The first due time after `at`; none if there is no more.
    pub fn next_after(&self, at: i64) -> Option<i64> {
        match self {
            Self::At(due) => (*due > at).then_some(*due),
            Self::Cron { cron, zone, .. } => {
                // Due times are whole seconds.
                let start = local(at.div_euclid(1000), *zone)?;
                let next = cron.find_next_occurrence(&start, false).ok()?;
                Some(next.timestamp().saturating_mul(1000)).filter(|next| *next > at && *next <= END_OF_TIME)
            }
        }
    }

    /// The last due time before `at`; none if there was none.
    pub fn last_before(&self, at: i64) -> Option<i64> {
        match self {
            Self::At(due) => (*due < at).then_some(*due),
            Self::Cron { cron, zone, .. } => {
                let start = local(at.saturating_add(999).div_euclid(1000), *zone)?;
                let last = cron.find_previous_occurrence(&start, false).ok()?;
                Some(last.timestamp().saturating_mul(1000)).filter(|last| *last < at)
            }
        }
    }
}

fn local(seconds: i64, zone: Tz) -> Option<DateTime<Tz>> {
    Some(DateTime::<Utc>::from_timestamp(seconds, 0)?.with_timezone(&zone))
}

/// Read a cron of five fields, or of six with seconds first.
///
/// # Errors
/// One sentence on what is wrong with it.
pub fn parse_cron(text: &str) -> Result<Cron, String> {
    if text.len() > MAX_CRON {
        return Err(format!("the cron has more than {MAX_CRON} characters"));
    }
    if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err("the cron may hold letters, digits, `* , - / ? L W #` and spaces only".to_owned());
    }
    let fields = text.split_ascii_whitespace().count();
    if !matches!(fields, 5 | 6) || text.contains('@') {
        return Err(format!("a cron has 5 fields, or 6 with seconds first, and this one has {fields}"));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(text).map_err(|error| format!("the cron cannot be read: {error}"))
}

/// Read the IANA name of a time zone.
///
/// # Errors
/// If there is none of that name.
pub fn parse_zone(name: &str) -> Result<Tz, String> {
    let unknown = |_| format!("there is no time zone `{}`", name.chars().take(64).collect::<String>());
    name.parse().map_err(unknown)
}

/// Read a moment: Unix milliseconds, or text as RFC 3339 has it.
///
/// # Errors
/// One sentence on what is wrong with it.
pub fn parse_at(value: &serde_json::Value) -> Result<i64, String> {
    const EXPECTED: &str = "a time is a number of Unix milliseconds, or a text such as `2027-01-31T09:00:00+01:00`";
    let at = match value {
        serde_json::Value::Number(number) => number.as_i64(),
        serde_json::Value::String(text) => DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis()),
        _ => None,
    };
    at.filter(|at| (0..=END_OF_TIME).contains(at)).ok_or_else(|| EXPECTED.to_owned())
}
