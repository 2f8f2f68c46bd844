//! Calls with their results; their exchanges are the demo's data.

use blockyard_sdk::Example;
use serde_json::{Value, json};

pub(crate) fn all() -> [Example; 8] {
    [select(), select_for_each(), insert(), insert_one(), upsert(), update(), delete(), rpc()]
}

fn request(method: &str, path: &str) -> Value {
    json!({"method": method, "url": format!("https://example.supabase.co/rest/v1/{path}")})
}

fn with_body(method: &str, path: &str, body: &Value) -> Value {
    let mut request = request(method, path);
    request["body"] = body.clone();
    request
}

fn answer(status: u16, range: &str, body: Value) -> Value {
    json!({"status": status, "headers": {"content-type": "application/json; charset=utf-8", "content-range": range}, "body": body})
}

fn select() -> Example {
    let rows = json!([
        {"id": 17, "name": "Ada Example", "city": "Lisbon"},
        {"id": 12, "name": "Bo Example", "city": "Ghent"}
    ]);
    Example::new(
        "Leads with a good score, best first",
        json!({
            "operation": "select", "table": "leads", "columns": ["id", "name", "city:address->>city"],
            "filters": [
                {"column": "score", "operator": "gte", "value": 50},
                {"column": "status", "operator": "in", "value": ["new", "on hold, waiting"]}
            ],
            "order": [{"column": "score", "descending": true, "nulls": "last"}], "limit": 20, "count": "exact"
        }),
        json!({}),
    )
    .exchange(
        request(
            "GET",
            "leads?select=id%2Cname%2Ccity%3Aaddress-%3E%3Ecity&score=gte.50&status=in.(%22new%22%2C%22on%20hold%2C%20waiting%22)\
             &order=score.desc.nullslast&limit=20&offset=0",
        ),
        answer(200, "0-1/2", rows.clone()),
    )
    .output("output", rows)
}

fn select_for_each() -> Example {
    Example::new(
        "Look up each item by its e-mail address",
        json!({
            "operation": "select", "table": "customers", "columns": ["id", "email", "plan"],
            "filters": [{"column": "email", "operator": "eq", "from": "email"}], "limit": 1
        }),
        json!([{"email": "ada@example.com"}, {"email": "new@example.org"}]),
    )
    .exchange(
        request("GET", "customers?select=id%2Cemail%2Cplan&email=eq.ada%40example.com&limit=1&offset=0"),
        answer(200, "0-0/*", json!([{"id": 4, "email": "ada@example.com", "plan": "team"}])),
    )
    .exchange(
        request("GET", "customers?select=id%2Cemail%2Cplan&email=eq.new%40example.org&limit=1&offset=0"),
        answer(200, "*/*", json!([])),
    )
    .output("output", json!([[{"id": 4, "email": "ada@example.com", "plan": "team"}], []]))
}

fn insert() -> Example {
    let rows = json!([{"email": "ada@example.com", "name": "Ada"}, {"email": "bo@example.org", "name": "Bo"}]);
    let stored = json!([
        {"id": 31, "email": "ada@example.com", "name": "Ada"},
        {"id": 32, "email": "bo@example.org", "name": "Bo"}
    ]);
    Example::new(
        "Add leads and get them back with their ids",
        json!({"operation": "insert", "table": "leads", "columns": ["email", "name"], "returning": "representation"}),
        json!([{"email": "ada@example.com", "name": "Ada", "score": 72}, {"email": "bo@example.org", "name": "Bo"}]),
    )
    .exchange(with_body("POST", "leads", &rows), answer(201, "*/*", stored.clone()))
    .output("output", stored)
}

fn insert_one() -> Example {
    let row = json!({"event": "signup", "email": "ada@example.com"});
    Example::new("Add one row", json!({"operation": "insert", "table": "events", "schema": "audit"}), row.clone())
        .exchange(
            with_body("POST", "events", &json!([row])),
            json!({"status": 201, "headers": {"content-range": "*/*"}}),
        )
        .output("output", json!({"written": 1}))
}

fn upsert() -> Example {
    let rows = json!([{"email": "ada@example.com", "score": 72}, {"email": "bo@example.org", "score": 31}]);
    Example::new(
        "Write scores, one row for each e-mail address",
        json!({"operation": "upsert", "table": "leads", "onConflict": ["email"]}),
        rows.clone(),
    )
    .exchange(with_body("POST", "leads?on_conflict=email", &rows), json!({"status": 200}))
    .output("output", json!({"written": 2}))
}

fn update() -> Example {
    Example::new(
        "Mark a lead as contacted",
        json!({
            "operation": "update", "table": "leads", "values": {"status": "contacted"}, "fields": ["note"],
            "filters": [{"column": "id", "operator": "eq", "from": "id"}], "maxAffected": 1
        }),
        json!({"id": 17, "note": "Asked for a call on Monday", "name": "Ada Example"}),
    )
    .exchange(
        with_body("PATCH", "leads?id=eq.17", &json!({"note": "Asked for a call on Monday", "status": "contacted"})),
        json!({"status": 204, "headers": {"content-range": "0-0/1"}}),
    )
    .output("output", json!({"count": 1}))
}

fn delete() -> Example {
    let gone = json!([{"id": 3, "email": "old@example.com"}]);
    Example::new(
        "Delete what has expired",
        json!({
            "operation": "delete", "table": "invitations", "returning": "representation",
            "returningColumns": ["id", "email"],
            "filters": [{"column": "accepted_at", "operator": "is", "value": null}],
            "anyOf": [
                {"column": "expires_on", "operator": "lt", "value": "2026-01-01"},
                {"column": "revoked", "operator": "is", "value": true}
            ]
        }),
        json!({}),
    )
    .exchange(
        request(
            "DELETE",
            "invitations?accepted_at=is.null&or=(expires_on.lt.%222026-01-01%22%2Crevoked.is.true)&select=id%2Cemail",
        ),
        answer(200, "*/*", gone.clone()),
    )
    .output("output", gone)
}

fn rpc() -> Example {
    Example::new(
        "Call a function for each item",
        json!({
            "operation": "rpc", "function": "lead_rank", "arguments": {"region": "EU"},
            "argumentsFrom": {"lead_id": "id"}
        }),
        json!([{"id": 17}, {"id": 12}]),
    )
    .exchange(
        with_body("POST", "rpc/lead_rank", &json!({"lead_id": 17, "region": "EU"})),
        json!({"status": 200, "headers": {"content-type": "application/json; charset=utf-8"}, "body": 1}),
    )
    .exchange(
        with_body("POST", "rpc/lead_rank", &json!({"lead_id": 12, "region": "EU"})),
        json!({"status": 200, "headers": {"content-type": "application/json; charset=utf-8"}, "body": 4}),
    )
    .output("output", json!([1, 4]))
}
