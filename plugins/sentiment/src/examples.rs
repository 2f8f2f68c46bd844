//! The examples. Every recorded answer would do for any text, as the mode `demo` serves them for input of its own.

use blockyard_chat::examples::{answer, extraction};
use blockyard_sdk::Example;
use serde_json::{Value, json};

use crate::answer::{Judge, format};

pub(crate) fn all() -> Vec<Example> {
    vec![one(), list(), text()]
}

fn judged(label: &str, score: f64, rationale: &str) -> Value {
    json!({"label": label, "score": score, "rationale": rationale})
}

fn exchange(example: Example, seen: &Value, id: &str, judged: &Value) -> Example {
    let judge = Judge::new(None, None);
    let request = extraction(blockyard_chat::Extractor::system(&judge), &format(), seen);
    example.exchange(request, answer(id, &judged.to_string(), 268, 41, 0.000065))
}

fn one() -> Example {
    let lead = json!({"email": "ada@example.org", "name": "Ada Byron",
        "lastMessage": "Thanks for the demo, the import worked at once. Could we talk about prices next week?"});
    let found = judged("positive", 0.7, "The tone is friendly and interested, and nothing is complained about.");
    let output = json!({"label": "positive", "score": 0.7,
        "rationale": "The tone is friendly and interested, and nothing is complained about.",
        "item": {"email": "ada@example.org"}});
    exchange(Example::new("A lead's last message", json!({}), lead.clone()), &lead, "gen-1754000000-s1", &found)
        .output("output", output)
}

fn list() -> Example {
    let reviews = json!([
        {"id": 1, "review": "Great support, but it is far too expensive for what it does."},
        {"id": 2, "review": "It crashed twice on the first day. I want my money back."}
    ]);
    let first = judged("mixed", 0.0, "Praise and criticism stand side by side.");
    let second = judged("negative", -0.8, "The writer is disappointed and asks for a way out.");
    let example = Example::new("Reviews, by one of their fields", json!({"textFields": ["review"]}), reviews.clone());
    let seen = |index: usize| json!({"review": reviews[index]["review"]});
    let example = exchange(example, &seen(0), "gen-1754000000-s2", &first);
    exchange(example, &seen(1), "gen-1754000000-s3", &second).output(
        "output",
        json!([
            {"label": "mixed", "score": 0.0, "rationale": "Praise and criticism stand side by side.", "item": {"id": 1}},
            {"label": "negative", "score": -0.8,
             "rationale": "The writer is disappointed and asks for a way out.", "item": {"id": 2}}
        ]),
    )
}

fn text() -> Example {
    let text = json!("The parcel arrived on Tuesday.");
    let found = judged("neutral", 0.0, "Facts are stated without praise or complaint.");
    exchange(Example::new("A text", json!({}), text.clone()), &text, "gen-1754000000-s4", &found)
        .output("output", found)
}
