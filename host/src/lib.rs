//! A server that runs workflows of sandboxed WebAssembly blocks.
//!
//! Each module may use only those that stand below it in this list; a test in `tests/` fails otherwise.

pub mod cli;
pub mod app;
pub mod api;
pub mod jobs;
pub mod orchestrator;
pub mod blocks;
pub mod runtime;
pub mod capabilities;
pub mod events;
pub mod store;
pub mod domain;
pub mod config;
