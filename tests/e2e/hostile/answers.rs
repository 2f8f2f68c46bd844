//! Servers that answer too much, too slowly, too little, or two things at once.

use blockyard::domain::NodeStatus;
use serde_json::{Value, json};

use super::{assert_refused, assert_well, hostile, outcome, output, send};
use crate::support::graph;

async fn ask(app: &super::App, path: &str, timeout_ms: u32) -> Value {
    send(app, json!([{"url": format!("https://good.example{path}"), "timeoutMs": timeout_ms}])).await[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_over_the_limit_are_cut_off_however_they_grow() {
    let (app, _server) = hostile(&[]).await;
    for path in ["/large", "/endless", "/until-closed", "/bomb", "/bomb-in-bomb"] {
        let told = ask(&app, path, 20_000).await;
        assert_refused(&told, "too-large", "the answer is larger than 1048576 bytes", path);
    }
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_never_come_to_an_end_run_into_the_time_limit() {
    let (app, _server) = hostile(&[]).await;
    for path in ["/drip", "/drip-head", "/silent", "/continues", "/hints"] {
        let told = ask(&app, path, 200).await;
        assert_refused(&told, "upstream-timeout", "no complete answer in time", path);
    }
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_broken_are_errors_of_the_transfer() {
    let (app, _server) = hostile(&[]).await;
    for (path, words) in [
        ("/nothing", ""),
        ("/half-head", ""),
        ("/half", "the answer broke off"),
        ("/half-chunk", "the answer broke off"),
        ("/bad-chunk", "the answer broke off"),
        ("/chunk-extension", "the answer broke off"),
        ("/trailers", "the answer broke off"),
        ("/long-header", ""),
        ("/many-headers", ""),
        ("/says-large", "the answer broke off"),
        ("/says-enormous", ""),
        ("/says-negative", ""),
        ("/says-twice", ""),
        ("/no-http", ""),
        ("/bad-header", ""),
        ("/cut-gzip", "the answer cannot be decompressed"),
        ("/no-gzip", "the answer cannot be decompressed"),
        ("/wrong-sum", "the answer cannot be decompressed"),
        ("/brotli", "the answer has a content encoding that was not asked for"),
        ("/many-encodings", "the answer has too many content encodings"),
    ] {
        let told = ask(&app, path, 20_000).await;
        assert_refused(&told, "transport", words, path);
    }
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_answers_are_taken_for_what_they_say() {
    let (app, _server) = hostile(&[]).await;
    let told = ask(&app, "/gzip", 20_000).await;
    assert_eq!((&told["status"], &told["text"]), (&json!(200), &json!("well packed")));
    assert!(!told["headers"].to_string().contains("gzip"), "{told}");
    let told = ask(&app, "/says-less", 20_000).await;
    assert_eq!((&told["status"], &told["text"]), (&json!(200), &json!("four")));
    let told = ask(&app, "/odd-bytes", 20_000).await;
    assert_eq!((&told["status"], &told["bytes"]), (&json!(200), &json!(3)));
    assert!(told["headers"].to_string().contains("café"), "{told}");
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_go_back_to_the_guest_and_nobody_follows_them() {
    let (app, server) = hostile(&[]).await;
    for (asked, status) in [300, 301, 302, 303, 305, 307, 308].into_iter().enumerate() {
        let told = ask(&app, &format!("/redirect/{status}"), 20_000).await;
        assert_eq!((&told["status"], &told["text"]), (&json!(status), &json!("gone")));
        assert!(told["headers"].to_string().contains("http://127.0.0.1/secret"), "{told}");
        assert_eq!(server.seen().len(), asked + 1);
    }
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_runs_into_its_time_limit_gives_up_its_turns_and_connections() {
    let (app, _server) = hostile(&[]).await;
    let config = json!({"together": true, "requests": [{"url": "https://good.example/silent", "copies": 9}]});
    let document = graph(json!([{"id": "it", "type": "test.sends", "config": config, "timeoutMs": 150}]), &[]);
    let call = outcome(&app, document).await.call;
    let error = call.error.unwrap();
    assert_eq!((call.status, error.code.as_str()), (NodeStatus::Failed, "timeout"));
    assert_eq!(error.message, "no answer within 150 ms");
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_bodies_of_a_list_count_until_the_guest_has_them() {
    let (app, _server) = hostile(&[]).await;
    // Three fill what may be in flight; the host must not hold three more beside them.
    let config = json!({"together": true, "requests": [{"url": "https://good.example/together", "copies": 6, "timeoutMs": 20_000}]});
    let told = output(&app, "test.sends", config).await;
    let told = told.as_array().unwrap();
    let whole = told.iter().filter(|one| one["status"] == 200).count();
    assert!(whole <= 3, "{whole} answers of a megabyte each were held where three may be");
    for one in told.iter().filter(|one| one["status"] != 200) {
        assert_refused(one, "limited", "bytes of HTTP bodies are in flight in this process", "one too many");
    }
    assert_well(&app).await;
}
