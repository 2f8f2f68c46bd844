//! Blocks that see a secret's text: only with a grant of its own, on record, and what they put out is still scrubbed.

use blockyard::domain::{Grant, NodeStatus};
use serde_json::json;

use super::canary::{CANARY, WAYS, assert_clean, assert_no_file_holds_it, assert_nothing_shown, with_canary};
use super::{assert_well, failure, one, rule};
use crate::support::{Run, node};
use crate::timeline::{patiently, timeline};

fn revealing() -> Grant {
    Grant { http: vec![rule("good.example", &["canary"])], reveal: vec!["canary".to_owned()], stateless: false }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_imports_reveal_is_refused_at_the_call_without_the_grant() {
    let (app, server, _directory) = with_canary("reveals").await;
    let (code, message) = failure(&app, "test.reveals", json!({"way": "output", "sends": true})).await;
    assert_eq!(code, "secret-not-granted");
    assert_eq!(message, "block `test.reveals` is not granted the text of the secret `canary`");
    // The text of another secret is another grant.
    let other = Grant { reveal: vec!["other".to_owned()], ..revealing() };
    app.catalogue.set_grant("test.reveals".parse().unwrap(), other);
    let (code, message) = failure(&app, "test.reveals", json!({"way": "output"})).await;
    assert_eq!(code, "secret-not-granted", "{message}");
    let entries = app.store.audit_entries(None, 100).await.unwrap();
    assert!(entries.iter().all(|entry| entry.action != "secret.revealed"), "{entries:?}");
    assert_eq!(server.connections(), 0);
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revealed_secret_is_on_record_and_scrubbed_from_whatever_the_block_puts_out() {
    let (app, server, directory) = with_canary("reveals").await;
    app.catalogue.set_grant("test.reveals".parse().unwrap(), revealing());
    for (index, way) in WAYS.into_iter().enumerate() {
        let config = json!({"way": way, "sends": true});
        let shown = assert_nothing_shown(&app, "test.reveals", config).await;
        assert!(shown.contains("[secret canary]") || way == "nothing", "{way}: {shown}");
        let seen = server.seen();
        assert!(seen.len() > index, "{way}");
    }
    // The block really had it: what it wrote into its request arrived.
    let seen = server.seen();
    assert_eq!(seen[0].header("x-taken").map(str::as_bytes), Some(CANARY.as_bytes()));
    let entries = app.store.audit_entries(None, 100).await.unwrap();
    let revealed: Vec<_> = entries.iter().filter(|entry| entry.action == "secret.revealed").collect();
    // The one that suspends is called twice.
    assert_eq!(revealed.len(), WAYS.len() + 1, "{entries:?}");
    for entry in revealed {
        assert_eq!((entry.subject.as_str(), entry.user_id.as_str()), ("secret/canary", "local"));
        let details = entry.details.to_value().unwrap();
        assert_eq!((&details["secret"], &details["block"]), (&json!("canary"), &json!("test.reveals")));
        assert_eq!(details["nodeId"], "it");
        assert_clean("the audit log", format!("{entry:?} {details}").as_bytes());
    }
    assert_well(&app).await;
    assert_no_file_holds_it(&app, directory.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_lines_with_a_secret_is_scrubbed_and_counted() {
    let (app, _server, directory) = with_canary("floods-with-secrets").await;
    app.catalogue.set_grant("test.floods-with-secrets".parse().unwrap(), revealing());
    let run = Run::new(&app, one("test.floods-with-secrets", json!({})), json!(null));
    let execution = patiently("the flood", run.end()).await;
    let call = node(&app, &execution, "it").await.call;
    assert_eq!(
        (call.status, call.logs.len(), call.logs_dropped),
        (NodeStatus::Completed, 200, 9_800),
        "{:?}",
        call.error
    );
    for line in &call.logs {
        let fields = line.fields.as_ref().map_or("", |fields| fields.as_str());
        assert_clean("a line", format!("{} {fields}", line.message).as_bytes());
    }
    for entry in timeline(&app, &execution.execution_id).await {
        assert_clean("an event", format!("{entry:?}").as_bytes());
    }
    assert_well(&app).await;
    assert_no_file_holds_it(&app, directory.path()).await;
}
