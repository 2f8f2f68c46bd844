//! The vendor's errors.

use blockyard_sdk::http::Response;
use blockyard_sdk::items::OneOrMany;
use blockyard_sdk::{Failure, secrets};
use serde_json::{Value, json};

use super::{choice, count, count_one, host, json_response, options};

fn failure(response: Response) -> Failure {
    count_one(vec![response]).unwrap_err()
}

fn summary(failure: &Failure) -> (String, bool, Option<u64>) {
    (failure.code().to_owned(), failure.is_retryable(), failure.retry_hint().and_then(|hint| hint.after_ms))
}

#[test]
fn each_status_has_its_code_and_hint() {
    type Case = (u16, &'static [(&'static str, &'static str)], &'static str, bool, Option<u64>);
    let table: [Case; 21] = [
        (400, &[], "invalid-request", false, None),
        (401, &[], "unauthorized", false, None),
        (402, &[], "quota-exceeded", false, None),
        (403, &[], "forbidden", false, None),
        (404, &[], "not-found", false, None),
        (408, &[], "upstream-timeout", true, None),
        (413, &[], "too-large", false, None),
        (422, &[], "invalid-request", false, None),
        (429, &[("Retry-After", "3")], "rate-limited", true, Some(3_000)),
        (429, &[], "rate-limited", true, None),
        (500, &[], "upstream", true, None),
        (502, &[], "upstream", true, None),
        (503, &[("retry-after", "2")], "upstream", true, Some(2_000)),
        (503, &[], "upstream", true, None),
        (504, &[], "upstream-timeout", true, None),
        (524, &[], "upstream-timeout", true, None),
        (529, &[], "upstream", true, None),
        (401, &[("Retry-After", "3")], "unauthorized", false, None),
        (302, &[("Location", "https://elsewhere.example/")], "unexpected-response", false, None),
        (418, &[], "invalid-request", false, None),
        (599, &[], "upstream", true, None),
    ];
    for (status, headers, code, retry, after_ms) in table {
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let body = json!({"error": {"code": status, "message": "the vendor's words",
            "metadata": {"error_type": "some_type", "provider_code": "E7"}}, "user_id": null});
        let found = failure(Response::new(status, headers.clone(), body.to_string()));
        assert_eq!(summary(&found), (code.to_owned(), retry, after_ms), "{status}");
        assert_eq!(found.message(), "the vendor's words");
        let details = json!({"status": status, "errorType": "some_type", "providerCode": "E7"});
        assert_eq!(Value::Object(found.details().unwrap().clone()), details);
        for odd in [
            "",
            "<html>502 Bad Gateway</html>",
            "{\"error\"",
            "[]",
            "null",
            "{\"error\": 7}",
            "{\"error\": {}}",
            "{\"error\": {\"message\": 7, \"code\": [], \"metadata\": \"x\", \"availability\": 1}}",
        ] {
            let found = failure(Response::new(status, headers.clone(), odd));
            assert_eq!(summary(&found), (code.to_owned(), retry, after_ms), "{status} {odd}");
            assert!(!found.message().is_empty());
            assert_eq!(found.details().unwrap()["status"], status);
        }
    }
}

#[test]
fn an_error_inside_of_a_200_counts_like_its_status() {
    let table = [
        (json!({"code": 429, "message": "slow"}), "rate-limited", true),
        (json!({"code": "503", "message": "slow"}), "upstream", true),
        (json!({"http_status": 402, "code": "no_credit", "message": "pay"}), "quota-exceeded", false),
        (json!({"error_type": "payment_required", "message": "pay"}), "quota-exceeded", false),
        (json!({"metadata": {"error_type": "timeout"}, "message": "late"}), "upstream-timeout", true),
        (json!({"code": 99_999_999_999_u64, "message": "odd"}), "upstream", true),
        (json!("only words"), "upstream", true),
        (json!({}), "upstream", true),
        (json!({"error_type": "context_length_exceeded", "message": "long"}), "too-large", false),
    ];
    for (error, code, retry) in table {
        let top = json_response(200, &json!({ "error": error }));
        let inner = json_response(
            200,
            &json!({"choices": [{"finish_reason": "error", "error": error, "message": {"content": "{\"n\": 1}"}}]}),
        );
        for response in [top, inner] {
            let found = failure(response);
            assert_eq!((found.code(), found.is_retryable()), (code, retry), "{error}");
        }
    }
    let ended = failure(choice(&json!("error"), &json!({"content": "{\"n\": 1}"})));
    assert_eq!((ended.code(), ended.is_retryable()), ("upstream", true));
}

