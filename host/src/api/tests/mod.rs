//! The API as a whole, without a socket.

mod executions;
mod rules;
mod secrets;
mod workflows;
