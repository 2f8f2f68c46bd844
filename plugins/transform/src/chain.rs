//! The three built-in blocks one after the other, as a workflow of leads uses them.

use blockyard_branch::Branch;
use blockyard_filter::Filter;
use blockyard_sdk::Block;
use blockyard_sdk::testing::{self, TextOutcome};
use serde_json::{Value, json};

use super::Transform;

/// The only port that fired, or the one that is named, and its text.
fn call<B: Block>(config: &Value, input: &str, port: Option<&str>) -> (String, String) {
    let outcome = testing::run_text::<B>(&config.to_string(), input, r#"{"attempt": 1}"#).unwrap();
    let TextOutcome::Done { outputs, .. } = outcome else { panic!("{outcome:?}") };
    outputs.into_iter().find(|(fired, _)| port.is_none_or(|port| fired == port)).unwrap()
}

/// Every second lead has a score of 50 or more.
fn leads(count: usize) -> String {
    let leads: Vec<_> = (1..=count)
        .map(|id| {
            json!({
                "id": id, "name": format!("Lead Number {id}"), "email": format!("lead{id}@company{id}.example.com"),
                "company": format!("Company {id} Größe"), "score": if id % 2 == 0 { 50 + id } else { 49 - id },
            })
        })
        .collect();
    Value::from(leads).to_string()
}

fn summarise(count: usize) -> Value {
    let qualified = json!({"conditions": [{"field": "score", "operator": "gte", "value": 50}]});
    let shaped = json!({"mapping": {
        "id": "item.id", "name": "item.name", "email": "item.email", "company": "item.company|upper",
        "domain": "(item.email|split('@'))[1]", "score": "item.score"
    }});
    let sized = json!({"branches": [{"port": "bulk", "when": "input|length > 10"}]});
    let summary = |branch: &str| {
        json!({"expression": format!(
            r#"{{"branch": "{branch}", "count": input|length, "totalScore": input|map(attribute="score")|sum, "leads": input}}"#
        )})
    };
    let (_, kept) = call::<Filter>(&qualified, &leads(count), Some("kept"));
    let (_, reshaped) = call::<Transform>(&shaped, &kept, None);
    let (port, routed) = call::<Branch>(&sized, &reshaped, None);
    let (_, result) = call::<Transform>(&summary(&port), &routed, None);
    serde_json::from_str(&result).unwrap()
}

#[test]
fn many_leads_go_in_bulk_and_are_summed_up() {
    let result = summarise(40);
    assert_eq!((&result["branch"], &result["count"]), (&json!("bulk"), &json!(20)));
    assert_eq!(result["totalScore"], (1..=20).map(|n| 50 + 2 * n).sum::<u64>());
    let first = json!({
        "id": 2, "name": "Lead Number 2", "email": "lead2@company2.example.com", "company": "COMPANY 2 GRÖSSE",
        "domain": "company2.example.com", "score": 52
    });
    assert_eq!(result["leads"][0], first);
    let keys: Vec<_> = result.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["branch", "count", "totalScore", "leads"]);
}

#[test]
fn few_leads_leave_through_the_default_port() {
    let result = summarise(4);
    assert_eq!((&result["branch"], &result["count"]), (&json!("default"), &json!(2)));
    assert_eq!(summarise(0)["leads"], json!([]));
}
