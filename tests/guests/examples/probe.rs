//! For the property test: mixes a number out of its input and its config's `seed`, and fires some of the ports `a`, `b`
//! and `c`, or fails, as the number decides. The test computes the same.

use blockyard_sdk::{Block, Context, Failure, Manifest, Outcome, export_block, ports};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

struct Probe;

#[derive(Deserialize, JsonSchema)]
struct Config {
    seed: u64,
    /// Of 100 inputs, how many fail.
    #[serde(default)]
    fails: u64,
}

ports! {
    struct Fired {
        /// First.
        a: Value,
        /// Second.
        b: Value,
        /// Third.
        c: Value,
    }
}

include!("../src/mix.rs");

impl Block for Probe {
    type Config = Config;
    type Input = Value;
    type Output = Fired;

    fn manifest() -> Manifest {
        Manifest::new("test.probe", "1.0.0", "Probe")
    }

    fn execute(config: Config, input: Value, _: &Context) -> Result<Outcome<Fired>, Failure> {
        let mixed = mix(config.seed, &input);
        if fails(mixed, config.fails) {
            return Err(Failure::new("probe", format!("{mixed}")));
        }
        let fire = |port: u32| fires(mixed, port).then(|| json!(mixed));
        Ok(Outcome::done(Fired { a: fire(0), b: fire(1), c: fire(2) }))
    }
}

export_block!(Probe);
