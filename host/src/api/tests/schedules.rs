//! Schedules over HTTP.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use super::super::testing::{Answer, Server, filter_workflow};

async fn server() -> Server {
    let server = Server::start().await;
    assert_eq!(server.post("/workflows", &filter_workflow("w")).await.status, 201);
    server
}

/// Not due while a test runs.
fn yearly() -> Value {
    json!({"workflowId": "w", "cron": "0 0 1 1 *", "input": []})
}

async fn patch(server: &Server, path: &str, body: &Value) -> Answer {
    server.send_text("PATCH", path, "application/json", &body.to_string()).await
}

/// Codes and pointers of what is wrong.
fn problems(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.problem(), (422, "invalid-schedule".to_owned()), "{}", answer.text());
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    errors.iter().map(|error| (text(&error["pointer"]), text(&error["code"]))).collect()
}

#[tokio::test]
async fn a_schedule_is_made_read_changed_and_deleted() {
    let server = server().await;
    let made = server.post("/schedules", &yearly()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let (path, shown) = (made.header("location").to_owned(), made.json());
    assert_eq!(path, format!("/schedules/{}", shown["id"].as_str().unwrap()));
    assert_eq!((&shown["timezone"], &shown["mode"]), (&json!("UTC"), &json!("production")));
    assert_eq!((&shown["catchUp"], &shown["overlap"]), (&json!("one"), &json!("allow")));
    assert_eq!(shown["active"], true);
    assert_eq!(shown["nextAt"].as_i64().unwrap() % 3_600_000, 0);
    for absent in ["at", "version", "variables", "waiting", "lastAt", "lastJobId", "lastError"] {
        assert!(shown.get(absent).is_none(), "{absent}");
    }
    assert_eq!(server.get(&path).await.json(), shown);
    assert_eq!(server.get("/schedules?workflowId=w&active=true").await.json()["items"], json!([shown]));
    assert_eq!(server.get("/schedules?active=false").await.json()["items"], json!([]));

    let off = patch(&server, &path, &json!({"active": false, "overlap": "skip"})).await;
    assert_eq!(off.status, 200, "{}", off.text());
    assert_eq!((&off.json()["nextAt"], &off.json()["overlap"]), (&Value::Null, &json!("skip")));
    assert_eq!(off.json()["cron"], "0 0 1 1 *");
    let put =
        server.put(&path, &json!({"workflowId": "w", "at": "2099-01-01T00:00:00+01:00", "version": 1})).await.json();
    assert_eq!((&put["at"], &put["nextAt"]), (&json!(4_070_905_200_000_i64), &json!(4_070_905_200_000_i64)));
    assert_eq!((put.get("cron"), &put["overlap"], &put["input"]), (None, &json!("allow"), &Value::Null));
    assert_eq!(put["createdAt"], shown["createdAt"]);
    // A cron takes the place of a moment.
    let cron = patch(&server, &path, &json!({"cron": "*/10 * * * * *", "version": null})).await.json();
    assert_eq!((cron.get("at"), cron.get("version"), &cron["cron"]), (None, None, &json!("*/10 * * * * *")));

    assert_eq!(server.call("DELETE", &path).await.status, 204);
    assert_eq!(server.call("DELETE", &path).await.problem(), (404, "unknown-schedule".to_owned()));
    let audit = server.get("/audit").await.json();
    let actions: Vec<_> = audit["items"].as_array().unwrap().iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions[..2], ["schedule.deleted", "schedule.updated"]);
    assert_eq!(actions.len(), 5);
}

