//! Writes, their order, their groups and their failures.

use super::*;

conformance! {
    many_writes_share_few_commits,
    a_whole_pure_run_is_one_commit,
    what_rides_along_waits_for_an_urgent_write,
    an_urgent_write_takes_only_its_own_execution_along,
    a_flush_is_a_barrier,
    the_first_end_wins,
    the_first_end_wins_inside_a_batch,
    a_superseded_write_leaves_no_trace,
    a_bad_write_fails_alone,
    a_failed_execution_fails_until_forgiven,
    the_last_state_of_a_node_in_a_batch_wins,
    events_are_told_in_the_order_of_their_positions,
    a_write_for_an_execution_that_is_not_there_fails,
    nothing_is_written_after_closing,
    closing_commits_what_rides_along,
    a_backlog_is_written_whole,
}

async fn many_writes_share_few_commits(fixture: Fixture) {
    let commits: Vec<Commit> =
        (0..200).map(|n| fixture.store.write(vec![submit(&format!("e{n}"))], Urgency::Now)).collect();
    for commit in commits {
        assert_eq!(commit.await.unwrap(), Written { superseded: false });
    }
    let stats = fixture.store.stats();
    assert_eq!(stats.writes, 200);
    assert!(stats.commits < 20, "{stats:?}");
}

async fn a_whole_pure_run_is_one_commit(fixture: Fixture) {
    let store = &fixture.store;
    let records = vec![submit_claimed("e"), event("e", 1, EventKind::ExecutionStarted)];
    drop(store.write(records, Urgency::RideAlong));
    for n in 0..5 {
        store.ping().await.unwrap();
        let node = node("e", &format!("n{n}"), NodeStatus::Completed, vec![]);
        drop(store.write(vec![node, event("e", n + 2, EventKind::NodeCompleted)], Urgency::RideAlong));
    }
    fixture.put(vec![finished("e", ExecutionStatus::Completed)]).await;
    assert_eq!(store.stats(), Stats { commits: 1, writes: 7, failures: 0 });
    let execution = store.execution(&"e".into()).await.unwrap().unwrap().execution;
    assert_eq!(execution.status, ExecutionStatus::Completed);
    assert_eq!(execution.output, json("\"done\""));
    assert_eq!(
        (execution.started_at, execution.ended_at, execution.execution_time),
        (Some(1000), Some(2000), Some(1000))
    );
    assert_eq!(store.nodes(&"e".into()).await.unwrap().len(), 5);
    assert_eq!(store.counts().await.unwrap(), Counts::default());
}

async fn what_rides_along_waits_for_an_urgent_write(fixture: Fixture) {
    let riding = fixture.store.write(vec![submit("e")], Urgency::RideAlong);
    for _ in 0..20 {
        fixture.store.ping().await.unwrap();
        assert_eq!(fixture.store.stats().commits, 0);
    }
    fixture.put(vec![event("e", 1, EventKind::ExecutionStarted)]).await;
    riding.await.unwrap();
    assert_eq!(fixture.store.stats().commits, 1);
}

async fn an_urgent_write_takes_only_its_own_execution_along(fixture: Fixture) {
    let store = &fixture.store;
    drop(store.write(vec![submit("mine")], Urgency::RideAlong));
    let other = store.write(vec![submit("other")], Urgency::RideAlong);
    fixture.put(vec![event("mine", 1, EventKind::ExecutionStarted)]).await;
    assert!(store.execution(&"mine".into()).await.unwrap().is_some());
    assert!(store.execution(&"other".into()).await.unwrap().is_none(), "it reaches the database whole, with its end");
    store.barrier(&"other".into()).await.unwrap();
    other.await.unwrap();
    assert!(store.execution(&"other".into()).await.unwrap().is_some());
    assert_eq!(store.stats().commits, 2);
}

async fn a_flush_is_a_barrier(fixture: Fixture) {
    drop(fixture.store.write(vec![submit("e")], Urgency::RideAlong));
    fixture.store.flush().await.unwrap();
    assert_eq!(fixture.status("e").await, ExecutionStatus::Pending);
    fixture.store.flush().await.unwrap();
    assert_eq!(fixture.store.stats().commits, 1, "nothing to commit, no commit");
}

