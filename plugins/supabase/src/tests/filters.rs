use serde_json::{Value, json};

use super::{host, located, on_table, output, query, response};

fn written(filter: Value, input: Value) -> String {
    let host = host(|_| response(200, "[]"));
    output(&host, on_table("select", json!({"filters": [filter]})), input);
    query(&host.sent()[0], "c").unwrap()
}

#[test]
fn every_operator_is_written_as_postgrest_reads_it() {
    for (operator, value, expected) in [
        ("eq", json!("a, (b) \"c\" \\ é"), "eq.a, (b) \"c\" \\ é"),
        ("eq", json!(9007199254740993_u64), "eq.9007199254740993"),
        ("eq", json!(true), "eq.true"),
        ("neq", json!(""), "neq."),
        ("gt", json!(1.5), "gt.1.5"),
        ("gte", json!(-3), "gte.-3"),
        ("lt", json!("2026-01-01"), "lt.2026-01-01"),
        ("lte", json!(0), "lte.0"),
        ("like", json!("a*"), "like.a*"),
        ("ilike", json!("%b"), "ilike.%b"),
        ("match", json!("^a"), "match.^a"),
        ("imatch", json!("a$"), "imatch.a$"),
        ("in", json!(["hi,there", "x", 5, true, "q\"\\", "null"]), r#"in.("hi,there","x",5,true,"q\"\\","null")"#),
        ("in", json!([]), "in.()"),
        ("is", Value::Null, "is.null"),
        ("is", json!(false), "is.false"),
        ("is", json!("not_null"), "is.not_null"),
        ("is", json!("unknown"), "is.unknown"),
        ("isdistinct", json!(2), "isdistinct.2"),
        ("cs", json!(["a b", 1]), r#"cs.{"a b",1}"#),
        ("cs", json!({"a": 1}), r#"cs.{"a":1}"#),
        ("cd", json!("[1,5)"), "cd.[1,5)"),
        ("ov", json!(["x"]), r#"ov.{"x"}"#),
        ("sl", json!("(1,10)"), "sl.(1,10)"),
        ("sr", json!("(1,10)"), "sr.(1,10)"),
        ("nxr", json!("(1,10)"), "nxr.(1,10)"),
        ("nxl", json!("(1,10)"), "nxl.(1,10)"),
        ("adj", json!("(1,10)"), "adj.(1,10)"),
        ("fts", json!("a & b"), "fts.a & b"),
        ("plfts", json!("a b"), "plfts.a b"),
        ("phfts", json!("a b"), "phfts.a b"),
        ("wfts", json!("a -b"), "wfts.a -b"),
    ] {
        assert_eq!(written(json!({"column": "c", "operator": operator, "value": value}), json!({})), expected);
        if !(operator == "in" && value == json!([])) {
            let negated = json!({"column": "c", "operator": operator, "value": value, "negate": true});
            assert_eq!(written(negated, json!({})), format!("not.{expected}"));
        }
    }
    let any = json!({"column": "c", "operator": "like", "value": ["a*", "b,*"], "quantifier": "any"});
    assert_eq!(written(any, json!({})), r#"like(any).{"a*","b,*"}"#);
    let all = json!({"column": "c", "operator": "gt", "value": [1, 2], "quantifier": "all", "negate": true});
    assert_eq!(written(all, json!({})), "not.gt(all).{1,2}");
}

#[test]
fn values_come_from_the_item_with_their_digits() {
    let filter = |from: &str| json!({"column": "c", "operator": "eq", "from": from});
    let host = host(|_| response(200, "[]"));
    let config = on_table("select", json!({"filters": [filter("id")]}));
    super::texts(&host, &config, r#"{"id": 12345678901234567890123.10}"#);
    assert_eq!(query(&host.sent()[0], "c").as_deref(), Some("eq.12345678901234567890123.10"));
    assert_eq!(written(filter("/company/ids/1"), json!({"company": {"ids": [1, "b/c"]}})), "eq.b/c");
    assert_eq!(written(filter("/a~1b/~0"), json!({"a/b": {"~": 3}})), "eq.3");
}

#[test]
fn alternatives_are_quoted_whole() {
    let host = host(|_| response(200, "[]"));
    let any_of = json!([
        {"column": "age", "operator": "lt", "value": 18},
        {"column": "name", "operator": "eq", "value": "a,b)\"\\"},
        {"column": "tags", "operator": "cs", "value": ["x", "y,z"]},
        {"column": "id", "operator": "in", "value": [1, "b,c"], "negate": true},
        {"column": "gone", "operator": "is", "value": null}
    ]);
    output(&host, on_table("select", json!({"anyOf": any_of})), json!({}));
    let expected = r#"(age.lt."18",name.eq."a,b)\"\\",tags.cs."{\"x\",\"y,z\"}",id.not.in.(1,"b,c"),gone.is.null)"#;
    assert_eq!(query(&host.sent()[0], "or").as_deref(), Some(expected));
}

#[test]
fn the_url_keeps_its_shape_whatever_stands_in_names_and_values() {
    let host = host(|_| response(200, "[]"));
    let filter = json!({"column": "data->>a&b", "operator": "eq", "value": "x&limit=1#?+ %"});
    output(&host, json!({"operation": "select", "table": "a/../b?", "filters": [filter]}), json!({}));
    let sent = &host.sent()[0];
    assert!(sent.url.starts_with("https://p.example/rest/v1/a%2F..%2Fb%3F?"), "{}", sent.url);
    assert_eq!(query(sent, "data->>a&b").as_deref(), Some("eq.x&limit=1#?+ %"));
    assert_eq!(query(sent, "limit").as_deref(), Some("1000"));
}

#[test]
fn a_filter_that_means_nothing_is_located() {
    let host = host(|_| response(200, "[]"));
    let filter = |extra: Value| {
        let mut filter = json!({"column": "c", "operator": "eq", "value": 1});
        filter.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        on_table("select", json!({"filters": [filter]}))
    };
    for (extra, key) in [
        (json!({"value": null}), "value"),
        (json!({"value": [1]}), "value"),
        (json!({"value": {"a": 1}}), "value"),
        (json!({"operator": "in"}), "value"),
        (json!({"operator": "in", "value": [null]}), "value"),
        (json!({"operator": "in", "value": [[1]]}), "value"),
        (json!({"operator": "in", "value": [], "negate": true}), "value"),
        (json!({"operator": "is"}), "value"),
        (json!({"operator": "is", "value": "maybe"}), "value"),
        (json!({"quantifier": "any"}), "value"),
        (json!({"quantifier": "all", "value": []}), "value"),
        (json!({"quantifier": "any", "operator": "neq", "value": [1]}), "value"),
        (json!({"from": "x"}), "from"),
        (json!({"column": ""}), "column"),
        (json!({"column": "limit"}), "column"),
        (json!({"column": "orders.or"}), "column"),
        (json!({"column": "a\nb"}), "column"),
    ] {
        let expected = ("invalid-config".to_owned(), format!("/filters/0/{key}"));
        assert_eq!(located(&host, filter(extra.clone()), json!({})), expected, "{extra}");
    }
    let grouped = on_table("select", json!({"anyOf": [{"column": "a,b", "operator": "eq", "value": 1}]}));
    assert_eq!(located(&host, grouped, json!({})).1, "/anyOf/0/column");
    assert_eq!(host.sent().len(), 0);
}

#[test]
fn an_item_without_the_value_is_located() {
    let host = host(|_| response(200, "[]"));
    let config = on_table("select", json!({"filters": [{"column": "c", "operator": "eq", "from": "id"}]}));
    for (input, pointer) in [
        (json!({}), "/id"),
        (json!({"id": null}), "/id"),
        (json!([{"id": 1}, {"id": [1]}]), "/1/id"),
        (json!("x"), "/id"),
        (json!([[1]]), "/0/id"),
    ] {
        assert_eq!(located(&host, config.clone(), input), ("invalid-input".to_owned(), pointer.to_owned()));
    }
    assert_eq!(host.sent().len(), 0);
}
