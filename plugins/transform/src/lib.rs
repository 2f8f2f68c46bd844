//! `core.transform`: reshapes data with an expression or a mapping of fields.
//!
//! The host uses the same component for the templates of workflows (`evaluate`) and to look into them (`check`), so
//! that no expression that a user writes runs outside of the sandbox.

mod config;
mod modes;

use blockyard_sdk::expressions::Engine;
use blockyard_sdk::{Block, Context, Example, Failure, Manifest, Outcome, RawJson, export_block};
pub use config::Config;
use serde_json::json;

/// The block.
#[derive(Debug)]
pub struct Transform;

impl Block for Transform {
    type Config = Config;
    type Input = RawJson;
    type Output = RawJson;

    fn manifest() -> Manifest {
        Manifest::new("core.transform", env!("CARGO_PKG_VERSION"), "Transform")
            .description(
                "Makes something new of the input: with one expression over all of it, or with a mapping that is \
                 applied to each item of a list, or to the one object.",
            )
            .category("Logic")
            .stateless()
            .example(by_expression())
            .example(by_mapping())
            .example(of_one_object())
            .example(for_the_host())
    }

    fn execute(config: Config, input: RawJson, context: &Context) -> Result<Outcome<RawJson>, Failure> {
        let engine = Engine::new();
        let variables = context.variables_json();
        let output = match &config {
            Config { expression: Some(source), mapping: None, evaluate: None, check: None } => {
                modes::expression(&engine, source, input, variables)
            }
            Config { expression: None, mapping: Some(mapping), evaluate: None, check: None } => {
                modes::mapping(&engine, mapping, input, variables)
            }
            Config { expression: None, mapping: None, evaluate: Some(sources), check: None } => {
                modes::evaluate(&engine, sources, input, variables)
            }
            Config { expression: None, mapping: None, evaluate: None, check: Some(sources) } => {
                modes::check(&engine, sources)
            }
            _ => Err(Failure::invalid_config("", "it needs exactly one of `expression` and `mapping`")),
        }?;
        Ok(Outcome::done(output))
    }
}

fn by_expression() -> Example {
    Example::new(
        "A summary",
        json!({"expression": "{'count': input|length, 'total': input|map(attribute='score')|sum, 'leads': input}"}),
        json!([{"name": "Ada", "score": 72}, {"name": "Bob", "score": 31}]),
    )
    .output(
        "output",
        json!({"count": 2, "total": 103, "leads": [{"name": "Ada", "score": 72}, {"name": "Bob", "score": 31}]}),
    )
}

fn by_mapping() -> Example {
    Example::new(
        "Each item of a list",
        json!({"mapping": {
            "name": "item.first ~ ' ' ~ item.last",
            "domain": "(item.email|split('@'))[1]",
            "phone": "item.phone|default(none)"
        }}),
        json!([
            {"first": "Ada", "last": "Lovelace", "email": "ada@example.com", "phone": "+44"},
            {"first": "Bob", "last": "Ross", "email": "bob@example.org"}
        ]),
    )
    .output(
        "output",
        json!([
            {"name": "Ada Lovelace", "domain": "example.com", "phone": "+44"},
            {"name": "Bob Ross", "domain": "example.org", "phone": null}
        ]),
    )
}

fn of_one_object() -> Example {
    Example::new(
        "One object",
        json!({"mapping": {"company": "item.company|upper", "employees": "item.size.min"}}),
        json!({"company": "Analytical Engines", "size": {"min": 11, "max": 50}}),
    )
    .output("output", json!({"company": "ANALYTICAL ENGINES", "employees": 11}))
}

fn for_the_host() -> Example {
    Example::new(
        "Several expressions over given names",
        json!({"evaluate": ["nodes.found.email|lower", "index + 1"]}),
        json!({"nodes": {"found": {"email": "Ada@Example.com"}}, "index": 0}),
    )
    .output("output", json!(["ada@example.com", 1]))
}

export_block!(Transform);

#[cfg(test)]
mod chain;
#[cfg(test)]
mod tests;
