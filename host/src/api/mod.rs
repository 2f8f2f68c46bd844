//! HTTP: requests in, domain values down, JSON out.
//!
//! `router.rs` is the table of contents; below it one endpoint a file, with its request and response.

mod audit;
mod blocks;
mod body;
mod connections;
mod document;
mod events;
mod exchanges;
mod executions;
mod extract;
mod flows;
mod guard;
mod health;
mod hooks;
mod idempotency;
mod jobs;
mod problem;
mod queues;
mod respond;
mod router;
mod schedules;
mod sealed_body;
mod secrets;
mod state;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod triggers;
mod webhooks;
mod workflows;
mod ws;

use crate::domain::time;

pub use connections::serve;
pub use document::{DocumentError, from_text};
pub use guard::is_loopback_host;
pub use router::router;
pub use state::{ApiState, Parts};
