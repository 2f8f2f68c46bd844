//! Sessions and batches.

use std::cell::Cell;

use blockyard_sdk::codes;
use blockyard_sdk::http::{Error, Placement};
use blockyard_sdk::log::Level;
use blockyard_sdk::testing::{self, Ended, Host};
use serde_json::{Value, json};

use super::{AUDIENCE, add, answer, meta_error, people, received};
use crate::MetaAudience;
use crate::normalize::sha256;
use crate::upload::now_ms;

fn key() -> Value {
    json!({"idempotencyKey": "5d1c"})
}

fn output(ended: Ended) -> Value {
    match ended {
        Ended::Done { outputs, .. } => outputs["output"].clone(),
        Ended::Suspended { .. } => panic!("{ended:?}"),
    }
}

fn host() -> Host {
    let taken = Cell::new(0);
    Host::new().secret("meta").respond(move |sent| {
        let rows = sent.json()["payload"]["data"].as_array().map_or(0, Vec::len);
        taken.set(taken.get() + u64::try_from(rows).unwrap());
        received(taken.get())
    })
}

#[test]
fn batches_are_numbered_in_one_session_and_only_the_last_is_flagged() {
    let host = host();
    let ended = host.run::<MetaAudience>(&add(json!({"batchSize": 2})), &people(5), &key()).unwrap();
    let result = output(ended);
    let sent = host.sent();
    let sessions: Vec<Value> = sent.iter().map(|sent| sent.json()["session"].clone()).collect();
    let id = sessions[0]["session_id"].as_u64().unwrap();
    assert!((1..1 << 53).contains(&id));
    let session = |seq: u64, last: bool| json!({"session_id": id, "batch_seq": seq, "last_batch_flag": last, "estimated_num_total": 5});
    assert_eq!(sessions, [session(1, false), session(2, false), session(3, true)]);
    let sizes: Vec<_> = sent.iter().map(|sent| sent.json()["payload"]["data"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [2, 2, 1]);
    assert!(sent.iter().all(|sent| sent.together == 1 && sent.method == "POST"));
    assert_eq!(sent[0].credentials, [("meta".to_owned(), Placement::Bearer)]);
    assert_eq!(sent[0].url, format!("https://graph.facebook.com/v25.0/{AUDIENCE}/users"));
    let expected = json!({"audience_id": AUDIENCE, "session_id": "7", "numReceived": 5, "numInvalid": 0,
        "batches": 3, "skipped": 0});
    assert_eq!(result, expected);
}

#[test]
fn the_session_id_is_the_same_for_every_attempt_and_differs_between_calls() {
    let id = |context: &Value| {
        let host = host();
        host.run::<MetaAudience>(&add(json!({})), &people(1), context).unwrap();
        host.sent()[0].json()["session"]["session_id"].as_u64().unwrap()
    };
    assert_eq!(id(&key()), id(&json!({"idempotencyKey": "5d1c", "attempt": 2})));
    assert_ne!(id(&key()), id(&json!({"idempotencyKey": "5d1d"})));
    assert!(id(&json!({})) > 0);
}

#[test]
fn ten_thousand_rows_are_one_request() {
    let host = host();
    host.run::<MetaAudience>(&add(json!({})), &people(10_001), &key()).unwrap();
    let sizes: Vec<_> =
        host.sent().iter().map(|sent| sent.json()["payload"]["data"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [10_000, 1]);
}

#[test]
fn columns_are_those_that_somebody_fills_and_unknown_values_are_empty() {
    let host = host();
    let input = json!([
        {"email": "Mary@Example.com", "first_name": "", "lastName": "Lee", "country": "", "unknown": 1e300},
        {"phone": "+49 170 1234567", "firstName": "Zoë", "country": "Germany"},
        {"country": "US", "city": "Reno", "email": null},
        {"email": "nobody"}
    ]);
    let result = output(host.run::<MetaAudience>(&add(json!({})), &input, &key()).unwrap());
    let payload = host.sent()[0].json()["payload"].clone();
    assert_eq!(payload["schema"], json!(["EMAIL", "PHONE", "FN", "LN", "COUNTRY"]));
    let rows = json!([
        [sha256("mary@example.com"), "", "", sha256("lee"), ""],
        ["", sha256("491701234567"), sha256("zoë"), "", sha256("de")]
    ]);
    assert_eq!(payload["data"], rows);
    assert_eq!((&result["skipped"], &result["batches"]), (&json!(2), &json!(1)));
    assert!(!host.sent()[0].json().to_string().contains(&sha256("")));
}

#[test]
fn the_schema_stays_the_same_in_all_batches_and_the_default_country_fills_in() {
    let host = host();
    let input = json!([{"email": "a@example.com"}, {"email": "b@example.com", "city": "Wien", "country": "AT"}]);
    host.run::<MetaAudience>(&add(json!({"batchSize": 1, "defaultCountry": "US"})), &input, &key()).unwrap();
    let payloads: Vec<_> = host.sent().iter().map(|sent| sent.json()["payload"].clone()).collect();
    assert_eq!(payloads[0]["schema"], json!(["EMAIL", "CT", "COUNTRY"]));
    assert_eq!(payloads[0]["schema"], payloads[1]["schema"]);
    assert_eq!(payloads[0]["data"], json!([[sha256("a@example.com"), "", sha256("us")]]));
    assert_eq!(payloads[1]["data"], json!([[sha256("b@example.com"), sha256("wien"), sha256("at")]]));
}

#[test]
fn named_fields_replace_the_usual_ones() {
    let host = host();
    let fields = json!({"MADID": "ids.0", "EXTERN_ID": "crm.key", "DATA_PROCESSING_OPTIONS": "ldu", "APPUID": "app",
        "EMAIL": "e.mail"});
    let input = json!([
        {"ids": ["AB-1"], "crm": {"key": "K 1"}, "ldu": ["LDU"], "email": "unused@example.com"},
        {"app": 9_007_199_254_740_993_u64, "e.mail": "a@example.com"}
    ]);
    let config = add(json!({"fields": fields, "appIds": ["77"]}));
    host.run::<MetaAudience>(&config, &input, &key()).unwrap();
    let payload = host.sent()[0].json()["payload"].clone();
    assert_eq!(payload["schema"], json!(["EMAIL", "MADID", "EXTERN_ID", "APPUID", "DATA_PROCESSING_OPTIONS"]));
    let rows = json!([["", "ab-1", "K 1", "", ["LDU"]], [sha256("a@example.com"), "", "", "9007199254740993", []]]);
    assert_eq!(payload["data"], rows);
    assert_eq!(payload["app_ids"], json!(["77"]));
}

#[test]
fn without_a_usable_person_nothing_is_sent() {
    for (input, skipped) in [(json!([]), 0), (json!([{"country": "US"}, {}]), 2), (json!({}), 1)] {
        let host = Host::new().secret("meta");
        let result = output(host.run::<MetaAudience>(&add(json!({})), &input, &key()).unwrap());
        let expected = json!({"audience_id": AUDIENCE, "session_id": null, "numReceived": 0, "numInvalid": 0,
            "batches": 0, "skipped": skipped});
        assert_eq!(result, expected);
    }
}

#[test]
fn invalid_entries_are_counted_and_warned_of_but_never_shown() {
    let host = Host::new().secret("meta").respond(|sent| {
        let seq = sent.json()["session"]["batch_seq"].as_u64().unwrap();
        let samples = json!({"f1904cf1a9d7@example.com": "secret sample"});
        Ok(answer(
            200,
            &[],
            json!({"account_id": 23_850_000_000_000_001_u64, "session_id": "9", "num_received": seq.to_string(),
            "num_invalid_entries": seq, "invalid_entry_samples": samples}),
        ))
    });
    testing::take_logs();
    let ended = host.run::<MetaAudience>(&add(json!({"batchSize": 1})), &people(2), &key()).unwrap();
    let told = format!("{ended:?}");
    let result = output(ended);
    assert_eq!((&result["numReceived"], &result["numInvalid"]), (&json!(2), &json!(3)));
    assert_eq!(result["audience_id"], AUDIENCE);
    let logs = testing::take_logs();
    assert!(logs.iter().any(|line| line.level == Level::Warn && line.fields["numInvalid"] == 3), "{logs:?}");
    assert!(!told.contains("sample") && !format!("{logs:?}").contains("sample"));
}

#[test]
fn removal_and_replacement_differ_in_method_and_edge() {
    let calls = [("removeUsers", "DELETE", "users"), ("replaceUsers", "POST", "usersreplace")];
    for (operation, method, edge) in calls {
        let host = host();
        let config =
            add(json!({"operation": operation, "baseUrl": "https://proxy.example/meta/", "apiVersion": "v26.0"}));
        host.run::<MetaAudience>(&config, &people(1), &key()).unwrap();
        let sent = &host.sent()[0];
        assert_eq!(sent.method, method);
        assert_eq!(sent.url, format!("https://proxy.example/meta/v26.0/{AUDIENCE}/{edge}"));
        assert_eq!(sent.json()["payload"]["data"], json!([[sha256("p0@example.com")]]));
        assert_eq!(sent.json()["session"]["last_batch_flag"], true);
    }
}

/// Answers the requests of the given numbers, from 1, with these; the others are received.
fn failing(at: &'static [usize], status: u16, headers: &'static [(&'static str, &'static str)], body: Value) -> Host {
    let count = Cell::new(0);
    Host::new().secret("meta").respond(move |_| {
        count.set(count.get() + 1);
        if at.contains(&count.get()) { Ok(answer(status, headers, &body)) } else { received(3) }
    })
}

fn suspended(ended: Ended) -> (u64, Value) {
    match ended {
        Ended::Suspended { after_ms, state } => (after_ms, state),
        Ended::Done { .. } => panic!("{ended:?}"),
    }
}

#[test]
fn a_throttled_batch_waits_and_the_session_goes_on_with_it() {
    const USAGE: &[(&str, &str)] =
        &[("x-business-use-case-usage", r#"{"1": [{"estimated_time_to_regain_access": 2}]}"#)];
    let host = failing(&[2], 400, USAGE, meta_error(80_003, None));
    let config = add(json!({"batchSize": 1}));
    let (after_ms, state) = suspended(host.run::<MetaAudience>(&config, &people(3), &key()).unwrap());
    assert_eq!(after_ms, 120_000);
    let context = json!({"idempotencyKey": "5d1c", "state": state});
    let result = output(host.run::<MetaAudience>(&config, &people(3), &context).unwrap());
    assert_eq!(result["batches"], 3);
    let seen: Vec<_> = host.sent().iter().map(|sent| sent.json()["session"]["batch_seq"].as_u64().unwrap()).collect();
    assert_eq!(seen, [1, 2, 2, 3]);
    let ids: std::collections::HashSet<_> =
        host.sent().iter().map(|sent| sent.json()["session"]["session_id"].as_u64()).collect();
    assert_eq!(ids.len(), 1);
}

#[test]
fn a_throttle_without_a_time_waits_a_minute_and_gives_up_after_three_tries() {
    let host = failing(&[2, 3, 4], 400, &[], meta_error(17, None));
    let config = add(json!({"batchSize": 1}));
    let (after_ms, _) = suspended(host.run::<MetaAudience>(&config, &people(2), &key()).unwrap());
    assert_eq!(after_ms, 60_000);
    let host = failing(&[2, 3, 4], 400, &[], meta_error(17, None));
    let failure = host.run_to_end::<MetaAudience>(&config, &people(2), &key()).unwrap_err();
    assert_eq!((failure.code(), failure.is_retryable()), (codes::RATE_LIMITED, true));
    assert_eq!(failure.details().unwrap()["batchesDone"], 1);
    assert_eq!(host.sent().len(), 4);
}

#[test]
fn a_failure_of_the_first_batch_is_the_calls() {
    let host = failing(&[1], 500, &[], meta_error(2, None));
    let failure = host.run::<MetaAudience>(&add(json!({"batchSize": 1})), &people(3), &key()).unwrap_err();
    assert_eq!((failure.code(), failure.is_retryable(), host.sent().len()), (codes::UPSTREAM, true, 1));
}

#[test]
fn a_refusal_within_the_session_fails_at_once() {
    let host = failing(&[2], 400, &[], meta_error(190, Some(463)));
    let failure = host.run::<MetaAudience>(&add(json!({"batchSize": 1})), &people(3), &key()).unwrap_err();
    assert_eq!((failure.code(), failure.is_retryable(), host.sent().len()), (codes::UNAUTHORIZED, false, 2));
}

#[test]
fn a_session_older_than_ninety_minutes_is_not_continued() {
    let state = |age_ms: u64| {
        json!({"sessionId": 7, "startedMs": now_ms() - age_ms, "batchSize": 1, "done": 1, "received": 1, "invalid": 0,
            "audienceId": AUDIENCE, "tries": 0, "lost": false})
    };
    let run = |age_ms: u64| {
        let host = host();
        let context = json!({"idempotencyKey": "5d1c", "state": state(age_ms)});
        (host.run::<MetaAudience>(&add(json!({"batchSize": 1})), &people(2), &context), host.sent().len())
    };
    let (late, sent) = run(90 * 60_000 + 1_000);
    let late = late.unwrap_err();
    assert_eq!((late.code(), late.is_retryable(), sent), ("session-expired", false, 0));
    assert_eq!(run(80 * 60_000).1, 1);
    let host = failing(&[1], 400, &[("retry-after", "3600")], meta_error(4, None));
    let context = json!({"idempotencyKey": "5d1c", "state": state(40 * 60_000)});
    let failure = host.run::<MetaAudience>(&add(json!({"batchSize": 1})), &people(2), &context).unwrap_err();
    assert_eq!(failure.code(), "session-expired");
}

#[test]
fn a_last_batch_whose_answer_was_lost_counts_once_the_session_is_finished() {
    let count = Cell::new(0);
    let host = Host::new().secret("meta").respond(move |_| {
        count.set(count.get() + 1);
        match count.get() {
            1 => received(1),
            2 => Err(Error::Timeout),
            _ => Ok(answer(400, &[], meta_error(2650, Some(1_870_159)))),
        }
    });
    let ended = host.run_to_end::<MetaAudience>(&add(json!({"batchSize": 1})), &people(2), &key()).unwrap();
    assert_eq!(output(ended)["batches"], 2);
    let again = failing(&[1], 400, &[], meta_error(2650, Some(1_870_159)));
    let context = json!({"idempotencyKey": "5d1c", "attempt": 2});
    let result = output(again.run::<MetaAudience>(&add(json!({})), &people(2), &context).unwrap());
    assert_eq!(result["numReceived"], Value::Null);
}

#[test]
fn requests_without_an_answer_may_be_repeated() {
    for (error, code) in [(Error::Timeout, "upstream-timeout"), (Error::Transport("reset".into()), "transport")] {
        let host = Host::new().secret("meta").respond(move |_| Err(error.clone()));
        let failure = host.run::<MetaAudience>(&add(json!({})), &people(1), &key()).unwrap_err();
        assert_eq!((failure.code(), failure.is_retryable()), (code, true));
    }
}

#[test]
fn a_state_that_is_none_is_an_internal_failure() {
    for state in [json!(7), json!({"sessionId": "x"}), json!([])] {
        let context = json!({"idempotencyKey": "5d1c", "state": state});
        let failure = host().run::<MetaAudience>(&add(json!({})), &people(1), &context).unwrap_err();
        assert_eq!(failure.code(), codes::INTERNAL);
    }
}
