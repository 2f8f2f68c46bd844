use futures::FutureExt as _;

use super::*;

fn scheduler(in_flight: usize, per_block: usize, rate: f64) -> Scheduler {
    Scheduler::new(&HttpConfig {
        in_flight,
        in_flight_per_block: per_block,
        rate_per_host: rate,
        ..HttpConfig::default()
    })
}

fn lane(block: &str, host: &str) -> Lane {
    Lane { block: block.to_owned(), host: host.to_owned() }
}

#[tokio::test]
async fn limits_hold_in_all_and_for_each_block() {
    let scheduler = scheduler(3, 2, 0.0);
    let first = scheduler.turn(lane("a", "h"), "e").await;
    let second = scheduler.turn(lane("a", "h"), "e").await;
    assert!(scheduler.turn(lane("a", "h"), "e").now_or_never().is_none());
    let _third = scheduler.turn(lane("b", "h"), "e").await;
    assert!(scheduler.turn(lane("b", "h"), "e").now_or_never().is_none());
    assert_eq!((scheduler.counts().0, scheduler.of_block("a")), (3, 2));
    drop(first);
    let again = scheduler.turn(lane("a", "h"), "e").now_or_never().expect("a place is free");
    drop((second, again));
    assert_eq!((scheduler.counts().0, scheduler.of_block("a")), (1, 0));
}

#[tokio::test]
async fn executions_take_turns_however_many_requests_one_has() {
    let scheduler = scheduler(1, 1, 0.0);
    let held = scheduler.turn(lane("a", "h"), "greedy").await;
    let (sender, mut order) = tokio::sync::mpsc::unbounded_channel();
    let mut tasks = Vec::new();
    for (execution, count) in [("greedy", 20), ("modest", 2), ("other", 1)] {
        for _ in 0..count {
            let (scheduler, sender) = (scheduler.clone(), sender.clone());
            let mut turn = Box::pin(async move {
                let turn = scheduler.turn(lane("a", "h"), execution).await;
                sender.send(execution).unwrap();
                drop(turn);
            });
            assert!(turn.as_mut().now_or_never().is_none());
            tasks.push(turn);
        }
    }
    drop(held);
    futures::future::join_all(tasks).await;
    let order: Vec<_> = std::iter::from_fn(|| order.try_recv().ok()).collect();
    assert_eq!(order.len(), 23);
    assert!(order.iter().position(|name| *name == "other").unwrap() < 3, "{order:?}");
    assert!(order.iter().rposition(|name| *name == "modest").unwrap() < 6, "{order:?}");
}

#[tokio::test]
async fn who_gives_up_leaves_no_place_taken() {
    let scheduler = scheduler(1, 1, 0.0);
    let held = scheduler.turn(lane("a", "h"), "e").await;
    for _ in 0..100 {
        assert!(scheduler.turn(lane("a", "h"), "gone").now_or_never().is_none());
    }
    drop(held);
    assert_eq!((scheduler.counts(), scheduler.of_block("a")), ((0, 0), 0));
    assert!(scheduler.turn(lane("a", "h"), "e").now_or_never().is_some());
}

#[test]
fn a_hosts_rate_holds_and_does_not_hold_up_others() {
    let Scheduler(shared) = scheduler(100, 100, 20.0);
    let (mut state, start) = (State::default(), Instant::now());
    let mut asked = Vec::new();
    for host in [&["slow"; 25][..], &["other"; 2]].concat() {
        let (sender, receiver) = oneshot::channel();
        state.enqueue(lane("a", host), "e", sender);
        asked.push(receiver);
    }
    let mut let_in = |after_ms: u64| {
        let mut hosts = Vec::new();
        loop {
            match state.next(&shared.limits, start + Duration::from_millis(after_ms)) {
                Next::Go(lane, _) => hosts.push(lane.host),
                Next::Later(at) => return (hosts, Some(at.duration_since(start).as_millis())),
                Next::Nobody => return (hosts, None),
            }
        }
    };
    // Twenty at once, then one every 50 ms.
    let (hosts, later) = let_in(0);
    let of = |host: &str| hosts.iter().filter(|known| *known == host).count();
    assert_eq!((of("slow"), of("other"), later), (20, 2, Some(50)));
    assert_eq!(let_in(40).0, Vec::<String>::new());
    assert_eq!(let_in(60).0, ["slow"]);
    assert_eq!(let_in(210).0, ["slow"; 3]);
    assert_eq!(let_in(260), (vec!["slow".to_owned()], None));
}

#[tokio::test]
async fn who_waits_for_a_hosts_rate_is_let_in_when_it_is_due() {
    let scheduler = scheduler(100, 100, 20.0);
    let start = Instant::now();
    for _ in 0..24 {
        drop(scheduler.turn(lane("a", "slow"), "e").await);
    }
    assert!(start.elapsed() >= Duration::from_millis(190), "{:?}", start.elapsed());
}
