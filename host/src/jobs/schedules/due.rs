//! Which due times fire now, and when the next one is. All times are Unix milliseconds.

use crate::domain::{CatchUp, Overlap, Schedule, Timing};

/// How late a due time may be and still count as on time.
const GRACE_MS: i64 = 60_000;
/// Most missed due times that fire at once.
pub(super) const MOST_MISSED: usize = 1_000;
/// Most due times that wait for a job to end.
const MOST_WAITING: usize = 100;

/// What a look at the clock comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// The due times that fire, the oldest first.
    pub(super) times: Vec<i64>,
    /// The first due time that is still to come.
    pub(super) next_at: Option<i64>,
    /// Whether there were more missed ones than may fire at once.
    pub(super) dropped: bool,
}

/// The due times from `next_at` on, of which none has fired, at this time of `now`.
pub(super) fn due(timing: &Timing, next_at: i64, now: i64, catch_up: CatchUp) -> Due {
    let on_time = now.saturating_sub(GRACE_MS);
    let mut times = Vec::new();
    let (mut at, mut missed, mut dropped) = (Some(next_at), None, false);
    if next_at < on_time {
        match catch_up {
            CatchUp::Skip => {}
            // The last of them tells best what was missed.
            CatchUp::One => missed = Some(timing.last_before(on_time).unwrap_or(next_at).max(next_at)),
            CatchUp::All => {
                while let Some(late) = at.filter(|at| *at < on_time) {
                    if times.len() == MOST_MISSED {
                        dropped = true;
                        break;
                    }
                    times.push(late);
                    at = timing.next_after(late);
                }
            }
        }
        at = timing.next_after(on_time.saturating_sub(1));
    }
    while let Some(this) = at.filter(|at| *at <= now) {
        times.push(this);
        at = timing.next_after(this);
    }
    if times.is_empty() {
        times.extend(missed);
    }
    Due { times, next_at: at, dropped }
}

/// Which due times fire, and which wait from then on: if the last job has ended, and if it has not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) idle: Vec<i64>,
    pub(super) then_idle: Vec<i64>,
    pub(super) busy: Vec<i64>,
    pub(super) then_busy: Vec<i64>,
    /// How many do neither, if the last job has not ended.
    pub(super) turned_away: usize,
}

impl Wanted {
    pub(super) fn of(schedule: &Schedule, times: &[i64]) -> Self {
        match schedule.overlap {
            Overlap::Allow => {
                // There may be some from a time at which it was to wait.
                let (all, _) = line(&schedule.waiting, times, usize::MAX);
                Self { busy: all.clone(), idle: all, ..Self::default() }
            }
            Overlap::Skip => {
                let (line, _) = line(&schedule.waiting, times, usize::MAX);
                Self { idle: line.into_iter().take(1).collect(), turned_away: times.len(), ..Self::default() }
            }
            Overlap::Queue => {
                let (mut then_idle, _) = line(&schedule.waiting, times, MOST_WAITING + 1);
                let idle = then_idle.drain(..then_idle.len().min(1)).collect();
                let (then_busy, turned_away) = line(&schedule.waiting, times, MOST_WAITING);
                Self { idle, then_idle, then_busy, turned_away, ..Self::default() }
            }
        }
    }
}

