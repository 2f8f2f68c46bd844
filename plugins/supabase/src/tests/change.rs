use serde_json::{Value, json};

use super::{end, host, located, on_table, output, query, ranged, response, texts};

fn by_id() -> Value {
    json!([{"column": "id", "operator": "eq", "from": "id"}])
}

#[test]
fn without_a_filter_nothing_is_touched() {
    let host = host(|_| response(204, ""));
    for config in [
        on_table("update", json!({"values": {"a": 1}})),
        on_table("delete", json!({})),
        on_table("delete", json!({"filters": [], "anyOf": []})),
    ] {
        assert_eq!(located(&host, config, json!({})), ("invalid-config".to_owned(), "/filters".to_owned()));
    }
    for filter in [
        json!({"column": "limit", "operator": "eq", "value": 1}),
        json!({"column": "orders.id", "operator": "eq", "value": 1}),
        json!({"column": "id", "operator": "in", "value": [], "negate": true}),
        json!({"column": "id", "operator": "cs", "value": []}),
        json!({"column": "id", "operator": "cs", "value": {}}),
        json!({"column": "id", "operator": "cs", "value": " [ ] "}),
        json!({"column": "id", "operator": "gt", "value": [], "quantifier": "all"}),
    ] {
        let code = located(&host, on_table("delete", json!({"filters": [filter.clone()]})), json!({})).0;
        assert_eq!(code, "invalid-config", "{filter}");
    }
    let from = json!([{"column": "tags", "operator": "cs", "from": "tags"}]);
    assert_eq!(
        located(&host, on_table("delete", json!({"filters": from})), json!({"tags": []})),
        ("invalid-input".to_owned(), "/tags".to_owned())
    );
    assert_eq!(
        located(&host, on_table("delete", json!({"filters": by_id()})), json!({})),
        ("invalid-input".to_owned(), "/id".to_owned())
    );
    assert_eq!(host.sent().len(), 0);
}

#[test]
fn an_update_writes_fixed_values_and_fields_of_the_item() {
    let host = host(|_| ranged(204, "*/2", ""));
    let config = on_table(
        "update",
        json!({"filters": by_id(), "values": {"state": "done", "n": 1}, "fields": ["n", "note", "absent"]}),
    );
    let found = texts(&host, &config, r#"[{"id": 1, "n": 12345678901234567890123, "note": null}, {"id": 2}]"#);
    assert_eq!(found[0].1, r#"[{"count":2},{"count":2}]"#);
    let sent = host.sent();
    assert_eq!(sent[0].body.as_deref().unwrap(), br#"{"n":12345678901234567890123,"note":null,"state":"done"}"#);
    assert_eq!(sent[1].json(), json!({"state": "done", "n": 1}));
    assert_eq!((sent[0].method.as_str(), query(&sent[0], "id").as_deref()), ("PATCH", Some("eq.1")));
    assert_eq!(sent[0].header("prefer"), Some("return=minimal,count=exact"));
    let only_fields = on_table("update", json!({"filters": by_id(), "fields": ["note"]}));
    assert_eq!(
        located(&host, only_fields, json!([{"id": 1, "note": 1}, {"id": 2}])),
        ("invalid-input".to_owned(), "/1".to_owned())
    );
    let nothing = on_table("update", json!({"filters": by_id()}));
    assert_eq!(located(&host, nothing, json!({"id": 1})), ("invalid-config".to_owned(), "/values".to_owned()));
}

#[test]
fn a_delete_gives_the_rows_or_their_number() {
    let host = host(|_| response(200, r#"[{"id":1}]"#));
    let config = on_table("delete", json!({"filters": by_id(), "returning": "representation", "maxAffected": 3}));
    assert_eq!(output(&host, config, json!({"id": 1})), json!([{"id": 1}]));
    assert_eq!(host.sent()[0].header("prefer"), Some("return=representation,handling=strict,max-affected=3"));
    assert_eq!((host.sent()[0].method.as_str(), &host.sent()[0].body), ("DELETE", &None));
    let host = super::host(|_| response(204, ""));
    assert_eq!(
        output(&host, on_table("delete", json!({"filters": by_id()})), json!({"id": 1})),
        json!({"count": null})
    );
    let host =
        super::host(|_| response(400, json!({"code": "PGRST124", "message": "Query result exceeds max-affected"})));
    assert_eq!(
        end(&host, on_table("delete", json!({"filters": by_id(), "maxAffected": 1})), json!({"id": 1}))
            .unwrap_err()
            .code(),
        "too-many-rows"
    );
}

#[test]
fn a_function_gives_a_value_rows_or_nothing() {
    for (status, body, expected) in [
        (200, "5", json!(5)),
        (200, "[{\"a\":1}]", json!([{"a": 1}])),
        (204, "", Value::Null),
        (200, "null", Value::Null),
    ] {
        let host = host(move |_| response(status, body));
        assert_eq!(
            output(&host, json!({"operation": "rpc", "function": "f", "arguments": {"a": 1}}), json!([1])),
            expected
        );
        assert_eq!(
            (host.sent()[0].url.as_str(), host.sent()[0].json()),
            ("https://p.example/rest/v1/rpc/f", json!({"a": 1}))
        );
    }
    let host = host(|_| response(200, "[12345678901234567890123]"));
    let config = json!({"operation": "rpc", "function": "f", "argumentsFrom": {"a": "/x/y"}});
    assert_eq!(texts(&host, &config, r#"[{"x": {"y": 1.0}}]"#)[0].1, "[[12345678901234567890123]]");
    assert_eq!(host.sent()[0].body.as_deref().unwrap(), br#"{"a":1.0}"#);
    assert_eq!(located(&host, config, json!([{"x": {}}])), ("invalid-input".to_owned(), "/0/x/y".to_owned()));
}

#[test]
fn a_function_that_only_reads_is_called_by_get() {
    use blockyard_sdk::http::Error;
    use blockyard_sdk::testing::Host;
    let host = host(|_| response(200, "1"));
    let arguments = json!({"a": "x&y", "b": [1, "z"], "c": null, "d": {"k": 1}, "e": true});
    let config = json!({"operation": "rpc", "function": "f", "readOnly": true, "arguments": arguments});
    output(&host, config.clone(), json!({}));
    let expected = [("a", "x&y"), ("b", "{1,\"z\"}"), ("d", "{\"k\":1}"), ("e", "true")];
    assert_eq!(host.sent()[0].query(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let nested = json!({"operation": "rpc", "function": "f", "readOnly": true, "arguments": {"a": [[1]]}});
    assert_eq!(located(&host, nested, json!({})), ("invalid-config".to_owned(), "/arguments/a".to_owned()));
    for (read_only, retry) in [(true, true), (false, false)] {
        let host = Host::new().secret("supabaseAnonKey").respond(|_| Err(Error::Timeout));
        let mut config = config.clone();
        config["readOnly"] = json!(read_only);
        assert_eq!(end(&host, config, json!({})).unwrap_err().is_retryable(), retry);
    }
}
