//! What ends an instance.

use std::time::{Duration, Instant};

use blockyard::runtime::{Finished, WarmStats};
use serde_json::json;

use super::{Process, calls, code, output};
use crate::timeline::patiently;

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_ends_badly_takes_its_instance_with_it() {
    let process = Process::keeping(|config| {
        config.runtime.cpu = Duration::from_millis(100);
        config.runtime.memory_bytes = 64 << 20;
    })
    .await;
    let bad = [
        (json!({"then": "panic"}), "trap"),
        (json!({"then": "loop"}), "cpu-limit"),
        (json!({"then": "pause", "timeoutMs": 20}), "timeout"),
        (json!({"then": "grow", "bytes": 100 << 20}), "out-of-memory"),
    ];
    for (config, expected) in bad {
        assert_eq!((process.count().await, process.count().await), (1, 2), "before {expected}");
        let report = process.keeps(config, "local").await;
        assert_eq!(code(&report), expected, "{:?}", report.result);
        if expected == "trap" {
            let Err(failure) = &report.result else { unreachable!() };
            assert!(failure.error.message.contains("call 3"), "it was the third: {failure:?}");
        }
        assert_eq!(process.runtime.warm_stats().idle, 0, "after {expected}");
    }
    // It answered, but had wanted more memory than it may have.
    assert_eq!(process.count().await, 1);
    assert_eq!(calls(&process.keeps(json!({"then": "grow-too-far"}), "local").await), 2);
    assert_eq!(process.count().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_takes_its_instance_with_it() {
    let process = Process::keeping(|config| config.runtime.max_instances = 1).await;
    for _ in 0..3 {
        assert_eq!((process.count().await, process.count().await), (1, 2));
        let pause = process.keeps(json!({"then": "pause"}), "local");
        assert!(tokio::time::timeout(Duration::from_millis(30), pause).await.is_err());
        assert_eq!(process.runtime.warm_stats().idle, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_the_guests_own_and_suspensions_do_not() {
    let process = Process::keeping(|_| {}).await;
    assert_eq!(process.count().await, 1);
    let report = process.keeps(json!({"then": "fail"}), "local").await;
    let Err(failure) = &report.result else { panic!("{report:?}") };
    assert_eq!((failure.error.code.as_str(), failure.error.message.as_str()), ("own", "call 2"));
    let report = process.keeps(json!({"then": "suspend"}), "local").await;
    let Ok(Finished::Suspended { state, .. }) = &report.result else { panic!("{report:?}") };
    assert_eq!(state.as_str(), "3");
    assert_eq!(process.count().await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_still_holds_a_secret_is_not_kept_and_no_handle_outlives_its_call() {
    let process = Process::keeping(|_| {}).await;
    assert_eq!(process.count().await, 1);
    let report = process.keeps(json!({"then": "hoard"}), "local").await;
    assert_eq!(output(&report), json!({"calls": 2, "held": 1}));
    assert_eq!(process.runtime.warm_stats().idle, 0);
    let report = process.keeps(json!({}), "local").await;
    assert_eq!(output(&report), json!({"calls": 1, "held": 0}));
    // A handle that was dropped is none in the next call, whatever number it had.
    assert_eq!(calls(&process.keeps(json!({"then": "take"}), "local").await), 2);
    assert_eq!(process.count().await, 3, "it held nothing any more");
    let report = process.keeps(json!({"then": "forge"}), "local").await;
    assert_eq!(code(&report), "trap", "{:?}", report.result);
    // The text of a secret is in the guest's memory.
    assert_eq!(process.count().await, 1);
    assert_eq!(calls(&process.keeps(json!({"then": "reveal"}), "local").await), 2);
    assert_eq!(process.runtime.warm_stats().idle, 0);
    assert_eq!(process.count().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_has_grown_too_far_is_dropped() {
    let process = Process::keeping(|config| config.runtime.warm.growth_bytes = 8 << 20).await;
    assert_eq!(process.count().await, 1);
    let grow = |bytes: u64| process.keeps(json!({"then": "grow", "bytes": bytes}), "local");
    assert_eq!(calls(&grow(1 << 20).await), 2);
    assert_eq!(process.count().await, 3, "within the bound");
    let bytes = process.runtime.warm_stats().idle_bytes;
    assert!(bytes > 1 << 20, "{bytes}");
    assert_eq!(calls(&grow(16 << 20).await), 4);
    assert_eq!(process.runtime.warm_stats(), WarmStats { idle: 0, idle_bytes: 0, reused: 3 });
    assert_eq!(process.count().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_answers_no_more_calls_than_it_may() {
    let process = Process::keeping(|config| config.runtime.warm.calls = 3).await;
    let mut seen = Vec::new();
    for _ in 0..8 {
        seen.push(process.count().await);
    }
    assert_eq!(seen, [1, 2, 3, 1, 2, 3, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_nobody_calls_is_dropped_after_a_while() {
    let idle = Duration::from_millis(150);
    let process = Process::keeping(|config| config.runtime.warm.idle = idle).await;
    let rounds = async {
        let mut seen = 0;
        // On a slow machine one may be gone before it is seen.
        while seen < 2 {
            let start = Instant::now();
            assert_eq!(process.count().await, 1);
            let is_kept = process.runtime.warm_stats().idle == 1;
            while process.runtime.warm_stats().idle > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(start.elapsed() >= idle || !is_kept, "{:?}", start.elapsed());
            seen += u32::from(is_kept);
        }
    };
    patiently("instances to be dropped", rounds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_called_all_the_time_is_dropped_when_it_is_old() {
    let age = Duration::from_millis(300);
    let process = Process::keeping(|config| config.runtime.warm.age = age).await;
    let (mut start, mut seen) = (Instant::now(), 0);
    let dropped = async {
        loop {
            let asked = Instant::now();
            match process.count().await {
                // On a slow machine one may be too old before it is called again.
                1 if seen > 1 => return,
                1 => (start, seen) = (asked, 1),
                calls => {
                    assert_eq!(calls, seen + 1);
                    seen = calls;
                }
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    patiently("another instance to answer", dropped).await;
    assert!(start.elapsed() >= age, "{:?}", start.elapsed());
    let process = Process::keeping(|config| config.runtime.warm.age = Duration::ZERO).await;
    assert_eq!((process.count().await, process.count().await), (1, 1));
}
