//! The table of the facts, and answers of no table at all.

use blockyard_sdk::testing::Host;
use blockyard_sdk::{Failure, codes};
use serde_json::{Value, json};

use super::{add, answer, meta_error, people};
use crate::MetaAudience;

fn fail(status: u16, headers: &'static [(&'static str, &'static str)], body: impl ToString) -> Failure {
    let body = body.to_string();
    let host = Host::new().secret("meta").respond(move |_| Ok(answer(status, headers, &body)));
    host.run::<MetaAudience>(&add(json!({})), &people(1), &json!({"idempotencyKey": "k"})).unwrap_err()
}

#[test]
fn metas_codes_decide_and_not_the_status() {
    let table: &[(i64, Option<i64>, &str, bool)] = &[
        (1, None, "upstream", true),
        (1, Some(99), "too-large", true),
        (2, None, "upstream", true),
        (4, None, "rate-limited", true),
        (17, Some(2_446_079), "rate-limited", true),
        (32, None, "rate-limited", true),
        (613, Some(1_487_742), "rate-limited", true),
        (80_003, None, "rate-limited", true),
        (80_004, None, "rate-limited", true),
        (10, None, "forbidden", false),
        (200, Some(1_870_050), "forbidden", false),
        (200, Some(1_870_090), "forbidden", false),
        (294, None, "forbidden", false),
        (299, None, "forbidden", false),
        (100, None, "invalid-request", false),
        (100, Some(33), "not-found", false),
        (100, Some(1_713_230), "audience-flagged", false),
        (100, Some(1_713_098), "invalid-request", false),
        (102, None, "unauthorized", false),
        (190, Some(463), "unauthorized", false),
        (190, Some(492), "unauthorized", false),
        (105, None, "too-large", false),
        (368, None, "blocked", true),
        (2635, None, "invalid-request", false),
        (2650, None, "update-failed", false),
        (2650, Some(1_870_144), "too-large", false),
        (2650, Some(1_870_145), "conflict", true),
        (2650, Some(1_870_147), "session-broken", false),
        (2650, Some(1_870_148), "session-broken", false),
        (2650, Some(1_870_158), "session-expired", false),
        (2650, Some(1_870_159), "session-finished", false),
        (999_999, None, "invalid-request", false),
    ];
    for (code, subcode, expected, retryable) in table {
        let failure = fail(400, &[], meta_error(*code, *subcode));
        assert_eq!((failure.code(), failure.is_retryable()), (*expected, *retryable), "{code} {subcode:?}");
        assert_eq!(failure.message(), "Meta's words");
        let details = failure.details().unwrap();
        assert_eq!((&details["status"], &details["metaCode"]), (&json!(400), &json!(code)));
        assert_eq!(details["metaSubcode"], json!(subcode));
    }
}

#[test]
fn an_error_inside_of_a_200_is_an_error() {
    assert_eq!(fail(200, &[], meta_error(190, None)).code(), codes::UNAUTHORIZED);
    assert_eq!(fail(200, &[], meta_error(77_777, None)).code(), codes::UPSTREAM);
}

#[test]
fn codes_may_be_texts_and_what_is_transient_may_be_repeated() {
    let failure = fail(400, &[], json!({"error": {"message": "m", "code": "190", "error_subcode": "463"}}));
    assert_eq!(failure.code(), codes::UNAUTHORIZED);
    let failure = fail(400, &[], json!({"error": {"message": "m", "code": 12_345, "is_transient": true}}));
    assert_eq!((failure.code(), failure.is_retryable()), (codes::INVALID_REQUEST, true));
    let failure = fail(400, &[], json!({"error": {"message": "m", "code": 100, "is_transient": false}}));
    assert!(!failure.is_retryable());
}

#[test]
fn the_words_for_the_user_are_kept() {
    let body = json!({"error": {"message": "Invalid parameter", "code": 100, "error_subcode": 1_713_230,
        "error_user_title": "Audience Upload Blocked", "error_user_msg": "Resolve the restriction first"}});
    let said = fail(400, &[], body);
    assert_eq!(said.message(), "Invalid parameter (Audience Upload Blocked: Resolve the restriction first)");
}

#[test]
fn a_throttle_waits_for_the_longest_named_time() {
    const USAGE: &str = r#"{"10": [{"type": "custom_audience", "call_count": 100, "estimated_time_to_regain_access": 5}],
        "11": [{"estimated_time_to_regain_access": 7}, {}]}"#;
    let after_ms = |headers| fail(400, headers, meta_error(80_003, None)).retry_hint().unwrap().after_ms;
    assert_eq!(after_ms(&[("X-Business-Use-Case-Usage", USAGE)]), Some(420_000));
    assert_eq!(after_ms(&[("Retry-After", "3")]), Some(3_000));
    assert_eq!(after_ms(&[("X-Business-Use-Case-Usage", "{\"1\": [{\"estimated_time_to_regain_access\": 0}]}")]), None);
    for garbage in
        ["", "{", "[]", "{\"1\": {}}", "{\"1\": [7]}", "{\"1\": [{\"estimated_time_to_regain_access\": []}]}"]
    {
        let headers: &'static [(&str, &str)] = vec![("x-business-use-case-usage", garbage)].leak();
        assert_eq!(after_ms(headers), None, "{garbage}");
    }
}

#[test]
fn errors_of_gateways_keep_their_status() {
    let table = [
        (401, "unauthorized", false),
        (403, "forbidden", false),
        (404, "not-found", false),
        (413, "too-large", false),
        (429, "rate-limited", true),
        (500, "upstream", true),
        (503, "upstream", true),
        (504, "upstream-timeout", true),
    ];
    let bodies = ["", "<html><body>Sorry</body></html>", "{\"error\": \"text\"}", "[]", "{\"error\": {}", "null"];
    for (status, code, retryable) in table {
        for body in bodies {
            let failure = fail(status, &[], body);
            assert_eq!((failure.code(), failure.is_retryable()), (code, retryable), "{status} {body}");
            assert_eq!(failure.details().unwrap()["status"], status);
        }
    }
    let huge = "x".repeat(3_000_000);
    assert!(fail(502, &[], huge).message().chars().count() < 300);
    assert_eq!(fail(503, &[], json!({"error": {"code": {}, "message": 7}})).code(), codes::UPSTREAM);
}

#[test]
fn answers_that_are_no_result_are_unexpected_and_not_quoted() {
    let sample = "mary@example.com";
    let bodies = [
        String::new(),
        "<html>".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "{\"num_received\": 1".to_owned(),
        json!({"num_received": "many", "invalid_entry_samples": [sample]}).to_string(),
        json!({"num_received": -1, "invalid_entry_samples": {sample: 1}}).to_string(),
        json!({"num_received": 1, "num_invalid_entries": [], "invalid_entry_samples": {sample: 1}}).to_string(),
    ];
    for status in [200, 202, 204] {
        for body in &bodies {
            let failure = fail(status, &[], body);
            assert_eq!(failure.code(), codes::UNEXPECTED_RESPONSE, "{status} {body}");
            let told = format!("{failure} {}", Value::Object(failure.details().unwrap().clone()));
            assert!(!told.contains(sample), "{told}");
        }
    }
    assert_eq!(fail(302, &[], "").code(), codes::UNEXPECTED_RESPONSE);
}
