use std::cell::Cell;

use blockyard_sdk::http::{Error, Response};
use blockyard_sdk::testing::{Ended, Host, Sent};
use serde_json::{Value, json};

use super::{Apify, end, error, host, output, page, response, run_object};

fn config() -> Value {
    json!({"operation": "run", "actorId": "owner/actor"})
}

fn is_start(sent: &Sent) -> bool {
    sent.method == "POST"
}

fn is_poll(sent: &Sent) -> bool {
    sent.url.contains("/actor-runs/r1?")
}

/// Starts, answers the polls in their order (the last one repeats), and has a dataset of one item.
fn vendor(polls: Vec<Response>) -> Host {
    let next = Cell::new(0);
    host(move |sent| {
        if is_start(sent) {
            return run_object("READY");
        }
        if is_poll(sent) {
            let position = next.replace(next.get() + 1);
            return polls[position.min(polls.len() - 1)].clone();
        }
        page(&json!([{"n": 1}]), Some(1))
    })
}

#[test]
fn a_run_is_started_once_and_its_id_survives_in_the_state() {
    let host = vendor(vec![run_object("RUNNING"), run_object("SUCCEEDED")]);
    let Ended::Suspended { state, after_ms } = host.run::<Apify>(&config(), &json!({}), &json!({})).unwrap() else {
        panic!("it waits")
    };
    assert_eq!((host.sent().len(), after_ms), (1, 1_000));
    assert!(state.to_string().contains("\"r1\""));
    let ended = host.run::<Apify>(&config(), &json!({}), &json!({"state": state})).unwrap();
    let Ended::Suspended { state, .. } = ended else { panic!("{ended:?}") };
    let ended = host.run::<Apify>(&config(), &json!({}), &json!({"state": state})).unwrap();
    assert_eq!(ended.output("output").unwrap(), &json!([{"n": 1}]));
    let Ended::Done { metadata, .. } = ended else { panic!() };
    assert_eq!(metadata, json!({"results": 1, "runIds": ["r1"], "usageTotalUsd": 0.5}));
    assert_eq!(host.sent().iter().filter(|sent| is_start(sent)).count(), 1);
    assert_eq!(host.sent()[0].url, "https://api.apify.com/v2/actors/owner~actor/runs");
    assert!(host.sent()[1].url.ends_with("/v2/actor-runs/r1?waitForFinish=20"));
}

#[test]
fn a_run_that_is_unknown_just_after_the_start_is_waited_for() {
    let unknown = || error(404, "record-not-found");
    let host = vendor(vec![unknown(), unknown(), unknown(), run_object("SUCCEEDED")]);
    assert_eq!(output(&host, config(), json!({})), json!([{"n": 1}]));
    let failure = end(&vendor(vec![unknown()]), config(), json!({})).unwrap_err();
    assert_eq!((failure.code(), &failure.details().unwrap()["runId"]), ("not-found", &json!("r1")));
    let host = vendor(vec![run_object("RUNNING"), unknown(), run_object("SUCCEEDED")]);
    assert_eq!(end(&host, config(), json!({})).unwrap_err().code(), "not-found");
}

#[test]
fn polls_that_fail_do_not_throw_the_run_away() {
    let bad = vec![
        response(503, ""),
        error(429, "rate-limit-exceeded"),
        response(502, "<html>"),
        run_object("RUNNING"),
        response(408, ""),
        run_object("SUCCEEDED"),
    ];
    let host = vendor(bad);
    assert_eq!(output(&host, config(), json!({})), json!([{"n": 1}]));
    let host = vendor(vec![response(500, "")]);
    let failure = end(&host, config(), json!({})).unwrap_err();
    assert_eq!((failure.code(), failure.is_retryable()), ("upstream", true));
    assert_eq!(failure.details().unwrap()["runId"], "r1");
    assert_eq!(host.sent().iter().filter(|sent| is_start(sent)).count(), 1);
}

#[test]
fn a_poll_waits_as_long_as_the_vendor_asks() {
    let slow = Response::new(429, vec![("retry-after".to_owned(), "90".to_owned())], "");
    let host = vendor(vec![slow]);
    let Ended::Suspended { state, .. } = host.run::<Apify>(&config(), &json!({}), &json!({})).unwrap() else {
        panic!()
    };
    let ended = host.run::<Apify>(&config(), &json!({}), &json!({"state": state})).unwrap();
    assert!(matches!(ended, Ended::Suspended { after_ms: 90_000, .. }), "{ended:?}");
}

