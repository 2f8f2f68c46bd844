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
}

impl Sources {
    /// From given parts, for tests.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random }
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

    /// A new id: a UUID of version 7, which sorts by the time it was made.
    pub fn id(&self) -> String {
        let millis = u64::try_from(self.now_ms()).unwrap_or(0);
        let mut random = [0u8; 10];
        random[..8].copy_from_slice(&self.random.next().to_le_bytes());
        random[8..].copy_from_slice(&self.random.next().to_le_bytes()[..2]);
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
    fn ids_differ_and_are_version_7() {
        let sources = Sources::system();
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| sources.id()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'7'));
    }

    #[test]
    fn fractions_stay_below_one() {
        let sources = Sources::system();
        assert!((0..1000).map(|_| sources.fraction()).all(|f| (0.0..1.0).contains(&f)));
    }
}
