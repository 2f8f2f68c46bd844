//! Executions over HTTP.

pub(super) mod cancel;
pub(super) mod events;
mod items;
pub(super) mod list;
mod nodes;
pub(super) mod read;
