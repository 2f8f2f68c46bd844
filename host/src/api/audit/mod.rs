//! The audit log over HTTP.

pub(super) mod list;
