//! Schemas of uploaded blocks: whatever they make of a document, the server is well.

use serde_json::{Value, json};

use super::{bytes, is_well, uploaded};
use crate::server::{Server, command};
use crate::support::guest;

/// A block of type `custom.{name}` with these schemas.
fn block(name: &str, config: &Value, input: &Value) -> Vec<u8> {
    let manifest = json!({
        "type": format!("custom.{name}"), "version": "1.0.0", "name": name, "outputs": [{"port": "output"}],
        "configSchema": config, "inputSchema": input,
    });
    bytes::with_manifest(std::fs::read(guest("any-manifest")).unwrap(), &manifest)
}

/// What a call of it comes to.
async fn called(server: &Server, name: &str, config: &Value, input: &Value) -> Value {
    let body = json!({"config": config, "input": input, "version": "1.0.0"});
    let (status, answer) = server.post(&format!("/blocks/custom.{name}/test"), &body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// A server whose blocks, and checks, have a second.
async fn server() -> Server {
    let mut serve = command("serve", "sqlite::memory:", &[]);
    serve.args(["--cpu-ms", "1000"]);
    Server::of(serve).await
}

/// `levels` of `{"a": …}` around `inner`.
fn deep(levels: usize, inner: Value) -> Value {
    (0..levels).fold(inner, |inner, _| json!({"a": inner}))
}

fn through_a() -> Value {
    json!({"properties": {"a": {"$ref": "#"}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn unions_that_contain_themselves_are_checked_like_any_schema() {
    let server = server().await;
    let group = |name: &str| {
        let items = json!({"type": "array", "items": {"$ref": "#"}});
        json!({"required": ["op", "of"], "properties": {"op": {"const": name}, "of": items}})
    };
    let leaf =
        json!({"required": ["op", "field"], "properties": {"op": {"const": "has"}, "field": {"type": "string"}}});
    let schema = json!({"oneOf": [group("and"), group("or"), leaf]});
    uploaded(&server, block("union", &schema, &json!({"$ref": "#/$defs/x", "$defs": {"x": schema}}))).await;
    let has = |field: Value| json!({"op": "has", "field": field});
    let nested = |inner: Value| json!({"op": "and", "of": [{"op": "or", "of": [inner, {"op": "and", "of": []}]}]});
    let good = nested(has(json!("x")));
    let answer = called(&server, "union", &good, &good).await;
    assert_eq!((&answer["status"], &answer["output"]), (&json!("completed"), &good), "{answer}");
    for (config, input, code) in
        [(has(json!(7)), good.clone(), "invalid-config"), (good, has(json!(7)), "invalid-input")]
    {
        let answer = called(&server, "union", &config, &input).await;
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert!(answer["error"]["details"]["errors"].as_array().is_some_and(|errors| !errors.is_empty()), "{answer}");
    }
    server.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_that_take_all_the_stack_time_or_memory_fail_their_call_and_nothing_else() {
    let server = server().await;
    let wrapped = (0..50).fold(through_a(), |inner, _| json!({"anyOf": [inner]}));
    // As deep as the server itself goes.
    let near = (0..7).fold(through_a(), |inner, _| json!({"anyOf": [inner]}));
    let many = |schema: &Value, count: usize| vec![schema.clone(); count];
    // Each schema is looked at again for every one around it, at six levels of the document.
    let sees = |around: usize| {
        let level = |next: usize| {
            let inner = json!({"properties": {"a": {"$ref": format!("#/$defs/s{next}")}}});
            let around = (0..around).fold(inner, |inner, _| json!({"anyOf": [inner]}));
            json!({"anyOf": [around], "unevaluatedProperties": false})
        };
        let levels: serde_json::Map<String, Value> = (0..6).map(|n| (format!("s{n}"), level(n + 1))).collect();
        let mut sees = json!({"$defs": levels, "$ref": "#/$defs/s0"});
        sees["$defs"]["s6"] = json!({"type": "string"});
        sees
    };
    let strings = json!({"items": {"allOf": many(&json!({"type": "string"}), 900)}});
    let (found, place, end) =
        ("input", "where cannot be found out within the limits", "takes more than 1 s of CPU time");
    let twice = json!({"type": "object", "allOf": many(&through_a(), 2)});
    let patterns = json!({"items": {"anyOf": many(&json!({"pattern": "^\\p{L}{22}[a-z]{3}y"}), 90)}});
    let cases = [
        ("stack", json!({"type": "object", "allOf": [wrapped]}), deep(100, json!(1)), found),
        ("near", json!({"type": "object", "allOf": [near]}), deep(120, json!(1)), found),
        ("twice", twice, deep(100, json!(1)), place),
        ("sees", sees(18), deep(6, json!(1)), found),
        // Whether it fits takes more time than there is.
        ("forever", sees(50), deep(6, json!("fits")), end),
        ("errors", strings, json!(vec![1; 100_000]), place),
        ("patterns", patterns, json!(["a", 1, "b"]), found),
    ];
    for (name, schema, input, words) in cases {
        uploaded(&server, block(name, &json!(true), &schema)).await;
        let config = json!({});
        let calls = (0..3).map(|_| called(&server, name, &config, &input));
        let answers = futures::future::join_all(calls).await;
        for answer in answers {
            assert_eq!(
                (&answer["status"], &answer["error"]["code"]),
                (&json!("failed"), &json!("invalid-input")),
                "{name}"
            );
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(message.contains(words), "{name}: {message}");
            assert!(answer.to_string().len() < 100_000, "{name}: {}", answer.to_string().len());
        }
        is_well(&server).await;
    }
    server.terminate().await;
}