#[test]
fn availability_decides_about_another_attempt() {
    let table = [
        (404, json!({"code": "no_endpoints", "retryable": false}), "not-found", false, None),
        (
            429,
            json!({"code": "capacity_exhausted", "retryable": true, "retry_after": 4}),
            "rate-limited",
            true,
            Some(4_000),
        ),
        (
            503,
            json!({"code": "temporarily_unavailable", "retryable": true, "retry_after": 0.5}),
            "upstream",
            true,
            Some(500),
        ),
        (503, json!({"code": "region", "retryable": false}), "upstream", false, None),
        (404, json!({"code": "odd", "retryable": true, "retry_after": "7"}), "not-found", true, Some(7_000)),
        (429, json!({"code": "odd", "retryable": true, "retry_after": -1}), "rate-limited", true, Some(0)),
    ];
    for (status, availability, code, retry, after_ms) in table {
        let error = json!({"http_status": status, "error_type": "x", "message": "m", "availability": availability});
        let found = failure(json_response(status, &json!({ "error": error })));
        assert_eq!(summary(&found), (code.to_owned(), retry, after_ms), "{availability}");
        assert_eq!(found.details().unwrap()["availability"], availability["code"]);
        assert_eq!(found.details().unwrap()["errorType"], "x");
    }
}

#[test]
fn moderation_gives_its_reasons_and_never_the_flagged_text() {
    let found = failure(json_response(
        403,
        &json!({"error": {"code": 403, "message": "flagged", "metadata": {
        "reasons": ["violence", 7], "flagged_input": "private words", "provider_name": "OpenAI",
        "model_slug": "openai/gpt-4o"}}}),
    ));
    assert_eq!((found.code(), found.is_retryable()), ("moderated", false));
    let details = json!({"status": 403, "reasons": ["violence"], "provider": "OpenAI", "model": "openai/gpt-4o"});
    assert_eq!(Value::Object(found.details().unwrap().clone()), details);
    let guard = json!({"error": {"code": 403, "message": "blocked", "metadata": {"patterns": ["ignore all"]}}});
    assert_eq!(failure(json_response(403, &guard)).code(), "moderated");
    let policy =
        json!({"error": {"code": 400, "message": "policy", "metadata": {"error_type": "content_policy_violation"}}});
    assert_eq!(failure(json_response(400, &policy)).code(), "moderated");
    let refused = json!({"error": {"code": 502, "message": "no", "metadata": {"error_type": "refusal"}}});
    assert_eq!(summary(&failure(json_response(502, &refused))), ("refused".to_owned(), false, None));
}

#[test]
fn garbage_is_an_unexpected_response() {
    for body in [
        "",
        "<html></html>",
        "{\"choices\": [",
        "[]",
        "null",
        "7",
        "{}",
        "{\"choices\": []}",
        "{\"choices\": 7}",
        "{\"choices\": [null]}",
        "{\"choices\": [{\"message\": 7}]}",
        "{\"choices\": [{\"message\": {\"content\": 7}}]}",
        ": OPENROUTER PROCESSING\n\ndata: {}",
    ] {
        assert_eq!(failure(Response::new(200, vec![], body)).code(), "unexpected-response", "{body}");
    }
    assert_eq!(failure(Response::new(204, vec![], "")).code(), "unexpected-response");
    assert_eq!(failure(Response::new(202, vec![], "")).code(), "unexpected-response");
    let odd = json!({"choices": [{"message": {"content": "{\"n\": 1}"}}], "usage": "free", "model": 7});
    assert_eq!(count_one(vec![json_response(200, &odd)]).unwrap().0, json!({"n": 1}));
}

#[test]
fn a_long_message_is_cut() {
    let found = failure(json_response(500, &json!({"error": {"message": "é".repeat(10_000)}})));
    assert_eq!(found.message().chars().count(), 600);
}

#[test]
fn a_missing_key_ends_the_call_before_anything_is_sent() {
    let without = blockyard_sdk::testing::Host::new().unset_secret("openrouter");
    let found = count(&without, options(), OneOrMany::One(json!("x"))).unwrap_err();
    assert_eq!(found.code(), "secret-not-set");
    assert!(without.sent().is_empty());
    assert!(without.within(|| secrets::get("other")).is_err());
}

#[test]
fn options_out_of_range_are_located() {
    type Change = fn(&mut crate::Options);
    let changes: [(Change, &str); 7] = [
        (|options| options.model.clear(), "/model"),
        (|options| options.max_tokens = Some(0), "/maxTokens"),
        (|options| options.timeout_ms = 0, "/timeoutMs"),
        (|options| options.sampling.temperature = Some(2.1), "/temperature"),
        (|options| options.sampling.top_p = Some(f64::NAN), "/topP"),
        (|options| options.referer = Some("a\r\nb: c".to_owned()), "/referer"),
        (|options| options.title = Some("ä".to_owned()), "/title"),
    ];
    for (change, pointer) in changes {
        let mut options = options();
        change(&mut options);
        let found = count(&host(vec![]), options, OneOrMany::One(json!("x"))).unwrap_err();
        assert_eq!((found.code(), &found.details().unwrap()["pointer"]), ("invalid-config", &json!(pointer)));
    }
}
