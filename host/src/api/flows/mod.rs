//! Trees of jobs.

pub(super) mod cancel;
pub(super) mod create;
pub(super) mod list;
pub(super) mod read;
