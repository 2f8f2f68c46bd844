use std::sync::LazyLock;
use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn bounds() -> WarmConfig {
    WarmConfig {
        instances: 4,
        per_block: 2,
        bytes: 100,
        calls: 3,
        age: 60 * SECOND,
        idle: 10 * SECOND,
        growth_bytes: 0,
    }
}

fn key(digest: &str) -> Key {
    static GRANT: LazyLock<Arc<Grant>> = LazyLock::new(Arc::default);
    let reuse = Reuse { user: None, mode: Mode::Production, grant: Arc::clone(&GRANT) };
    Key { digest: digest.into(), reuse }
}

/// A call that makes `value` if nothing waits for it; whether something did.
fn call(pool: &mut Pool<u32>, key: &Key, value: u32, now: Instant) -> (u32, bool) {
    let entry = pool.enter(Some(key), now).unwrap();
    let (value, warm) = entry.warm.map_or((value, false), |warm| (warm, true));
    for _ in pool.park(entry.history.unwrap(), value, 10, now) {
        pool.release();
    }
    (value, warm)
}

fn idle(pool: &Pool<u32>) -> Vec<u32> {
    pool.idle.iter().map(|idle| idle.value).collect()
}

#[test]
fn an_instance_answers_as_many_calls_as_it_may() {
    let (mut pool, now) = (Pool::new(bounds(), 8), Instant::now());
    let answers: Vec<_> = (0..5).map(|value| call(&mut pool, &key("a"), value, now)).collect();
    assert_eq!(answers, [(0, false), (0, true), (0, true), (3, false), (3, true)]);
    assert_eq!(pool.stats(), WarmStats { idle: 1, idle_bytes: 10, reused: 3 });
    assert_eq!(pool.taken, 1);
}

#[test]
fn neither_components_nor_users_share_nor_calls_under_different_grants_or_modes() {
    let (mut pool, now) = (Pool::new(WarmConfig { instances: 8, ..bounds() }, 8), Instant::now());
    let of = |user: &str| Key { reuse: Reuse { user: Some(user.into()), ..key("a").reuse }, ..key("a") };
    let (ada, eve) = (of("ada"), of("eve"));
    // Taken back and given again it is another one.
    let granted = Key { reuse: Reuse { grant: Arc::default(), ..key("a").reuse }, ..key("a") };
    let demo = Key { reuse: Reuse { mode: Mode::Demo, ..key("a").reuse }, ..key("a") };
    for (value, key) in [&ada, &eve, &key("a"), &key("b"), &granted, &demo].into_iter().enumerate() {
        assert_eq!(call(&mut pool, key, value as u32, now), (value as u32, false));
    }
    assert_eq!(call(&mut pool, &eve, 9, now), (1, true));
    assert_eq!(call(&mut pool, &ada, 9, now), (0, true));
    assert_eq!(call(&mut pool, &granted.clone(), 9, now), (4, true));
    assert_eq!(call(&mut pool, &demo, 9, now), (5, true));
}

#[test]
fn an_instance_is_dropped_when_it_has_waited_or_lived_long_enough() {
    let (mut pool, start) = (Pool::new(bounds(), 8), Instant::now());
    call(&mut pool, &key("a"), 1, start);
    assert!(pool.wants_sweeper());
    assert!(!pool.wants_sweeper());
    assert_eq!(pool.sweep(start + 9 * SECOND), (vec![], Some(start + 10 * SECOND)));
    // Its time is up, whether or not somebody has noticed.
    assert_eq!(call(&mut pool, &key("a"), 2, start + 10 * SECOND), (2, false));
    assert_eq!(pool.sweep(start + 10 * SECOND), (vec![1], Some(start + 20 * SECOND)));
    pool.release();
    let mut patient = bounds();
    patient.calls = 100;
    let mut pool = Pool::new(patient, 8);
    let warm = |second| (1, second > 0);
    for second in (0..60).step_by(9) {
        assert_eq!(call(&mut pool, &key("a"), 1, start + second * SECOND), warm(second));
    }
    assert_eq!(pool.sweep(start + 59 * SECOND), (vec![], Some(start + 60 * SECOND)));
    assert_eq!(pool.sweep(start + 60 * SECOND), (vec![1], None));
    pool.release();
    assert!(!pool.wants_sweeper(), "nothing waits");
    assert_eq!(pool.taken, 0);
}

#[test]
fn a_call_without_a_free_slot_takes_that_of_the_one_that_waited_longest() {
    let (mut pool, now) = (Pool::new(bounds(), 2), Instant::now());
    call(&mut pool, &key("a"), 1, now);
    call(&mut pool, &key("b"), 2, now);
    let entry = pool.enter(None, now).unwrap();
    assert_eq!((entry.evicted, entry.warm, entry.history.is_none()), (Some(1), None, true));
    let entry = pool.enter(Some(&key("b")), now).unwrap();
    assert_eq!((entry.evicted, entry.warm), (None, Some(2)));
    assert!(pool.enter(None, now).is_none(), "both slots are at work");
    pool.release();
    assert!(pool.enter(None, now).is_some());
    assert_eq!(pool.taken, 2);
}

#[test]
fn no_more_wait_than_may_in_number_and_bytes() {
    let (mut pool, now) = (Pool::new(bounds(), 8), Instant::now());
    let entries: Vec<_> = (0..3).map(|_| pool.enter(Some(&key("a")), now).unwrap()).collect();
    for (value, entry) in entries.into_iter().enumerate() {
        let removed = pool.park(entry.history.unwrap(), value as u32, 10, now);
        assert_eq!(removed, if value == 2 { vec![0] } else { vec![] }, "two of one block");
        removed.iter().for_each(|_| pool.release());
    }
    for (value, digest) in ["b", "c", "d"].into_iter().enumerate() {
        call(&mut pool, &key(digest), 10 + value as u32, now);
    }
    assert_eq!(idle(&pool), [2, 10, 11, 12], "four of all");
    let entry = pool.enter(Some(&key("e")), now).unwrap();
    assert_eq!(pool.park(entry.history.unwrap(), 20, 75, now), [2, 10], "a hundred bytes");
    assert_eq!(idle(&pool), [11, 12, 20]);
    assert_eq!(pool.stats().idle_bytes, 95);
    let entry = pool.enter(Some(&key("f")), now).unwrap();
    assert_eq!(pool.park(entry.history.unwrap(), 30, 101, now), [30], "one that is too large by itself");
    let mut pool = Pool::new(WarmConfig { instances: 0, ..bounds() }, 8);
    assert_eq!(call(&mut pool, &key("a"), 1, now), (1, false));
    assert_eq!((idle(&pool).len(), pool.taken), (0, 0), "none at all");
}
