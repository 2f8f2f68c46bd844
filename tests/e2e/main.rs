//! End-to-end tests: the whole product, from a document to what the database keeps.

#![expect(clippy::unwrap_used, reason = "tests")]

mod block_cli;
mod block_cli_walk;
mod builtins;
mod cli;
mod control;
mod crash;
mod durability;
mod edge;
mod examples;
mod fan_out;
mod flows;
mod hostile;
mod jobs;
mod kills;
mod live;
mod misbehaving;
mod model;
mod outgoing;
mod property;
mod queueing;
mod server;
mod sse;
mod support;
mod templates;
mod templating;
mod tidy;
mod timeline;
mod tls;
mod upload;
mod warm;
mod webhooks;
mod workloads;
