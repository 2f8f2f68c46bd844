//! What the writer is asked for, and what of it waits for the next transaction.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::domain::ExecutionId;

use super::batch::Write;
use super::command::Pending;
use super::error::StoreError;
use super::records::{Urgency, Written};

pub(crate) type Reply = oneshot::Sender<Result<Written, StoreError>>;

/// What the writer is asked for.
pub(crate) enum Message {
    Write { write: Write, urgency: Urgency, reply: Reply },
    Command(Box<dyn Pending>),
    Forget(ExecutionId),
    Reclaim { pages: u32, reply: oneshot::Sender<Result<u64, StoreError>> },
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// One request that is committed with others.
pub(crate) enum Unit {
    Write { write: Write, reply: Reply },
    Command(Box<dyn Pending>),
    Forget(ExecutionId),
}

impl Unit {
    pub(crate) fn needs_transaction(&self, is_shared: bool) -> bool {
        match self {
            Self::Write { write, .. } => !write.records.is_empty() || (is_shared && write.leased),
            Self::Command(_) => true,
            Self::Forget(_) => false,
        }
    }

    pub(crate) fn acknowledge(self) {
        match self {
            // Nobody may be waiting.
            Self::Write { write, reply } => drop(reply.send(Ok(write.outcome))),
            Self::Command(command) => command.acknowledge(Ok(())),
            Self::Forget(_) => {}
        }
    }
}

/// Requests taken from the channel and not yet committed.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) units: Vec<Unit>,
    /// When what rides along has waited long enough.
    pub(crate) due: Option<Instant>,
    pub(crate) urgent: bool,
    /// Whether what is urgent concerns every execution: a command, a barrier, the end.
    everything: bool,
    /// Executions with urgent writes.
    executions: HashSet<ExecutionId>,
    /// Free pages to give back after the next commit, with whom to answer.
    pub(crate) reclaims: Vec<(u32, oneshot::Sender<Result<u64, StoreError>>)>,
    pub(crate) closing: Option<oneshot::Sender<Result<(), StoreError>>>,
}

impl Waiting {
    pub(crate) fn accept(&mut self, message: Message, flush_interval: Duration) {
        match message {
            Message::Write { write, urgency, reply } => {
                match urgency {
                    Urgency::Now => {
                        self.urgent = true;
                        self.everything |= write.executions.is_empty();
                        self.executions.extend(write.executions.iter().cloned());
                    }
                    Urgency::RideAlong => self.due = self.due.or_else(|| Some(Instant::now() + flush_interval)),
                }
                self.units.push(Unit::Write { write, reply });
            }
            Message::Command(command) => {
                self.units.push(Unit::Command(command));
                self.hurry();
            }
            Message::Forget(execution_id) => {
                self.units.push(Unit::Forget(execution_id));
                self.hurry();
            }
            Message::Reclaim { pages, reply } => {
                self.reclaims.push((pages, reply));
                self.hurry();
            }
            Message::Close(reply) => {
                self.closing = Some(reply);
                self.hurry();
            }
        }
    }

    pub(crate) fn hurry(&mut self) {
        self.urgent = true;
        self.everything = true;
    }

    /// What to commit now: all of it, or, if only some executions are in a hurry, all of theirs. The writes of others
    /// wait for their own urgent write, so that most executions reach the database whole, in one transaction.
    pub(crate) fn take(&mut self) -> Vec<Unit> {
        self.urgent = false;
        let executions = std::mem::take(&mut self.executions);
        if std::mem::take(&mut self.everything) {
            self.due = None;
            return std::mem::take(&mut self.units);
        }
        let hurried = |unit: &mut Unit| match unit {
            Unit::Write { write, .. } => write.executions.iter().any(|id| executions.contains(id)),
            Unit::Command(_) | Unit::Forget(_) => true,
        };
        let taken = self.units.extract_if(.., hurried).collect();
        if self.units.is_empty() {
            self.due = None;
        }
        taken
    }
}
