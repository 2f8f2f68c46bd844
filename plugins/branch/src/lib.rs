//! `core.branch`: sends the input through the port of the first branch that matches.
//!
//! The input is never rebuilt: it leaves byte for byte as it came in.

mod routes;

use blockyard_sdk::conditions::{Condition, Match};
use blockyard_sdk::expressions::Engine;
use blockyard_sdk::{
    Block, Context, Emissions, Example, Failure, Manifest, Outcome, Outputs, Ports, RawJson, export_block,
};
use routes::Routes;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// The block.
#[derive(Debug)]
pub struct Branch;

/// The port of input that no branch matches.
const DEFAULT: &str = "default";

/// The branches, in the order in which they are tried.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the input may go.
    branches: Vec<Way>,
    /// Whether the first match takes the input or every match does.
    #[serde(default)]
    mode: Mode,
}

/// A port and when to take it: either `when` or `conditions`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["conditions"]}, {"required": ["when"]}]))]
pub(crate) struct Way {
    /// The name of the port: letters, digits, `_` and `-`, up to 64; not `default` or `error`, and no other
    /// branch's.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,64}$"), extend("not" = {"enum": ["default", "error"]}))]
    port: String,
    /// An expression over `input` and `variables` that is true if the branch matches, such as `input|length > 10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("x-expression" = true))]
    when: Option<String>,
    /// What the input has to meet, field by field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<Condition>")]
    conditions: Option<Vec<Condition>>,
    /// How many of the conditions have to hold.
    #[serde(default, rename = "match")]
    matching: Match,
}

/// How many branches may take the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// The first branch that matches.
    #[default]
    First,
    /// Every branch that matches.
    All,
}

/// The input, and the ports it leaves through.
#[derive(Debug)]
pub struct Routed {
    ports: Vec<String>,
    data: RawJson,
}

impl Ports for Routed {
    fn outputs() -> Outputs {
        Outputs::from_config("/branches/*/port").also::<RawJson>(DEFAULT, "The input, if no branch matches.")
    }

    fn emit(self, emissions: &mut Emissions) -> Result<(), Failure> {
        let Some((last, others)) = self.ports.split_last() else { return Ok(()) };
        for port in others {
            emissions.emit(port.clone(), self.data.clone())?;
        }
        emissions.emit(last.clone(), self.data)
    }
}

impl Block for Branch {
    type Config = Config;
    type Input = RawJson;
    type Output = Routed;

    fn manifest() -> Manifest {
        Manifest::new("core.branch", env!("CARGO_PKG_VERSION"), "Branch")
            .description(
                "Sends the input, unchanged, through the port of the first branch that matches, or through \
                 `default` if none does. Each branch has a port of its own.",
            )
            .category("Logic")
            .stateless()
            .example(by_expression())
            .example(by_conditions())
            .example(otherwise())
            .example(every_match())
    }

    fn execute(config: Config, input: RawJson, context: &Context) -> Result<Outcome<Routed>, Failure> {
        let engine = Engine::lazy();
        let routes = Routes::new(&config, &engine)?;
        let mut ports = routes.taken(&config, input.get(), context)?;
        if ports.is_empty() {
            ports.push(DEFAULT.to_owned());
        }
        let metadata = json!({ "ports": ports });
        Outcome::done_with(Routed { ports, data: input }, &metadata)
    }
}

fn by_expression() -> Example {
    Example::new(
        "By size",
        json!({"branches": [{"port": "bulk", "when": "input|length > 2"}]}),
        json!([{"id": 1}, {"id": 2}, {"id": 3}]),
    )
    .output("bulk", json!([{"id": 1}, {"id": 2}, {"id": 3}]))
}

fn by_conditions() -> Example {
    Example::new(
        "By fields, the first match wins",
        json!({"branches": [
            {"port": "hot", "conditions": [{"field": "score", "operator": "gte", "value": 80}]},
            {"port": "warm", "conditions": [{"field": "score", "operator": "between", "value": [50, 100]}]}
        ]}),
        json!({"name": "Ada", "score": 91}),
    )
    .output("hot", json!({"name": "Ada", "score": 91}))
}

fn otherwise() -> Example {
    Example::new(
        "Nothing matches",
        json!({"branches": [{"port": "paid", "when": "input.plan == 'paid'"}]}),
        json!({"plan": "free"}),
    )
    .output(DEFAULT, json!({"plan": "free"}))
}

fn every_match() -> Example {
    Example::new(
        "Every match",
        json!({"mode": "all", "branches": [
            {"port": "mail", "conditions": [{"field": "email", "operator": "isNotEmpty"}]},
            {"port": "call", "conditions": [{"field": "phone", "operator": "isNotEmpty"}]},
            {"port": "visit", "when": "input.address is defined"}
        ]}),
        json!({"email": "ada@example.com", "phone": "+44"}),
    )
    .output("mail", json!({"email": "ada@example.com", "phone": "+44"}))
    .output("call", json!({"email": "ada@example.com", "phone": "+44"}))
}

export_block!(Branch);

#[cfg(test)]
mod tests;
