//! Server-sent events.

pub(super) mod all;
pub(super) mod flow;
pub(super) mod job;
pub(super) mod sse;
pub(super) mod topic;

pub(super) use sse::single;
