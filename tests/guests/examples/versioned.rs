//! Says which version it is, after as many suspensions as its config says, or once `HOST` answers its question with 200.
//! Tests make other versions of it by changing `VERSION` and `HOST` in the component's bytes.

use std::hint::black_box;

use blockyard_guests::{Behaviour, Guest, number};
use blockyard_sdk::http::Request;
use blockyard_sdk::{Block, Context, Failure, HttpRule, Manifest, Outcome, export_block};
use serde_json::{Value, json};

static VERSION: &str = "1.0.0+versioned";
static HOST: &str = "narrow.versioned.example";

struct Versioned;

impl Behaviour for Versioned {
    const TYPE: &'static str = "custom.versioned";

    fn act(config: &Value, _: Value, context: &Context) -> Result<Outcome<Value>, Failure> {
        let calls: u64 = context.state()?.unwrap_or(0);
        let goes_on = if config.get("asks").is_some() {
            let url = format!("https://{}/{}", black_box(HOST), context.execution_id());
            Request::new("GET", &url).send()?.status() == 200
        } else {
            calls >= number(config, "times", 0)
        };
        if !goes_on {
            return Outcome::suspend(number(config, "ms", 1), &(calls + 1));
        }
        Ok(Outcome::done(json!({"version": black_box(VERSION)})))
    }
}

struct Named;

impl Block for Named {
    type Config = Value;
    type Input = Value;
    type Output = Value;

    fn manifest() -> Manifest {
        Manifest::new(Versioned::TYPE, black_box(VERSION), "Versioned").http(HttpRule::host(black_box(HOST)))
    }

    fn execute(config: Value, input: Value, context: &Context) -> Result<Outcome<Value>, Failure> {
        Guest::<Versioned>::execute(config, input, context)
    }
}

export_block!(Named);
