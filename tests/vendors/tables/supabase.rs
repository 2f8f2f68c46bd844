//! Supabase's data API, which is PostgREST.

use serde_json::{Value, json};

use crate::table::Retry::{After, Never, Yes};
use crate::table::{Change, Defined, Is, Operation, Origin, Suite, Told, Vendor, defined, told};

const BLOCK: &str = "api.supabase";
const BASE: &str = "https://blockyard.supabase.co/rest/v1";
const READS: &[&str] = &["select", "select single", "rpc read only", "update", "delete", "upsert"];
const WRITES_ONCE: &[&str] = &["insert", "rpc"];

pub(crate) fn vendor() -> Vendor {
    let suite = Suite {
        document: "postgrest.json",
        origin: Origin::Project,
        operations: [reads(), writes(), changes(), functions()].into_iter().flatten().collect(),
        errors: defined_errors(),
        told: told_errors(),
    };
    Vendor {
        name: "Supabase",
        base: BASE,
        secret: "supabaseAnonKey",
        secret_header: "apikey",
        granted_to: Some(BLOCK),
        suites: vec![suite],
    }
}

fn call(name: &'static str, mut config: Value, input: Value, request: &'static str) -> Operation {
    config["baseUrl"] = BASE.into();
    if config["operation"] != "rpc" {
        config["table"] = "leads".into();
    }
    Operation::new(name, BLOCK, config, input, request)
}

fn reads() -> Vec<Operation> {
    let select = json!({
        "operation": "select", "columns": ["id", "email", "where:city"], "schema": "public", "count": "exact",
        "limit": 10, "order": [{"column": "score", "descending": true, "nulls": "last"}, {"column": "id"}],
        "filters": [
            {"column": "score", "operator": "gte", "value": 50},
            {"column": "city", "operator": "in", "value": ["Lyon, FR", "Graz"]},
            {"column": "name", "operator": "ilike", "value": "a*", "negate": true},
            {"column": "id", "operator": "eq", "value": [1, 2], "quantifier": "any"}
        ],
        "anyOf": [
            {"column": "city", "operator": "is", "value": null}, {"column": "score", "operator": "lt", "value": 90}
        ]
    });
    let single = json!({
        "operation": "select", "single": true, "bearer": true,
        "filters": [{"column": "id", "operator": "eq", "from": "lead"}]
    });
    vec![
        call("select", select, json!(null), "GET /leads")
            .expect("/output", Is::List(2))
            .expect("/metadata/total", Is::Equal(json!(2))),
        call("select single", single, json!({"lead": 1}), "GET /leads")
            .expect("/output/email", Is::Equal(json!("ada@example.com"))),
    ]
}

fn writes() -> Vec<Operation> {
    let leads = json!([
        {"email": "ada@example.com", "score": 72, "note": "no column"}, {"email": "boris@example.com", "score": 31.5}
    ]);
    let insert = json!({"operation": "insert", "columns": ["email", "score"], "schema": "public"});
    let batches = json!({"operation": "insert", "columns": ["email", "score"], "batchSize": 1});
    let upsert = json!({
        "operation": "upsert", "columns": ["email", "score"], "onConflict": ["email"], "returning": "representation",
        "returningColumns": ["id", "email"]
    });
    let ignoring = json!({"operation": "upsert", "columns": ["email"], "ignoreDuplicates": true});
    vec![
        call("insert", insert, leads.clone(), "POST /leads").expect("/output/written", Is::Equal(json!(2))),
        call("insert in batches", batches, leads.clone(), "POST /leads")
            .then("POST /leads")
            .then("POST /leads")
            .once(1, 503)
            .waits(1)
            .expect("/output/written", Is::Equal(json!(2))),
        call("upsert", upsert, leads.clone(), "POST /leads")
            .mend("POST /leads", Change::Status(200))
            .expect("/output", Is::List(2))
            .expect("/output/0/id", Is::Number),
        call("upsert, duplicates ignored", ignoring, leads, "POST /leads")
            .mend("POST /leads", Change::Status(201))
            .expect("/output/written", Is::Equal(json!(2)))
            .without_errors(),
    ]
}

