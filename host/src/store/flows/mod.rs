//! Flows: reading them, and advancing them when their jobs end.

mod advance;
mod cancel;
mod outputs;
mod parents;
mod reads;

pub use advance::{Advanced, ResultOf};
pub use cancel::FlowCancel;
pub use outputs::Output;
pub use reads::{FlowFilter, FlowJobRow, FlowRow};
#[cfg(test)]
pub(crate) use reads::{STUCK, UNTOLD};