#[test]
fn a_lost_poll_can_be_sent_again_from_the_same_state() {
    let host = Host::new()
        .secret("apify")
        .respond(|sent| if is_start(sent) { Ok(run_object("READY")) } else { Err(Error::Timeout) });
    let failure = end(&host, config(), json!({})).unwrap_err();
    assert_eq!((failure.code(), failure.is_retryable()), ("upstream-timeout", true));
    assert_eq!(failure.details().unwrap()["runId"], "r1");
}

#[test]
fn runs_that_end_badly_say_how() {
    for (status, code) in [("FAILED", "run-failed"), ("TIMED-OUT", "run-timeout"), ("ABORTED", "run-aborted")] {
        let body = json!({"data": {"id": "r1", "status": status, "statusMessage": "No proxies left", "exitCode": 91, "defaultDatasetId": "d1"}});
        let failure = end(&vendor(vec![response(200, body)]), config(), json!({})).unwrap_err();
        assert_eq!((failure.code(), failure.message(), failure.is_retryable()), (code, "No proxies left", false));
        let expected = json!({"runId": "r1", "runStatus": status, "exitCode": 91, "datasetId": "d1"});
        assert_eq!(Value::Object(failure.details().unwrap().clone()), expected);
        let failure = end(&vendor(vec![run_object(status)]), config(), json!({})).unwrap_err();
        assert_eq!((failure.code(), failure.message()), (code, format!("the run ended as {status}").as_str()));
    }
}

#[test]
fn statuses_on_the_way_and_unknown_ones_are_waited_for_up_to_a_bound() {
    let states = ["READY", "RUNNING", "TIMING-OUT", "ABORTING", "LATER"].map(run_object);
    let host = vendor(states.into_iter().chain([run_object("SUCCEEDED")]).collect());
    assert_eq!(output(&host, config(), json!({})), json!([{"n": 1}]));
    let mut bounded = config();
    bounded["maxWaitSecs"] = json!(300);
    let host = vendor(vec![run_object("RUNNING")]);
    let failure = end(&host, bounded, json!({})).unwrap_err();
    assert_eq!((failure.code(), failure.is_retryable()), ("wait-exceeded", false));
    assert_eq!(failure.details().unwrap()["runId"], "r1");
    assert!((8..16).contains(&host.sent().len()), "{}", host.sent().len());
}

#[test]
fn a_run_without_a_dataset_id_is_read_by_its_own_id() {
    let host = vendor(vec![response(200, json!({"data": {"id": "r1", "status": "SUCCEEDED", "usageTotalUsd": "?"}}))]);
    assert_eq!(output(&host, config(), json!({})), json!([{"n": 1}]));
    assert!(host.sent().pop().unwrap().url.contains("/v2/actor-runs/r1/dataset/items?"));
}

#[test]
fn one_start_that_is_refused_does_not_lose_the_other_run() {
    let tries = Cell::new(0);
    let host = host(move |sent| {
        if is_start(sent) && sent.json()["n"] == 2 {
            tries.set(tries.get() + 1);
            return if tries.get() == 1 { error(429, "rate-limit-exceeded") } else { error(400, "invalid-input") };
        }
        if is_start(sent) {
            run_object("READY")
        } else if is_poll(sent) {
            run_object("SUCCEEDED")
        } else {
            page(&json!([{"n": 1}]), Some(1))
        }
    });
    let found = output(&host, config(), json!([{"n": 1}, {"n": 2}]));
    assert_eq!((&found[0], &found[1]["error"]["code"]), (&json!([{"n": 1}]), &json!("invalid-request")));
    assert_eq!(host.sent().iter().filter(|sent| is_start(sent) && sent.json()["n"] == 1).count(), 1);
}

#[test]
fn many_runs_are_polled_without_waiting_in_the_call() {
    let host = vendor(vec![run_object("SUCCEEDED")]);
    let mut few = config();
    few["concurrency"] = json!(2);
    output(&host, few, json!([{}, {}, {}]));
    assert!(host.sent().iter().filter(|sent| is_poll(sent)).all(|sent| sent.url.ends_with("waitForFinish=0")));
}

#[test]
fn run_options_are_query_parameters() {
    let host = vendor(vec![run_object("SUCCEEDED")]);
    let mut options = config();
    options["runOptions"] = json!({"timeoutSecs": 60, "memoryMbytes": 256, "build": "0.1.2", "maxItems": 9, "maxTotalChargeUsd": 0.5, "restartOnError": false});
    output(&host, options, json!({}));
    let query = host.sent()[0].query();
    let expected = [
        ("timeout", "60"),
        ("memory", "256"),
        ("build", "0.1.2"),
        ("maxItems", "9"),
        ("maxTotalChargeUsd", "0.5"),
        ("restartOnError", "false"),
    ];
    assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}
