use blockyard_sdk::http::Error;
use blockyard_sdk::testing::{Ended, Host, Sent};
use serde_json::{Value, json};

use super::{end, host, located, on_table, output, query, response, texts};

/// Gives back what it gets.
fn echo(sent: &Sent) -> blockyard_sdk::http::Response {
    response(201, String::from_utf8_lossy(sent.body.as_deref().unwrap()))
}

fn rows(from: u64, to: u64) -> Value {
    (from..to).map(|id| json!({"id": id})).collect()
}

#[test]
fn rows_go_out_in_batches_byte_for_byte() {
    let host = host(|_| response(201, ""));
    let found = output(&host, on_table("insert", json!({"batchSize": 2})), rows(0, 5));
    assert_eq!(found, json!({"written": 5}));
    let bodies: Vec<_> = host.sent().iter().map(Sent::json).collect();
    assert_eq!(bodies, [rows(0, 2), rows(2, 4), rows(4, 5)]);
    assert_eq!(host.sent()[0].header("prefer"), Some("return=minimal"));
    texts(&host, &on_table("insert", json!({})), r#"[{"z":12345678901234567890123,"a":1.50}]"#);
    assert_eq!(host.sent().pop().unwrap().body.unwrap(), br#"[{"z":12345678901234567890123,"a":1.50}]"#);
    assert_eq!(output(&host, on_table("insert", json!({})), json!([])), json!({"written": 0}));
    assert_eq!(host.sent().len(), 4);
}

#[test]
fn rows_with_the_same_keys_go_together_and_come_back_in_their_order() {
    let host = host(echo);
    let input = json!([{"a": 1}, {"a": 2, "b": 2}, {"a": 3}, {"b": 4, "a": 4}, {}]);
    let config = on_table("upsert", json!({"returning": "representation", "returningColumns": ["a", "b"]}));
    assert_eq!(output(&host, config, input.clone()), input);
    let bodies: Vec<_> = host.sent().iter().map(Sent::json).collect();
    assert_eq!(bodies, [json!([{"a": 1}, {"a": 3}]), json!([{"a": 2, "b": 2}, {"b": 4, "a": 4}]), json!([{}])]);
    assert_eq!(query(&host.sent()[0], "select").as_deref(), Some("a,b"));
}

#[test]
fn only_the_columns_that_were_named_are_written() {
    let host = host(echo);
    let config = on_table("insert", json!({"columns": ["a", "c"], "returning": "representation"}));
    assert_eq!(
        texts(&host, &config, r#"{"b": 1, "a": 123456789012345678901.0}"#)[0].1,
        r#"{"a":123456789012345678901.0}"#
    );
    assert_eq!(located(&host, config, json!([{"a": 1}, {"b": 1}])), ("invalid-input".to_owned(), "/1".to_owned()));
}

#[test]
fn an_upsert_says_how_it_resolves() {
    let host = host(|_| response(200, ""));
    output(&host, on_table("upsert", json!({"onConflict": ["email", "list"]})), json!({"email": "a"}));
    let sent = host.sent().pop().unwrap();
    assert_eq!(query(&sent, "on_conflict").as_deref(), Some("email,list"));
    assert_eq!(sent.header("prefer"), Some("resolution=merge-duplicates,return=minimal"));
    output(&host, on_table("upsert", json!({"ignoreDuplicates": true, "returning": "minimal"})), json!({"email": "a"}));
    assert_eq!(host.sent().pop().unwrap().header("prefer"), Some("resolution=ignore-duplicates,return=minimal"));
}

#[test]
fn an_ignored_duplicate_gives_null_for_one_and_nothing_in_a_list() {
    let host = host(|sent| {
        response(201, if sent.json().as_array().unwrap().len() == 1 { json!([]) } else { json!([{"a": 2}]) })
    });
    let config = on_table("upsert", json!({"ignoreDuplicates": true, "returning": "representation"}));
    assert_eq!(output(&host, config.clone(), json!({"a": 1})), Value::Null);
    assert_eq!(output(&host, config, json!([{"a": 1}, {"a": 2}])), json!([{"a": 2}]));
}

#[test]
fn batches_that_fail_leave_through_their_own_port() {
    let host = host(|sent| {
        let bad = sent.json()[0]["id"] == 2;
        if bad { response(409, json!({"code": "23505", "message": "duplicate key"})) } else { response(201, "") }
    });
    let config = on_table("insert", json!({"batchSize": 2}));
    let ended = end(&host, config.clone(), rows(0, 5)).unwrap();
    assert_eq!(ended.output("output").unwrap(), &json!({"written": 3}));
    let failed = ended.output("failed").unwrap();
    assert_eq!((&failed[0]["error"]["code"], &failed[0]["rows"]), (&json!("conflict"), &rows(2, 4)));
    let Ended::Done { metadata, .. } = ended else { panic!() };
    assert_eq!(metadata, json!({"rows": 3, "batches": 3, "failed": 2}));
    let mut strict = config.clone();
    strict["onItemError"] = json!("fail");
    assert_eq!(end(&host, strict, rows(0, 5)).unwrap_err().code(), "conflict");
    assert_eq!(end(&host, config.clone(), rows(2, 4)).unwrap_err().code(), "conflict", "nothing was written");
    assert_eq!(end(&host, config, json!({"id": 2})).unwrap_err().code(), "conflict");
}

#[test]
fn a_lost_insert_is_not_sent_again_and_a_lost_upsert_is() {
    for (operation, retry) in [("insert", false), ("upsert", true)] {
        for lost in [Error::Timeout, Error::Transport("reset".into())] {
            let host = Host::new().secret("supabaseAnonKey").respond(move |_| Err(lost.clone()));
            let failure = end(&host, on_table(operation, json!({})), json!({"a": 1})).unwrap_err();
            assert_eq!(failure.is_retryable(), retry, "{operation}");
            assert_eq!(failure.details().is_some_and(|details| details["mayHaveBeenDone"] == true), !retry);
            assert_eq!(host.sent().len(), 1);
        }
        let gateway = host(|_| response(504, "<html>Gateway Time-out</html>"));
        assert_eq!(end(&gateway, on_table(operation, json!({})), json!({"a": 1})).unwrap_err().is_retryable(), retry);
        let pool = host(|_| response(504, json!({"code": "PGRST003", "message": "no connection"})));
        assert!(end(&pool, on_table(operation, json!({})), json!({"a": 1})).unwrap_err().is_retryable());
    }
}

#[test]
fn a_batch_that_is_refused_for_now_is_sent_again_and_the_others_are_not() {
    let tries = std::cell::Cell::new(0);
    let host = host(move |sent| {
        if sent.json()[0]["id"] != 2 {
            return response(201, "");
        }
        tries.set(tries.get() + 1);
        if tries.get() == 1 { response(503, json!({"code": "PGRST001", "message": "busy"})) } else { response(201, "") }
    });
    assert_eq!(output(&host, on_table("insert", json!({"batchSize": 2})), rows(0, 5)), json!({"written": 5}));
    assert_eq!(host.sent().len(), 4);
}

#[test]
fn what_is_no_row_is_located_and_nothing_is_sent() {
    let host = host(|_| response(201, ""));
    for (input, pointer) in
        [(json!("x"), ""), (Value::Null, ""), (json!([{"a": 1}, 7]), "/1"), (json!([[{"a": 1}]]), "/0")]
    {
        assert_eq!(
            located(&host, on_table("insert", json!({})), input),
            ("invalid-input".to_owned(), pointer.to_owned())
        );
    }
    for (extra, pointer) in [(json!({"batchSize": 0}), "/batchSize"), (json!({"table": " "}), "/table")] {
        assert_eq!(located(&host, on_table("upsert", extra), json!({"a": 1})).1, pointer);
    }
    assert_eq!(host.sent().len(), 0);
}
