//! The examples. Every recorded answer would do for any lead, as the mode `demo` serves them for input of its own.

use blockyard_chat::examples::{answer, extraction};
use blockyard_sdk::Example;
use serde_json::{Value, json};

use crate::answer::{SYSTEM, format};

pub(crate) fn all() -> Vec<Example> {
    vec![one(), list(), signatures(), only_verified()]
}

fn exchange(example: Example, seen: &Value, id: &str, found: &Value) -> Example {
    example.exchange(extraction(SYSTEM, &format(), seen), answer(id, &found.to_string(), 402, 88, 0.000113))
}

fn said(value: &str) -> Value {
    json!({"value": value, "verified": true})
}

fn one() -> Example {
    let lead = json!({"id": "lead-1", "name": "Ada Byron", "bio":
        "Head of Growth at Engines Ltd. Write to ada@engines.example.com or call +49 30 901820-0. IG: @ada.engines"});
    let found = json!({
        "names": ["Ada Byron"],
        "emails": ["ada@engines.example.com"],
        "phones": ["+49 30 901820-0"],
        "socials": [{"platform": "instagram", "handle": "ada.engines", "url": null}],
        "company": "Engines Ltd",
        "role": "Head of Growth"
    });
    let output = json!({
        "names": [said("Ada Byron")],
        "emails": [said("ada@engines.example.com")],
        "phones": [said("+49 30 901820-0")],
        "socials": [{"platform": "instagram", "handle": "ada.engines", "url": null, "verified": true}],
        "company": said("Engines Ltd"),
        "role": said("Head of Growth"),
        "item": {"id": "lead-1"}
    });
    let example = Example::new("A lead's profile", json!({}), lead.clone());
    exchange(example, &lead, "gen-1754000000-c1", &found).output("output", output)
}

fn list() -> Example {
    let people = json!([
        {"username": "bo.bakes", "biography": "Bo Baker | Rye & Sons bakery | orders: bo@rye.example.org"},
        {"username": "cy_codes", "biography": "Compilers. https://github.com/cy-codes"}
    ]);
    let first = json!({"names": ["Bo Baker"], "emails": ["bo@rye.example.org"], "phones": [], "socials": [],
        "company": "Rye & Sons", "role": null});
    let second = json!({"names": [], "emails": [], "phones": [], "socials": [
        {"platform": "GitHub", "handle": "cy-codes", "url": "https://github.com/cy-codes"}], "company": null,
        "role": "Software engineer"});
    let config = json!({"textFields": ["biography"]});
    let example = Example::new("Instagram profiles, by their biography", config, people.clone());
    let seen = |index: usize| json!({"biography": people[index]["biography"]});
    let example = exchange(example, &seen(0), "gen-1754000000-c2", &first);
    exchange(example, &seen(1), "gen-1754000000-c3", &second).output(
        "output",
        json!([
            {"names": [said("Bo Baker")], "emails": [said("bo@rye.example.org")], "phones": [], "socials": [],
             "company": said("Rye & Sons"), "role": null, "item": {"username": "bo.bakes"}},
            {"names": [], "emails": [], "phones": [], "socials": [{"platform": "github", "handle": "cy-codes",
             "url": "https://github.com/cy-codes", "verified": true}], "company": null,
             "role": {"value": "Software engineer", "verified": false}, "item": {"username": "cy_codes"}}
        ]),
    )
}

/// What the people of the other blocks' examples write under their mails.
fn signatures() -> Example {
    let people = json!([
        {"firstName": "Ada", "signature": "Ada Quill, Head of Growth, Example Labs. Direct line +33 4 99 00 01 02"},
        {"firstName": "Cleo", "signature": "cleo marsh ~ design ~ cleo@example.org ~ insta @cleo.draws"},
        {"firstName": "Nemo", "signature": "Sent from my phone"}
    ]);
    let answers = [
        json!({"names": ["Ada Quill"], "emails": [], "phones": ["+33 4 99 00 01 02"], "socials": [],
            "company": "Example Labs", "role": "Head of Growth"}),
        json!({"names": ["cleo marsh"], "emails": ["cleo@example.org"], "phones": [],
            "socials": [{"platform": "instagram", "handle": "cleo.draws", "url": null}], "company": null,
            "role": "design"}),
        json!({"names": [], "emails": [], "phones": [], "socials": [], "company": null, "role": null}),
    ];
    let config = json!({"textFields": ["signature"]});
    let mut example = Example::new("What people write under their mails", config, people.clone());
    for (index, answer) in answers.iter().enumerate() {
        let seen = json!({"signature": people[index]["signature"]});
        example = exchange(example, &seen, &format!("gen-1754000000-s{index}"), answer);
    }
    let social = json!({"platform": "instagram", "handle": "cleo.draws", "url": null, "verified": true});
    example.output(
        "output",
        json!([
            {"names": [said("Ada Quill")], "emails": [], "phones": [said("+33 4 99 00 01 02")], "socials": [],
             "company": said("Example Labs"), "role": said("Head of Growth")},
            {"names": [said("cleo marsh")], "emails": [said("cleo@example.org")], "phones": [], "socials": [social],
             "company": null, "role": said("design")},
            {"names": [], "emails": [], "phones": [], "socials": [], "company": null, "role": null}
        ]),
    )
}

fn only_verified() -> Example {
    let text = json!("Contact: Dee Doe, Doe Consulting, phone 030 / 123 456 78");
    let found = json!({"names": ["Dee Doe"], "emails": ["dee@doe.example.com"], "phones": ["030 12345678"],
        "socials": [], "company": "Doe Consulting", "role": null});
    let output = json!({"names": [said("Dee Doe")], "emails": [], "phones": [said("030 12345678")], "socials": [],
        "company": said("Doe Consulting"), "role": null});
    let example = Example::new("A text; what it does not say is left out", json!({"unverified": "drop"}), text.clone());
    exchange(example, &text, "gen-1754000000-c4", &found).output("output", output)
}
