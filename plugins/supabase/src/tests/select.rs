use std::cell::Cell;

use blockyard_sdk::http::Response;
use blockyard_sdk::testing::{Ended, Sent};
use serde_json::{Value, json};

use super::{end, host, on_table, output, query, ranged, response, texts};

fn numbers(from: u64, to: u64) -> Value {
    (from..to).map(|n| json!({"n": n})).collect()
}

fn asked(sent: &Sent) -> (u64, u64) {
    let number = |name| query(sent, name).unwrap().parse().unwrap();
    (number("offset"), number("limit"))
}

/// A table of `total` rows, of which the server gives `cap` at once.
fn table(total: u64, cap: u64, counted: bool) -> impl Fn(&Sent) -> Response {
    move |sent| {
        let (offset, limit) = asked(sent);
        if counted && offset > total {
            return response(416, json!({"code": "PGRST103", "message": "Requested range not satisfiable"}));
        }
        let end = (offset + limit.min(cap)).min(total);
        let shown = if counted { total.to_string() } else { "*".to_owned() };
        ranged(if end < total { 206 } else { 200 }, &format!("{offset}-{end}/{shown}"), numbers(offset.min(end), end))
    }
}

#[test]
fn pages_are_joined_until_a_short_one_or_the_limit() {
    for (total, limit, size, requests) in
        [(0, 10, 5, 1), (4, 10, 5, 1), (5, 10, 5, 2), (12, 100, 5, 3), (12, 7, 5, 2), (10, 10, 5, 2), (3, 2, 1000, 1)]
    {
        let host = host(table(total, 1_000, false));
        let found = output(&host, on_table("select", json!({"limit": limit, "pageSize": size})), json!({}));
        assert_eq!(found, numbers(0, total.min(limit)), "{total} {limit}");
        assert_eq!(host.sent().len(), requests, "{total} {limit}");
    }
    let host = host(table(100, 1_000, false));
    output(&host, on_table("select", json!({"limit": 7, "pageSize": 5, "offset": 3})), json!({}));
    assert_eq!(host.sent().iter().map(asked).collect::<Vec<_>>(), [(3, 5), (8, 2)]);
}

#[test]
fn an_exact_total_rules_over_short_pages_and_a_guess_does_not() {
    let host = host(table(25, 10, true));
    let ended = end(&host, on_table("select", json!({"count": "exact"})), json!({})).unwrap();
    assert_eq!(ended.output("output").unwrap(), &numbers(0, 25));
    let Ended::Done { metadata, .. } = ended else { panic!() };
    assert_eq!(metadata, json!({"rows": 25, "total": 25}));
    assert_eq!(host.sent()[0].header("prefer"), Some("count=exact"));
    assert_eq!(host.sent().len(), 3);
    let host = super::host(|sent| ranged(200, "0-1/900", numbers(asked(sent).0, asked(sent).0 + 2)));
    assert_eq!(output(&host, on_table("select", json!({"count": "planned"})), json!({})), numbers(0, 2));
}

#[test]
fn a_range_past_the_end_is_an_end() {
    let host = host(table(3, 10, true));
    assert_eq!(output(&host, on_table("select", json!({"count": "exact", "offset": 9})), json!({})), json!([]));
    let calls = Cell::new(0);
    let host = super::host(move |_| match calls.replace(calls.get() + 1) {
        0 => ranged(206, "0-1/9", numbers(0, 2)),
        1 => ranged(206, "2-3/9", "[]"),
        _ => panic!("it shrank"),
    });
    let found = output(&host, on_table("select", json!({"count": "exact", "pageSize": 2})), json!({}));
    assert_eq!(found, numbers(0, 2));
}

#[test]
fn what_does_not_depend_on_the_input_is_asked_once() {
    let host = host(table(1, 10, false));
    for input in [json!([1, 2]), json!([]), Value::Null, json!("x")] {
        assert_eq!(output(&host, on_table("select", json!({})), input), numbers(0, 1));
    }
    assert_eq!(host.sent().len(), 4);
    assert_eq!(
        output(
            &host,
            on_table("select", json!({"filters": [{"column": "c", "operator": "eq", "from": "id"}]})),
            json!([])
        ),
        json!([])
    );
}

#[test]
fn one_row_leaves_as_it_is() {
    let body = r#"{"id":12345678901234567890,"x":1.50}"#;
    let host = host(move |_| response(200, body));
    assert_eq!(
        texts(&host, &on_table("select", json!({"single": true})), "{}"),
        [("output".to_owned(), body.to_owned())]
    );
    let sent = &host.sent()[0];
    assert_eq!(sent.header("accept"), Some("application/vnd.pgrst.object+json"));
    assert_eq!((query(sent, "limit"), query(sent, "offset")), (None, None));
    let none =
        json!({"code": "PGRST116", "details": "The result contains 0 rows", "hint": null, "message": "Cannot coerce"});
    let failure =
        end(&super::host(move |_| response(406, &none)), on_table("select", json!({"single": true})), json!({}))
            .unwrap_err();
    assert_eq!(
        (failure.code(), &failure.details().unwrap()["details"]),
        ("not-one-row", &json!("The result contains 0 rows"))
    );
}

#[test]
fn rows_keep_their_digits_and_keys() {
    let body = r#"[{"b":9007199254740993123,"a":[1.10,"\u00e9"]},{"b":1e400}]"#;
    let host = host(move |_| response(200, body));
    assert_eq!(texts(&host, &on_table("select", json!({})), "{}")[0].1, body);
}

#[test]
fn columns_and_order_are_written_as_postgrest_reads_them() {
    let host = host(|_| response(200, "[]"));
    let config = json!({
        "columns": ["id::text", "city:address->>city", "orders(id,total)"],
        "order": [{"column": "name"}, {"column": "id", "descending": true, "nulls": "first"}]
    });
    output(&host, on_table("select", config), json!({}));
    let sent = &host.sent()[0];
    assert_eq!(query(sent, "select").as_deref(), Some("id::text,city:address->>city,orders(id,total)"));
    assert_eq!(query(sent, "order").as_deref(), Some("name.asc,id.desc.nullsfirst"));
}
