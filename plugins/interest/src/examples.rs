//! The examples. Every recorded answer would do for any lead, as the mode `demo` serves them for input of its own.

use blockyard_chat::examples::{answer, extraction};
use blockyard_sdk::Example;
use serde_json::{Value, json};

use crate::answer::{format, system};

pub(crate) fn all() -> Vec<Example> {
    vec![one(), list(), vocabulary()]
}

fn exchange(example: Example, categories: &[String], seen: &Value, id: &str, interests: &Value) -> Example {
    let text = json!({ "interests": interests }).to_string();
    example
        .exchange(extraction(&system(10, categories), &format(categories), seen), answer(id, &text, 341, 96, 0.000109))
}

/// The model's answer with what the block found out about its evidence.
fn checked(interests: &Value, verified: &[bool]) -> Value {
    let mut interests = interests.clone();
    for (interest, verified) in interests.as_array_mut().into_iter().flatten().zip(verified) {
        interest["verified"] = json!(verified);
    }
    interests
}

fn one() -> Example {
    let lead = json!({"email": "ada@example.org", "title": "Head of Growth", "bio":
        "I run marketing automation for small shops, and on weekends I climb in the Alps."});
    let interests = json!([
        {"name": "Marketing automation", "category": "Business", "confidence": 0.95, "evidence": "marketing automation"},
        {"name": "Climbing", "category": "Sport", "confidence": 0.85, "evidence": "on weekends I climb in the Alps"},
        {"name": "Online retail", "category": "Business", "confidence": 0.5, "evidence": "sells to online shops"}
    ]);
    let example = Example::new("A lead's profile", json!({}), lead.clone());
    exchange(example, &[], &lead, "gen-1754000000-i1", &interests).output(
        "output",
        json!({"interests": checked(&interests, &[true, true, false]), "item": {"email": "ada@example.org"}}),
    )
}

fn list() -> Example {
    let people = json!([
        {"username": "bo.bakes", "bio": "Sourdough, every Sunday.", "followers": 1800},
        {"username": "cy_codes", "bio": "Rust, compilers and too much coffee.", "followers": 420}
    ]);
    let first =
        json!([{"name": "Baking", "category": "Food", "confidence": 0.9, "evidence": "Sourdough, every Sunday"}]);
    let second = json!([
        {"name": "Programming", "category": "Technology", "confidence": 0.95, "evidence": "Rust, compilers"},
        {"name": "Coffee", "category": "Food", "confidence": 0.6, "evidence": "too much coffee"}
    ]);
    let example = Example::new("Instagram profiles, by their bio", json!({"textFields": ["bio"]}), people.clone());
    let seen = |index: usize| json!({"bio": people[index]["bio"]});
    let example = exchange(example, &[], &seen(0), "gen-1754000000-i2", &first);
    exchange(example, &[], &seen(1), "gen-1754000000-i3", &second).output(
        "output",
        json!([
            {"interests": checked(&first, &[true]), "item": {"username": "bo.bakes"}},
            {"interests": checked(&second, &[true, true]), "item": {"username": "cy_codes"}}
        ]),
    )
}

fn vocabulary() -> Example {
    let categories = ["Sport", "Travel", "Business", "Food", "Technology"].map(str::to_owned);
    let text = json!("Back from three weeks of cycling through Portugal!");
    let interests = json!([
        {"name": "Cycling", "category": "Sport", "confidence": 0.9, "evidence": "three weeks of cycling"},
        {"name": "Portugal", "category": "Travel", "confidence": 0.7, "evidence": "through Portugal"}
    ]);
    let config = json!({"categories": categories, "unverified": "drop"});
    exchange(
        Example::new("A text, with given categories", config, text.clone()),
        &categories,
        &text,
        "gen-1754000000-i4",
        &interests,
    )
    .output("output", json!({"interests": checked(&interests, &[true, true])}))
}
