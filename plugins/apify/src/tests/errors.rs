use blockyard_sdk::http::{Error, Response};
use blockyard_sdk::testing::Host;
use serde_json::{Value, json};

use super::{end, error, host, response};

fn sync() -> Value {
    json!({"operation": "runSync", "actorId": "o/a"})
}

fn read() -> Value {
    json!({"operation": "datasetItems", "datasetId": "d1"})
}

#[test]
fn every_documented_error_has_its_code_and_retry_hint() {
    for (status, kind, code, retry) in [
        (400, "invalid-input", "invalid-request", false),
        (400, "run-input-body-not-valid-json", "invalid-request", false),
        (400, "a-type-of-the-future", "invalid-request", false),
        (400, "run-failed", "run-failed", false),
        (401, "token-not-provided", "unauthorized", false),
        (401, "invalid-token", "unauthorized", false),
        (401, "user-or-token-not-found", "unauthorized", false),
        (402, "not-enough-usage-to-run-paid-actor", "quota-exceeded", false),
        (402, "x402-payment-required", "quota-exceeded", false),
        (403, "actor-is-not-rented", "quota-exceeded", false),
        (402, "actor-memory-limit-exceeded", "actor-memory-limit", false),
        (403, "insufficient-permissions", "forbidden", false),
        (403, "full-permission-actor-not-approved", "forbidden", false),
        (403, "public-actor-disabled", "forbidden", false),
        (404, "actor-not-found", "not-found", false),
        (404, "record-not-found", "not-found", false),
        (405, "method-not-allowed", "invalid-request", false),
        (408, "run-timeout-exceeded", "run-timeout", false),
        (413, "request-too-large", "too-large", false),
        (415, "unsupported-content-encoding", "invalid-request", false),
        (429, "rate-limit-exceeded", "rate-limited", true),
        (500, "internal-server-error", "upstream", true),
        (502, "bad-gateway", "upstream", true),
    ] {
        let failure = end(&host(move |_| error(status, kind)), sync(), json!({})).unwrap_err();
        assert_eq!((failure.code(), failure.is_retryable()), (code, retry), "{status} {kind}");
        let details = failure.details().unwrap();
        assert_eq!((&details["status"], &details["type"]), (&json!(status), &json!(kind)));
        assert!(failure.message().contains(&format!("about {kind}")), "{failure}");
    }
}

#[test]
fn a_wait_that_the_vendor_asks_for_is_honoured() {
    let answer = Response::new(429, vec![("Retry-After".to_owned(), "7".to_owned())], "");
    let failure = end(&host(move |_| answer.clone()), read(), json!({})).unwrap_err();
    assert_eq!((failure.code(), failure.retry_hint().unwrap().after_ms), ("rate-limited", Some(7_000)));
}

#[test]
fn a_run_that_takes_too_long_points_to_the_other_operation() {
    let failure = end(&host(|_| response(408, "")), sync(), json!({})).unwrap_err();
    assert_eq!((failure.code(), failure.is_retryable()), ("run-timeout", false));
    assert!(failure.message().contains("operation `run`"));
}

#[test]
fn a_start_without_an_answer_is_not_sent_again() {
    for operation in ["run", "runSync"] {
        for (lost, code) in [(Error::Timeout, "upstream-timeout"), (Error::Transport("reset".into()), "transport")] {
            let host = Host::new().secret("apify").respond(move |_| Err(lost.clone()));
            let config = json!({"operation": operation, "actorId": "o/a"});
            let failure = end(&host, config, json!({})).unwrap_err();
            assert_eq!((failure.code(), failure.is_retryable()), (code, false), "{operation}");
            assert_eq!(failure.details().unwrap()["mayHaveStarted"], true);
            assert_eq!(host.sent().len(), 1);
        }
        let host = Host::new().secret("apify").respond(|_| Err(Error::Limited("busy".into())));
        let failure = end(&host, json!({"operation": operation, "actorId": "o/a"}), json!({})).unwrap_err();
        assert!(failure.is_retryable(), "the host did not send it");
    }
    let host = Host::new().secret("apify").respond(|_| Err(Error::Timeout));
    assert!(end(&host, read(), json!({})).unwrap_err().is_retryable());
}

#[test]
fn garbage_never_panics_and_never_loses_the_status() {
    let bodies = [
        "",
        "<html><body>Bad</body></html>",
        "{",
        "[",
        "[1,",
        "{}",
        "null",
        "\"x\"",
        "{\"data\": null}",
        "{\"data\": {\"id\": 5}}",
        "{\"error\": 7}",
        "{\"error\": {\"type\": [], \"message\": {}}}",
        "\u{fffd}é",
    ];
    for config in [sync(), read(), json!({"operation": "run", "actorId": "o/a"})] {
        for body in bodies {
            for status in [200, 201, 202, 204, 302, 404, 418, 500] {
                let failure = end(&host(move |_| response(status, body)), config.clone(), json!({})).unwrap_err();
                assert_eq!(failure.details().unwrap()["status"], status, "{body}");
                let expected = match status {
                    200..=399 => "unexpected-response",
                    404 => "not-found",
                    418 => "invalid-request",
                    _ => "upstream",
                };
                assert_eq!(failure.code(), expected, "{config} {status} {body}");
                assert!(!failure.message().is_empty());
            }
        }
    }
}

#[test]
fn an_error_inside_of_a_success_is_an_error() {
    let failure = end(&host(|_| error(200, "odd")), read(), json!({})).unwrap_err();
    assert_eq!((failure.code(), failure.message()), ("unexpected-response", "about odd"));
    assert_eq!(failure.details().unwrap()["type"], "odd");
}

#[test]
fn a_huge_message_is_cut() {
    let body = json!({"error": {"type": "x", "message": "é".repeat(100_000)}});
    let failure = end(&host(move |_| response(400, &body)), sync(), json!({})).unwrap_err();
    assert_eq!(failure.message().chars().count(), 1_000);
}

#[test]
fn in_a_list_a_failure_stands_in_its_place() {
    let respond = |sent: &blockyard_sdk::testing::Sent| match sent.json()["n"].as_u64() {
        Some(1) => error(400, "run-failed"),
        n => response(201, json!([{"n": n}])),
    };
    let input = json!([{"n": 0}, {"n": 1}, {"n": 2}]);
    let ended = end(&host(respond), sync(), input.clone()).unwrap();
    let output = ended.output("output").unwrap();
    assert_eq!((&output[0], &output[2]), (&json!([{"n": 0}]), &json!([{"n": 2}])));
    assert_eq!(output[1]["error"]["code"], "run-failed");
    let mut config = sync();
    config["onItemError"] = json!("fail");
    assert_eq!(end(&host(respond), config, input).unwrap_err().code(), "run-failed");
}

#[test]
fn without_the_secret_nothing_is_sent() {
    let host = Host::new().unset_secret("apify");
    assert_eq!(end(&host, sync(), json!({})).unwrap_err().code(), "secret-not-set");
    assert_eq!(host.sent().len(), 0);
}
