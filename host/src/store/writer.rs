//! The one task that writes: it puts whatever waits into one transaction, and never lingers.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout_at};

use crate::domain::{Event, ExecutionId};

use super::batch::{Transaction, Write};
use super::dialect;
use super::error::StoreError;
use super::waiting::{Message, Unit, Waiting};

/// Told of committed events in the order of their positions, before the writes are acknowledged. It is called on the
/// writer's task, so it must neither block nor panic.
pub type OnCommit = Arc<dyn Fn(&[Event]) + Send + Sync>;

/// Most requests that share a transaction, so that a backlog does not become one huge one.
const MOST: usize = 1024;

/// Documents remembered as stored; past that many the memory starts anew.
const MOST_DOCUMENTS: usize = 4096;

/// How long they are: much shorter than a document without use is kept (see `jobs/retention.rs`), so that what is
/// remembered is there.
const DOCUMENTS_TRUSTED: Duration = Duration::from_secs(600);

/// How long a transaction is tried again while another program is in the way or the server away, and the waits between.
const PATIENCE: Duration = Duration::from_secs(30);
const FIRST_DELAY: Duration = Duration::from_millis(10);
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// Counts since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) failures: AtomicU64,
    /// Transactions with commands: what was read of workflows before may be out of date.
    pub(crate) commanded: AtomicU64,
    /// Transactions that changed webhooks.
    pub(crate) webhooks: AtomicU64,
    /// Told of committed events, and of changed webhooks.
    pub(crate) news: Notify,
}

/// The task's state.
pub(crate) struct Worker {
    pub(crate) database: dialect::Writer,
    pub(crate) receiver: mpsc::UnboundedReceiver<Message>,
    pub(crate) flush_interval: Duration,
    pub(crate) on_commit: OnCommit,
    pub(crate) counters: Arc<Counters>,
    /// Executions of which a write has failed, and how.
    pub(crate) broken: HashMap<ExecutionId, StoreError>,
    pub(crate) documents: HashSet<String>,
    /// When the first of them was stored.
    pub(crate) documents_since: Instant,
    /// As whom this process holds leases, once it does.
    pub(crate) owner: Arc<OnceLock<String>>,
}

impl Worker {
    /// Work until told to close, or until every handle of the store is gone.
    pub(crate) async fn run(mut self) {
        let mut waiting = Waiting::default();
        let closing = loop {
            let message = match waiting.due {
                Some(due) => timeout_at(due, self.receiver.recv()).await.ok(),
                None => Some(self.receiver.recv().await),
            };
            let mut abandoned = false;
            match message {
                Some(Some(message)) => waiting.accept(message, self.flush_interval),
                Some(None) => abandoned = true,
                None => waiting.hurry(),
            }
            while waiting.closing.is_none() && waiting.units.len() < MOST {
                let Ok(message) = self.receiver.try_recv() else { break };
                waiting.accept(message, self.flush_interval);
            }
            if abandoned || waiting.units.len() >= MOST || waiting.due.is_some_and(|due| due <= Instant::now()) {
                waiting.hurry();
            }
            if waiting.urgent {
                let closing = waiting.closing.take();
                let units = waiting.take();
                self.commit(units).await;
                for (pages, reply) in waiting.reclaims.drain(..) {
                    // Nobody may be waiting.
                    drop(reply.send(self.database.reclaim(pages).await));
                }
                if closing.is_some() || abandoned {
                    break closing;
                }
            }
        };
        let closed = self.database.close().await;
        if let Err(error) = &closed {
            tracing::warn!(%error, "closing the database");
        }
        if let Some(reply) = closing {
            drop(reply.send(closed));
        }
    }

    /// Commit `units` together; if that fails, each by itself, so that a bad one fails alone.
    async fn commit(&mut self, units: Vec<Unit>) {
        let mut units: Vec<Unit> = units.into_iter().filter_map(|unit| self.admit(unit)).collect();
        match self.attempt(&mut units).await {
            Ok(()) => units.into_iter().for_each(|unit| self.settle(unit, Ok(()))),
            Err(error) if dialect::is_common(&error) || (units.len() == 1 && !dialect::is_overtaken(&error)) => {
                units.into_iter().for_each(|unit| self.settle(unit, Err(error.clone())));
            }
            Err(error) => {
                tracing::warn!(%error, units = units.len(), "a batch failed, trying its parts");
                for unit in units {
                    if let Some(mut unit) = self.admit(unit) {
                        let result = self.attempt(std::slice::from_mut(&mut unit)).await;
                        self.settle(unit, result);
                    }
                }
            }
        }
    }

