//! Calls with their results and the exchanges behind them. The hashes are those of Meta's guide and of the shown
//! values; the session id follows from the idempotency key of the examples.

use blockyard_sdk::Example;
use serde_json::{Value, json};

const AUDIENCE: &str = "23850000000000001";
const USERS: &str = "https://graph.facebook.com/v25.0/23850000000000001/users";
const SESSION: u64 = 2_337_613_506_652_821;

const MARY: &str = "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79";
const PHONE: &str = "1ef970831d7963307784fa8688e8fce101a15685d62aa765fed23f3a2c576a4e";

pub(crate) fn all() -> Vec<Example> {
    vec![add(), add_one(), remove(), replace(), create(), read()]
}

fn session(number: u64, last: bool, total: u64) -> Value {
    json!({"session_id": SESSION, "batch_seq": number, "last_batch_flag": last, "estimated_num_total": total})
}

fn answer(received: u64, invalid: u64) -> Value {
    let body = json!({
        "audience_id": AUDIENCE, "session_id": SESSION.to_string(), "num_received": received,
        "num_invalid_entries": invalid, "invalid_entry_samples": {}
    });
    json!({"status": 200, "headers": {"content-type": "application/json"}, "body": body})
}

fn result(received: u64, batches: u64, skipped: u64) -> Value {
    json!({
        "audience_id": AUDIENCE, "session_id": SESSION.to_string(), "numReceived": received, "numInvalid": 0,
        "batches": batches, "skipped": skipped
    })
}

fn add() -> Example {
    let schema = json!(["EMAIL", "PHONE"]);
    Example::new(
        "Add a list in two batches",
        json!({
            "operation": "addUsers", "audienceId": AUDIENCE, "batchSize": 1,
            "fields": {"EMAIL": ["email", "work.email"], "PHONE": "phone"}
        }),
        json!([
            {"email": " Mary@Example.com ", "phone": "+1 (555) 987-6543"},
            {"name": "Nobody"},
            {"work": {"email": "mary@example.com"}}
        ]),
    )
    .exchange(
        json!({"method": "POST", "url": USERS, "body": {
            "payload": {"schema": schema, "data": [[MARY, PHONE]]}, "session": session(1, false, 2)
        }}),
        answer(1, 0),
    )
    .exchange(
        json!({"method": "POST", "url": USERS, "body": {
            "payload": {"schema": schema, "data": [[MARY, ""]]}, "session": session(2, true, 2)
        }}),
        answer(2, 0),
    )
    .output("output", result(2, 2, 1))
}

fn add_one() -> Example {
    Example::new(
        "Add one person under an id of your own",
        json!({"operation": "addUsers", "audienceId": AUDIENCE}),
        json!({"email": "mary@example.com", "externalId": "crm-42", "score": 71}),
    )
    .exchange(
        json!({"method": "POST", "url": USERS, "body": {
            "payload": {"schema": ["EMAIL", "EXTERN_ID"], "data": [[MARY, "crm-42"]]}, "session": session(1, true, 1)
        }}),
        answer(1, 0),
    )
    .output("output", result(1, 1, 0))
}

fn remove() -> Example {
    Example::new(
        "Remove a person by phone number",
        json!({"operation": "removeUsers", "audienceId": AUDIENCE, "fields": {"PHONE": "phones.0"}}),
        json!([{"phones": ["+1 555 987 6543"]}]),
    )
    .exchange(
        json!({"method": "DELETE", "url": USERS, "body": {
            "payload": {"schema": ["PHONE"], "data": [[PHONE]]}, "session": session(1, true, 1)
        }}),
        answer(1, 0),
    )
    .output("output", result(1, 1, 0))
}

fn replace() -> Example {
    Example::new(
        "Replace everybody by values that are hashed already",
        json!({"operation": "replaceUsers", "audienceId": AUDIENCE, "fields": {"EMAIL": "email_sha256"}}),
        json!([{"email_sha256": MARY}]),
    )
    .exchange(
        json!({
            "method": "POST",
            "url": "https://graph.facebook.com/v25.0/23850000000000001/usersreplace",
            "body": {"payload": {"schema": ["EMAIL"], "data": [[MARY]]}, "session": session(1, true, 1)}
        }),
        answer(1, 0),
    )
    .output("output", result(1, 1, 0))
}

fn create() -> Example {
    Example::new(
        "Create an audience",
        json!({"operation": "createAudience", "adAccountId": "act_1020304050", "retentionDays": 180}),
        json!({"name": "Newsletter", "description": "Readers who agreed to it"}),
    )
    .exchange(
        json!({
            "method": "POST", "url": "https://graph.facebook.com/v25.0/act_1020304050/customaudiences",
            "body": {
                "name": "Newsletter", "description": "Readers who agreed to it", "subtype": "CUSTOM",
                "customer_file_source": "USER_PROVIDED_ONLY", "retention_days": 180
            }
        }),
        json!({"status": 200, "body": {"id": AUDIENCE}}),
    )
    .output("output", json!({"id": AUDIENCE, "name": "Newsletter"}))
}

fn read() -> Example {
    let url = |id: &str| {
        format!("https://graph.facebook.com/v25.0/{id}?fields=name,approximate_count_lower_bound,operation_status")
    };
    let audience = |id: &str, name: &str, count: u64| {
        json!({
            "id": id, "name": name, "approximate_count_lower_bound": count,
            "operation_status": {"code": 200, "description": "Normal"}
        })
    };
    let (first, second) = (audience(AUDIENCE, "Newsletter", 1000), audience("23850000000000002", "Customers", 4600));
    Example::new(
        "Read two audiences",
        json!({
            "operation": "readAudience",
            "audienceFields": ["name", "approximate_count_lower_bound", "operation_status"]
        }),
        json!([AUDIENCE, {"audience_id": "23850000000000002"}]),
    )
    .exchange(json!({"method": "GET", "url": url(AUDIENCE)}), json!({"status": 200, "body": first}))
    .exchange(json!({"method": "GET", "url": url("23850000000000002")}), json!({"status": 200, "body": second}))
    .output("output", json!([first, second]))
}
