//! Requests that the manifest does not ask for, or that the grant does not give.

use blockyard::domain::block::HttpRule;
use serde_json::json;

use super::{assert_refused, assert_well, grant, hostile, rule, send};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_manifest_does_not_ask_for_or_the_grant_does_not_give_is_refused_by_name() {
    let (app, server) = hostile(&[]).await;
    let narrow = HttpRule { path_prefix: Some("/v2".to_owned()), ..rule("narrow.example", &[]) };
    let narrower = HttpRule { port: Some(8443), methods: Some(vec!["GET".to_owned()]), ..narrow.clone() };
    let granted = ["good.example", "unasked.example", "plain.example", "a.wild.example"].map(|host| rule(host, &[]));
    let mut rules = granted.to_vec();
    rules.extend([narrow, narrower, rule("*.granted.example", &[])]);
    grant(&app, "test.sends", rules);
    let (unasked, ungranted) =
        ("the manifest of block `test.sends` does not ask for", "block `test.sends` is not granted");
    for (method, url, who) in [
        ("GET", "https://asked.example/", ungranted),
        ("GET", "https://other.example/", ungranted),
        ("GET", "https://unasked.example/", unasked),
        ("GET", "https://nobody.example/", unasked),
        ("GET", "https://good.example.evil.example/", unasked),
        ("GET", "https://evilgood.example/", unasked),
        ("GET", "https://sub.good.example/", unasked),
        ("GET", "https://example/", unasked),
        ("GET", "http://good.example/", unasked),
        ("GET", "http://plain.example/", ungranted),
        ("GET", "http://plain.example:443/", unasked),
        ("GET", "https://good.example:8443/", unasked),
        ("GET", "https://good.example:80/", unasked),
        ("POST", "https://narrow.example/v2/x", unasked),
        ("DELETE", "https://narrow.example/v2", unasked),
        ("GET", "https://narrow.example/", unasked),
        ("GET", "https://narrow.example/v22", unasked),
        ("GET", "https://narrow.example/v2/../admin", unasked),
        ("GET", "https://narrow.example/v2/%2e%2e/admin", unasked),
        ("GET", "https://narrow.example/v2/x/../../admin", unasked),
        ("GET", "https://narrow.example//v2", unasked),
        ("GET", "https://narrow.example/V2", unasked),
        ("GET", "https://narrow.example/%76%32", unasked),
        ("PUT", "https://narrow.example:8443/v2", ungranted),
        ("GET", "https://narrow.example:8443/v1", ungranted),
        ("GET", "https://narrow.example:8443/", ungranted),
        ("GET", "https://b.wild.example/", ungranted),
        ("GET", "https://wild.example/", unasked),
        ("GET", "https://x.granted.example/", unasked),
    ] {
        let told = send(&app, json!([{"method": method, "url": url}])).await;
        assert_refused(&told[0], "denied", who, url);
        let host = url.split('/').nth(2).unwrap().trim_end_matches(":80");
        assert_refused(&told[0], "denied", &format!("{method} http"), url);
        assert_refused(&told[0], "denied", host.split(':').next().unwrap(), url);
    }
    assert_eq!(server.connections(), 0);
    // What both name goes through.
    for (method, url) in [
        ("GET", "https://narrow.example/v2"),
        ("PUT", "https://narrow.example/v2/x?y"),
        ("GET", "https://narrow.example:8443/v2/x"),
        ("POST", "https://good.example/anything"),
        ("GET", "https://a.wild.example/"),
        ("GET", "https://plain.example/"),
    ] {
        let told = send(&app, json!([{"method": method, "url": url}])).await;
        assert_eq!(told[0]["status"], 200, "{url}: {told:?}");
    }
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_query_is_shown_in_no_refusal() {
    let (app, _server) = hostile(&[]).await;
    let told = send(&app, json!([{"url": "https://asked.example/a?token=private#private"}])).await;
    assert_refused(&told[0], "denied", "is not granted GET https://asked.example/a", "query");
    assert!(!told[0].to_string().contains("private"));
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_past_the_limit_of_a_call_are_refused_and_those_before_are_not() {
    let server = super::Server::start().await;
    let mut config = super::tight(&[], &server);
    config.http.requests_per_call = 5;
    let app = super::started(config).await;
    for together in [true, false] {
        let requests = json!({"together": together, "requests": [{"url": "https://good.example/echo", "copies": 8}]});
        let told = super::output(&app, "test.sends", requests).await;
        for (index, one) in told.as_array().unwrap().iter().enumerate() {
            if index < 5 {
                assert_eq!(one["status"], 200, "{one}");
            } else {
                assert_refused(one, "limited", "more than 5 requests in one call", "past the limit");
            }
        }
    }
    // Refused ones count as well.
    let requests = json!([{"url": "https://nobody.example/", "copies": 5}, {"url": "https://good.example/echo"}]);
    assert_refused(&send(&app, requests).await[5], "limited", "more than 5 requests", "after refused ones");
    assert_eq!(server.seen().len(), 10);
    assert_well(&app).await;
}
