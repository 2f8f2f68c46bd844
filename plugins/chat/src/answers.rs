//! The output port of an AI block.

use std::fmt;
use std::marker::PhantomData;

use blockyard_sdk::items::OneOrMany;
use blockyard_sdk::{DEFAULT_PORT, Emissions, Failure, Outcome, Outputs, Ports, RawJson};
use schemars::JsonSchema;

/// JSON text that is a `T` for one item, and a list of `T` or `{"error": ...}` for a list.
pub struct Answers<T> {
    json: RawJson,
    shape: PhantomData<fn() -> T>,
}

impl<T> Answers<T> {
    /// The outcome of the items engine, with its shape said.
    pub fn of(outcome: Outcome<RawJson>) -> Outcome<Self> {
        match outcome {
            Outcome::Done { output, metadata } => {
                Outcome::Done { output: Self { json: output, shape: PhantomData }, metadata }
            }
            Outcome::Suspend { after_ms, state } => Outcome::Suspend { after_ms, state },
        }
    }
}

impl<T: JsonSchema> Ports for Answers<T> {
    fn outputs() -> Outputs {
        let description = "One result for one item; for a list, the list of results in the same order, with \
                           {\"error\": {code, message, details}} in the place of an item that failed.";
        Outputs::fixed().also::<OneOrMany<T>>(DEFAULT_PORT, description)
    }

    fn emit(self, emissions: &mut Emissions) -> Result<(), Failure> {
        emissions.emit(DEFAULT_PORT, self.json)
    }
}

impl<T> fmt::Debug for Answers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Answers").field(&self.json).finish()
    }
}
