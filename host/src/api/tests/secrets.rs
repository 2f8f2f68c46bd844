//! The secret store and the audit log.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::super::testing::{Answer, ENVIRONMENT_SECRET, Server};

const CANARY: &str = "canary-5f0c1d";

fn request() -> Value {
    json!({"value": CANARY, "hosts": ["API.Example.com."]})
}

/// No part of an answer may hold a value.
fn silent(answer: Answer) -> Answer {
    let shown = format!("{:?} {}", answer.headers, answer.text());
    assert!(!shown.contains("canary") && !shown.contains(ENVIRONMENT_SECRET), "{shown}");
    answer
}

#[tokio::test]
async fn secrets_are_put_listed_and_deleted_and_never_shown() {
    let server = Server::start().await;
    let made = silent(server.put("/secrets/mine", &request()).await);
    assert_eq!(made.status, 201, "{}", made.text());
    let shown = made.json();
    assert_eq!((&shown["name"], &shown["owner"], &shown["source"]), (&json!("mine"), &json!("local"), &json!("store")));
    assert_eq!((&shown["hosts"], &shown["blocks"]), (&json!(["api.example.com"]), &Value::Null));
    let mut shared = request();
    shared["owner"] = json!("shared");
    shared["blocks"] = json!(["api.hunter", "api.apollo"]);
    assert_eq!(silent(server.put("/secrets/mine", &shared).await).status, 201);
    let again = silent(server.put("/secrets/mine", &shared).await);
    assert_eq!((again.status.as_u16(), again.json()["blocks"].clone()), (200, json!(["api.apollo", "api.hunter"])));

    let list = silent(server.get("/secrets").await).json();
    let items: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|item| json!([item["name"], item["owner"]])).collect();
    assert_eq!(items, [json!(["hunter", "shared"]), json!(["mine", "local"]), json!(["mine", "shared"])]);
    assert_eq!((&list["items"][0]["source"], &list["nextCursor"]), (&json!("environment"), &Value::Null));
    assert_eq!(list["items"][1], shown);

    assert_eq!(server.call("DELETE", "/secrets/mine?owner=shared").await.status, 204);
    let gone = server.call("DELETE", "/secrets/mine?owner=shared").await.problem();
    assert_eq!(gone, (404, "unknown-secret".to_owned()));
    assert_eq!(server.call("DELETE", "/secrets/mine").await.status, 204);
    // It is not stored, so that it cannot be deleted here.
    assert_eq!(server.call("DELETE", "/secrets/hunter?owner=shared").await.problem().0, 404);
    assert_eq!(server.call("DELETE", "/secrets/mine?owner=eve").await.problem().0, 404);
}

#[tokio::test]
async fn changes_are_in_the_audit_log() {
    let server = Server::start().await;
    server.put("/secrets/mine", &request()).await;
    server.put("/secrets/mine", &request()).await;
    server.put("/secrets/mine", &json!({"value": "canary"})).await;
    server.call("DELETE", "/secrets/mine").await;
    server.call("DELETE", "/secrets/mine").await;
    let first = silent(server.get("/audit?limit=2").await).json();
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = silent(server.get(&format!("/audit?limit=2&cursor={cursor}")).await).json();
    assert_eq!(rest["nextCursor"], Value::Null);
    let entries: Vec<&Value> = [&first, &rest].iter().flat_map(|page| page["items"].as_array().unwrap()).collect();
    let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["secret.deleted", "secret.updated", "secret.created"]);
    let made = entries[2];
    assert_eq!((&made["userId"], &made["subject"]), (&json!("local"), &json!("secret/mine")));
    assert_eq!(made["details"], json!({"owner": "local", "hosts": ["api.example.com"], "blocks": null}));
    assert!(made["at"].as_str().unwrap().ends_with('Z'), "{made}");
    assert_eq!(server.get("/audit?limit=0").await.problem().0, 400);
}

