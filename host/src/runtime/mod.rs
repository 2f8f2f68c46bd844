//! The sandbox: components are compiled, cached, instantiated anew for each call, and held to their limits.
//!
//! wasmtime is used here and in [`crate::capabilities`], nowhere else.

mod cache;
mod component;
mod engine;
mod failure;
mod invoke;
mod limits;
mod output;

pub use component::{Component, ComponentError, digest};
pub use engine::Runtime;
pub use failure::{CallFailure, HOST_CODES, RetryHint, code};
pub use invoke::{CallReport, CallRequest, Finished};
pub use limits::CallLimits;
