//! The database; `sqlx` nowhere else.
//!
//! Writes go through one task that commits in groups ([`Store::write`]); reads run beside it on their own connections.
//! In SQLite a store holds an exclusive lock on its database file for as long as a handle lives, or until
//! [`Store::close`]; a database on a Postgres server is shared with other processes ([`Store::is_shared`]).

mod audit;
mod batch;
mod blocks;
mod columns;
mod command;
mod dialect;
mod error;
mod flows;
mod idempotency;
mod jobs;
mod notice;
mod payloads;
mod reads;
mod records;
mod retention;
mod schedules;
mod secrets;
mod tables;
mod triggers;
mod waiting;
mod webhooks;
mod workflows;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::sync::{Notify, mpsc, oneshot};

use crate::config::DatabaseConfig;
use crate::domain::ExecutionId;

use batch::Write;
use dialect::Database;
use reads::Remembered;
use waiting::Message;
use writer::{Counters, Worker};

pub use blocks::{
    Activation, AddedVersion, BLOCKS_CHANGED, BlockRow, BlockRows, BlockVersionRow, DeletedBlock, NewBlockVersion,
    NewUpload, PART_BYTES, UploadRow, UploadStatus,
};
pub use dialect::Notices;
pub use error::{DatabaseError, StoreError};
pub use flows::{Advanced, FlowCancel, FlowFilter, FlowJobRow, FlowRow, Output, ResultOf};
pub use idempotency::{IdempotencyKey, Once};
pub use jobs::{
    CancelOutcome, ClaimRequest, Claimed, ClaimedJob, JobFilter, JobRow, JobSummary, JobTimes, MOST_TIMED, Parked,
    Postponed, QUEUES_CHANGED, QueueCounts, QueueLimit, Renewed, TypeCount,
};
pub use notice::Notice;
pub use payloads::{INLINE_BYTES, INPUT, PayloadBook, Stored, StoredOutputs};
pub use reads::{
    Counts, Cursor, EventPositions, ExecutionFilter, ExecutionRow, ExecutionSummary, VersionRow, WorkflowFilter,
    WorkflowRow, WorkflowSummary,
};
pub use records::{
    CallRow, Claim, Finished, FlowPlace, ItemRow, NewFlow, NodeRow, Record, Submission, Suspension, Urgency, Written,
};
pub use retention::Removed;
pub use schedules::{DueCursor, DueSchedules, FireSchedule, Fired, Firing, ScheduleFilter};
pub use secrets::{PutSecret, Resealed, SealedSecret};
pub use triggers::{Trigger, TriggerFilter};
pub use webhooks::{
    Attempted, DeliveryWork, Forwarded, NewDelivery, NewWebhook, Resent, Sealed, Subscription, Subscriptions, Verdict,
    WEBHOOKS_CHANGED, WebhookChange,
};
pub use workflows::{NewVersion, Saved};
pub use writer::OnCommit;

/// A handle to the database. Cloning is cheap.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    messages: mpsc::UnboundedSender<Message>,
    database: Database,
    counters: Arc<Counters>,
    remembered: Remembered,
    owner: Arc<OnceLock<String>>,
}

/// Counts since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Transactions committed.
    pub commits: u64,
    /// Writes committed, those of commands not among them.
    pub writes: u64,
    /// Writes and commands that failed.
    pub failures: u64,
}

impl Store {
    /// Open the database that `config` names, make it if need be, and bring its schema up to date. Must be called
    /// inside a tokio runtime, which then runs the writer.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has it; [`StoreError::Open`] or [`StoreError::Corrupt`] with the reason
    /// if it cannot be used.
    pub async fn open(config: &DatabaseConfig, on_commit: OnCommit) -> Result<Self, StoreError> {
        let (database, writer) = dialect::open(config).await?;
        let (counters, owner) = (Arc::<Counters>::default(), Arc::<OnceLock<String>>::default());
        let (messages, receiver) = mpsc::unbounded_channel();
        let worker = Worker {
            database: writer,
            receiver,
            flush_interval: config.flush_interval,
            on_commit,
            counters: counters.clone(),
            broken: HashMap::new(),
            documents: HashSet::new(),
            documents_since: tokio::time::Instant::now(),
            owner: owner.clone(),
        };
        tokio::spawn(worker.run());
        let remembered = Remembered::new(database.is_shared());
        Ok(Self { inner: Arc::new(Inner { messages, database, counters, remembered, owner }) })
    }

