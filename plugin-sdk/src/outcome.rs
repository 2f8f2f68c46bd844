//! How a call ends when it does not fail.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{Failure, IntoJson};

/// The end of a call: data on output ports, or the wish to be called again.
#[derive(Debug, Clone)]
pub enum Outcome<T> {
    /// Finished.
    Done {
        /// What leaves through the ports.
        output: T,
        /// A JSON object kept with the node's result.
        metadata: Option<Box<RawValue>>,
    },
    /// "Call me again": the host records `state`, drops the instance, and calls again with it in the context.
    Suspend {
        /// Wait at least this long, in milliseconds.
        after_ms: u64,
        /// Given back by [`Context::state`](crate::Context::state).
        state: Box<RawValue>,
    },
}

impl<T> Outcome<T> {
    /// Finished, with nothing to say beside the output.
    pub fn done(output: T) -> Self {
        Self::Done { output, metadata: None }
    }

    /// Finished, with a JSON object about the run, such as how many items were looked at.
    ///
    /// # Errors
    /// [`codes::INTERNAL`](crate::codes::INTERNAL) if `metadata` cannot be written as JSON.
    pub fn done_with(output: T, metadata: &impl Serialize) -> Result<Self, Failure> {
        Ok(Self::Done { output, metadata: Some(serde_json::value::to_raw_value(metadata)?) })
    }

    /// Call again in `after_ms` milliseconds, with this state. It survives restarts of the host.
    ///
    /// # Errors
    /// [`codes::INTERNAL`](crate::codes::INTERNAL) if `state` cannot be written as JSON.
    pub fn suspend(after_ms: u64, state: &impl Serialize) -> Result<Self, Failure> {
        Ok(Self::Suspend { after_ms, state: serde_json::value::to_raw_value(state)? })
    }
}

impl<T> From<T> for Outcome<T> {
    fn from(output: T) -> Self {
        Self::done(output)
    }
}

/// Data by port, in the order of emission, already as JSON text.
#[derive(Debug, Default)]
pub struct Emissions(Vec<(String, String)>);

impl Emissions {
    /// Nothing emitted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends `data` through `port`.
    ///
    /// # Errors
    /// [`codes::INTERNAL`](crate::codes::INTERNAL) if the port has fired already in this call, or `data` cannot
    /// be written as JSON.
    pub fn emit(&mut self, port: impl Into<String>, data: impl IntoJson) -> Result<(), Failure> {
        let port = port.into();
        if self.0.iter().any(|(fired, _)| *fired == port) {
            return Err(Failure::new(crate::codes::INTERNAL, format!("the port `{port}` was fired twice")));
        }
        self.0.push((port, data.into_json()?));
        Ok(())
    }

    /// Port and JSON text, in the order of emission.
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }
}
