//! Write blocks for Blockyard in Rust.
//!
//! A block is a type with a configuration, an input and an output. The SDK derives the JSON Schemas of all three,
//! decodes what the host passes, says by JSON pointer what does not fit, and exports the component:
//!
//! ```
//! use blockyard_sdk::{Block, Context, Example, Failure, Manifest, Outcome, export_block, testing};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//! use serde_json::json;
//!
//! struct Greeter;
//!
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     /// What to put before the name.
//!     #[serde(default = "hello")]
//!     greeting: String,
//! }
//!
//! fn hello() -> String {
//!     "Hello".to_owned()
//! }
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Person {
//!     name: String,
//! }
//!
//! /// The greeting.
//! #[derive(Serialize, JsonSchema)]
//! struct Greeting {
//!     text: String,
//! }
//!
//! impl Block for Greeter {
//!     type Config = Config;
//!     type Input = Person;
//!     type Output = Greeting;
//!
//!     fn manifest() -> Manifest {
//!         Manifest::new("custom.greeter", "1.0.0", "Greeter")
//!             .description("Greets a person.")
//!             .stateless()
//!             .example(
//!                 Example::new("By name", json!({}), json!({"name": "Ada"}))
//!                     .output("output", json!({"text": "Hello, Ada!"})),
//!             )
//!     }
//!
//!     fn execute(config: Config, person: Person, _: &Context) -> Result<Outcome<Greeting>, Failure> {
//!         if person.name.is_empty() {
//!             return Err(Failure::invalid_input("/name", "it is empty"));
//!         }
//!         Ok(Outcome::done(Greeting { text: format!("{}, {}!", config.greeting, person.name) }))
//!     }
//! }
//!
//! export_block!(Greeter);
//!
//! testing::check_examples::<Greeter>();
//! let failure = testing::run::<Greeter>(&json!({}), &json!({"name": 7}), &json!({})).unwrap_err();
//! assert_eq!(failure.details().unwrap()["pointer"], "/name");
//! ```
//!
//! The crate is a `cdylib`, built with `cargo build --release --target wasm32-wasip2`; its file is the component.
//! Everything but the export compiles natively, so a block is tested with plain `cargo test`; see the module
//! `testing`. A panic ends the call with its message, which the host shows.
//!
//! # What there is
//!
//! | | |
//! | --- | --- |
//! | [`Block`], [`export_block!`] | the block itself |
//! | [`Manifest`], [`HttpRule`], [`Limits`], [`Example`] | what it is and asks for |
//! | [`Ports`], [`ports!`], [`Outputs`], [`Emissions`] | one output port, several, or ports from the configuration |
//! | [`Outcome`], [`Failure`], [`codes`] | how a call ends |
//! | [`Context`], [`Mode`] | who runs it, which attempt, variables, settings, state |
//! | [`RawJson`] | JSON that is handed on unparsed |
//! | [`items`] | one item or a list, each a few requests, with partial failures and waits |
//! | [`http`], [`secrets`], [`log`], [`progress`] | what the host offers |
//!
//! # Features
//!
//! - `bump-allocator` (default): a global allocator for `wasm32` that suits instances which live for one call. Turn
//!   it off to install your own.
//! - `expressions`: the Jinja expressions that workflows use.
//! - `conditions`: field conditions over JSON, as in `core.filter`.

#![deny(missing_docs)]

#[cfg(all(target_arch = "wasm32", feature = "bump-allocator"))]
mod alloc;
mod block;
mod call;
#[cfg(feature = "conditions")]
pub mod conditions;
mod context;
mod export;
#[cfg(feature = "expressions")]
pub mod expressions;
mod failure;
pub mod http;
pub mod items;
mod json;
pub mod log;
mod manifest;
mod outcome;
mod ports;
pub mod progress;
#[cfg(any(feature = "conditions", feature = "expressions"))]
pub mod scan;
mod schema;
pub mod secrets;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use block::Block;
pub use context::{Context, Mode};
pub use failure::{Failure, Retry, codes};
pub use json::{FromJson, IntoJson, Misfit, RawJson};
pub use manifest::{Example, HttpRule, Limits, Manifest};
pub use outcome::{Emissions, Outcome};
pub use ports::{DEFAULT_PORT, Outputs, Ports};

#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "block-component-revealing",
        pub_export_macro: true,
        export_macro_name: "export_component",
        default_bindings_module: "blockyard_sdk::__private::bindings",
        runtime_path: "::wit_bindgen::rt",
    });
}

#[doc(hidden)]
pub mod __private {
    pub use crate::bindings;
    #[cfg(target_arch = "wasm32")]
    pub use crate::bindings::export_component;
    pub use crate::export::Component;
}
