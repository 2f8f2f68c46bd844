//! One process. The first position in a new database is 8.

use super::*;
use crate::domain::Topic;

async fn open() -> (Hub, Store) {
    let hub = Hub::default();
    let store = store(hub.on_commit()).await;
    (hub, store)
}

#[tokio::test]
async fn what_was_and_what_comes_is_told_once_until_the_end() {
    let (hub, store) = open().await;
    happen(&store, "e", 1, EventKind::ExecutionStarted).await;
    happen(&store, "other", 1, EventKind::ExecutionStarted).await;
    let mut follower = hub.follower(store.clone(), None).to_the_end(Topic::Execution("e".into()), 0, false);
    assert_eq!(next(&mut follower).await.unwrap().entry.seq, 1);
    assert!(is_quiet(&mut follower).await);
    happen(&store, "e", 2, EventKind::NodeStarted).await;
    happen(&store, "e", 3, EventKind::ExecutionCompleted).await;
    assert_eq!(next(&mut follower).await.unwrap().entry.seq, 2);
    assert_eq!(next(&mut follower).await.unwrap().entry.seq, 3);
    assert!(follower.next().await.is_none());
    assert!(follower.next().await.is_none());
    drop(follower);
    let mut late = hub.follower(store.clone(), None).to_the_end(Topic::Execution("e".into()), 20, true);
    assert!(late.next().await.is_none(), "it has heard the last event before");
}

#[tokio::test]
async fn a_job_is_told_of_between_the_events_of_its_execution_after_any_position() {
    let (hub, store) = open().await;
    happen(&store, "e", 1, EventKind::ExecutionStarted).await;
    happen(&store, "e", 2, EventKind::NodeStarted).await;
    happen(&store, "e", 3, EventKind::NodeCompleted).await;
    happen(&store, "e", 4, EventKind::ExecutionCompleted).await;
    let all =
        [(9, "job.created"), (10, "job.progress"), (17, "job.progress"), (21, "job.progress"), (22, "job.completed")];
    for after in 0..24 {
        let mut follower = hub.follower(store.clone(), None).to_the_end(Topic::Job("e".into()), after, true);
        let mut told = Vec::new();
        while let Some(event) = follower.next().await {
            let event = event.unwrap();
            assert_eq!(event.topic, Topic::Job("e".into()));
            told.push((event.position, event.entry.event.as_str()));
        }
        let expected: Vec<_> = all.into_iter().filter(|(position, _)| *position > after).collect();
        assert_eq!(told, expected, "after {after}");
    }
}

#[tokio::test]
async fn a_follower_that_fell_behind_reads_on_from_the_store() {
    let (hub, store) = open().await;
    let mut follower = hub.follower(store.clone(), None);
    follower.subscribe(subjects(&["node", "execution:e"]), None).await.unwrap();
    assert!(is_quiet(&mut follower).await);
    for _ in 0..5 {
        happen_many(&store, "e", 700).await;
        happen_many(&store, "f", 1).await;
    }
    let told = next_many(&mut follower, 5 * 701).await;
    assert!(told.is_sorted_by(|a, b| a.0 + 4 == b.0), "each once, in order");
    assert!(is_quiet(&mut follower).await);
    happen_many(&store, "e", 1).await;
    assert_eq!(next_many(&mut follower, 1).await, [(5 * 701 * 4 + 8, "execution:e".to_owned())]);
}

#[tokio::test]
async fn who_does_not_read_for_too_long_while_behind_is_dropped_and_can_come_back() {
    let (hub, store) = open().await;
    happen_many(&store, "e", 2).await;
    let patience = Duration::ZERO;
    let mut follower = hub.follower(store.clone(), Some(patience));
    follower.subscribe(subjects(&["*"]), Some(0)).await.unwrap();
    assert_eq!(next_many(&mut follower, 1).await[0].0, 8);
    happen_many(&store, "e", 1000).await;
    let Err(FollowError::Slow { after }) = next(&mut follower).await else { panic!("it was too slow") };
    assert_eq!(after, 8);
    assert!(follower.next().await.is_none());
    let mut again = hub.follower(store.clone(), Some(patience));
    again.subscribe(subjects(&["execution"]), Some(after)).await.unwrap();
    again.subscribe(subjects(&["node"]), Some(after)).await.unwrap();
    assert_eq!(next_many(&mut again, 1001).await.last().unwrap().0, 1002 * 4 + 4);
}