fn changes() -> Vec<Operation> {
    let by_email = json!([{"column": "email", "operator": "eq", "from": "email"}]);
    let update = json!({
        "operation": "update", "filters": by_email, "values": {"city": "Lyon"}, "fields": ["score"], "maxAffected": 1
    });
    let delete = json!({
        "operation": "delete", "filters": [{"column": "score", "operator": "lt", "value": 1}],
        "returning": "representation", "returningColumns": ["id"]
    });
    let counted = json!({"operation": "delete", "anyOf": [{"column": "score", "operator": "is", "value": null}]});
    vec![
        call("update", update, json!({"email": "ada@example.com", "score": 80}), "PATCH /leads")
            .mend("PATCH /leads", Change::Status(204))
            .expect("/output/count", Is::Equal(json!(2))),
        call("delete", delete, json!(null), "DELETE /leads").expect("/output", Is::List(1)),
        call("delete, counted", counted, json!(null), "DELETE /leads")
            .mend("DELETE /leads", Change::Status(204))
            .expect("/output/count", Is::Equal(json!(1)))
            .without_errors(),
    ]
}

fn functions() -> Vec<Operation> {
    let function = |read_only: bool| {
        json!({"operation": "rpc", "function": "lead_score", "arguments": {"tags": ["a", "b"]},
            "argumentsFrom": {"lead": "id"}, "readOnly": read_only})
    };
    let of_none = json!({"operation": "rpc", "function": "lead_score", "arguments": {"lead": 1}});
    vec![
        call("rpc", function(false), json!({"id": 1}), "POST /rpc/lead_score").expect("/output", Is::Equal(json!(72))),
        call("rpc read only", function(true), json!({"id": 1}), "GET /rpc/lead_score")
            .expect("/output", Is::Equal(json!(72))),
        call("rpc of nothing", of_none, json!(null), "POST /rpc/lead_score")
            .mend("POST /rpc/", Change::Status(204))
            .expect("/output", Is::Equal(json!(null)))
            .without_errors(),
    ]
}

fn defined_errors() -> Vec<Defined> {
    vec![
        defined(300, "invalid-request", Never),
        defined(400, "too-many-rows", Never).example("too_many_rows"),
        defined(400, "invalid-request", Never),
        defined(401, "unauthorized", Never),
        defined(403, "forbidden", Never),
        defined(404, "not-found", Never),
        defined(405, "invalid-request", Never),
        defined(406, "not-one-row", Never).example("not_one_row"),
        defined(406, "invalid-request", Never),
        defined(409, "conflict", Never),
        // Rows after the last one are no rows.
        defined(416, "invalid-request", Never).on(&["select single"]),
        defined(416, "", Never).with_result(),
        defined(429, "rate-limited", Yes),
        defined(500, "statement-timeout", Never).example("statement_timeout"),
        defined(500, "upstream", Never),
        defined(503, "upstream", Yes),
        // PostgREST's own: no connection, so nothing was done.
        defined(504, "upstream-timeout", Yes),
    ]
}

fn told_errors() -> Vec<Told> {
    let raised = json!({"code": "P0001", "details": null, "hint": "Try later", "message": "not today"});
    let by_trigger = json!({"code": "PT402", "details": null, "hint": null, "message": "Payment required"});
    vec![
        told(400, raised, "invalid-request", Never),
        told(402, by_trigger, "quota-exceeded", Never),
        told(401, json!(""), "unauthorized", Never),
        told(413, json!("<html></html>"), "too-large", Never),
        told(429, json!({"message": "Too many requests"}), "rate-limited", After(6_000)).header("retry-after", "6"),
        told(503, json!("<html></html>"), "upstream", After(2_000)).header("retry-after", "2"),
        told(502, json!("<html></html>"), "upstream", Never),
        // A gateway that did not wait: what may be done twice is, what may have been done is not.
        told(504, json!("<html></html>"), "upstream-timeout", Yes).on(READS),
        told(504, json!("<html></html>"), "upstream-timeout", Never).on(WRITES_ONCE),
    ]
}
