use super::*;

const RATE: &str = r#"{"errors": [{"id": "forbidden", "code": 403, "details": "Rate limit reached"}]}"#;

/// Status, headers, body; code and hint.
type Row = (u16, &'static [(&'static str, &'static str)], &'static str, &'static str, Option<Option<u64>>);

#[test]
fn every_documented_error_has_its_code_and_hint() {
    let wrong = r#"{"errors": [{"id": "wrong_params", "code": 400, "details": "You are missing the email"}]}"#;
    let table: [Row; 20] = [
        (400, &[], wrong, "invalid-request", None),
        (401, &[], r#"{"errors": [{"id": "authentication_failed", "code": 401}]}"#, "unauthorized", None),
        (402, &[], "", "quota-exceeded", None),
        (403, &[], RATE, "rate-limited", Some(None)),
        (403, &[("Retry-After", "3")], RATE, "rate-limited", Some(Some(3_000))),
        (403, &[], r#"{"errors": [{"id": "too_many_requests"}]}"#, "rate-limited", Some(None)),
        (403, &[], r#"{"errors": [{"id": "forbidden", "details": "A separate plan"}]}"#, "forbidden", None),
        (403, &[], "<html>Access denied</html>", "forbidden", None),
        (404, &[], r#"{"errors": [{"id": "not_found"}]}"#, "not-found", None),
        (422, &[], "{}", "invalid-request", None),
        (429, &[], r#"{"errors": [{"id": "too_many_requests"}]}"#, "quota-exceeded", None),
        (429, &[("retry-after", "2")], r#"{"errors": []}"#, "rate-limited", Some(Some(2_000))),
        (429, &[("retry-after", "soon")], "", "rate-limited", Some(None)),
        (451, &[], r#"{"errors": [{"id": "claimed_email"}]}"#, "claimed-email", None),
        (451, &[], "", "claimed-email", None),
        (500, &[], "oops", "upstream", Some(None)),
        (503, &[("Retry-After", "5")], "", "upstream", Some(Some(5_000))),
        (504, &[], "", "upstream-timeout", Some(None)),
        (222, &[], r#"{"errors": [{"id": "verification_failed", "code": 222}]}"#, "upstream", Some(None)),
        (222, &[], "", "upstream", Some(None)),
    ];
    for (status, headers, body, code, retry) in table {
        let host = always(status, headers, body);
        let failure =
            host.run::<Hunter>(&json!({"operation": "emailVerifier"}), &json!({"email": "a@b.example"}), &json!({}));
        let failure = failure.unwrap_err();
        assert_eq!(failure.code(), code, "{status} {body}");
        assert_eq!(failure.retry_hint().map(|hint| hint.after_ms), retry, "{status} {body}");
        assert_eq!(failure.details().unwrap()["status"], status, "{status} {body}");
        assert!(!failure.message().is_empty(), "{status} {body}");
    }
}

#[test]
fn the_vendors_words_and_id_are_kept() {
    let host = always(400, &[], r#"{"errors": [{"id": "invalid_email", "code": 400, "details": "No such address"}]}"#);
    let failure = call(&host, &json!({"operation": "emailVerifier"}), &json!({"email": "x"})).unwrap_err();
    assert_eq!(failure.message(), "No such address");
    assert_eq!(failure.details().unwrap()["id"], "invalid_email");
    let host = always(400, &[], &json!({"errors": [{"details": "é".repeat(5_000)}]}).to_string());
    let failure = call(&host, &json!({"operation": "emailVerifier"}), &json!({"email": "x"})).unwrap_err();
    assert_eq!(failure.message().chars().count(), 501);
}

#[test]
fn answers_that_are_no_results_fail_without_panic() {
    let table = [
        (200, "", "unexpected-response"),
        (200, "<html>", "unexpected-response"),
        (200, "[]", "unexpected-response"),
        (200, "{\"data\": {", "unexpected-response"),
        (200, "{}", "unexpected-response"),
        (200, r#"{"data": 7}"#, "unexpected-response"),
        (200, r#"{"data": {"status": 7}}"#, "unexpected-response"),
        (200, r#"{"data": {"status": "valid"}, "errors": [{"id": "forbidden", "code": 403}]}"#, "forbidden"),
        (200, r#"{"errors": [{"code": 200}]}"#, "unexpected-response"),
        (200, r#"{"errors": [{"code": 1e300}]}"#, "unexpected-response"),
        (200, r#"{"errors": "boom"}"#, "unexpected-response"),
        (201, r#"{"data": {"status": "valid"}}"#, "unexpected-response"),
        (204, "", "unexpected-response"),
        (302, "", "unexpected-response"),
        (400, "null", "invalid-request"),
        (400, r#"{"errors": {"details": 7}}"#, "invalid-request"),
        (400, r#"{"errors": [["x"]]}"#, "invalid-request"),
    ];
    for (status, body, code) in table {
        let failure = call(&always(status, &[], body), &json!({"operation": "emailVerifier"}), &json!({"email": "x"}));
        let failure = failure.unwrap_err();
        assert_eq!((failure.code(), failure.is_retryable()), (code, false), "{status} {body}");
        assert_eq!(failure.details().unwrap()["status"], status, "{status} {body}");
    }
}

#[test]
fn an_error_without_retry_of_the_whole_account_stops_the_list() {
    let host = Host::new().secret("hunter").respond(|sent| match sent.url.contains("a%40") {
        true => json(200, &json!({"data": {"status": "valid"}})),
        false => answer(429, &[], ""),
    });
    let leads: Vec<_> = "abcdefghijklmnop".chars().map(|c| json!({"email": format!("{c}@b.example")})).collect();
    let results = output(&host, &json!({"operation": "emailVerifier"}), &json!(leads));
    assert_eq!(results[0]["status"], "valid");
    assert_eq!(results[15]["error"]["code"], "quota-exceeded");
    assert_eq!(host.sent().len(), 8);
}