#[tokio::test]
async fn later_subscriptions_are_told_what_they_ask_for_and_nothing_twice() {
    let (hub, store) = open().await;
    happen(&store, "e", 1, EventKind::ExecutionStarted).await; // 8, of the job 9 and 10
    happen(&store, "f", 1, EventKind::ExecutionStarted).await; // 12 to 14
    let mut follower = hub.follower(store.clone(), None);
    assert_eq!(follower.subscribe(subjects(&["job:e"]), Some(0)).await.unwrap(), 15);
    assert_eq!(next_many(&mut follower, 2).await, [(9, "job:e".to_owned()), (10, "job:e".to_owned())]);
    assert!(is_quiet(&mut follower).await);
    follower.subscribe(subjects(&["job", "job:e"]), Some(9)).await.unwrap();
    assert_eq!(next_many(&mut follower, 2).await, [(13, "job:f".to_owned()), (14, "job:f".to_owned())]);
    follower.subscribe(subjects(&["execution:f"]), Some(12)).await.unwrap();
    assert!(is_quiet(&mut follower).await, "12 was not asked for, and 13 and 14 are of the job");
    follower.subscribe(subjects(&["execution:f", "execution"]), Some(0)).await.unwrap();
    assert_eq!(next_many(&mut follower, 2).await, [(8, "execution:e".to_owned()), (12, "execution:f".to_owned())]);
    happen(&store, "f", 2, EventKind::ExecutionCompleted).await; // 16 to 18
    let all = [(16, "execution:f".to_owned()), (17, "job:f".to_owned()), (18, "job:f".to_owned())];
    assert_eq!(next_many(&mut follower, 3).await, all);
    follower.unsubscribe(&subjects(&["job", "execution", "flow"]));
    happen(&store, "g", 1, EventKind::ExecutionStarted).await;
    happen(&store, "e", 2, EventKind::NodeStarted).await;
    happen(&store, "e", 3, EventKind::ExecutionFailed).await;
    assert_eq!(next_many(&mut follower, 1).await, [(29, "job:e".to_owned())]);
    follower.unsubscribe(&subjects(&["job:e", "execution:f"]));
    happen(&store, "e", 4, EventKind::NodeStarted).await;
    assert!(is_quiet(&mut follower).await);
    assert_eq!(follower.subscribe(subjects(&["node"]), None).await.unwrap(), 35);
    happen(&store, "e", 5, EventKind::NodeStarted).await;
    assert_eq!(next_many(&mut follower, 1).await[0].0, 36);
}

#[tokio::test]
async fn subscriptions_at_any_time_miss_nothing_and_repeat_nothing() {
    let (hub, store) = open().await;
    for seed in 0..30 {
        let mut dice = Dice(seed);
        let ids: Vec<String> = (0..4).map(|number| format!("{seed}-{number}")).collect();
        let base = store.event_positions().await.unwrap().newest;
        let mut follower = hub.follower(store.clone(), None);
        let mut told = std::collections::BTreeSet::new();
        for _ in 0..60 {
            let id = &ids[dice.roll(4) as usize];
            match dice.roll(4) {
                0 => happen_many(&store, id, 1 + dice.roll(400)).await,
                1 => {
                    let kind = ["execution", "job"][dice.roll(2) as usize];
                    let newest = store.event_positions().await.unwrap().newest;
                    let after = newest.min(base + dice.roll(8) as i64);
                    follower.subscribe(subjects(&[&format!("{kind}:{id}")]), Some(after)).await.unwrap();
                }
                _ => {
                    for _ in 0..dice.roll(200) {
                        let told_soon = tokio::time::timeout(Duration::from_millis(2), follower.next()).await;
                        let Ok(event) = told_soon else { break };
                        assert!(told.insert(event.unwrap().unwrap().position), "seed {seed}: twice");
                    }
                }
            }
        }
        let everything = ids.iter().flat_map(|id| [format!("execution:{id}"), format!("job:{id}")]);
        let everything: Vec<String> = everything.collect();
        let everything: Vec<&str> = everything.iter().map(String::as_str).collect();
        follower.subscribe(subjects(&everything), Some(base)).await.unwrap();
        let mut expected = std::collections::BTreeSet::new();
        for event in store.all_events(base, 100_000).await.unwrap() {
            expected.extend(event.of_job().iter().map(|derived| derived.position));
            expected.insert(event.position);
        }
        // The first may have been asked for only from a position within.
        while !expected.is_subset(&told) {
            let event = next(&mut follower).await.unwrap();
            assert!(told.insert(event.position), "seed {seed}: {} comes twice", event.position);
        }
        assert!(is_quiet(&mut follower).await, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_timelines_are_merged_in_order_while_they_grow() {
    let (hub, store) = open().await;
    let ids: Vec<String> = (0..40).map(|number| format!("e{number}")).collect();
    let writer = {
        let (store, ids) = (store.clone(), ids.clone());
        tokio::spawn(async move {
            let mut dice = Dice(7);
            for _ in 0..1500 {
                let id = &ids[dice.roll(40) as usize];
                happen_many(&store, id, 1 + dice.roll(4)).await;
            }
        })
    };
    let mut follower = hub.follower(store.clone(), None);
    let names: Vec<String> = ids.iter().map(|id| format!("execution:{id}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    follower.subscribe(subjects(&names), Some(0)).await.unwrap();
    let mut last = 4;
    let mut follow = async |until: i64| {
        while last < until {
            let event = next(&mut follower).await.unwrap();
            assert_eq!(event.position, last + 4);
            last = event.position;
        }
    };
    follow(1000).await;
    writer.await.unwrap();
    follow(store.event_positions().await.unwrap().newest).await;
}

#[tokio::test]
async fn nothing_is_kept_of_followers_that_are_gone() {
    let (hub, store) = open().await;
    let mut followers = Vec::new();
    for number in 0..100 {
        let mut follower = hub.follower(store.clone(), None);
        let names = [format!("job:{number}"), format!("execution:{number}"), "node".to_owned()];
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        follower.subscribe(subjects(&names), None).await.unwrap();
        followers.push(follower);
    }
    assert!(!format!("{:?}", hub.index()).contains("single: {}"));
    drop(followers);
    let index = format!("{:?}", hub.index());
    assert!(index.contains("single: {}") && index.contains("broad: []"), "{index}");
}