#[tokio::test]
async fn all_that_is_wrong_is_told_by_field() {
    let server = Server::start().await;
    let problems = async |body: Value| {
        let answer = silent(server.put("/secrets/x", &body).await);
        assert_eq!(answer.problem(), (422, "invalid-secret".to_owned()));
        let errors = answer.json()["errors"].as_array().unwrap().clone();
        errors
            .iter()
            .map(|error| format!("{} {}", error["pointer"], error["code"]).replace('"', ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(problems(json!({})).await, ["/value missing", "/hosts missing"]);
    assert_eq!(problems(json!({"value": null, "hosts": null})).await, ["/value missing", "/hosts missing"]);
    assert_eq!(problems(json!({"value": "canary", "hosts": ["a.b"]})).await, ["/value too-short"]);
    assert_eq!(problems(json!({"value": "canary\n--", "hosts": ["a.b"]})).await, ["/value line-break"]);
    assert_eq!(problems(json!({"value": "canary".repeat(20_000), "hosts": ["a.b"]})).await, ["/value too-long"]);
    assert_eq!(problems(json!({"value": CANARY, "hosts": []})).await, ["/hosts empty"]);
    let swapped =
        json!({"value": "a.b", "hosts": [CANARY.to_owned() + ":", "*.a.b"], "blocks": [CANARY], "owner": CANARY});
    let expected = ["/owner invalid", "/value too-short", "/hosts/0 invalid", "/hosts/1 invalid", "/blocks/0 invalid"];
    assert_eq!(problems(swapped).await, expected);
}

/// What is logged, at every level.
#[derive(Clone, Default)]
pub(super) struct Log(pub(super) Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn hostile_bodies_and_names_are_refused_and_repeated_nowhere() {
    let log = Log::default();
    // With a single subscriber in the process, a callsite that another test's thread meets first would be off for all.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = Server::start().await;
    for (kind, body, status) in [
        ("application/json", r#"{"value": ["canary-array"], "hosts": ["a.b"]}"#, 400),
        ("application/json", r#"{"value": 7654321987, "hosts": ["a.b"]}"#, 400),
        ("application/json", r#"{"value": "canary-value", "hosts": "canary-hosts"}"#, 400),
        ("application/json", r#"{"value": "canary-value", "hosts": [{"canary-key": 1}]}"#, 400),
        ("application/json", r#"{"value": "canary-value", "canary-field": 1}"#, 400),
        ("application/json", r#"{"value": "canary-one1", "value": "canary-two2"}"#, 400),
        ("application/json", r#"["canary-value", ["a.b"], null, null]"#, 400),
        ("application/json", r#""canary-value""#, 400),
        ("application/json", r#"{"value": "canary-value"#, 400),
        ("application/json", r#"{"value": canary-value}"#, 400),
        ("application/json", r#"{"value": "canary-value\q"}"#, 400),
        ("application/json", r#"{} canary"#, 400),
        ("application/json", "canary", 400),
        ("application/json", "", 400),
        ("application/json", "\u{feff}canary", 400),
        ("application/yaml", "value: canary-value\nhosts: [a.b]", 415),
        ("text/plain", "canary", 415),
    ] {
        let answer = silent(server.send_text("PUT", "/secrets/x", kind, body).await);
        assert_eq!(answer.problem().0, status, "{body}: {}", answer.text());
        assert!(!answer.text().contains("7654321987"), "{}", answer.text());
    }
    for name in ["9x", "a%20b", "a%2Fb", "..%2Fx", "%00", "a%0Ab", "%F0%9F%94%91", &"x".repeat(129)] {
        let answer = silent(server.put(&format!("/secrets/{name}"), &request()).await);
        assert_eq!(answer.problem().0, 400, "{name}");
    }
    assert_eq!(silent(server.put("/secrets/x", &request()).await).status, 201);
    assert_eq!(server.get("/secrets").await.json()["items"].as_array().unwrap().len(), 2, "nothing but the last");
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(log.contains("/secrets/x"), "requests are logged");
    let leak = ["canary", "7654321987"].iter().find(|text| log.contains(**text));
    assert!(leak.is_none(), "{:?}", log.lines().find(|line| line.contains("canary") || line.contains("7654321987")));
}
