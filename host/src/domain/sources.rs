//! Time, ids and randomness, passed in so that tests are exact.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// Now, in milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64;
}

/// Where randomness comes from.
pub trait Random: Send + Sync + 'static {
    /// 64 random bits.
    fn next(&self) -> u64;
}

/// Clock and randomness, and the ids made from both.
#[derive(Clone)]
pub struct Sources {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// The last id's milliseconds and its number within them.
    last_id: Arc<AtomicU64>,
}

/// Bits for the number of an id within its millisecond, those that RFC 9562 gives to `rand_a`.
const NUMBER_BITS: u32 = 12;

impl Sources {
    /// From given parts, for tests.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random, last_id: Arc::default() }
    }

    /// The machine's.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(SystemRandom::default()))
    }

    /// Now, in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// A number in `0.0..1.0`.
    pub fn fraction(&self) -> f64 {
        // 53 bits are what a double holds exactly.
        (self.random.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A new id: a UUID of version 7. Ids of one process sort in the order in which they were made, also within a
    /// millisecond and when the clock is set back.
    pub fn id(&self) -> String {
        let now = u64::try_from(self.now_ms()).unwrap_or(0) << NUMBER_BITS;
        let next = |last: u64| now.max(last + 1);
        let last = self.last_id.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        let this = next(last.unwrap_or_else(|last| last));
        let (millis, number) = (this >> NUMBER_BITS, this & ((1 << NUMBER_BITS) - 1));
        let mut random = [0u8; 10];
        random[2..].copy_from_slice(&self.random.next().to_le_bytes());
        // The first twelve bits are what follows the version.
        random[0] = (number >> 8) as u8;
        random[1] = number as u8;
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources")
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// The standard library's randomly keyed hash over a counter: unpredictable enough for ids and jitter, not for keys.
#[derive(Default)]
struct SystemRandom {
    key: RandomState,
    counter: AtomicU64,
}

impl Random for SystemRandom {
    fn next(&self) -> u64 {
        let mut hasher = self.key.build_hasher();
        hasher.write_u64(self.counter.fetch_add(1, Ordering::Relaxed));
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_and_sort_in_the_order_they_were_made() {
        let sources = Sources::system();
        let ids: Vec<_> = (0..10_000).map(|_| sources.id()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!(ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'7'));
    }

    #[test]
    fn fractions_stay_below_one() {
        let sources = Sources::system();
        assert!((0..1000).map(|_| sources.fraction()).all(|f| (0.0..1.0).contains(&f)));
    }
}
