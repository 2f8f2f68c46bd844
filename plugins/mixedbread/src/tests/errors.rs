//! The table of the facts, and answers of no table at all.

use blockyard_sdk::http::Error;
use blockyard_sdk::testing::Host;
use blockyard_sdk::{Failure, codes};
use serde_json::{Value, json};

use super::{host, run};

fn configs() -> [Value; 3] {
    [
        json!({"operation": "embeddings"}),
        json!({"operation": "rerank", "query": "q"}),
        json!({"operation": "search", "storeIdentifiers": ["s"]}),
    ]
}

fn fail(status: u16, headers: &'static [(&'static str, &'static str)], body: impl ToString) -> Failure {
    run(&host(status, headers, body), &configs()[0], &json!("a")).unwrap_err()
}

#[test]
fn statuses_become_codes_with_retry_hints_in_every_operation() {
    let table = [
        (400, "invalid-request", false),
        (401, "unauthorized", false),
        (402, "quota-exceeded", false),
        (403, "forbidden", false),
        (404, "not-found", false),
        (408, "upstream-timeout", true),
        (409, "conflict", false),
        (422, "invalid-request", false),
        (429, "rate-limited", true),
        (500, "upstream", true),
        (502, "upstream", true),
        (503, "upstream", true),
        (504, "upstream-timeout", true),
    ];
    for (status, code, retryable) in table {
        for config in configs() {
            let host = host(status, &[("Retry-After", "7")], json!({"type": "some_error", "message": "words"}));
            let failure = run(&host, &config, &json!(["a"])).unwrap_err();
            assert_eq!((failure.code(), failure.message()), (code, "words"), "{status} {config}");
            let after_ms = failure.retry_hint().map(|hint| hint.after_ms);
            assert_eq!(after_ms, retryable.then_some(Some(7_000)), "{status} {config}");
            let details = failure.details().unwrap();
            assert_eq!((&details["status"], &details["type"]), (&json!(status), &json!("some_error")));
        }
    }
}

#[test]
fn the_vendors_words_are_found_in_every_shape() {
    let table = [
        (json!({"message": "m", "error": {"message": "e"}, "detail": "d"}), "m"),
        (json!({"error": {"message": "e", "code": 7, "type": "t"}, "detail": "d"}), "e"),
        (json!({"error": "plain", "detail": "d"}), "plain"),
        (json!({"message": "", "detail": "d"}), "d"),
        (
            json!({"detail": [{"loc": ["body", "input", 3], "msg": "Field required", "type": "missing"}, {"msg": "b"}]}),
            "body.input.3: Field required; b",
        ),
        (json!({"detail": [{"loc": 7}]}), "{\"detail\":[{\"loc\":7}]}"),
        (json!([1, 2]), "[1,2]"),
    ];
    for (body, message) in table {
        assert_eq!(fail(422, &[], &body).message(), message, "{body}");
    }
    let failure = fail(400, &[], json!({"error": {"message": "e", "code": 7, "type": "t"}}));
    assert_eq!(
        (&failure.details().unwrap()["vendorCode"], &failure.details().unwrap()["type"]),
        (&json!(7), &json!("t"))
    );
}

#[test]
fn the_time_to_wait_is_read_from_headers_and_then_from_the_body() {
    let body =
        json!({"type": "too_many_requests_error", "message": "m", "details": {"retry_after": 60, "limit": "100"}});
    let after_ms = |headers, body: &Value| fail(429, headers, body).retry_hint().unwrap().after_ms;
    assert_eq!(after_ms(&[("retry-after-ms", "40"), ("retry-after", "3")], &body), Some(40));
    assert_eq!(after_ms(&[("retry-after", "3")], &body), Some(3_000));
    assert_eq!(after_ms(&[], &body), Some(60_000));
    for odd in
        [json!({"details": {"retry_after": "x"}}), json!({"details": {"retry_after": -1}}), json!({"details": []})]
    {
        assert_eq!(after_ms(&[], &odd), None, "{odd}");
    }
}

#[test]
fn errors_of_gateways_keep_their_status() {
    for body in ["", "<html><body>Bad gateway</body></html>", "\u{0}", "{\"message\": ", "null", "7"] {
        let failure = fail(502, &[], body);
        assert_eq!((failure.code(), &failure.details().unwrap()["status"]), (codes::UPSTREAM, &json!(502)), "{body}");
    }
    assert!(fail(500, &[], "x".repeat(3_000_000)).message().chars().count() < 300);
    assert_eq!(fail(301, &[], "").code(), codes::UNEXPECTED_RESPONSE);
}

#[test]
fn garbage_with_a_good_status_is_unexpected() {
    let bodies = ["", "<html>", "{", "[]", "{}", "null", "7", "{\"data\": 7}", "{\"data\": [7]}", "{\"data\": [[]]}"];
    for config in configs() {
        for status in [200, 202, 204] {
            for body in bodies {
                let failure = run(&host(status, &[], body), &config, &json!(["a"])).unwrap_err();
                assert_eq!(failure.code(), codes::UNEXPECTED_RESPONSE, "{config} {status} {body}");
            }
        }
    }
}

#[test]
fn an_error_inside_of_a_200_is_an_error() {
    for config in configs() {
        let host = host(200, &[], json!({"error": {"message": "model overloaded", "code": 5}}));
        let failure = run(&host, &config, &json!(["a"])).unwrap_err();
        assert_eq!((failure.code(), failure.message()), (codes::UPSTREAM, "model overloaded"));
    }
}

#[test]
fn requests_without_an_answer_may_be_repeated() {
    for config in configs() {
        let host = Host::new().secret("mixedbread").respond(|_| Err(Error::Timeout));
        let failure = run(&host, &config, &json!(["a"])).unwrap_err();
        assert_eq!((failure.code(), failure.is_retryable()), (codes::UPSTREAM_TIMEOUT, true));
    }
}
