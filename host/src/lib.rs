//! A server that runs workflows of sandboxed WebAssembly blocks.
//!
//! Each module may use only those that stand below it in this list; `tests/` holds a check.

pub mod orchestrator;
pub mod blocks;
pub mod runtime;
pub mod store;
pub mod capabilities;
pub mod config;
pub mod domain;
