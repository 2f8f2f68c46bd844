//! Several processes on one database: one store, of which the tests hold back what it tells, so that its commits are
//! another process's until they say otherwise.

use super::*;
use crate::store::Notice;

/// A hub of a shared database, with its tail at work.
async fn open() -> (Hub, Store, Held, tokio::task::AbortHandle) {
    let hub = Hub::default();
    let (held, on_commit) = hold();
    let store = store(on_commit).await;
    hub.index().share();
    let tail = {
        let (hub, store) = (hub.clone(), store.clone());
        tokio::spawn(async move { hub.read_on(&store).await })
    };
    (hub, store, held, tail.abort_handle())
}

fn take(held: &Held) -> Vec<Vec<Event>> {
    std::mem::take(&mut *held.lock().unwrap())
}

#[tokio::test]
async fn events_of_others_are_read_when_they_are_told_of() {
    let (hub, store, _held, tail) = open().await;
    happen_many(&store, "before", 1).await;
    let mut follower = hub.follower(store.clone(), None);
    follower.subscribe(subjects(&["node"]), None).await.unwrap();
    assert!(is_quiet(&mut follower).await);
    happen_many(&store, "e", 1200).await;
    assert!(is_quiet(&mut follower).await, "nobody has told of them");
    hub.hear(&Notice::Jobs);
    hub.hear(&Notice::Events(8));
    assert!(is_quiet(&mut follower).await, "nothing new was told of");
    hub.hear(&Notice::Events(1201 * 4 + 4));
    let told = next_many(&mut follower, 1200).await;
    assert!(told.is_sorted_by(|a, b| a.0 + 4 == b.0) && told[0].0 == 12, "each once, in order");
    happen_many(&store, "e", 1).await;
    hub.hear(&Notice::Lost);
    assert_eq!(next_many(&mut follower, 1).await[0].0, 1202 * 4 + 4);
    tail.abort();
}

#[tokio::test]
async fn own_events_wait_for_earlier_ones_of_others() {
    let (hub, store, held, tail) = open().await;
    let on_commit = hub.on_commit();
    let mut follower = hub.follower(store.clone(), None);
    follower.subscribe(subjects(&["*"]), None).await.unwrap();
    assert!(is_quiet(&mut follower).await);
    happen(&store, "own", 1, EventKind::NodeStarted).await; // 8
    on_commit(&take(&held).remove(0));
    assert_eq!(next_many(&mut follower, 1).await[0].0, 8);
    happen(&store, "others", 1, EventKind::NodeStarted).await; // 12
    happen(&store, "own", 2, EventKind::NodeStarted).await; // 16
    let commits = take(&held);
    // 12 has not been heard of, and is read because of 16.
    on_commit(&commits[1]);
    assert_eq!(next_many(&mut follower, 2).await.iter().map(|told| told.0).collect::<Vec<_>>(), [12, 16]);
    happen(&store, "own", 3, EventKind::NodeStarted).await; // 20
    hub.hear(&Notice::Events(20));
    assert_eq!(next_many(&mut follower, 1).await[0].0, 20);
    // The notice was faster than the store's own word.
    on_commit(&take(&held)[0]);
    assert!(is_quiet(&mut follower).await);
    tail.abort();
}

#[tokio::test]
async fn without_followers_nothing_is_read() {
    let (hub, store, held, tail) = open().await;
    happen_many(&store, "e", 10).await;
    hub.on_commit()(&take(&held)[0]);
    hub.hear(&Notice::Events(4000));
    hub.hear(&Notice::Lost);
    tokio::task::yield_now().await;
    assert_eq!(hub.index().published(), None);
    let mut follower = hub.follower(store.clone(), None);
    follower.subscribe(subjects(&["node"]), None).await.unwrap();
    assert_eq!(hub.index().published(), Some(44));
    assert!(is_quiet(&mut follower).await);
    drop(follower);
    assert_eq!(hub.index().published(), None);
    tail.abort();
}

/// Two processes commit; commits are told late, in whatever order across the processes, or not at all until the notice.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_timing_no_event_is_lost_or_out_of_order() {
    for seed in 0..40 {
        let (hub, store, held, tail) = open().await;
        let mut dice = Dice(seed);
        let on_commit = hub.on_commit();
        happen_many(&store, "e", 1 + dice.roll(3)).await;
        let mut followers: Vec<(Follower, i64)> = Vec::new();
        let mut own: std::collections::VecDeque<Vec<Event>> = take(&held).into();
        for _ in 0..120 {
            match dice.roll(6) {
                0 | 1 => {
                    happen_many(&store, "e", 1 + dice.roll(5)).await;
                    let commit = take(&held);
                    let last = commit.last().unwrap().last().unwrap().position;
                    // Of the other process, or of this one, which tells the hub now or later, in order.
                    match dice.roll(3) {
                        0 => hub.hear(&Notice::Events(last)),
                        1 => own.extend(commit),
                        _ => {
                            own.drain(..).for_each(|events| on_commit(&events));
                            commit.iter().for_each(|events| on_commit(events));
                        }
                    }
                }
                2 => {
                    if let Some(events) = own.pop_front() {
                        on_commit(&events);
                    }
                }
                3 if followers.len() < 3 => {
                    let mut follower = hub.follower(store.clone(), None);
                    let newest = store.event_positions().await.unwrap().newest;
                    follower.subscribe(subjects(&["node"]), Some(newest)).await.unwrap();
                    followers.push((follower, newest));
                }
                4 if !followers.is_empty() => {
                    followers.swap_remove(dice.roll(followers.len() as u64) as usize);
                }
                _ => {
                    for (follower, last) in &mut followers {
                        for _ in 0..dice.roll(8) {
                            let told = tokio::time::timeout(Duration::from_millis(1), follower.next()).await;
                            let Ok(Some(told)) = told else { break };
                            assert_eq!(told.unwrap().position, *last + 4, "seed {seed}");
                            *last += 4;
                        }
                    }
                }
            }
        }
        hub.hear(&Notice::Lost);
        let newest = store.event_positions().await.unwrap().newest;
        for (follower, last) in &mut followers {
            while *last < newest {
                assert_eq!(next(follower).await.unwrap().position, *last + 4, "seed {seed}");
                *last += 4;
            }
            assert!(is_quiet(follower).await, "seed {seed}");
        }
        tail.abort();
    }
}
