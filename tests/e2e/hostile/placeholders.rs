//! Placeholders of secrets in the requests of standard guests: the secret takes their places where it may go, and nothing
//! is sent where it may not.

use blockyard::app::App;
use blockyard::domain::{Mode, RunOptions, UserId};
use serde_json::{Value, json};

use super::{Owner, Server, assert_well, grant, one, outcome, rule, started, store_secret, tight};
use crate::support::{Run, graph, node};

const HIDDEN: &str = "hidden-from-everyone";

async fn with_secrets() -> (App, Server) {
    let server = Server::start().await;
    let app = started(tight(&["wasi-sends"], &server)).await;
    let may = rule("good.example", &["granted", "unset", "others"]);
    grant(
        &app,
        "test.wasi-sends",
        vec![may, rule("other.example", &["stray", "granted"]), rule("*.wild.example", &["granted"])],
    );
    store_secret(&app, "granted", HIDDEN, &["good.example", "a.wild.example"], Owner::Shared).await;
    store_secret(&app, "stray", HIDDEN, &["good.example", "other.example"], Owner::Shared).await;
    (app, server)
}

/// What became of one request, and what the node's log says of it.
async fn ask(app: &App, request: Value) -> (Value, String) {
    let row = outcome(app, one("test.wasi-sends", json!({"requests": [request]}))).await;
    let told = row.call.outputs.get("output").unwrap_or_else(|| panic!("{:?}", row.call.error)).to_value().unwrap();
    let lines: Vec<_> = row.call.logs.iter().map(|line| line.message.clone()).collect();
    assert!(!told.to_string().contains(HIDDEN) && !lines.concat().contains(HIDDEN), "{told} {lines:?}");
    (told[0].clone(), lines.join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placeholder_that_may_not_go_there_stops_the_request() {
    let (app, server) = with_secrets().await;
    let url = "https://good.example/echo";
    for (request, words) in [
        (json!({"url": url, "headers": [["x-key", "{stray}"]]}), "may not send the secret `stray` to `good.example`"),
        (json!({"url": format!("{url}?a=1&key={{stray}}")}), "may not send the secret `stray` to `good.example`"),
        (json!({"url": url, "basic": "user:{stray}"}), "may not send the secret `stray` to `good.example`"),
        (
            json!({"url": url, "method": "POST", "body": "{\"a\": \"{granted}\", \"b\": \"{stray}\"}"}),
            "may not send the secret `stray` to `good.example`",
        ),
        (json!({"url": "https://other.example/echo?key={granted}"}), "the secret `granted` is not for `other.example`"),
        (
            json!({"url": "https://a.wild.example/echo?key={granted}"}),
            "may not send the secret `granted` to `a.wild.example`",
        ),
        (json!({"url": "https://good.example/{granted}/echo"}), "stands in the request's path"),
        (json!({"url": "https://{granted}.wild.example/"}), "stands in the request's host"),
        (json!({"url": url, "headers": [["{granted}", "x"]]}), "stands in the request's header names"),
        (json!({"url": "https://asked.example/?key={granted}"}), "is not granted GET https://asked.example/"),
        (json!({"url": format!("{url}?key={{unset}}")}), "the secret `unset` has no value that this execution may use"),
    ] {
        let (told, log) = ask(&app, request.clone()).await;
        assert_eq!(told["code"], "ErrorCode::HttpRequestDenied", "{request}: {told} {log}");
        assert!(log.contains(words), "{request}: {log}");
    }
    assert_eq!(server.connections(), 0);
    let (told, _) = ask(&app, json!({"url": "https://other.example/echo", "headers": [["x-key", "{stray}"]]})).await;
    assert!(told["text"].as_str().unwrap().contains("[secret stray]"), "{told}");
    assert_eq!(server.seen()[0].header("x-key"), Some(HIDDEN));
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placeholder_of_another_call_and_the_name_of_one_without_a_grant_are_plain_text() {
    let (app, server) = with_secrets().await;
    let foreign = format!("blockyard-secret-{}", "0123456789".repeat(4));
    for text in [foreign.as_str(), "{asked}", "blockyard-secret-"] {
        let request = json!({"url": "https://good.example/echo", "headers": [["x-key", text]]});
        let (told, _) = ask(&app, request).await;
        assert_eq!(told["status"], 200, "{told}");
        assert_eq!(server.seen().last().unwrap().header("x-key"), Some(text));
    }
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_owners_and_users_count_as_they_do_for_handles() {
    let (app, server) = with_secrets().await;
    store_secret(&app, "others", HIDDEN, &["good.example"], Owner::User("ada".into())).await;
    let told = async |user: &str, secret: &str, mapped: Value| {
        let requests = json!([{"url": format!("https://good.example/echo?key={{{secret}}}")}]);
        let node_of =
            json!({"id": "it", "type": "test.wasi-sends", "config": {"requests": requests}, "secrets": mapped});
        let execution = Run::new(&app, graph(json!([node_of]), &[]), json!(1)).user(user).end().await;
        node(&app, &execution, "it").await.call.outputs.get("output").unwrap().to_value().unwrap()[0].clone()
    };
    assert_eq!(told("eve", "others", json!({})).await["code"], "ErrorCode::HttpRequestDenied");
    assert_eq!(told("eve", "granted", json!({"granted": "others"})).await["code"], "ErrorCode::HttpRequestDenied");
    assert_eq!(server.connections(), 0);
    assert_eq!(told("ada", "others", json!({})).await["status"], 200);
    assert_eq!(told("ada", "granted", json!({"granted": "others"})).await["status"], 200);
    assert!(server.seen().iter().all(|one| one.target == format!("/echo?key={HIDDEN}")), "{:?}", server.seen());
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_leaves_credentials_out_and_answers_calls_with_other_placeholders() {
    let (app, server) = with_secrets().await;
    let requests = json!([
        {"url": "https://good.example/echo?a=1&key={granted}"},
        {"url": "https://good.example/echo", "headers": [["authorization", "Bearer {granted}"]]},
        {"url": "https://good.example/echo", "method": "POST", "body": "{\"key\": \"{granted}\", \"b\": 2}"},
        {"url": "https://good.example/echo", "method": "POST", "body": "b=2&key={granted}",
         "headers": [["content-type", "application/x-www-form-urlencoded"]]},
    ]);
    let document = one("test.wasi-sends", json!({"requests": requests}));
    let run = Run::new(&app, document.clone(), json!(1)).options(RunOptions { record: true, exchanges: None });
    let execution = run.end().await;
    let first = node(&app, &execution, "it").await.call;
    let exchanges = first.exchanges.unwrap();
    let recorded = exchanges.to_value().unwrap();
    assert!(!exchanges.as_str().contains(HIDDEN) && !recorded[0]["request"].to_string().contains("blockyard-secret-"));
    assert_eq!(recorded[0]["request"], json!({"method": "GET", "url": "https://good.example/echo?a=1"}));
    assert_eq!(recorded[1]["request"], json!({"method": "GET", "url": "https://good.example/echo"}));
    assert_eq!(recorded[2]["request"]["body"], json!({"key": "[secret granted]", "b": 2}));
    assert_eq!(recorded[3]["request"]["body"], "b=2&key=%5Bsecret%20granted%5D");
    for exchange in recorded.as_array().unwrap() {
        // Of what stands there now: that of what came would tell how long the secret is.
        let response = &exchange["response"];
        let body = response["body"].to_string();
        assert!(body.contains("[secret granted]"), "{body}");
        assert_eq!(response["headers"]["content-length"], body.len().to_string());
    }
    let sent = server.seen().len();
    // Another execution has other placeholders, and here the secret is not even set.
    let (other, _server) = with_secrets().await;
    other.vault.delete(&UserId::local(), &Owner::Shared, &"granted".parse().unwrap()).await.unwrap();
    for app in [&app, &other] {
        let options = RunOptions { record: false, exchanges: Some(exchanges.clone()) };
        let run = Run::new(app, document.clone(), json!(1)).mode(Mode::Test).options(options);
        let execution = run.end().await;
        let again = node(app, &execution, "it").await.call.outputs.get("output").unwrap().to_value().unwrap();
        assert_eq!(again, first.outputs.get("output").unwrap().to_value().unwrap());
    }
    assert_eq!(server.seen().len(), sent);
    assert_well(&app).await;
}
