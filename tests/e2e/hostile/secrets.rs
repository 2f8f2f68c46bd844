//! Secrets that a block was not granted, and handles that it hoards.

use serde_json::json;

use super::{Owner, UserId, assert_refused, assert_well, grant, hostile, output, rule, send, store_secret};
use crate::support::{Run, graph, node};

const HIDDEN: &str = "hidden-from-everyone";

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_without_a_grant_is_refused_by_its_name_and_the_blocks() {
    let (app, server) = hostile(&["takes-secrets"]).await;
    for name in ["asked", "granted", "unasked"] {
        store_secret(&app, name, HIDDEN, &["good.example"], Owner::Shared).await;
    }
    grant(&app, "test.takes-secrets", vec![rule("good.example", &["granted", "unasked"])]);
    let odd =
        ["asked", "unasked", "Granted", "granted ", "granted\0", "../granted", "", "BLOCKYARD_MASTER_KEY", "PATH"];
    let names = [&["granted"][..], &odd].concat();
    let told = output(&app, "test.takes-secrets", json!({"names": names})).await;
    assert_eq!(told[0], json!({"name": "granted"}));
    for (index, name) in odd.iter().enumerate() {
        let words = format!("block `test.takes-secrets` is not granted the secret `{name}`");
        assert_refused(&told[index + 1], "secret-not-granted", &words, name);
    }
    let long = output(&app, "test.takes-secrets", json!({"names": ["x".repeat(1 << 20)]})).await;
    assert!(long.to_string().len() < 300, "a name is cut before it is shown");
    // Without any grant it has none; a wildcard is no place for a secret either.
    for rules in [Vec::new(), vec![rule("good.example", &[])]] {
        grant(&app, "test.takes-secrets", rules);
        let told = output(&app, "test.takes-secrets", json!({"names": ["granted"]})).await;
        assert_refused(&told[0], "secret-not-granted", "is not granted the secret `granted`", "no grant");
    }
    assert_eq!(server.connections(), 0);
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_only_where_the_manifest_the_grant_and_the_secret_itself_say() {
    let (app, server) = hostile(&[]).await;
    store_secret(&app, "granted", HIDDEN, &["good.example", "a.wild.example"], Owner::Shared).await;
    store_secret(&app, "stray", HIDDEN, &["good.example", "other.example"], Owner::Shared).await;
    let wild = rule("*.wild.example", &["granted"]);
    let rules = vec![rule("good.example", &["granted"]), rule("other.example", &["stray", "granted"]), wild];
    grant(&app, "test.sends", rules);
    let with = |url: &str, secret: &str| json!({"url": url, "secret": secret});
    let told = send(
        &app,
        json!([
            with("https://good.example/echo", "stray"),
            with("https://other.example/echo", "granted"),
            with("https://a.wild.example/echo", "granted"),
            with("https://good.example/echo", "unset"),
        ]),
    )
    .await;
    let may_not = "block `test.sends` may not send the secret `stray` to `good.example`";
    assert_refused(&told[0], "denied", may_not, "granted in the rule of another host");
    assert_refused(&told[1], "denied", "the secret `granted` is not for `other.example`", "the secret's own hosts");
    let may_not = "block `test.sends` may not send the secret `granted` to `a.wild.example`";
    assert_refused(&told[2], "denied", may_not, "a wildcard");
    assert_refused(
        &told[3],
        "secret-not-granted",
        "`test.sends` is not granted the secret `unset`",
        "not in the grant",
    );
    assert!(!json!(told).to_string().contains(HIDDEN));
    assert_eq!(server.connections(), 0);
    let told = send(&app, json!([with("https://other.example/echo", "stray")])).await;
    assert_eq!(told[0]["status"], 200);
    assert!(told[0]["text"].as_str().unwrap().contains("Bearer [secret stray]"), "{told:?}");
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_others_and_for_other_blocks_are_not_there() {
    let (app, server) = hostile(&[]).await;
    grant(&app, "test.sends", vec![rule("good.example", &["others", "unset", "granted"])]);
    store_secret(&app, "others", HIDDEN, &["good.example"], Owner::User("ada".into())).await;
    let config = |secret: &str| json!({"requests": [{"url": "https://good.example/echo", "secret": secret}]});
    let told = async |user: &str, secret: &str, mapped: serde_json::Value| {
        let node_of = json!({"id": "it", "type": "test.sends", "config": config(secret), "secrets": mapped});
        let execution = Run::new(&app, graph(json!([node_of]), &[]), json!(1)).user(user).end().await;
        node(&app, &execution, "it").await.call.outputs.get("output").unwrap().to_value().unwrap()
    };
    let no_value = "has no value that this execution may use with `test.sends`";
    assert_refused(&told("eve", "others", json!({})).await[0], "secret-not-set", no_value, "another user's");
    assert_refused(&told("shared", "others", json!({})).await[0], "secret-not-set", no_value, "a user called shared");
    assert_refused(&told("ada", "unset", json!({})).await[0], "secret-not-set", no_value, "never set");
    // A node that maps a slot to somebody else's secret gets nothing by it.
    let mapped = json!({"granted": "others"});
    let refused = told("eve", "granted", mapped.clone()).await;
    assert_refused(&refused[0], "secret-not-set", "the secret `others` has no value", "mapped");
    assert_eq!(server.connections(), 0);
    assert_eq!(told("ada", "others", json!({})).await[0]["status"], 200);
    assert_eq!(told("ada", "granted", mapped).await[0]["status"], 200);
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer hidden-from-everyone"));
    let local = UserId::local();
    assert!(app.vault.list(&local).await.unwrap().iter().all(|secret| secret.name.as_str() != "others"));
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_are_limited_and_dropped_ones_are_free_again() {
    let (app, _server) = hostile(&["hoards-secrets"]).await;
    store_secret(&app, "granted", HIDDEN, &["good.example"], Owner::Shared).await;
    grant(&app, "test.hoards-secrets", vec![rule("good.example", &["granted"])]);
    let told = output(&app, "test.hoards-secrets", json!({})).await;
    assert_eq!((&told["held"], &told["again"]), (&json!(1_000), &json!(true)));
    assert_refused(&told["refused"], "internal", "more than 1000 handles of secrets at once", "hoarded");
    assert_well(&app).await;
}