    /// Let `unit` pass unless its execution is broken.
    fn admit(&mut self, unit: Unit) -> Option<Unit> {
        match unit {
            Unit::Forget(execution_id) => {
                self.broken.remove(&execution_id);
                // Kept: a write before it may fail yet.
                Some(Unit::Forget(execution_id))
            }
            Unit::Write { write, reply } => match write.executions.iter().find_map(|id| self.broken.get(id)) {
                Some(error) => {
                    drop(reply.send(Err(error.clone())));
                    None
                }
                None => Some(Unit::Write { write, reply }),
            },
            command @ Unit::Command(_) => Some(command),
        }
    }

    fn settle(&mut self, unit: Unit, result: Result<(), StoreError>) {
        let lost = |write: &Write| {
            let id = write.executions.first().cloned().unwrap_or_else(|| "".into());
            Err(StoreError::LeaseLost { execution_id: id })
        };
        let result = match &unit {
            Unit::Write { write, .. } if result.is_ok() && write.lease_lost => lost(write),
            _ => result,
        };
        let Err(error) = result else {
            if matches!(&unit, Unit::Write { write, .. } if !write.records.is_empty()) {
                self.counters.writes.fetch_add(1, Ordering::Relaxed);
            }
            return unit.acknowledge();
        };
        self.counters.failures.fetch_add(1, Ordering::Relaxed);
        match unit {
            Unit::Write { write, reply } => {
                if matches!(error, StoreError::LeaseLost { .. }) {
                    tracing::warn!(executions = ?write.executions, "another worker has taken over");
                } else {
                    tracing::error!(%error, executions = ?write.executions, "a write failed");
                }
                self.broken.extend(write.executions.into_iter().map(|id| (id, error.clone())));
                drop(reply.send(Err(error)));
            }
            Unit::Command(command) => command.acknowledge(Err(error)),
            Unit::Forget(_) => {}
        }
    }

    /// One transaction, tried again while another program is in the way or the server away, unless it may have been
    /// committed.
    async fn attempt(&mut self, units: &mut [Unit]) -> Result<(), StoreError> {
        let is_shared = self.database.is_shared();
        if !units.iter().any(|unit| unit.needs_transaction(is_shared)) {
            return Ok(());
        }
        let give_up = Instant::now() + PATIENCE;
        let mut delay = FIRST_DELAY;
        loop {
            match self.transact(units).await {
                Err(error) if dialect::is_transient(&error) && Instant::now() + delay < give_up => {
                    tracing::warn!(%error, "the database is busy or away, trying again");
                    tokio::time::sleep(delay).await;
                    delay = (delay * 2).min(LONGEST_DELAY);
                }
                settled => return settled,
            }
        }
    }

    async fn transact(&mut self, units: &mut [Unit]) -> Result<(), StoreError> {
        if self.documents.len() > MOST_DOCUMENTS || self.documents_since.elapsed() > DOCUMENTS_TRUSTED {
            self.documents.clear();
            self.documents_since = Instant::now();
        }
        let mut transaction = Transaction::new(self.database.connection().await?, &self.documents);
        transaction.connection.begin().await?;
        let owner = self.owner.get().filter(|_| self.database.is_shared());
        let mut result = steps(&mut transaction, units, owner.map(String::as_str)).await;
        if result.is_ok()
            && let Err(error) = transaction.connection.commit().await
        {
            result = Err(error);
        }
        let events = match result {
            Ok(events) => events,
            Err(error) => {
                transaction.connection.rollback().await;
                return Err(error);
            }
        };
        let Transaction { new_documents, connection, webhooks_changed, .. } = transaction;
        drop(connection);
        self.documents.extend(new_documents);
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        if units.iter().any(|unit| matches!(unit, Unit::Command(_))) {
            self.counters.commanded.fetch_add(1, Ordering::Release);
        }
        if webhooks_changed {
            self.counters.webhooks.fetch_add(1, Ordering::Release);
        }
        if !events.is_empty() {
            (self.on_commit)(&events);
        }
        if webhooks_changed || !events.is_empty() {
            self.counters.news.notify_one();
        }
        Ok(())
    }
}

/// Everything in order: writes that follow one another together, commands between them.
async fn steps(
    transaction: &mut Transaction<'_>,
    units: &mut [Unit],
    owner: Option<&str>,
) -> Result<Vec<Event>, StoreError> {
    if let Some(owner) = owner {
        let writes = units.iter_mut().filter_map(|unit| match unit {
            Unit::Write { write, .. } => Some(write),
            _ => None,
        });
        super::jobs::fence(transaction, owner, writes.collect()).await?;
    }
    let is_command = |unit: &Unit| matches!(unit, Unit::Command(_));
    for group in units.chunk_by_mut(|a, b| !is_command(a) && !is_command(b)) {
        if let [Unit::Command(command)] = group {
            command.run(transaction).await?;
            continue;
        }
        let writes: Vec<&mut Write> = group
            .iter_mut()
            .filter_map(|unit| match unit {
                Unit::Write { write, .. } => Some(write),
                _ => None,
            })
            .collect();
        transaction.apply(writes).await?;
    }
    transaction.finish().await
}