/// The line of due times, `waiting` before `times`; those that found no place in it are counted.
fn line(waiting: &[i64], times: &[i64], places: usize) -> (Vec<i64>, usize) {
    let mut line: Vec<i64> = waiting.iter().chain(times).copied().collect();
    let turned_away = line.len().saturating_sub(places);
    line.truncate(places);
    (line, turned_away)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000;
    const MINUTE: i64 = 60 * SECOND;
    const HOUR: i64 = 60 * MINUTE;
    /// 2027-01-15T08:00:00Z
    const EIGHT: i64 = 1_800_000_000_000;

    fn hourly() -> Timing {
        Timing::of_cron("0 * * * *", "UTC").unwrap()
    }

    fn at(now: i64, catch_up: CatchUp) -> (Vec<i64>, Option<i64>) {
        let due = due(&hourly(), EIGHT, now, catch_up);
        assert!(!due.dropped);
        let hours = |at: i64| (at - EIGHT) / HOUR;
        (due.times.into_iter().map(hours).collect(), due.next_at.map(hours))
    }

    #[test]
    fn what_is_on_time_fires_under_every_policy() {
        for policy in [CatchUp::Skip, CatchUp::One, CatchUp::All] {
            assert_eq!(at(EIGHT, policy), (vec![0], Some(1)));
            assert_eq!(at(EIGHT + GRACE_MS, policy), (vec![0], Some(1)));
            // Not due yet: the clock was set back.
            assert_eq!(at(EIGHT - 1, policy), (vec![], Some(0)));
            assert_eq!(at(EIGHT - 400 * HOUR, policy), (vec![], Some(0)));
        }
    }

    #[test]
    fn what_was_missed_fires_by_its_policy() {
        for (now, skip, one, all) in [
            (EIGHT + GRACE_MS + 1, vec![], vec![0], vec![0]),
            (EIGHT + 3 * HOUR - 1, vec![], vec![2], vec![0, 1, 2]),
            // The last one is on time and stands for the others too.
            (EIGHT + 3 * HOUR, vec![3], vec![3], vec![0, 1, 2, 3]),
            (EIGHT + 3 * HOUR + GRACE_MS + 1, vec![], vec![3], vec![0, 1, 2, 3]),
        ] {
            let next = Some((now - EIGHT) / HOUR + 1);
            assert_eq!(at(now, CatchUp::Skip), (skip, next), "{now}");
            assert_eq!(at(now, CatchUp::One), (one, next), "{now}");
            assert_eq!(at(now, CatchUp::All), (all, next), "{now}");
        }
    }

    #[test]
    fn several_may_be_on_time_at_once() {
        let timing = Timing::of_cron("*/10 * * * * *", "UTC").unwrap();
        let found = due(&timing, EIGHT, EIGHT + 35 * SECOND, CatchUp::Skip);
        assert_eq!(found.times, [0, 10, 20, 30].map(|seconds| EIGHT + seconds * SECOND));
        assert_eq!(found.next_at, Some(EIGHT + 40 * SECOND));
        // On time are those of the last minute alone.
        let found = due(&timing, EIGHT, EIGHT + 10 * MINUTE, CatchUp::One);
        assert_eq!((found.times.len(), found.times[0]), (7, EIGHT + 9 * MINUTE));
    }

    #[test]
    fn thousands_of_missed_times_are_bounded() {
        let timing = Timing::of_cron("* * * * *", "UTC").unwrap();
        let now = EIGHT + 10_000 * MINUTE + 90 * SECOND;
        let found = due(&timing, EIGHT, now, CatchUp::All);
        assert!(found.dropped);
        assert_eq!(found.times.len(), MOST_MISSED + 1);
        assert_eq!((found.times[999], found.times[1000]), (EIGHT + 999 * MINUTE, EIGHT + 10_001 * MINUTE));
        assert_eq!(found.next_at, Some(EIGHT + 10_002 * MINUTE));
        let exactly = due(&timing, EIGHT, EIGHT + 1000 * MINUTE + 59 * SECOND, CatchUp::All);
        assert_eq!((exactly.times.len(), exactly.dropped), (1001, false));
        // A century of seconds costs no more.
        let seconds = Timing::of_cron("* * * * * *", "UTC").unwrap();
        let found = due(&seconds, EIGHT, EIGHT + 876_000 * HOUR, CatchUp::One);
        assert_eq!((found.times.len(), found.dropped), (61, false));
    }

    #[test]
    fn one_off_times_fire_once() {
        let once = Timing::At(EIGHT);
        let of = |now, policy| {
            let due = due(&once, EIGHT, now, policy);
            (due.times, due.next_at)
        };
        assert_eq!(of(EIGHT - 1, CatchUp::All), (vec![], Some(EIGHT)));
        assert_eq!(of(EIGHT, CatchUp::Skip), (vec![EIGHT], None));
        assert_eq!(of(EIGHT + HOUR, CatchUp::Skip), (vec![], None));
        assert_eq!(of(EIGHT + HOUR, CatchUp::One), (vec![EIGHT], None));
        assert_eq!(of(EIGHT + HOUR, CatchUp::All), (vec![EIGHT], None));
    }

    #[test]
    fn what_was_missed_around_a_change_of_the_clock_is_not_counted_twice() {
        let berlin = Timing::of_cron("30 2 * * *", "Europe/Berlin").unwrap();
        // 2027-03-28T01:00:00Z, which is 03:00, where the gap ends.
        let gap = 1_806_195_600_000;
        let found = due(&berlin, gap, gap + HOUR, CatchUp::All);
        assert_eq!((found.times, found.next_at), (vec![gap], Some(gap + 24 * HOUR - 30 * MINUTE)));
        // 2027-10-31T00:30:00Z, which is 02:30 for the first time; an hour later it is so again.
        let back = 1_824_942_600_000;
        let found = due(&berlin, back, back + 2 * HOUR, CatchUp::All);
        assert_eq!((found.times, found.next_at), (vec![back], Some(back + 25 * HOUR)));
    }

    #[test]
    fn extreme_clocks_do_no_harm() {
        for (next, now) in [(i64::MAX, i64::MIN), (i64::MIN, i64::MIN), (0, i64::MAX), (i64::MIN, i64::MAX), (-1, 0)] {
            for policy in [CatchUp::Skip, CatchUp::One, CatchUp::All] {
                let found = due(&hourly(), next, now, policy);
                assert!(found.times.len() <= MOST_MISSED + 61);
            }
        }
    }

    #[test]
    fn the_line_has_its_places() {
        assert_eq!(line(&[1, 2], &[3], 100), (vec![1, 2, 3], 0));
        assert_eq!(line(&[1, 2], &[3, 4], 3), (vec![1, 2, 3], 1));
        assert_eq!(line(&[], &[], 3), (vec![], 0));
    }
}
