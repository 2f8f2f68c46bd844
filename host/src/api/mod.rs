//! HTTP: requests in, domain values down, JSON out.
//!
//! `router.rs` is the table of contents; below it one endpoint a file, with its request and response.

mod audit;
mod blocks;
mod body;
mod document;
mod exchanges;
mod executions;
mod extract;
mod guard;
mod health;
mod problem;
mod respond;
mod router;
mod sealed_body;
mod secrets;
mod state;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod time;
mod workflows;

pub use document::{DocumentError, from_text};
pub use guard::is_loopback_host;
pub use router::router;
pub use state::{ApiState, Parts};