#[tokio::test]
async fn documents_keep_their_text_through_a_change() {
    let server = server().await;
    let body = r#"{"workflowId":"w","cron":"0 0 1 1 *","input":{"b":1.0,"a":123456789012345678901234567890}}"#;
    let made = server.send_text("POST", "/schedules", "application/json", body).await;
    let changed = patch(&server, made.header("location"), &json!({"catchUp": "all"})).await;
    assert!(changed.text().contains(r#"{"b":1.0,"a":123456789012345678901234567890}"#), "{}", changed.text());
    let none = patch(&server, made.header("location"), &json!({"input": null})).await.json();
    assert_eq!((&none["input"], &none["catchUp"]), (&Value::Null, &json!("all")));
}

#[tokio::test]
async fn all_that_is_wrong_is_told_with_its_place() {
    let server = server().await;
    let wrong = async |change: Value| {
        let mut body = yearly();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        problems(&server.post("/schedules", &body).await)
    };
    let one = |pointer: &str, code: &str| vec![(pointer.to_owned(), code.to_owned())];
    assert_eq!(wrong(json!({"cron": "61 * * * *"})).await, one("/cron", "invalid-cron"));
    assert_eq!(wrong(json!({"cron": "*".repeat(5000)})).await, one("/cron", "invalid-cron"));
    assert_eq!(wrong(json!({"cron": "٠ * * * *"})).await, one("/cron", "invalid-cron"));
    assert_eq!(wrong(json!({"timezone": "../../etc/passwd"})).await, one("/timezone", "unknown-timezone"));
    assert_eq!(wrong(json!({"timezone": "Mars/Olympus\u{0}"})).await, one("/timezone", "unknown-timezone"));
    assert_eq!(wrong(json!({"cron": "0 0 30 2 *"})).await, one("/cron", "never-due"));
    assert_eq!(wrong(json!({"workflowId": "none"})).await, one("/workflowId", "unknown-workflow"));
    assert_eq!(wrong(json!({"version": 7})).await, one("/version", "unknown-workflow"));
    assert_eq!(wrong(json!({"at": 5})).await, one("/at", "ambiguous"));
    assert_eq!(wrong(json!({"cron": null})).await, one("", "missing"));
    assert_eq!(wrong(json!({"cron": null, "at": 5})).await, one("/at", "in-the-past"));
    assert_eq!(wrong(json!({"cron": null, "at": "soon"})).await, one("/at", "invalid-time"));
    let many = wrong(json!({"cron": "x", "timezone": "x", "workflowId": "x"})).await;
    assert_eq!(
        many.iter().map(|(pointer, _)| pointer.as_str()).collect::<Vec<_>>(),
        ["/timezone", "/cron", "/workflowId"]
    );
    for (body, at) in [
        (json!({"cron": "* * * * *"}), "missing field `workflowId`"),
        (json!({"workflowId": "w", "cron": "* * * * *", "catchUp": "some"}), "catchUp"),
        (json!({"workflowId": "w", "cron": "* * * * *", "colour": "red"}), "colour"),
    ] {
        let answer = server.post("/schedules", &body).await;
        assert_eq!(answer.problem(), (400, "invalid-request".to_owned()));
        assert!(answer.text().contains(at), "{}", answer.text());
    }
    let made = server.post("/schedules", &yearly()).await;
    let answer = patch(&server, made.header("location"), &json!({"overlap": 7})).await;
    assert_eq!(answer.problem(), (400, "invalid-request".to_owned()));
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("overlap") && !detail.contains("line"), "{detail}");
    assert_eq!(problems(&patch(&server, made.header("location"), &json!({"cron": null})).await), one("", "missing"));
    assert_eq!(server.get("/schedules/none").await.problem(), (404, "unknown-schedule".to_owned()));
    assert_eq!(patch(&server, "/schedules/none", &json!({})).await.problem().0, 404);
    assert_eq!(server.call("POST", "/schedules/none/run").await.problem().0, 404);
}

#[tokio::test]
async fn a_key_makes_one_schedule() {
    let server = server().await;
    let send = async |body: &Value| {
        let request = Request::post("/schedules").header(header::CONTENT_TYPE, "application/json");
        let request = request.header("idempotency-key", "k-1").body(Body::from(body.to_string())).unwrap();
        server.send(request).await
    };
    let (first, again) = (send(&yearly()).await, send(&yearly()).await);
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let other = json!({"workflowId": "w", "cron": "1 * * * *"});
    assert_eq!(send(&other).await.problem(), (422, "idempotency-key-reused".to_owned()));
    assert_eq!(server.get("/schedules").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn schedules_come_in_pages() {
    let server = server().await;
    for _ in 0..5 {
        server.post("/schedules", &yearly()).await;
    }
    let (mut path, mut seen) = ("/schedules?limit=2".to_owned(), Vec::new());
    loop {
        let page = server.get(&path).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/schedules?limit=2&cursor={cursor}");
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|a, b| a > b));
}

#[tokio::test]
async fn a_schedule_runs_now_and_at_its_time() {
    let server = server().await;
    let made = server.post("/schedules", &yearly()).await;
    let run = server.call("POST", &format!("{}/run", made.header("location"))).await;
    assert_eq!((run.status.as_u16(), &run.json()["status"]), (202, &json!("pending")));
    let execution = server.get(run.header("location")).await.json();
    assert_eq!(execution["metadata"]["scheduleId"], made.json()["id"]);
    let shown = server.get(made.header("location")).await.json();
    assert_eq!((&shown["lastJobId"], &shown["nextAt"]), (&run.json()["jobId"], &made.json()["nextAt"]));

    // On a slow machine it may be too late by the time that it is asked for.
    let mut ahead = 50;
    let (soon, made) = loop {
        let soon = server.state.sources.now_ms() + ahead;
        let made = server.post("/schedules", &json!({"workflowId": "w", "at": soon, "input": []})).await;
        if made.status == 201 {
            break (soon, made);
        }
        assert_eq!(problems(&made), [("/at".to_owned(), "in-the-past".to_owned())]);
        ahead *= 4;
        assert!(ahead < 60_000, "{}", made.text());
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(90);
    let job_id = loop {
        let shown = server.get(made.header("location")).await.json();
        if let Some(job_id) = shown["lastJobId"].as_str() {
            assert_eq!((&shown["nextAt"], &shown["lastAt"]), (&Value::Null, &json!(soon)));
            break job_id.to_owned();
        }
        assert!(std::time::Instant::now() < deadline, "it is fired in time");
        tokio::task::yield_now().await;
    };
    loop {
        let execution = server.get(&format!("/executions/{job_id}")).await.json();
        if execution["status"] == "completed" {
            assert_eq!(execution["metadata"], json!({"scheduleId": made.json()["id"], "dueAt": soon}));
            break;
        }
        assert!(std::time::Instant::now() < deadline, "it ends in time: {execution}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_moment_that_has_passed_is_not_switched_on() {
    let server = server().await;
    let soon = server.state.sources.now_ms() + 3_600_000;
    let body = json!({"workflowId": "w", "at": soon, "active": false});
    let path = server.post("/schedules", &body).await.header("location").to_owned();
    let on = async || patch(&server, &path, &json!({"active": true})).await;
    assert_eq!(on().await.json()["nextAt"], soon);
    assert_eq!(patch(&server, &path, &json!({"active": false})).await.json()["nextAt"], Value::Null);
    // As if the hour were over.
    let mut passed = server.state.store.schedule(path.rsplit_once('/').unwrap().1).await.unwrap().unwrap();
    passed.timing = crate::domain::Timing::At(5);
    let entry = crate::domain::AuditEntry {
        id: "a".to_owned(),
        at: 5,
        user_id: crate::domain::UserId::local(),
        action: "test".to_owned(),
        subject: "test".to_owned(),
        details: crate::domain::Json::null(),
    };
    assert!(server.state.store.replace_schedule(passed, entry).await.unwrap());
    assert_eq!(problems(&on().await), [("/at".to_owned(), "in-the-past".to_owned())]);
    // All else of it can be changed.
    let changed = patch(&server, &path, &json!({"overlap": "skip"})).await;
    assert_eq!((changed.status.as_u16(), &changed.json()["active"]), (200, &json!(false)), "{}", changed.text());
    let both = patch(&server, &path, &json!({"active": true, "at": soon})).await;
    assert_eq!(both.json()["nextAt"], soon, "{}", both.text());
}

#[tokio::test]
async fn a_member_that_comes_twice_is_refused() {
    let server = server().await;
    let path = server.post("/schedules", &yearly()).await.header("location").to_owned();
    for body in [r#"{"overlap": "skip", "overlap": "queue"}"#, r#"{"input": 1, "\u0069nput": 1}"#] {
        let answer = server.send_text("PATCH", &path, "application/json", body).await;
        assert_eq!(answer.problem(), (400, "invalid-request".to_owned()));
        assert!(answer.text().contains("duplicate field"), "{}", answer.text());
    }
    assert_eq!(server.send_text("PATCH", &path, "application/json", "[]").await.problem().0, 400);
    assert_eq!(server.get(&path).await.json()["overlap"], "allow");
}
