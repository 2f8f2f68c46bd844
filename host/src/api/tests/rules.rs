//! What holds for every route.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::super::testing::{Server, filter_workflow};
use crate::config::ApiConfig;

#[tokio::test]
async fn every_error_is_a_problem() {
    let server = Server::start_with(ApiConfig { body_bytes: 2000, ..ApiConfig::default() }).await;
    let problem = async |method: &str, path: &str, kind: &str, body: &str| {
        let answer = server.send_text(method, path, kind, body).await;
        let (status, code) = answer.problem();
        assert_eq!(answer.json()["instance"], path.split('?').next().unwrap());
        (status, code)
    };
    let json = "application/json";
    for (method, path, kind, body, status, code) in [
        ("GET", "/nothing", json, "", 404, "unknown-route"),
        ("GET", "/workflows/", json, "", 404, "unknown-route"),
        ("PATCH", "/workflows", json, "", 405, "method-not-allowed"),
        ("GET", "/workflows/none", json, "", 404, "unknown-workflow"),
        ("GET", "/workflows/none/versions", json, "", 404, "unknown-workflow"),
        ("GET", "/workflows/none/versions/x", json, "", 400, "invalid-path"),
        ("GET", "/workflows?limit=0", json, "", 400, "invalid-query"),
        ("GET", "/workflows?limit=x", json, "", 400, "invalid-query"),
        ("GET", "/workflows?colour=red", json, "", 400, "invalid-query"),
        ("GET", "/workflows?cursor=x", json, "", 400, "invalid-cursor"),
        ("GET", "/executions?status=odd", json, "", 400, "invalid-query"),
        ("GET", "/executions/none", json, "", 404, "unknown-execution"),
        ("POST", "/executions/none/cancel", json, "", 404, "unknown-execution"),
        ("GET", "/executions/none/events", json, "", 404, "unknown-execution"),
        ("POST", "/workflows", json, "", 400, "empty-body"),
        ("POST", "/workflows", json, "{\"a\": ", 400, "invalid-json"),
        ("POST", "/workflows", json, "{} {}", 400, "invalid-json"),
        ("POST", "/workflows", "application/yaml", "a: [", 400, "invalid-yaml"),
        ("POST", "/workflows", "text/plain", "{}", 415, "unsupported-media-type"),
        ("POST", "/workflows", json, "{}", 422, "invalid-workflow"),
        ("POST", "/workflows/execute", json, "{}", 400, "invalid-request"),
        ("POST", "/blocks/core.none/test", json, "{}", 404, "unknown-block"),
        ("POST", "/blocks/Odd/test", json, "{}", 404, "unknown-block"),
        ("GET", "/blocks/core.filter?version=9", json, "", 404, "unknown-version"),
        ("GET", "/blocks/core.filter?version=x", json, "", 400, "invalid-version"),
    ] {
        assert_eq!(problem(method, path, kind, body).await, (status, code.to_owned()), "{method} {path} {body}");
    }
    let long = format!("\"{}\"", "x".repeat(2000));
    assert_eq!(problem("POST", "/workflows", json, &long).await, (413, "body-too-large".to_owned()));
}

#[tokio::test]
async fn errors_of_requests_say_where() {
    let server = Server::start().await;
    let detail = async |body: &str| {
        let answer = server.send_text("POST", "/blocks/core.filter/test", "application/json", body).await;
        answer.json()["detail"].as_str().unwrap().to_owned()
    };
    assert!(detail("{\"config\": 7}").await.starts_with("`config`: invalid type: integer `7`"));
    assert!(detail("{\"colour\": 7}").await.contains("unknown field `colour`"));
    assert!(detail("{\n\"config\": }").await.contains("line 2 column"));
    let yaml = server.send_text("POST", "/blocks/core.filter/test", "text/yaml; charset=utf-8", "mode: odd").await;
    let yaml = yaml.json()["detail"].as_str().unwrap().to_owned();
    assert!(yaml.starts_with("`mode`: unknown variant `odd`") && !yaml.contains("line"), "{yaml}");
}

#[tokio::test]
async fn requests_keep_their_id_and_get_one() {
    let server = Server::start().await;
    let request = Request::get("/healthz").header("x-request-id", "mine-7").body(Body::empty()).unwrap();
    assert_eq!(server.send(request).await.header("x-request-id"), "mine-7");
    assert_eq!(server.get("/readyz").await.header("x-request-id").len(), 36);
    let allowed = server.call("DELETE", "/workflows").await;
    assert!(allowed.header("allow").contains("POST"), "{:?}", allowed.headers);
}

