//! The sandbox: components are compiled, cached, instantiated (anew for each call, unless a block is granted to keep its
//! instances), and held to their limits.
//!
//! wasmtime is used here and in [`crate::capabilities`], nowhere else.

mod cache;
mod child;
mod compile;
mod component;
mod engine;
mod failure;
mod inspect;
mod instance;
mod invoke;
mod limits;
mod output;
mod pool;

pub use child::{ApartError, ProcessLimits, end_with_parent};
pub use compile::{COMMAND as COMPILE_COMMAND, REFUSED as COMPILE_REFUSED, compile};
pub use component::{COMPILE_FAILED, Component, ComponentError, digest};
pub use engine::{CompileClaim, CompileTurn, Runtime};
pub use failure::{CallFailure, HOST_CODES, RetryHint, code};
pub use inspect::{Inspection, inspect};
pub use invoke::{CallReport, CallRequest, Finished};
pub use limits::CallLimits;
pub use pool::{Reuse, WarmStats};
