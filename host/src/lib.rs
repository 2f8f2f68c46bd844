//! A server that runs workflows of sandboxed WebAssembly blocks.
//!
//! Each module may use only those that stand below it in this list; a test in `tests/` fails otherwise.

pub mod api;
pub mod app;
pub mod blocks;
pub mod capabilities;
pub mod cli;
pub mod config;
pub mod domain;
pub mod events;
pub mod jobs;
pub mod orchestrator;
pub mod runtime;
pub mod store;