async fn the_first_end_wins(fixture: Fixture) {
    fixture.put(vec![submit_claimed("e")]).await;
    assert!(!fixture.put(vec![finished("e", ExecutionStatus::Cancelled)]).await.superseded);
    assert!(fixture.put(vec![finished("e", ExecutionStatus::Completed)]).await.superseded);
    assert_eq!(fixture.status("e").await, ExecutionStatus::Cancelled);
}

async fn the_first_end_wins_inside_a_batch(fixture: Fixture) {
    let store = &fixture.store;
    drop(store.write(vec![submit_claimed("new")], Urgency::RideAlong));
    let first = store.write(vec![finished("new", ExecutionStatus::Failed)], Urgency::RideAlong);
    let second = store.write(vec![finished("new", ExecutionStatus::Completed)], Urgency::Now);
    assert!(!first.await.unwrap().superseded);
    assert!(second.await.unwrap().superseded);
    assert_eq!(fixture.status("new").await, ExecutionStatus::Failed);
    fixture.put(vec![submit_claimed("old")]).await;
    let first = store.write(vec![finished("old", ExecutionStatus::Failed)], Urgency::RideAlong);
    let second = store.write(vec![finished("old", ExecutionStatus::Completed)], Urgency::Now);
    assert!(!first.await.unwrap().superseded);
    assert!(second.await.unwrap().superseded);
    assert_eq!(fixture.status("old").await, ExecutionStatus::Failed);
    assert_eq!(store.counts().await.unwrap(), Counts::default());
}

async fn a_superseded_write_leaves_no_trace(fixture: Fixture) {
    fixture.put(vec![submit_claimed("e"), finished("e", ExecutionStatus::Cancelled)]).await;
    let late = vec![
        Record::Payload { execution_id: "e".into(), number: 1, body: json("1") },
        node("e", "n", NodeStatus::Completed, vec![]),
        event("e", 1, EventKind::ExecutionCompleted),
        finished("e", ExecutionStatus::Completed),
    ];
    assert!(fixture.put(late).await.superseded);
    let id = "e".into();
    assert!(fixture.store.nodes(&id).await.unwrap().is_empty());
    assert_eq!(fixture.store.last_seq(&id).await.unwrap(), 0);
    assert_eq!(fixture.store.next_payload_number(&id).await.unwrap(), 1);
    assert!(fixture.seen().is_empty());
}

/// A second payload with the number of the input.
fn bad(id: &str) -> Record {
    Record::Payload { execution_id: id.into(), number: 0, body: json("1") }
}

async fn a_bad_write_fails_alone(fixture: Fixture) {
    let store = &fixture.store;
    fixture.put(vec![submit("a"), submit("b")]).await;
    let before = store.write(vec![event("a", 1, EventKind::ExecutionStarted)], Urgency::RideAlong);
    let broken = store.write(vec![event("b", 1, EventKind::ExecutionStarted), bad("b")], Urgency::RideAlong);
    let after = store.write(vec![event("a", 2, EventKind::NodeStarted)], Urgency::RideAlong);
    // All three in one batch.
    store.flush().await.unwrap();
    before.await.unwrap();
    assert!(matches!(broken.await.unwrap_err(), StoreError::Database(_)));
    after.await.unwrap();
    assert_eq!(store.last_seq(&"a".into()).await.unwrap(), 2);
    assert_eq!(store.last_seq(&"b".into()).await.unwrap(), 0, "whole or not at all");
    assert_eq!(fixture.seen().iter().map(|event| event.entry.seq).collect::<Vec<_>>(), [1, 2]);
}

async fn a_failed_execution_fails_until_forgiven(fixture: Fixture) {
    let store = &fixture.store;
    fixture.put(vec![submit("e")]).await;
    drop(store.write(vec![bad("e")], Urgency::RideAlong));
    let same_batch = store.write(vec![event("e", 1, EventKind::ExecutionStarted)], Urgency::Now);
    assert!(same_batch.await.is_err());
    assert!(store.write(vec![event("e", 1, EventKind::ExecutionStarted)], Urgency::Now).await.is_err());
    assert!(store.barrier(&"e".into()).await.is_err());
    assert!(store.barrier(&"other".into()).await.is_ok());
    assert!(store.flush().await.is_ok());
    store.forget_failure(&"e".into());
    assert!(store.barrier(&"e".into()).await.is_ok());
    fixture.put(vec![event("e", 1, EventKind::ExecutionStarted)]).await;
    assert_eq!(store.last_seq(&"e".into()).await.unwrap(), 1);
}

