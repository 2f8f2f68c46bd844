//! Webhooks over HTTP. What is really sent is shown in `tests/e2e/webhooks.rs`.

use serde_json::{Value, json};

use super::super::testing::{Server, filter_workflow};
use super::secrets::Log;

/// A key of 24 bytes.
const SECRET: &str = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktYWJj";

fn request() -> Value {
    // Nothing listens there, and the guard lets nothing through.
    json!({"url": "https://localhost:1/hook?token=x", "events": ["job:completed", "flow:*"]})
}

#[tokio::test]
async fn a_webhook_shows_its_secret_once() {
    let server = Server::start().await;
    let made = server.post("/webhooks", &request()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made_body = made.json();
    let id = made_body["id"].as_str().unwrap();
    assert_eq!(made.header("location"), format!("/webhooks/{id}"));
    let secret = made_body["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    assert_eq!(made_body["events"], json!(["job:completed", "flow:*"]));
    let mut given = request();
    given["secret"] = json!(SECRET);
    let with_own = server.post("/webhooks", &given).await;
    assert_eq!((with_own.status.as_u16(), with_own.json().get("secret")), (201, None));
    for answer in [
        server.get(&format!("/webhooks/{id}")).await,
        server.get("/webhooks").await,
        server.send_text("PATCH", &format!("/webhooks/{id}"), "application/json", r#"{"events": ["*"]}"#).await,
        server.get("/audit").await,
        with_own,
    ] {
        assert!(answer.status.is_success(), "{}", answer.text());
        assert!(!answer.text().contains(&secret[6..]) && !answer.text().contains(&SECRET[6..]), "{}", answer.text());
    }
    let rotated = server.call("POST", &format!("/webhooks/{id}/rotate-secret")).await.json();
    assert_eq!((&rotated["id"], rotated["secret"] == secret), (&json!(id), false));
    let actions = server.get("/audit").await.json();
    let actions: Vec<&str> =
        actions["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["webhook.secret-rotated", "webhook.updated", "webhook.created", "webhook.created"]);
}

#[tokio::test]
async fn webhooks_are_listed_changed_and_deleted() {
    let server = Server::start().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let made = server.post("/webhooks", &request()).await.json();
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    let first = server.get("/webhooks?limit=2").await.json();
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = server.get(&format!("/webhooks?limit=2&cursor={cursor}")).await.json();
    let listed: Vec<&str> = [&first, &rest]
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()))
        .collect();
    assert_eq!(listed, [ids[2].as_str(), &ids[1], &ids[0]]);
    let path = format!("/webhooks/{}", ids[0]);
    let patch = async |body: &str| server.send_text("PATCH", &path, "application/json", body).await;
    let changed = patch(r#"{"active": false, "url": "https://b.example/"}"#).await.json();
    assert_eq!((&changed["active"], &changed["url"]), (&json!(false), &json!("https://b.example/")));
    assert_eq!(changed["events"], json!(["job:completed", "flow:*"]));
    assert_eq!(server.call("POST", &format!("{path}/test")).await.problem(), (409, "webhook-inactive".to_owned()));
    for (body, status) in [
        (r#"{"secret": "x"}"#, 400),
        (r#"{"active": 1}"#, 400),
        (r#"{"url": "http://b.example/"}"#, 422),
        (r#"{"events": []}"#, 422),
    ] {
        assert_eq!(patch(body).await.problem().0, status, "{body}");
    }
    assert_eq!(server.call("DELETE", &path).await.status, 204);
    for answer in [
        server.call("DELETE", &path).await,
        server.get(&path).await,
        patch("{}").await,
        server.get(&format!("{path}/deliveries")).await,
        server.call("POST", &format!("{path}/test")).await,
        server.call("POST", &format!("{path}/rotate-secret")).await,
    ] {
        assert_eq!(answer.problem(), (404, "unknown-webhook".to_owned()));
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_by_its_place() {
    let server = Server::start().await;
    let problems = async |body: Value| {
        let answer = server.post("/webhooks", &body).await;
        assert_eq!(answer.problem(), (422, "invalid-webhook".to_owned()), "{body}");
        assert!(!answer.text().contains("canary"), "{}", answer.text());
        let errors = answer.json()["errors"].as_array().unwrap().clone();
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(problems(json!({})).await, ["/url", "/events"]);
    assert_eq!(
        problems(json!({"url": "x", "events": ["job:*", "nope"], "secret": "canary"})).await,
        ["/url", "/events/1", "/secret"]
    );
    for url in [
        "http://a.example/",
        "https://user:canary@a.example/",
        "https://127.0.0.1/",
        "https://[::1]:8443/",
        "https://10.1.2.3/",
        "https://169.254.169.254/",
        "file:///etc/passwd",
        "https://a.example/\u{0}",
        &format!("https://a.example/{}", "é".repeat(20_000)),
    ] {
        assert_eq!(problems(json!({"url": url, "events": ["*"]})).await, ["/url"], "{url}");
    }
    for body in [r#"{"secret": ["canary"]}"#, r#"{"canary": 1}"#, r#"["canary"]"#, "canary", ""] {
        let answer = server.send_text("POST", "/webhooks", "application/json", body).await;
        assert_eq!(answer.problem().0, 400, "{body}");
        assert!(!answer.text().contains("canary"), "{}", answer.text());
    }
    assert_eq!(server.get("/webhooks").await.json()["items"], json!([]));
}

/// The delivery's state once it is none of these.
async fn settled(server: &Server, path: &str) -> Value {
    let look = async {
        loop {
            let delivery = server.get(path).await.json();
            if delivery["lastAttemptAt"] != Value::Null || delivery["status"] != "pending" {
                return delivery;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), look).await.expect("an attempt")
}

#[tokio::test]
async fn deliveries_are_listed_and_what_failed_says_why() {
    let server = Server::start().await;
    let id = server.post("/webhooks", &request()).await.json()["id"].as_str().unwrap().to_owned();
    let sent = server.call("POST", &format!("/webhooks/{id}/test")).await;
    assert_eq!(sent.status, 202, "{}", sent.text());
    let sent = sent.json();
    assert_eq!((&sent["event"], &sent["position"]), (&json!("webhook:test"), &Value::Null));
    let path = format!("/webhooks/{id}/deliveries/{}", sent["id"].as_str().unwrap());
    let tried = settled(&server, &path).await;
    assert_eq!((&tried["status"], &tried["attempts"]), (&json!("pending"), &json!(1)));
    assert!(tried["lastError"].as_str().unwrap().contains("network guard"), "{tried}");
    let list = server.get(&format!("/webhooks/{id}/deliveries")).await.json();
    assert_eq!((list["items"].as_array().unwrap().len(), &list["nextCursor"]), (1, &Value::Null));
    assert_eq!(server.call("POST", &format!("{path}/resend")).await.problem(), (409, "delivery-pending".to_owned()));
    let none = server.get(&format!("/webhooks/{id}/deliveries/none")).await;
    assert_eq!(none.problem(), (404, "unknown-delivery".to_owned()));
    // Cancelling its job stops it.
    let job = tried["jobId"].as_str().unwrap();
    assert!(server.call("POST", &format!("/jobs/{job}/cancel")).await.status.is_success());
    assert_eq!(settled(&server, &path).await["status"], "cancelled");
    assert_eq!(server.call("POST", &format!("{path}/resend")).await.status, 202);
}

#[tokio::test]
async fn a_job_comes_with_a_webhook_of_its_own() {
    let server = Server::start().await;
    let submission = |webhook: Value| {
        let payload = json!({"workflowDefinition": filter_workflow("w"), "input": [{"n": 2}]});
        json!({"type": "WORKFLOW", "payload": payload, "webhook": webhook})
    };
    let accepted = server.post("/jobs", &submission(request())).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    let accepted = accepted.json();
    assert!(accepted["webhookSecret"].as_str().unwrap().starts_with("whsec_"), "{accepted}");
    let webhook = server.get(&format!("/jobs/{}/webhook", accepted["jobId"].as_str().unwrap())).await.json();
    assert_eq!((&webhook["jobId"], webhook.get("secret")), (&accepted["jobId"], None));
    assert_eq!(server.get("/webhooks").await.json()["items"], json!([]), "it is in no list");
    let path = format!("/webhooks/{}", webhook["id"].as_str().unwrap());
    assert_eq!(server.get(&path).await.status, 200);
    assert_eq!(server.call("DELETE", &path).await.problem().0, 404);
    let refused = server.post("/jobs", &submission(json!({"url": "http://x", "events": ["*"]}))).await;
    assert_eq!((refused.problem().0, &refused.json()["errors"][0]["pointer"]), (422, &json!("/webhook/url")));
    let with_own = submission(json!({"url": "https://a.example", "events": ["*"], "secret": SECRET}));
    assert_eq!(server.post("/jobs", &with_own).await.json().get("webhookSecret"), None);
    assert_eq!(server.get("/jobs/none/webhook").await.problem().0, 404);
}

#[tokio::test]
async fn secrets_are_not_logged() {
    let log = Log::default();
    // With a single subscriber in the process, a callsite that another test's thread meets first would be off for all.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = Server::start().await;
    let mut given = request();
    given["secret"] = json!(SECRET);
    let id = server.post("/webhooks", &given).await.json()["id"].as_str().unwrap().to_owned();
    let made = server.post("/webhooks", &request()).await.json()["secret"].as_str().unwrap().to_owned();
    let sent = server.call("POST", &format!("/webhooks/{id}/test")).await.json();
    let path = format!("/webhooks/{id}/deliveries/{}", sent["id"].as_str().unwrap());
    settled(&server, &path).await;
    server.send_text("POST", "/webhooks", "application/json", &format!("{{\"secret\": [\"{SECRET}\"]}}")).await;
    let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(text.contains("webhook attempted"), "something is logged");
    for key in [&SECRET[6..], &made[6..]] {
        assert!(!text.contains(key), "{text}");
    }
}

#[tokio::test]
async fn a_webhook_of_a_job_that_cannot_be_read_repeats_nothing() {
    let server = Server::start().await;
    let url = "https://a.example/";
    let odd = [
        json!(SECRET),
        json!([SECRET]),
        json!({"url": url, "events": SECRET}),
        json!({"url": url, "events": [["job:*"], {(SECRET): 1}]}),
        json!({"url": {(SECRET): SECRET}, "events": []}),
        json!({"url": url, "events": ["job:*"], SECRET: 1}),
        json!({"url": url, "events": ["job:*"], "secret": [SECRET]}),
    ];
    let requests = [
        ("/jobs", json!({"type": "WORKFLOW", "payload": {"workflowDefinition": filter_workflow("w")}})),
        ("/workflows/execute", json!({"workflowDefinition": filter_workflow("w")})),
        ("/workflows/w/execute", json!({})),
    ];
    for (path, request) in requests {
        for webhook in &odd {
            let mut body = request.clone();
            body["webhook"] = webhook.clone();
            let json = server.post(path, &body).await;
            // JSON is YAML too.
            let yaml = server.send_text("POST", path, "application/yaml", &body.to_string()).await;
            for answer in [json, yaml] {
                assert_eq!(answer.problem(), (400, "invalid-request".to_owned()), "{path} {webhook}");
                assert!(!answer.text().contains("Y2FuYXJ5") && answer.text().contains("webhook"), "{}", answer.text());
            }
        }
        for (kind, text) in [
            ("application/json", format!(r#"{{"webhook": {{"{SECRET}": 1, "{SECRET}": 2}}}}"#)),
            ("application/json", format!(r#"{{"webhook": {{"secret": "{SECRET}", "secret": "{SECRET}"}}}}"#)),
            ("application/json", format!(r#"{{"webhook": {{"secret": "{SECRET}""#)),
            ("application/yaml", format!("webhook: {{{SECRET}: 1, {SECRET}: 2}}")),
            ("application/yaml", format!("webhook:\n  {SECRET}: 1\n  {SECRET}: 2\n")),
            ("application/yaml", format!("webhook:\n  secret: !!int {SECRET}\n")),
            ("application/yaml", format!("webhook:\n  secret: *{SECRET}\n")),
        ] {
            let answer = server.send_text("POST", path, kind, &text).await;
            assert_eq!(answer.problem().0, 400, "{path} {text}");
            assert!(!answer.text().contains("Y2FuYXJ5"), "{}", answer.text());
        }
    }
}
