//! What parents are given, and what they fail with.

use std::collections::HashMap;

use super::*;
use crate::domain::JobType;
use crate::domain::flow::RESULT_BYTES;

conformance! {
    a_parent_goes_on_when_its_children_have_ended,
    a_failure_goes_up_at_once_and_siblings_go_on,
    a_failure_that_is_not_its_parents_is_told_to_it,
    failures_of_all_kinds_count,
    each_level_waits_for_the_one_below,
    long_results_reach_parents_alone,
    what_cannot_be_read_again_is_not_written,
    results_go_through_their_mapping,
    the_input_of_a_vendors_block_is_left_alone,
    a_parent_may_have_to_wait_for_its_time,
    a_parent_that_is_cancelled_stays_so,
}

async fn a_parent_goes_on_when_its_children_have_ended(fixture: Fixture) {
    fixture
        .put(flow_records("f", &[("r", "", false), ("a", "r", true), ("b", "r", true)], |job| {
            job.input = json(r#"{"own": 12345678901234567890}"#);
        }))
        .await;
    assert_eq!(job(&fixture, "r").await.status, JobStatus::WaitingChildren);
    assert_eq!(claimable(&fixture).await, ["a", "b"]);
    assert_eq!(flow(&fixture).await.status, FlowStatus::Running);
    complete(&fixture, "a", "[1,2]").await;
    assert_eq!(advance(&fixture).await, Advanced { told: vec![("a".into(), JobStatus::Completed)], released: false });
    assert!(claimable(&fixture).await.is_empty());
    assert_eq!(numbers(&fixture).await, (FlowStatus::Running, 3, 1, 0, false));
    complete(&fixture, "b", r#"{"x":null}"#).await;
    assert_eq!(advance(&fixture).await, Advanced { told: vec![("b".into(), JobStatus::Completed)], released: true });
    let given = fixture.store.execution(&"r".into()).await.unwrap().unwrap().execution.input;
    let values = r#"{"a":{"value":[1,2]},"b":{"x":null}}"#;
    assert_eq!(
        given.as_str(),
        format!(r#"{{"own":12345678901234567890,"childrenValues":{values},"childrenFailures":{{}}}}"#)
    );
    assert_eq!(claimable(&fixture).await, ["r"]);
    complete(&fixture, "r", "1").await;
    assert_eq!(told(&fixture).await, ["r completed"]);
    assert_eq!(numbers(&fixture).await, (FlowStatus::Completed, 3, 3, 0, true));
    let last = events(&fixture).await.pop().unwrap();
    assert_eq!((last.entry.event, last.entry.progress), (EventKind::FlowCompleted, 100.0));
}

async fn a_failure_goes_up_at_once_and_siblings_go_on(fixture: Fixture) {
    make(&fixture, &TREE).await;
    fail(&fixture, "m1").await;
    assert_eq!(told(&fixture).await, ["m1 failed", "m failed", "r failed"]);
    for id in ["m", "r"] {
        let parent = job(&fixture, id).await;
        assert_eq!((parent.status, parent.ended_at), (JobStatus::Failed, Some(5000)));
        assert_eq!(parent.error.unwrap().decode::<ExecutionError>().unwrap(), failure("m1"));
        let execution = fixture.store.execution(&id.into()).await.unwrap().unwrap().execution;
        assert_eq!((execution.status, execution.error), (ExecutionStatus::Failed, Some(failure("m1"))));
        let timeline = fixture.store.events(&id.into(), 0, 10).await.unwrap();
        assert_eq!(timeline.last().unwrap().entry.event, EventKind::ExecutionFailed);
    }
    assert_eq!(numbers(&fixture).await, (FlowStatus::Failed, 5, 0, 3, false));
    assert_eq!(claimable(&fixture).await, ["m2", "n"]);
    complete(&fixture, "m2", "2").await;
    fail(&fixture, "n").await;
    assert_eq!(told(&fixture).await, ["m2 completed", "n failed"]);
    assert_eq!(numbers(&fixture).await, (FlowStatus::Failed, 5, 1, 4, true));
    let events = events(&fixture).await;
    assert_eq!(data(&events[1]), serde_json::json!({"jobId": "m", "status": "failed", "error": failure("m1")}));
    assert_eq!(events.last().unwrap().entry.event, EventKind::FlowFailed);
}

async fn a_failure_that_is_not_its_parents_is_told_to_it(fixture: Fixture) {
    make(&fixture, &[("r", "", false), ("a", "r", false), ("b", "r", false)]).await;
    fail(&fixture, "a").await;
    assert_eq!(told(&fixture).await, ["a failed"]);
    assert_eq!(job(&fixture, "r").await.status, JobStatus::WaitingChildren);
    complete(&fixture, "b", "\"done\"").await;
    assert!(advance(&fixture).await.released);
    let expected = serde_json::json!({
        "childrenValues": {"b": {"value": "done"}},
        "childrenFailures": {"a": failure("a")},
    });
    assert_eq!(input(&fixture, "r").await, expected);
    complete(&fixture, "r", "1").await;
    advance(&fixture).await;
    assert_eq!(numbers(&fixture).await, (FlowStatus::Completed, 3, 2, 1, true));
}

async fn failures_of_all_kinds_count(fixture: Fixture) {
    make(&fixture, &[("r", "", false), ("a", "r", false), ("b", "r", false), ("m", "r", false), ("c", "m", true)])
        .await;
    let Record::Finished(mut end) = finished("a", ExecutionStatus::Failed) else { panic!() };
    (end.dead, end.error) = (true, Some(failure("a")));
    fixture.put(vec![Record::Finished(end)]).await;
    for id in ["b", "c"] {
        let outcome = fixture.store.request_cancel(&id.into(), 3000).await;
        assert_eq!(outcome.unwrap(), CancelOutcome::Cancelled { flow_id: Some("f".into()) });
    }
    assert_eq!(told(&fixture).await, ["a dead", "b cancelled", "c cancelled", "m failed"]);
    let failures = input(&fixture, "r").await["childrenFailures"].clone();
    assert_eq!(failures["a"]["code"], "boom");
    for id in ["b", "m"] {
        assert_eq!(failures[id]["code"], "cancelled", "{failures}");
    }
    assert_eq!(numbers(&fixture).await, (FlowStatus::Running, 5, 0, 4, false));
}

async fn each_level_waits_for_the_one_below(fixture: Fixture) {
    make(&fixture, &TREE).await;
    for (id, next) in [("m1", vec![]), ("m2", vec!["m"]), ("n", vec![]), ("m", vec!["r"]), ("r", vec![])] {
        complete(&fixture, id, &format!("\"{id}\"")).await;
        let advanced = advance(&fixture).await;
        assert_eq!((advanced.told.len(), advanced.released), (1, !next.is_empty()), "{id}");
        for parent in next {
            assert_eq!(job(&fixture, parent).await.status, JobStatus::Pending);
        }
    }
    assert_eq!(input(&fixture, "m").await["childrenValues"]["m2"]["value"], "m2");
    let values = input(&fixture, "r").await["childrenValues"].clone();
    assert_eq!(values, serde_json::json!({"m": {"value": "m"}, "n": {"value": "n"}}));
    assert_eq!(numbers(&fixture).await, (FlowStatus::Completed, 5, 5, 0, true));
}

async fn long_results_reach_parents_alone(fixture: Fixture) {
    make(&fixture, &[("r", "", false), ("a", "r", true), ("b", "r", true), ("c", "r", true)]).await;
    for (id, bytes) in [("a", RESULT_BYTES), ("b", 1000), ("c", RESULT_BYTES - 100)] {
        let body = long(id.chars().next().unwrap(), bytes);
        fixture.put(vec![Record::Payload { execution_id: id.into(), number: 7, body }]).await;
        end(&fixture, id, Stored::Ref(7)).await;
    }
    advance(&fixture).await;
    let events = events(&fixture).await;
    assert_eq!(data(&events[0]), serde_json::json!({"jobId": "a", "status": "completed", "resultOmitted": true}));
    assert_eq!(data(&events[1])["result"]["value"].as_str().unwrap().len(), 1000);
    assert!(data(&events[2]).get("result").is_some());
    let values = input(&fixture, "r").await["childrenValues"].clone();
    assert_eq!(values["a"]["value"].as_str().unwrap().len(), RESULT_BYTES);
    let jobs = fixture.store.flow_jobs(&"f".into()).await.unwrap();
    let mut outputs: HashMap<_, _> = jobs.into_iter().map(|job| (job.summary.id.to_string(), job.output)).collect();
    assert_eq!(outputs.remove("a").unwrap(), Some(Output::TooLong));
    assert_eq!(outputs.remove("b").unwrap(), Some(Output::Json(long('b', 1000))));
    assert_eq!(outputs.remove("r").unwrap(), None);
}

async fn what_cannot_be_read_again_is_not_written(fixture: Fixture) {
    make(&fixture, &[("r", "", false), ("m", "r", false), ("a", "m", true)]).await;
    complete(&fixture, "a", &format!("{}{}", "[".repeat(126), "]".repeat(126))).await;
    assert_eq!(told(&fixture).await, ["a completed", "m failed"]);
    assert_eq!(data(&events(&fixture).await[0])["resultOmitted"], true);
    assert_eq!(input(&fixture, "r").await["childrenFailures"]["m"]["code"], "input-too-deep");
    assert_eq!(input(&fixture, "m").await, serde_json::Value::Null);
}

async fn results_go_through_their_mapping(fixture: Fixture) {
    let search = |job: &mut Submission| {
        if job.execution_id.as_str() == "a" {
            job.job_type = JobType::Search;
        }
    };
    fixture.put(flow_records("f", &[("r", "", false), ("a", "r", true)], search)).await;
    complete(&fixture, "a", r#"{"raw":1}"#).await;
    let mapped = |job_type: JobType, output: &Json| Json::array([&Json::encode(job_type.as_str()), output]);
    fixture.store.advance_flow(&"f".into(), 5000, mapped).await.unwrap();
    let expected = serde_json::json!({"value": ["SEARCH", {"raw": 1}]});
    assert_eq!(data(&events(&fixture).await[0])["result"], expected);
    assert_eq!(input(&fixture, "r").await["childrenValues"]["a"], expected);
}

async fn the_input_of_a_vendors_block_is_left_alone(fixture: Fixture) {
    let upload = |job: &mut Submission| job.job_type = JobType::UploadToMeta;
    fixture.put(flow_records("f", &[("r", "", false), ("a", "r", true)], upload)).await;
    let before = input(&fixture, "r").await;
    complete(&fixture, "a", "1").await;
    told(&fixture).await;
    assert_eq!(input(&fixture, "r").await, before);
    let claimed = fixture.store.claim_jobs(claim(5000, 1)).await.unwrap();
    assert_eq!(claimed.jobs[0].job_id.as_str(), "r");
}

async fn a_parent_may_have_to_wait_for_its_time(fixture: Fixture) {
    fixture
        .put(flow_records("f", &[("r", "", false), ("a", "r", true)], |job| {
            if job.execution_id.as_str() == "r" {
                job.run_at = 9000;
            }
        }))
        .await;
    complete(&fixture, "a", "1").await;
    assert!(advance(&fixture).await.released);
    assert_eq!(job(&fixture, "r").await.status, JobStatus::Delayed);
    assert_eq!(fixture.store.claim_jobs(claim(6000, 9)).await.unwrap().next_due, Some(9000));
}

async fn a_parent_that_is_cancelled_stays_so(fixture: Fixture) {
    make(&fixture, &TREE).await;
    fixture.store.request_cancel(&"r".into(), 3000).await.unwrap();
    assert_eq!(told(&fixture).await, ["r cancelled"]);
    fail(&fixture, "m1").await;
    complete(&fixture, "m2", "1").await;
    complete(&fixture, "n", "1").await;
    advance(&fixture).await;
    assert_eq!(numbers(&fixture).await, (FlowStatus::Cancelled, 5, 2, 3, true));
    assert_eq!(events(&fixture).await.last().unwrap().entry.event, EventKind::FlowCancelled);
    assert_eq!(job(&fixture, "r").await.status, JobStatus::Cancelled);
}
