//! The API as a whole, without a socket.

mod connections;
mod events;
mod executions;
mod flows;
mod hooks;
mod idempotency;
mod jobs;
mod rules;
mod schedules;
mod secrets;
mod webhooks;
mod workflows;
