//! A server that runs workflows of sandboxed WebAssembly blocks.
//!
//! The layers, from the top: `cli`, `app`, `api`, `jobs`, `orchestrator`, `blocks`, `runtime`, `capabilities`, `events`,
//! `store`, `domain`, `config`. Each module may use only those that stand after it; a test in `tests/` fails otherwise.

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
