//! The trait that a block implements.

use schemars::JsonSchema;

use crate::{Context, Failure, FromJson, Manifest, Outcome, Ports};

/// A block: what it is, and what it does.
///
/// Implement it on an empty type and export that with [`export_block!`](crate::export_block!). The manifest's
/// schemas are derived from the three types.
pub trait Block {
    /// The node's configuration, after templates were filled in.
    type Config: FromJson + JsonSchema;
    /// What comes over the node's edges. [`RawJson`](crate::RawJson) takes it unparsed.
    type Input: FromJson + JsonSchema;
    /// What leaves; see [`Ports`].
    type Output: Ports;

    /// What the block is. It must be a constant: the host calls it once, without any capability.
    fn manifest() -> Manifest;

    /// Runs once.
    ///
    /// # Errors
    /// A [`Failure`], whose code the workflow's author sees and may retry on.
    fn execute(config: Self::Config, input: Self::Input, context: &Context) -> Result<Outcome<Self::Output>, Failure>;
}
