//! What a component could reach without asking: files, sockets, the environment, processes, memory of others.

use blockyard::app::{App, StartError};
use blockyard::runtime::inspect;
use serde_json::{Value, json};

use super::{assert_refused, assert_well, failure, hostile, one, output, send};
use crate::support::{Run, config, graph, node};
use crate::timeline::{COMPILING, patiently_for};

async fn refusal_of(guest: &str) -> String {
    let refused = App::start(config(&[guest])).await;
    let Err(StartError::Block(_, error)) = refused else { panic!("{refused:?}") };
    error.to_string()
}

/// The bytes of a component that imports an interface of this name and does nothing.
fn importing(name: &str) -> Vec<u8> {
    // An instance type without exports, and the import of an instance of that type.
    let mut import = vec![1, 0, name.len() as u8];
    import.extend_from_slice(name.as_bytes());
    import.extend_from_slice(&[5, 0]);
    let mut component = b"\0asm\x0d\0\x01\0\x07\x03\x01\x42\0\x0a".to_vec();
    component.push(import.len() as u8);
    component.extend_from_slice(&import);
    component
}

#[tokio::test(flavor = "multi_thread")]
async fn components_that_use_files_sockets_or_processes_are_refused_by_an_interface_that_they_import() {
    for (guest, interface) in [
        ("opens-files", "wasi:filesystem/"),
        ("opens-sockets", "wasi:sockets/"),
        // Its pipes would be files.
        ("starts-processes", "wasi:filesystem/"),
    ] {
        let message = refusal_of(guest).await;
        assert!(message.starts_with("imports `wasi:"), "{message}");
        assert!(message.contains("which this host does not offer; it offers blockyard:block/types"), "{message}");
        // Linked without optimisation a guest imports more than it needs, and one of them is named.
        let component = inspect(&std::fs::read(crate::support::guest(guest)).unwrap()).unwrap();
        assert!(component.foreign().any(|import| import.starts_with(interface)), "{component:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_interface_that_is_not_offered_is_refused_by_name() {
    let (app, _server) = hostile(&[]).await;
    for name in [
        "wasi:filesystem/preopens@0.2.0",
        "wasi:filesystem/types@0.2.6",
        "wasi:sockets/tcp@0.2.0",
        "wasi:sockets/udp@0.2.0",
        "wasi:sockets/ip-name-lookup@0.2.0",
        "wasi:sockets/instance-network@0.2.0",
        "wasi:http/incoming-handler@0.2.0",
        "wasi:http/outgoing-handler@0.3.0",
        "wasi:http/types@0.3.0",
        "wasi:keyvalue/store@0.2.0-draft",
        "wasi:config/store@0.2.0-rc.1",
        "wasi:cli/run@0.2.0",
        "wasi:cli/environment@0.3.0",
        "wasi:io/streams@0.1.0",
        "blockyard:block/secrets@0.2.0",
        "blockyard:block/secrets-reveal@1.0.0",
        "blockyard:block/block@0.1.0",
        "blockyard:host/admin@0.1.0",
        "blockyard:block/vault@0.1.0",
    ] {
        let refused = app.catalogue.register(importing(name).into()).await.unwrap_err().to_string();
        let words = format!("imports `{name}`, which this host does not offer; it offers ");
        assert!(refused.starts_with(&words), "{refused}");
    }
    // An offered one is no offence: then it is the block that is missing.
    let refused = app.catalogue.register(importing("wasi:cli/environment@0.2.0").into()).await.unwrap_err().to_string();
    assert!(refused.starts_with("does not fit the world `blockyard:block/block-component@0.1.0`"), "{refused}");
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_empty_and_there_are_no_threads() {
    let (app, _server) = hostile(&["reads-environment"]).await;
    let found = output(&app, "test.reads-environment", json!({})).await;
    let nothing = json!({"variables": [], "home": null, "arguments": [], "thread": false});
    assert_eq!(found, nothing);
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_passed_its_own_config_input_and_context_and_nothing_of_others() {
    let (app, _server) = hostile(&["tells-all"]).await;
    let tells = |id: &str, config: Value| json!({"id": id, "type": "test.tells-all", "config": config});
    let nodes = json!([
        tells("before", json!({"is": "of-before"})),
        tells("beside", json!({"is": "of-beside"})),
        tells("it", json!({"is": "own"}))
    ]);
    let document = graph(nodes, &["before>it"]);
    // Another execution, of another user, at the same time.
    let other = Run::new(&app, one("test.tells-all", json!({"is": "of-another"})), json!("other-input"));
    let own = Run::new(&app, document, json!("own-input")).variables(json!({"shared": "by-the-workflow"}));
    let (own, other) = futures::join!(own.user("ada").end(), other.user("eve").end());
    let told = node(&app, &own, "it").await.call.outputs.get("output").unwrap().to_value().unwrap();
    let context: Value = serde_json::from_str(told["context"].as_str().unwrap()).unwrap();
    let mut fields: Vec<&str> = context.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    let known =
        ["attempt", "executionId", "idempotencyKey", "mode", "nodeId", "settings", "userId", "variables", "workflowId"];
    assert_eq!(fields, known);
    assert_eq!(context["executionId"], own.execution_id.as_str());
    assert_eq!(
        (&context["nodeId"], &context["userId"], &context["settings"]),
        (&json!("it"), &json!("ada"), &json!({}))
    );
    assert_eq!(
        (&told["config"], &context["variables"]),
        (&json!("{\"is\":\"own\"}"), &json!({"shared": "by-the-workflow"}))
    );
    let shown = told.to_string();
    for foreign in ["of-beside", "beside", "of-another", "other-input", "eve", other.execution_id.as_str()] {
        assert!(!shown.contains(foreign), "{foreign}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_call_left_in_memory_is_there_for_the_next_one_in_its_slot() {
    let server = super::Server::start().await;
    let mut config = super::tight(&["remembers"], &server);
    config.runtime.max_instances = 1;
    let app = App::start(config).await.unwrap();
    for round in 0..3 {
        let seed = 7_700 + round;
        let planted = output(&app, "test.remembers", json!({"seed": seed, "plant": true})).await;
        assert_eq!((&planted["calls"], &planted["planted"]), (&json!(1), &json!(512 << 10)));
        assert!(planted["found"].as_u64().unwrap() >= 32, "it finds its own: {planted}");
        let after = output(&app, "test.remembers", json!({"seed": seed})).await;
        assert_eq!(after, json!({"calls": 1, "planted": 0, "found": 0}));
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_is_asked_for_without_capabilities_and_within_its_time() {
    let (app, server) = hostile(&["manifest-asks"]).await;
    let block = app.catalogue.resolve(&"test.manifest-asks".parse().unwrap()).unwrap();
    let description = &block.manifest.description;
    assert!(description.contains("is not granted the secret `granted`"), "{description}");
    assert!(description.contains("does not ask for GET https://good.example/echo"), "{description}");
    assert_eq!(server.connections(), 0);
    let message = patiently_for(COMPILING, "the refusal", refusal_of("manifest-loops")).await;
    assert_eq!(message, "its manifest cannot be read: cpu-limit: used more than 1000 ms of CPU time");
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_that_were_not_given_are_none_and_hoarded_ones_end() {
    let (app, _server) = hostile(&["forges-handles", "hoards-pollables"]).await;
    for handle in [0, 1, 2, 1_000, u64::from(u32::MAX)] {
        let (code, message) = failure(&app, "test.forges-handles", json!({"handle": handle})).await;
        assert_eq!(code, "trap", "{message}");
        assert!(message.contains("handle index"), "{message}");
    }
    let (code, message) = failure(&app, "test.hoards-pollables", json!({})).await;
    assert_eq!(code, "trap", "{message}");
    assert!(message.contains("table"), "{message}");
    let some = output(&app, "test.hoards-pollables", json!({"count": 1_000})).await;
    assert_eq!(some, json!(1_000));
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_is_taken_away_counts_from_the_next_call() {
    let (app, server) = hostile(&[]).await;
    let request = json!([{"url": "https://good.example/echo"}]);
    assert_eq!(send(&app, request.clone()).await[0]["status"], 200);
    super::grant(&app, "test.sends", Vec::new());
    let told = send(&app, request).await;
    assert_refused(&told[0], "denied", "block `test.sends` is not granted GET https://good.example/echo", "taken away");
    assert_eq!(server.seen().len(), 1);
}
