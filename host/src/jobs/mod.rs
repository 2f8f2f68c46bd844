//! Work waits in the store until a slot is free. Every execution is the work of one job, and there is one way to run it.

mod backlog;
mod plans;
mod queue;
mod work;

pub use plans::PlanError;
pub use queue::{Cancelled, Live, Queue, Submit, SubmitError, Ticket};
