//! A block that greets people.

use blockyard_sdk::{Block, Context, Example, Failure, Manifest, Outcome, export_block, log};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

struct Greeter;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What to put before the name.
    greeting: String,
}

#[derive(Deserialize, JsonSchema)]
struct Person {
    name: String,
}

#[derive(Serialize, JsonSchema)]
struct Greeting {
    text: String,
}

impl Block for Greeter {
    type Config = Config;
    type Input = Person;
    type Output = Greeting;

    fn manifest() -> Manifest {
        Manifest::new("custom.greeter", env!("CARGO_PKG_VERSION"), "Greeter").description("Greets a person.").example(
            Example::new("By name", json!({"greeting": "Hello"}), json!({"name": "Ada"}))
                .output("output", json!({"text": "Hello, Ada!"})),
        )
    }

    fn execute(config: Config, person: Person, _: &Context) -> Result<Outcome<Greeting>, Failure> {
        if person.name.is_empty() {
            return Err(Failure::invalid_input("/name", "it is empty"));
        }
        log::info("greeting", &[("name", person.name.as_str().into())]);
        Ok(Outcome::done(Greeting { text: format!("{}, {}!", config.greeting, person.name) }))
    }
}

export_block!(Greeter);

#[cfg(test)]
mod tests {
    use super::*;
    use blockyard_sdk::testing;

    #[test]
    fn its_examples_hold() {
        testing::check_examples::<Greeter>();
    }
}
