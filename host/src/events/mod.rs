//! Live events: what was committed reaches those who follow, without a gap and without a repeat.

mod follower;
mod hub;
mod mailbox;
mod replay;
mod subject;
mod tail;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use follower::{FollowError, Follower};
pub use hub::Hub;
pub use subject::{Kind, Subject};