    /// Say as whom this process claims jobs. With a database that others share, what it writes of executions counts from
    /// then on only while it holds their jobs. The first name stays.
    pub fn claim_as(&self, owner: &str) {
        self.inner.owner.get_or_init(|| owner.to_owned());
    }

    /// Hand `records` to the writer. Writes are committed in the order of these calls, each whole or not at all; a
    /// write holds at most one `Finished`. Waiting for the [`Commit`] is up to the caller.
    ///
    /// A write that fails marks its executions: their later writes fail at once with the same error, until
    /// [`Store::forget_failure`].
    pub fn write(&self, records: Vec<Record>, urgency: Urgency) -> Commit {
        self.enqueue(Write::new(records), urgency)
    }

    /// A barrier: everything handed in before is settled, whether it succeeded or not.
    pub fn flush(&self) -> Commit {
        self.enqueue(Write::new(Vec::new()), Urgency::Now)
    }

    /// A barrier for one execution: fails if any of its writes before has failed.
    pub fn barrier(&self, execution_id: &ExecutionId) -> Commit {
        self.enqueue(Self::barrier_of(execution_id), Urgency::Now)
    }

    /// The same for the worker that runs it: fails too if another has taken it over.
    pub fn lease_barrier(&self, execution_id: &ExecutionId) -> Commit {
        self.enqueue(Write { leased: true, ..Self::barrier_of(execution_id) }, Urgency::Now)
    }

    fn barrier_of(execution_id: &ExecutionId) -> Write {
        Write { executions: vec![execution_id.clone()], ..Write::new(Vec::new()) }
    }

    /// Let an execution write again after one of its writes has failed.
    pub fn forget_failure(&self, execution_id: &ExecutionId) {
        self.send(Message::Forget(execution_id.clone()));
    }

    /// Notified when this process has committed events or changes of webhooks. It is for one task to wait on, which then
    /// looks for all of them.
    pub fn news(&self) -> &Notify {
        &self.inner.counters.news
    }

    /// How often this process has committed changes of webhooks.
    pub fn webhook_changes(&self) -> u64 {
        self.inner.counters.webhooks.load(Ordering::Acquire)
    }

    /// Whether other processes may work on the same database, so that what this one knows is not all that happens.
    pub fn is_shared(&self) -> bool {
        self.inner.database.is_shared()
    }

    /// What processes on the database tell one another of commits from now on, this one among them; `None` if there is
    /// no other.
    ///
    /// # Errors
    /// If the database cannot be reached.
    pub async fn notices(&self) -> Result<Option<Notices>, StoreError> {
        self.inner.database.notices().await
    }

    /// Give up to `pages` free pages of the database's file back to the file system; how many are left to give back.
    /// Writes wait meanwhile, so that a small number often is better than a large one once. Postgres looks after that
    /// itself: the answer is 0.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn reclaim(&self, pages: u32) -> Result<u64, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Reclaim { pages, reply });
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// What was done so far.
    pub fn stats(&self) -> Stats {
        let counters = &self.inner.counters;
        Stats {
            commits: counters.commits.load(Ordering::Relaxed),
            writes: counters.writes.load(Ordering::Relaxed),
            failures: counters.failures.load(Ordering::Relaxed),
        }
    }

    /// Commit what was handed in, leave the database tidy and let go of its lock. All handles are closed by it; what
    /// comes later fails with [`StoreError::Closed`]. Closing twice is fine.
    ///
    /// # Errors
    /// If the database could not be tidied up. What was acknowledged is safe all the same.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.inner.database.close().await;
        let (reply, closed) = oneshot::channel();
        self.send(Message::Close(reply));
        closed.await.unwrap_or(Ok(()))
    }

    fn enqueue(&self, write: Write, urgency: Urgency) -> Commit {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Write { write, urgency, reply });
        Commit(answer)
    }

    fn send(&self, message: Message) {
        // Without a writer the message is dropped, and with it the way to answer, which the asker sees as closed.
        drop(self.inner.messages.send(message));
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("database", &self.inner.database).field("stats", &self.stats()).finish()
    }
}

/// Resolves when a write is on disk, or has failed. Dropping it does not undo the write.
#[derive(Debug)]
pub struct Commit(oneshot::Receiver<Result<Written, StoreError>>);

impl Future for Commit {
    type Output = Result<Written, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(StoreError::Closed)))
    }
}
