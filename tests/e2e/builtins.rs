//! Every block that ships with the product, through the API, as a user sees it.

use serde_json::{Value, json};

use crate::server::Server;
use crate::support::config_on_disk;

/// What a stranger is told to find.
const TYPES: [&str; 13] = [
    "ai.contact",
    "ai.interest",
    "ai.openrouter",
    "ai.sentiment",
    "api.apify",
    "api.apollo",
    "api.hunter",
    "api.meta-audience",
    "api.mixedbread",
    "api.supabase",
    "core.branch",
    "core.filter",
    "core.transform",
];

async fn server() -> (Server, tempfile::TempDir) {
    let (config, directory) = config_on_disk(&[]);
    (Server::start(&config.database.url, &[]).await, directory)
}

#[tokio::test]
async fn all_thirteen_are_listed_with_schemas_ports_secrets_and_hosts() {
    let (server, _directory) = server().await;
    let (status, list) = server.get("/blocks").await;
    assert_eq!(status, 200);
    let items = list["items"].as_array().unwrap();
    let types: Vec<&str> = items.iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(types, TYPES);
    for block in items {
        let block_type = block["type"].as_str().unwrap();
        assert!(!block["description"].as_str().unwrap().is_empty(), "{block_type}");
        assert!(block["configSchema"].is_object() && !block["outputs"].is_null(), "{block_type}");
        assert_eq!(block["pure"], block_type.starts_with("core."), "{block_type}");
        if block_type.starts_with("core.") {
            continue;
        }
        assert_eq!(block["secrets"].as_array().unwrap().len(), 1, "{block_type}");
        let wanted = block["http"].as_array().unwrap();
        assert!(!wanted.is_empty(), "{block_type}");
        // The hosts of a vendor are granted from the start, those of an author's choice are not.
        let granted = block["grant"]["http"].as_array().unwrap();
        let fixed = wanted.iter().filter(|rule| rule.get("host").is_some()).count();
        assert_eq!(granted.len(), fixed, "{block_type}");
        assert!(granted.iter().all(|rule| rule.get("hostFrom").is_none()), "{block_type}");
        assert!(every_field_is_described(&block["configSchema"]), "{block_type}");
    }
}

/// Whether a form can be made of a schema: each property says what it is.
fn every_field_is_described(schema: &Value) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut fields = properties.into_iter().flatten();
    fields.all(|(name, field)| {
        // What picks a variant is described where the variant is.
        let fixed = field.get("const").is_some();
        let said = field.get("description").is_some() || fixed;
        assert!(said, "`{name}` is not described: {field}");
        said
    }) && schema.get("oneOf").and_then(Value::as_array).into_iter().flatten().all(every_field_is_described)
}

#[tokio::test]
async fn every_example_gives_its_documented_output_in_mode_demo() {
    let (server, _directory) = server().await;
    let mut checked = 0;
    for block_type in TYPES {
        let (_, block) = server.get(&format!("/blocks/{block_type}")).await;
        let examples = block["examples"].as_array().unwrap().clone();
        assert!(!examples.is_empty(), "{block_type}");
        for example in examples {
            let request = json!({"config": example["config"], "input": example["input"], "mode": "demo"});
            let (status, result) = server.post(&format!("/blocks/{block_type}/test"), &request).await;
            let name = format!("{block_type}: {}", example["name"]);
            assert_eq!((status, &result["status"]), (200, &json!("completed")), "{name}: {result}");
            assert_eq!(result["outputs"], example["outputs"], "{name}");
            checked += 1;
        }
    }
    assert!(checked >= TYPES.len() * 2, "{checked}");
}

#[tokio::test]
async fn what_a_demo_recorded_can_be_replayed_in_mode_test_and_nothing_else() {
    let (server, _directory) = server().await;
    let (_, block) = server.get("/blocks/api.hunter").await;
    let example = &block["examples"][0];
    let request = json!({"config": example["config"], "input": example["input"], "mode": "demo", "record": true});
    let (_, recorded) = server.post("/blocks/api.hunter/test", &request).await;
    let exchanges = recorded["exchanges"].clone();
    assert!(!exchanges.as_array().unwrap().is_empty(), "{recorded}");

    let mut replay = json!({"config": example["config"], "input": example["input"], "mode": "test"});
    let (_, refused) = server.post("/blocks/api.hunter/test", &replay).await;
    assert_eq!(refused["error"]["code"], "not-recorded", "{refused}");
    assert_eq!(refused.get("exchanges"), None);
    replay["exchanges"] = exchanges.clone();
    let (_, replayed) = server.post("/blocks/api.hunter/test", &replay).await;
    assert_eq!(replayed["outputs"], example["outputs"], "{replayed}");

    replay["mode"] = json!("production");
    let (status, problem) = server.post("/blocks/api.hunter/test", &replay).await;
    assert_eq!((status, &problem["code"]), (400, &json!("invalid-exchanges")));
    replay["mode"] = json!("test");
    replay["exchanges"] =
        json!([exchanges[0], {"request": {"method": "GET", "url": "/x"}, "response": {"status": 200}}]);
    let (status, problem) = server.post("/blocks/api.hunter/test", &replay).await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().contains("exchange 1"), "{problem}");
}