async fn the_last_state_of_a_node_in_a_batch_wins(fixture: Fixture) {
    let store = &fixture.store;
    let item = |index, status| {
        let item = ItemRow { node_id: "n".into(), index, call: CallRow::new(status) };
        Record::Item { execution_id: "e".into(), item: Box::new(item) }
    };
    drop(store.write(vec![submit("e"), node("e", "n", NodeStatus::Running, vec![])], Urgency::RideAlong));
    let out = vec![("out".to_owned(), Stored::Json(json("1")))];
    fixture
        .put(vec![
            node("e", "m", NodeStatus::Running, vec![]),
            node("e", "n", NodeStatus::Completed, out),
            item(1, NodeStatus::Running),
            item(0, NodeStatus::Running),
            item(1, NodeStatus::Failed),
        ])
        .await;
    let nodes = store.nodes(&"e".into()).await.unwrap();
    let states: Vec<_> = nodes.iter().map(|node| (node.node_id.as_str(), node.call.status)).collect();
    assert_eq!(states, [("m", NodeStatus::Running), ("n", NodeStatus::Completed)]);
    assert_eq!(nodes[1].call.outputs.get("out"), Some(&json("1")));
    fixture.put(vec![node("e", "m", NodeStatus::Skipped, vec![]), item(0, NodeStatus::Completed)]).await;
    assert_eq!(store.nodes(&"e".into()).await.unwrap()[0].call.status, NodeStatus::Skipped);
    let items = store.items(&"e".into()).await.unwrap();
    let states: Vec<_> = items.iter().map(|item| (item.index, item.call.status)).collect();
    assert_eq!(states, [(0, NodeStatus::Completed), (1, NodeStatus::Failed)]);
}

async fn events_are_told_in_the_order_of_their_positions(fixture: Fixture) {
    fixture.put(vec![submit("a"), submit("b")]).await;
    for seq in 1..=50 {
        drop(fixture.store.write(vec![event("a", seq, EventKind::NodeStarted)], Urgency::RideAlong));
        drop(fixture.store.write(vec![event("b", seq, EventKind::NodeStarted)], Urgency::Now));
        if seq % 7 == 0 {
            fixture.store.flush().await.unwrap();
            assert_eq!(fixture.seen().len() as u64, 2 * seq, "told before the acknowledgement");
        }
    }
    fixture.store.flush().await.unwrap();
    let seen = fixture.seen();
    assert_eq!(seen.len(), 100);
    assert!(seen.windows(2).all(|pair| pair[0].position < pair[1].position));
    let stored = fixture.store.events(&"a".into(), 0, 1000).await.unwrap();
    let told: Vec<_> = seen.iter().filter(|event| event.topic.id() == "a").collect();
    assert_eq!(format!("{stored:?}"), format!("{:?}", told.into_iter().cloned().collect::<Vec<_>>()));
}

async fn a_write_for_an_execution_that_is_not_there_fails(fixture: Fixture) {
    let error = fixture.store.write(vec![finished("nobody", ExecutionStatus::Failed)], Urgency::Now).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
}

async fn nothing_is_written_after_closing(fixture: Fixture) {
    let other = fixture.store.clone();
    fixture.store.close().await.unwrap();
    assert!(matches!(other.write(vec![submit("e")], Urgency::Now).await, Err(StoreError::Closed)));
    assert!(matches!(other.ping().await, Err(StoreError::Closed)));
    assert!(matches!(other.delete_workflow("w", 0).await, Err(StoreError::Closed)));
    other.close().await.unwrap();
}

async fn closing_commits_what_rides_along(fixture: Fixture) {
    let riding = fixture.store.write(vec![submit("e")], Urgency::RideAlong);
    fixture.store.close().await.unwrap();
    riding.await.unwrap();
}

async fn a_backlog_is_written_whole(fixture: Fixture) {
    fixture.put(vec![submit("e")]).await;
    for seq in 1..=5000 {
        drop(fixture.store.write(vec![event("e", seq, EventKind::NodeProgress)], Urgency::RideAlong));
    }
    fixture.store.flush().await.unwrap();
    assert_eq!(fixture.store.last_seq(&"e".into()).await.unwrap(), 5000);
    assert_eq!(fixture.store.events(&"e".into(), 0, 10_000).await.unwrap().len(), 5000);
}
