use super::*;

fn fail(operation: &str, host: &Host) -> Failure {
    let lead = json!({"name": "A", "domain": "b.example"});
    host.run::<Apollo>(&json!({"operation": operation}), &lead, &json!({})).unwrap_err()
}

#[test]
fn every_documented_error_has_its_code_message_and_hint() {
    let limit = r#"{"message": "The maximum number of api calls allowed is 600 times per hour."}"#;
    let inaccessible = r#"{"error": "Not with this key", "error_code": "API_INACCESSIBLE"}"#;
    let limited = r#"{"status": "failed", "error_code": "RECORD_LIMIT_EXCEEDED", "error_message": "too many records"}"#;
    let inside = r#""{\"error\": \"Required parameter 'domain' missing\"}""#;
    type Row =
        (u16, &'static [(&'static str, &'static str)], &'static str, &'static str, &'static str, Option<Option<u64>>);
    let table: [Row; 17] = [
        (400, &[], limited, "invalid-request", "too many records", None),
        (
            400,
            &[("content-type", "text/plain")],
            r#"{"error_message": "missing domains"}"#,
            "invalid-request",
            "missing domains",
            None,
        ),
        (401, &[("content-type", "text/plain")], "Invalid API key.", "unauthorized", "Invalid API key.", None),
        (401, &[], r#"{"error_code": "INVALID_ACCESS_TOKEN", "message": "expired"}"#, "unauthorized", "expired", None),
        (402, &[], "", "quota-exceeded", "HTTP status 402", None),
        (403, &[], inaccessible, "forbidden", "Not with this key", None),
        (403, &[], r#"{"message": "Not on your plan"}"#, "forbidden", "Not on your plan", None),
        (404, &[], r#"{"error": "Nothing here"}"#, "not-found", "Nothing here", None),
        (
            410,
            &[],
            r#"{"error_code": "request_id_expired"}"#,
            "not-found",
            r#"{"error_code": "request_id_expired"}"#,
            None,
        ),
        (422, &[], inside, "invalid-request", "Required parameter 'domain' missing", None),
        (422, &[], r#"{"error": null, "error_message": "", "message": "m"}"#, "invalid-request", "m", None),
        (422, &[], r#"{"error": {"message": "deep"}}"#, "invalid-request", "deep", None),
        (422, &[], r#""only words""#, "invalid-request", "only words", None),
        (
            429,
            &[("retry-after", "60")],
            limit,
            "rate-limited",
            "The maximum number of api calls allowed is 600 times per hour.",
            Some(Some(60_000)),
        ),
        (429, &[], limit, "rate-limited", "The maximum number of api calls allowed is 600 times per hour.", Some(None)),
        (500, &[], "<html> oops\n</html>", "upstream", "<html> oops </html>", Some(None)),
        (503, &[("Retry-After", "5")], "", "upstream", "HTTP status 503", Some(Some(5_000))),
    ];
    for (status, headers, body, code, message, retry) in table {
        for operation in OPERATIONS {
            let failure = fail(operation, &always(status, headers, body));
            assert_eq!((failure.code(), failure.message()), (code, message), "{operation} {status} {body}");
            assert_eq!(failure.retry_hint().map(|hint| hint.after_ms), retry, "{operation} {status} {body}");
            assert_eq!(failure.details().unwrap()["status"], status, "{operation} {status} {body}");
        }
    }
    assert_eq!(fail("matchPerson", &always(403, &[], inaccessible)).details().unwrap()["code"], "API_INACCESSIBLE");
}

#[test]
fn answers_that_are_no_results_fail_without_panic() {
    let table = [
        (200, "", "unexpected-response"),
        (200, "<html>", "unexpected-response"),
        (200, "[]", "unexpected-response"),
        (200, "\"words\"", "unexpected-response"),
        (200, "{\"person\": {", "unexpected-response"),
        (
            200,
            r#"{"person": 7, "organization": [], "people": {}, "matches": 7, "organizations": "x"}"#,
            "unexpected-response",
        ),
        (200, r#"{"status": "failed", "error_code": "INVALID_REQUEST", "error_message": "x"}"#, "invalid-request"),
        (200, r#"{"status": "failed", "error_code": "UNKNOWN_ERROR", "error_message": "x"}"#, "upstream"),
        (200, r#"{"error": "x", "error_code": "API_INACCESSIBLE"}"#, "forbidden"),
        (200, r#""{\"error\": \"x\"}""#, "upstream"),
        (202, "{}", "unexpected-response"),
        (204, "", "unexpected-response"),
        (301, "", "unexpected-response"),
    ];
    for (status, body, code) in table {
        for operation in OPERATIONS {
            let failure = fail(operation, &always(status, &[], body));
            assert_eq!((failure.code(), failure.is_retryable()), (code, false), "{operation} {status} {body}");
            assert_eq!(failure.details().unwrap()["status"], status, "{operation} {status} {body}");
        }
    }
    let long = format!(r#"{{"error": "{}"}}"#, "é".repeat(9_000));
    assert_eq!(fail("matchPerson", &always(422, &[], &long)).message().chars().count(), 501);
}

#[test]
fn work_that_may_have_begun_is_not_begun_again() {
    let host = || Host::new().secret("apollo").respond(|_| Err(Error::Timeout));
    let lead = json!({"email": "a@b.example"});
    for operation in ["matchPerson", "bulkMatch"] {
        let failure = call(&host(), &json!({"operation": operation}), &lead).unwrap_err();
        assert_eq!((failure.code(), failure.is_retryable()), (codes::UPSTREAM_TIMEOUT, true));
        let later =
            json!({"operation": operation, "runWaterfallEmail": true, "webhookUrl": "https://hooks.example.com"});
        let failure = call(&host(), &later, &lead).unwrap_err();
        assert_eq!((failure.code(), failure.is_retryable()), (codes::UPSTREAM_TIMEOUT, false));
        assert_eq!(failure.details().unwrap()["mayHaveBegun"], true);
    }
}

#[test]
fn without_a_key_nothing_is_sent() {
    let host = Host::new().unset_secret("apollo");
    assert_eq!(fail("matchPerson", &host).code(), codes::SECRET_NOT_SET);
}
