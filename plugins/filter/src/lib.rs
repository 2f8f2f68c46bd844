//! `core.filter`: keeps the items of a list that meet conditions.
//!
//! Items are never rebuilt: they leave byte for byte as they came in.

mod rule;

use blockyard_sdk::conditions::{Condition, Match};
use blockyard_sdk::expressions::Engine;
use blockyard_sdk::scan::{Kind, Scanner};
use blockyard_sdk::{Block, Context, Example, Failure, Manifest, Outcome, RawJson, export_block, ports};
use rule::{Rule, not_json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The block.
#[derive(Debug)]
pub struct Filter;

/// Which items are kept: either `conditions` or `where`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["conditions"]}, {"required": ["where"]}]))]
pub struct Config {
    /// What an item has to meet, field by field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<Condition>")]
    conditions: Option<Vec<Condition>>,
    /// How many of the conditions have to hold.
    #[serde(default, rename = "match")]
    matching: Match,
    /// An expression that is true for the items to keep, over `item`, `index` (from 0) and `variables`, such as
    /// `item.score >= 50 and item.email is defined`.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("x-expression" = true))]
    condition: Option<String>,
}

ports! {
    /// A list is split in two; anything else leaves through one port and the other stays silent.
    pub struct Split {
        /// The items that meet the conditions, in the order of the input. A single item that is no list leaves as it is.
        kept: RawJson,
        /// The items that do not.
        rejected: RawJson,
    }
}

#[derive(Debug, Default, Serialize)]
struct Counts {
    total: usize,
    kept: usize,
    rejected: usize,
}

impl Block for Filter {
    type Config = Config;
    type Input = RawJson;
    type Output = Split;

    fn manifest() -> Manifest {
        Manifest::new("core.filter", env!("CARGO_PKG_VERSION"), "Filter")
            .description(
                "Keeps the items of a list that meet conditions, and gives the others through a second port. Both \
                 ports fire for a list, possibly with an empty one; a single item leaves through one of them.",
            )
            .category("Logic")
            .stateless()
            .example(by_field())
            .example(by_any_of_several())
            .example(by_expression())
            .example(single_item())
    }

    fn execute(config: Config, input: RawJson, context: &Context) -> Result<Outcome<Split>, Failure> {
        let engine = Engine::lazy();
        let rule = Rule::new(&config, &engine, context)?;
        let mut scanner = Scanner::new(input.get());
        if scanner.kind().map_err(not_json)? == Kind::Array {
            return split_list(&rule, input.get());
        }
        let (_, keep) = rule.next(&mut scanner, None)?;
        scanner.end().map_err(not_json)?;
        let counts = Counts { total: 1, kept: usize::from(keep), rejected: usize::from(!keep) };
        let item = Some(input);
        let split = if keep { Split { kept: item, rejected: None } } else { Split { kept: None, rejected: item } };
        Outcome::done_with(split, &counts)
    }
}

/// Two passes: one over the text to judge each item, one over the judgements to join the slices without waste.
fn split_list(rule: &Rule<'_, '_>, text: &str) -> Result<Outcome<Split>, Failure> {
    let mut scanner = Scanner::new(text);
    let mut items = Vec::new();
    let mut more = scanner.enter_array().map_err(not_json)?;
    while more {
        items.push(rule.next(&mut scanner, Some(items.len()))?);
        more = scanner.next_element().map_err(not_json)?;
    }
    scanner.end().map_err(not_json)?;
    let kept = items.iter().filter(|(_, keep)| *keep).count();
    let counts = Counts { total: items.len(), kept, rejected: items.len() - kept };
    let split = Split { kept: Some(join(&items, true)), rejected: Some(join(&items, false)) };
    Outcome::done_with(split, &counts)
}

/// The items of one side as a JSON list.
fn join(items: &[(&str, bool)], side: bool) -> RawJson {
    let chosen = items.iter().filter(|(_, keep)| *keep == side).map(|(text, _)| *text);
    let mut list = String::with_capacity(2 + chosen.clone().map(|text| text.len() + 1).sum::<usize>());
    list.push('[');
    for (position, text) in chosen.enumerate() {
        if position > 0 {
            list.push(',');
        }
        list.push_str(text);
    }
    list.push(']');
    RawJson::new(list)
}

fn by_field() -> Example {
    Example::new(
        "Leads with a good score",
        json!({"conditions": [{"field": "score", "operator": "gte", "value": 50}]}),
        json!([{"name": "Ada", "score": 72}, {"name": "Bob", "score": 31}, {"name": "Cleo", "score": 50}]),
    )
    .output("kept", json!([{"name": "Ada", "score": 72}, {"name": "Cleo", "score": 50}]))
    .output("rejected", json!([{"name": "Bob", "score": 31}]))
}

fn by_any_of_several() -> Example {
    Example::new(
        "One of two conditions",
        json!({"match": "any", "conditions": [
            {"field": "company.country", "operator": "in", "value": ["DE", "AT", "CH"]},
            {"field": "tags", "operator": "contains", "value": "vip"}
        ]}),
        json!([
            {"id": 1, "company": {"country": "AT"}, "tags": []},
            {"id": 2, "company": {"country": "FR"}, "tags": ["vip"]},
            {"id": 3, "company": {}}
        ]),
    )
    .output(
        "kept",
        json!([
            {"id": 1, "company": {"country": "AT"}, "tags": []},
            {"id": 2, "company": {"country": "FR"}, "tags": ["vip"]}
        ]),
    )
    .output("rejected", json!([{"id": 3, "company": {}}]))
}

fn by_expression() -> Example {
    Example::new(
        "An expression",
        json!({"where": "item.email is defined and item.email.endswith('.org')"}),
        json!([{"email": "ada@example.org"}, {"email": "bob@example.com"}, {"phone": "1"}]),
    )
    .output("kept", json!([{"email": "ada@example.org"}]))
    .output("rejected", json!([{"email": "bob@example.com"}, {"phone": "1"}]))
}

fn single_item() -> Example {
    Example::new(
        "A single item goes one way",
        json!({"conditions": [{"field": "email", "operator": "isNotEmpty"}]}),
        json!({"name": "Ada", "email": ""}),
    )
    .output("rejected", json!({"name": "Ada", "email": ""}))
}

export_block!(Filter);

#[cfg(test)]
mod tests;
