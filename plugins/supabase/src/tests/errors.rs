use blockyard_sdk::http::{Error, Response};
use blockyard_sdk::testing::Host;
use serde_json::json;

use super::{end, host, on_table, response};

#[test]
fn every_documented_error_has_its_code_and_retry_hint() {
    for (status, code, expected, retry) in [
        (409, "23503", "conflict", false),
        (409, "23505", "conflict", false),
        (400, "23502", "invalid-request", false),
        (400, "22P02", "invalid-request", false),
        (401, "42501", "unauthorized", false),
        (403, "42501", "forbidden", false),
        (404, "42P01", "not-found", false),
        (404, "42883", "not-found", false),
        (404, "PGRST202", "not-found", false),
        (404, "PGRST205", "not-found", false),
        (404, "PGRST125", "not-found", false),
        (405, "25006", "invalid-request", false),
        (503, "08006", "upstream", true),
        (503, "53300", "upstream", true),
        (500, "40001", "upstream", false),
        (500, "54001", "upstream", false),
        (500, "55P03", "upstream", false),
        (500, "57014", "statement-timeout", false),
        (500, "57P01", "upstream", false),
        (500, "XX000", "upstream", false),
        (400, "P0001", "invalid-request", false),
        (402, "PT402", "quota-exceeded", false),
        (429, "PT429", "rate-limited", true),
        (400, "PGRST100", "invalid-request", false),
        (400, "PGRST102", "invalid-request", false),
        (400, "PGRST204", "invalid-request", false),
        (406, "PGRST106", "invalid-request", false),
        (406, "PGRST107", "invalid-request", false),
        (406, "PGRST116", "not-one-row", false),
        (400, "PGRST124", "too-many-rows", false),
        (400, "PGRST200", "invalid-request", false),
        (300, "PGRST201", "invalid-request", false),
        (401, "PGRST301", "unauthorized", false),
        (401, "PGRST302", "unauthorized", false),
        (401, "PGRST303", "unauthorized", false),
        (503, "PGRST000", "upstream", true),
        (503, "PGRST001", "upstream", true),
        (503, "PGRST002", "upstream", true),
        (504, "PGRST003", "upstream-timeout", true),
    ] {
        for operation in ["select", "insert"] {
            let body = json!({"code": code, "message": "the words", "details": "more", "hint": null});
            let failure = end(&host(move |_| response(status, &body)), on_table(operation, json!({})), json!({"a": 1}));
            let failure = failure.unwrap_err();
            assert_eq!((failure.code(), failure.is_retryable()), (expected, retry), "{status} {code}");
            assert_eq!(failure.message(), "the words");
            let details = json!({"status": status, "code": code, "details": "more"});
            assert_eq!(json!(failure.details().unwrap()), details);
        }
    }
}

