//! End-to-end tests: the whole product, from a document to what the database keeps.

#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

mod misbehaving;
mod support;
mod timeline;
mod workloads;
