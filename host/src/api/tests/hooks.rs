//! Incoming triggers over HTTP.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use super::super::testing::{Answer, Server};

/// A workflow that gives back its input.
async fn server() -> Server {
    let server = Server::start().await;
    let node = json!({"id": "echo", "type": "core.transform", "config": {"expression": "input"}});
    let workflow = json!({"workflowId": "echo", "nodes": [node]});
    assert_eq!(server.post("/workflows", &workflow).await.status, 201);
    server
}

async fn trigger(server: &Server) -> Value {
    let made = server.post("/triggers", &json!({"workflowId": "echo"})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

async fn hook(server: &Server, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn a_trigger_starts_its_workflow_with_what_was_sent() {
    let server = server().await;
    let path = trigger(&server).await["path"].as_str().unwrap().to_owned();
    let headers = [
        ("content-type", "application/json"),
        ("X-Event", "push"),
        ("x-event", "again"),
        ("authorization", "Bearer canary-token"),
        ("cookie", "canary=cookie"),
    ];
    let ran = hook(&server, &format!("{path}?wait=100&a=1&a=2&b=%C3%A9"), &headers, r#"{"n": 1.0}"#).await;
    assert_eq!((ran.status.as_u16(), &ran.json()["status"]), (200, &json!("completed")), "{}", ran.text());
    let input = ran.json()["input"].clone();
    assert_eq!(input["query"], json!({"a": ["1", "2"], "b": "é"}));
    assert_eq!(
        (&input["headers"]["x-event"], &input["headers"]["host"]),
        (&json!("push, again"), &json!("localhost:8080"))
    );
    assert!(ran.text().contains(r#""body":{"n": 1.0}"#) && !ran.text().contains("canary"), "{}", ran.text());
    assert!(ran.json()["metadata"]["triggerId"].is_string());

    let accepted = hook(&server, &path, &[], "plain").await;
    assert_eq!(accepted.status, 202);
    let execution = server.get(accepted.header("location")).await.json();
    assert_eq!((&execution["jobId"], &execution["input"]["body"]), (&accepted.json()["jobId"], &json!("plain")));
    assert_eq!(hook(&server, &format!("{path}?wait=-1"), &[], "").await.problem().0, 400);
    assert_eq!(hook(&server, &format!("{path}?wait=soon"), &[], "").await.problem().0, 400);
}

#[tokio::test]
async fn whatever_programs_send_is_taken() {
    let server = server().await;
    let path = format!("{}?wait=100", trigger(&server).await["path"].as_str().unwrap());
    let sent = async |kind: &str, body: Vec<u8>| {
        let ran = hook(&server, &path, &[("content-type", kind)], body).await;
        assert_eq!(ran.status, 200, "{kind}: {}", ran.text());
        ran.json()["input"]["body"].clone()
    };
    assert_eq!(sent("application/x-www-form-urlencoded", b"a=1".to_vec()).await, json!("a=1"));
    assert_eq!(sent("application/xml; charset=utf-8", "<ü/>".into()).await, json!("<ü/>"));
    assert_eq!(sent("application/octet-stream", vec![0xff, 0xfe]).await, json!({"base64": "//4="}));
    assert_eq!(sent("application/cloudevents+json", b"[1]".to_vec()).await, json!([1]));
    assert_eq!(sent("text/plain", Vec::new()).await, Value::Null);
    assert_eq!(sent("nonsense", "\u{0}\u{202e}".into()).await, json!("\u{0}\u{202e}"));
    let bad = hook(&server, &path, &[("content-type", "application/json")], "{").await;
    assert_eq!(bad.problem(), (400, "invalid-json".to_owned()));
    let deep = hook(&server, &path, &[("content-type", "application/json")], "[".repeat(5000)).await;
    assert_eq!(deep.problem(), (400, "invalid-json".to_owned()));
    let large = hook(&server, &path, &[], vec![b'x'; server.state.config.body_bytes + 1]).await;
    assert_eq!(large.problem(), (413, "body-too-large".to_owned()));
}

#[tokio::test]
async fn a_delivery_that_is_sent_again_starts_nothing_new() {
    let server = server().await;
    let (one, other) = (trigger(&server).await, trigger(&server).await);
    let send = async |trigger: &Value, header: &str, name: &str, body: &'static str| {
        hook(&server, trigger["path"].as_str().unwrap(), &[(header, name)], body).await
    };
    let first = send(&one, "webhook-id", "msg_1", "x").await;
    let again = send(&one, "webhook-id", "msg_1", "x").await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (202, 202), "{}", again.text());
    assert_eq!((&first.json()["jobId"], again.header("idempotency-replayed")), (&again.json()["jobId"], "true"));
    assert_eq!(send(&one, "idempotency-key", "msg_1", "x").await.json()["jobId"], first.json()["jobId"]);
    assert_eq!(send(&one, "webhook-id", "msg_1", "y").await.problem(), (422, "idempotency-key-reused".to_owned()));
    assert_ne!(send(&one, "webhook-id", "msg_2", "x").await.json()["jobId"], first.json()["jobId"]);
    assert_ne!(send(&other, "webhook-id", "msg_1", "x").await.json()["jobId"], first.json()["jobId"]);
    for odd in ["", "a b", &"x".repeat(256)] {
        assert_eq!(send(&one, "webhook-id", odd, "x").await.problem(), (400, "invalid-idempotency-key".to_owned()));
    }
}

#[tokio::test]
async fn what_a_delivery_says_besides_its_body_counts() {
    let server = server().await;
    let path = trigger(&server).await["path"].as_str().unwrap().to_owned();
    let send = async |query: &str, kind: &str| {
        let headers = [("webhook-id", "msg_1"), ("content-type", kind)];
        hook(&server, &format!("{path}{query}"), &headers, "[1]").await
    };
    let first = send("?a=1&b=2&a=3", "application/json").await;
    for (query, kind) in [("?wait=0&b=2&a=1&a=3", "application/json"), ("?a=1&b=2&a=3", "application/x+json")] {
        let again = send(query, kind).await;
        assert_eq!((&again.json()["jobId"], again.header("idempotency-replayed")), (&first.json()["jobId"], "true"));
    }
    for (query, kind) in [
        ("", "application/json"),
        ("?a=3&b=2&a=1", "application/json"),
        ("?a=1&b=2&a=3", "text/plain"),
        ("?a=1&b=2&a=3&c=", "application/json"),
    ] {
        assert_eq!(send(query, kind).await.problem(), (422, "idempotency-key-reused".to_owned()), "{query} {kind}");
    }
}

#[tokio::test]
async fn a_token_at_a_misspelt_path_is_not_repeated() {
    let server = server().await;
    let token = trigger(&server).await["token"].as_str().unwrap().to_owned();
    for before in ["/", "/api", "/hooks", "/x/y"] {
        let answer =
            hook(&server, &format!("{before}/hooks/{token}"), &[("content-type", "application/json")], "1").await;
        assert_eq!(answer.status, 404, "{before}: {}", answer.text());
        assert!(!answer.text().contains(&token) && answer.text().contains("/hooks/…"), "{}", answer.text());
    }
}

#[tokio::test]
async fn half_a_character_is_refused() {
    let server = server().await;
    let json = [("content-type", "application/json")];
    let path = format!("{}?wait=100", trigger(&server).await["path"].as_str().unwrap());
    let refused = hook(&server, &path, &json, r#"{"s": "\ud800"}"#).await;
    assert_eq!(refused.problem(), (400, "invalid-json".to_owned()));
    let run = |input: &str| format!(r#"{{"input": {input}}}"#);
    let execute = async |body: String| hook(&server, "/workflows/echo/execute?wait=100", &json, body).await;
    for odd in [r#""\ud83d""#, r#"[{"\udc00": 1}]"#, r#""\ude00\ud83d""#] {
        let refused = execute(run(odd)).await;
        assert_eq!(refused.problem(), (400, "invalid-request".to_owned()));
        assert!(refused.text().contains("surrogate"), "{}", refused.text());
    }
    let whole = execute(run(r#"["\ud83d\ude00", "\\ud800"]"#)).await.json();
    assert_eq!(whole["output"], json!(["\u{1f600}", "\\ud800"]));
}

#[tokio::test]
async fn web_pages_start_nothing() {
    let server = server().await;
    let path = trigger(&server).await["path"].as_str().unwrap().to_owned();
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("origin", "null")] {
        let answer = hook(&server, &path, &[(name, value), ("content-type", "text/plain")], "x").await;
        assert_eq!(answer.problem(), (403, "cross-site-request".to_owned()));
    }
    let rebound = Request::post(&path).header(header::HOST, "evil.example").body(Body::empty()).unwrap();
    assert_eq!(server.send(rebound).await.problem().0, 421);
    // Elsewhere the rule is as it was.
    let odd = hook(&server, "/workflows/x/cancel", &[("content-type", "text/plain")], "x").await;
    assert_eq!(odd.problem().0, 415);
}

#[tokio::test]
async fn unknown_and_inactive_tokens_look_the_same() {
    let server = server().await;
    let made = trigger(&server).await;
    let (path, own) = (made["path"].as_str().unwrap(), format!("/triggers/{}", made["id"].as_str().unwrap()));
    let switch = async |active: bool| {
        let body = json!({"active": active}).to_string();
        server.send_text("PATCH", &own, "application/json", &body).await
    };
    assert_eq!(switch(false).await.json()["active"], false);
    let odd = "x".repeat(43);
    let long = "x".repeat(5000);
    let mut answers = Vec::new();
    for token in [path.trim_start_matches("/hooks/"), odd.as_str(), "x", "%00", "..%2F", long.as_str()] {
        let mut answer = hook(&server, &format!("/hooks/{token}"), &[], "x").await;
        assert_eq!(answer.problem(), (404, "unknown-hook".to_owned()), "{token}");
        assert!(!answer.text().contains(&token[..token.len().min(43)]) || token.len() < 3, "{}", answer.text());
        answer.headers.remove("x-request-id");
        let mut body = answer.json();
        body["requestId"] = Value::Null;
        answers.push((answer.headers, body));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert_eq!(switch(true).await.status, 200);
    assert_eq!(hook(&server, path, &[], "x").await.status, 202);
    assert_eq!(server.call("DELETE", &own).await.status, 204);
    assert_eq!(hook(&server, path, &[], "x").await.problem().0, 404);
    assert_eq!(server.call("DELETE", &own).await.problem(), (404, "unknown-trigger".to_owned()));
    assert_eq!(switch(true).await.problem().0, 404);
    assert_eq!(server.get(path).await.problem().0, 405);
}

#[tokio::test]
async fn a_token_is_told_once() {
    let server = server().await;
    let made = trigger(&server).await;
    let token = made["token"].as_str().unwrap();
    assert_eq!(made["path"], format!("/hooks/{token}"));
    assert_eq!(token.len(), 43);
    let own = format!("/triggers/{}", made["id"].as_str().unwrap());
    for path in ["/triggers", "/triggers?workflowId=echo", own.as_str(), "/audit"] {
        let answer = server.get(path).await;
        assert!(answer.status == 200 && !answer.text().contains(token), "{path}");
    }
    assert_eq!(server.get("/triggers").await.json()["items"][0]["id"], made["id"]);
    let entry = &server.get("/audit").await.json()["items"][0];
    assert_eq!((&entry["action"], &entry["details"]["workflowId"]), (&json!("trigger.created"), &json!("echo")));

    let send = async || {
        let request = Request::post("/triggers").header(header::CONTENT_TYPE, "application/json");
        let body = json!({"workflowId": "echo", "mode": "demo"}).to_string();
        server.send(request.header("idempotency-key", "k").body(Body::from(body)).unwrap()).await
    };
    let (first, again) = (send().await, send().await.json());
    assert_eq!(first.json()["id"], again["id"]);
    assert!(first.json()["token"].is_string() && again.get("token").is_none() && again.get("path").is_none());
}

#[tokio::test]
async fn a_trigger_needs_its_workflow() {
    let server = server().await;
    for (body, pointer) in
        [(json!({"workflowId": "none"}), "/workflowId"), (json!({"workflowId": "echo", "version": 4}), "/version")]
    {
        let answer = server.post("/triggers", &body).await;
        assert_eq!(answer.problem(), (422, "invalid-trigger".to_owned()));
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
    let path = trigger(&server).await["path"].as_str().unwrap().to_owned();
    assert_eq!(server.call("DELETE", "/workflows/echo").await.status, 204);
    assert_eq!(hook(&server, &path, &[], "x").await.problem(), (404, "unknown-workflow".to_owned()));
}