#[test]
fn gateway_errors_keep_their_status_and_words() {
    for (status, body, expected, message) in [
        (
            401,
            r#"{"message":"No API key found in request","hint":"No `apikey`"}"#,
            "unauthorized",
            "No API key found in request",
        ),
        (401, r#"{"message":"Invalid API key"}"#, "unauthorized", "Invalid API key"),
        (401, "", "unauthorized", "HTTP status 401"),
        (429, r#"{"code":429,"msg":"slow down"}"#, "rate-limited", "slow down"),
        (500, "<html>\n<b>Oops</b>", "upstream", "<html> <b>Oops</b>"),
        (502, "", "upstream", "HTTP status 502"),
        (413, r#"{"error":"too much"}"#, "too-large", "too much"),
        (416, r#"{"code":"22003","message":"odd"}"#, "invalid-request", "odd"),
        (302, "", "unexpected-response", "HTTP status 302"),
    ] {
        let failure =
            end(&host(move |_| response(status, body)), on_table("select", json!({})), json!({})).unwrap_err();
        assert_eq!((failure.code(), failure.message()), (expected, message), "{status}");
        assert_eq!(failure.details().unwrap()["status"], status);
    }
}

#[test]
fn a_wait_that_the_server_asks_for_is_honoured() {
    for status in [429, 503, 504] {
        let answer = Response::new(status, vec![("Retry-After".to_owned(), "3".to_owned())], "");
        let failure = end(&host(move |_| answer.clone()), on_table("select", json!({})), json!({})).unwrap_err();
        assert_eq!(failure.retry_hint().unwrap().after_ms, Some(3_000));
    }
}

#[test]
fn garbage_is_an_unexpected_response() {
    let filter = json!([{"column": "a", "operator": "eq", "value": 1}]);
    for body in ["", "<html>", "{", "[1,", "null", "5", "{\"a\":1}", "\"x\""] {
        for config in [
            on_table("select", json!({})),
            on_table("insert", json!({"returning": "representation"})),
            on_table("delete", json!({"filters": filter, "returning": "representation"})),
        ] {
            let failure = end(&host(move |_| response(200, body)), config.clone(), json!({"a": 1})).unwrap_err();
            assert_eq!((failure.code(), failure.is_retryable()), ("unexpected-response", false), "{config} {body}");
        }
    }
    for body in ["", "[]", "5", "{"] {
        let failure = end(&host(move |_| response(200, body)), on_table("select", json!({"single": true})), json!({}));
        assert_eq!(failure.unwrap_err().code(), "unexpected-response", "{body}");
    }
    let rpc = json!({"operation": "rpc", "function": "f"});
    assert_eq!(end(&host(|_| response(200, "<html>")), rpc, json!({})).unwrap_err().code(), "unexpected-response");
}

#[test]
fn a_huge_message_is_cut() {
    let body = json!({"code": "P0001", "message": "é".repeat(50_000)});
    let failure = end(&host(move |_| response(400, &body)), on_table("select", json!({})), json!({})).unwrap_err();
    assert_eq!(failure.message().chars().count(), 1_000);
}

#[test]
fn in_a_list_a_failure_stands_in_its_place() {
    let host = host(|sent| {
        if sent.url.contains("eq.2") {
            response(400, json!({"code": "22P02", "message": "bad"}))
        } else {
            response(200, "[]")
        }
    });
    let config = on_table("select", json!({"filters": [{"column": "a", "operator": "eq", "from": "a"}]}));
    let ended = end(&host, config, json!([{"a": 1}, {"a": 2}, {"a": 3}])).unwrap();
    let output = ended.output("output").unwrap();
    assert_eq!(
        (&output[0], &output[1]["error"]["code"], &output[2]),
        (&json!([]), &json!("invalid-request"), &json!([]))
    );
}

#[test]
fn a_lost_read_may_be_sent_again_and_a_missing_secret_sends_nothing() {
    let host = Host::new().secret("supabaseAnonKey").respond(|_| Err(Error::Transport("reset".into())));
    assert!(end(&host, on_table("select", json!({})), json!({})).unwrap_err().is_retryable());
    let host = Host::new().unset_secret("supabaseAnonKey");
    assert_eq!(end(&host, on_table("select", json!({})), json!({})).unwrap_err().code(), "secret-not-set");
    assert_eq!(host.sent().len(), 0);
}

#[test]
fn configs_of_the_wrong_shape_are_refused() {
    let host = host(|_| response(200, "[]"));
    for config in [
        json!({}),
        json!({"operation": "drop"}),
        on_table("select", json!({"x": 1})),
        json!({"operation": "select"}),
        json!({"operation": "rpc", "function": ".."}),
    ] {
        assert_eq!(end(&host, config, json!({})).unwrap_err().code(), "invalid-config");
    }
    for extra in [json!({"limit": 0}), json!({"limit": 100_001}), json!({"pageSize": 0})] {
        assert_eq!(end(&host, on_table("select", extra), json!({})).unwrap_err().code(), "invalid-config");
    }
}