#[tokio::test]
async fn web_pages_and_strange_hosts_are_refused() {
    let config = ApiConfig { allowed_hosts: vec!["box.lan".to_owned()], ..ApiConfig::default() };
    let server = Server::start_with(config).await;
    let status = async |name: &str, value: &str| {
        let answer = server.send(Request::get("/healthz").header(name, value).body(Body::empty()).unwrap()).await;
        if answer.status.is_success() { 200 } else { answer.problem().0 }
    };
    for (name, value, expected) in [
        ("host", "evil.com", 421),
        ("host", "", 400),
        ("host", "BOX.lan:99", 200),
        ("origin", "https://evil.com", 403),
        ("origin", "null", 403),
        ("origin", "http://localhost.evil.com", 403),
        ("origin", "http://localhost:3000", 200),
        ("origin", "http://box.lan", 200),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("sec-fetch-site", "same-origin", 200),
        ("sec-fetch-site", "none", 200),
    ] {
        assert_eq!(status(name, value).await, expected, "{name}: {value}");
    }
    // In absolute form the target names the host, whatever the header says.
    assert_eq!(server.get("http://evil.com/healthz").await.problem().0, 421);
    assert_eq!(server.get("http://127.0.0.1:8080/healthz").await.status, 200);
    // A body that a page could send without asking, to a route that wants none.
    let odd = server.send_text("POST", "/executions/none/cancel", "text/plain", "x").await;
    assert_eq!(odd.problem(), (415, "unsupported-media-type".to_owned()));
}

#[tokio::test]
async fn the_first_versions_paths_still_work() {
    let server = Server::start().await;
    assert_eq!(server.post("/api/workflows", &filter_workflow("w")).await.status, 201);
    assert_eq!(server.get("/api/workflows/w").await.json()["version"], 1);
    let run = server.post("/api/workflows/w/execute?wait=10", &json!({"input": [{"n": 2}]})).await.json();
    let path = format!("/api/workflows/executions/{}", run["executionId"].as_str().unwrap());
    assert_eq!(server.get(&path).await.json()["status"], "completed");
    assert_eq!(server.get("/api/workflows/blocks/core.filter").await.json()["type"], "core.filter");
    assert_eq!(server.get("/api/workflows/executions").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn one_call_of_a_block_is_answered_with_all_its_fields() {
    let server = Server::start().await;
    let config = &filter_workflow("w")["nodes"][0]["config"].clone();
    let request = json!({"config": config, "input": [{"n": 1}, {"n": 2}]});
    let result = server.post("/blocks/core.filter/test", &request).await.json();
    assert_eq!(result["status"], "completed");
    assert_eq!(result["output"], json!([{"n": 2}]));
    assert_eq!(result["outputs"]["rejected"], json!([{"n": 1}]));
    for field in ["executionTime", "error", "retryCount", "startTime", "endTime", "metadata", "logs", "logsDropped"] {
        assert!(result.get(field).is_some(), "{field} in {result}");
    }
    let bad = json!({"config": {"conditions": [{"field": "n", "operator": "odd"}]}, "input": []});
    let answer = server.post("/blocks/core.filter/test", &bad).await;
    assert_eq!(answer.status, 200);
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "invalid-config", "{error}");
    assert!(error["details"]["pointer"].as_str().unwrap().starts_with("/conditions/0"), "{error}");
    let blocks = server.get("/blocks").await.json();
    let types: Vec<_> = blocks["items"].as_array().unwrap().iter().map(|block| block["type"].clone()).collect();
    assert_eq!(types.len(), 13);
    assert!(types.contains(&"core.filter".into()) && types.contains(&"api.hunter".into()), "{types:?}");
}

#[tokio::test]
async fn bodies_are_of_a_known_type_and_not_encoded() {
    let server = Server::start().await;
    for path in ["/blocks", "/api/workflows/blocks"] {
        for kind in ["text/plain", "application/json"] {
            let answer = server.send_text("POST", path, kind, "x").await;
            assert_eq!(answer.problem(), (415, "unsupported-media-type".to_owned()));
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("of `application/wasm`") && detail.contains(kind), "{detail}");
        }
    }
    let encoded = async |path: &str, kind: &str, coding: &str| {
        let request = Request::post(path).header("content-type", kind).header("content-encoding", coding);
        server.send(request.body(Body::from("{}")).unwrap()).await
    };
    for (path, kind) in [("/blocks", "application/wasm"), ("/workflows/validate", "application/json")] {
        for coding in ["gzip", "identity, br", ""] {
            let answer = encoded(path, kind, coding).await;
            assert_eq!(answer.problem(), (415, "unsupported-encoding".to_owned()), "{path} {coding}");
        }
    }
    assert_eq!(encoded("/workflows/validate", "application/json", "Identity").await.status, 200);
}
