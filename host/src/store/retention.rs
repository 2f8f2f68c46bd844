//! Removing what is old: ended jobs with all that belongs to them, keys, and documents that nothing refers to.

use sqlx::AssertSqlSafe;

use super::Store;
use super::batch::Transaction;
use super::columns::Columns;
use super::command::Command;
use super::dialect::{Arg, chunks};
use super::error::StoreError;
use super::jobs::list;
use super::webhooks::ANY as ANY_WEBHOOK;

/// What a step of removal came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Jobs, or whatever it was that went.
    pub rows: u64,
    /// Whether there is more of it.
    pub more: bool,
}

impl Removed {
    fn of(rows: u64, limit: u32) -> Self {
        Self { rows, more: rows >= u64::from(limit) }
    }
}

/// Ended jobs that are no part of a flow, the oldest first. Not those whose events come after the position up to which
/// webhooks have theirs, and not those whose own webhook, which goes with them, has deliveries on their way.
pub(crate) const OLD_JOBS: &str = "SELECT o.id FROM jobs o WHERE o.ended_at < $1 AND o.flow_id IS NULL \
     AND NOT EXISTS (SELECT 1 FROM events e WHERE e.subject = o.id AND e.position > $3) \
     AND NOT EXISTS (SELECT 1 FROM webhooks w JOIN webhook_deliveries d ON d.webhook_id = w.id \
     JOIN jobs s ON s.id = d.job_id WHERE w.job_id = o.id AND s.ended_at IS NULL) ORDER BY o.ended_at LIMIT $2";
/// The flow that ended first, with the same exceptions.
pub(crate) const OLD_FLOW: &str = "SELECT f.id FROM flows f WHERE f.ended_at < $1 \
     AND NOT EXISTS (SELECT 1 FROM events e WHERE e.subject = f.id AND e.position > $2) \
     AND NOT EXISTS (SELECT 1 FROM jobs o JOIN events e ON e.subject = o.id \
     WHERE o.flow_id = f.id AND e.position > $2) \
     AND NOT EXISTS (SELECT 1 FROM jobs o JOIN webhooks w ON w.job_id = o.id \
     JOIN webhook_deliveries d ON d.webhook_id = w.id JOIN jobs s ON s.id = d.job_id \
     WHERE o.flow_id = f.id AND s.ended_at IS NULL) ORDER BY f.ended_at LIMIT 1";
pub(crate) const JOBS_OF_FLOW: &str = "SELECT id FROM jobs WHERE flow_id = $1 LIMIT $2";
/// Held by the process that removes: the others leave it alone until it has committed.
const FLOOR: &str = "SELECT value FROM counters WHERE name = 'event_floor'";
const OLD_KEYS: &str = "DELETE FROM idempotency_keys WHERE (user_id, kind, key) IN (SELECT user_id, kind, key \
     FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
/// Documents that nothing refers to. It looks at everything, and is meant for a reader, who is in nobody's way.
const UNREFERRED: &str = "SELECT digest FROM documents EXCEPT SELECT document_digest FROM executions \
     EXCEPT SELECT digest FROM workflow_versions";

/// Tables whose rows go with a job, and the column that names it.
const OF_JOB: [(&str, &str); 8] = [
    ("payloads", "execution_id"),
    ("node_results", "execution_id"),
    ("node_items", "execution_id"),
    ("executions", "id"),
    ("webhook_deliveries", "job_id"),
    ("webhooks", "job_id"),
    ("events", "subject"),
    ("jobs", "id"),
];

impl Store {
    /// Remove up to `limit` jobs that ended before `before` (Unix milliseconds) and are no part of a flow, each with its
    /// execution, events and webhooks. Those stay that a webhook still has to be told of. If another process is removing
    /// jobs, nothing happens.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn remove_jobs(&self, before: i64, limit: u32) -> Result<Removed, StoreError> {
        self.ask(RemoveJobs { before, limit }).await
    }

    /// Remove up to `limit` jobs of a flow that ended as a whole before `before` (Unix milliseconds), and the flow itself
    /// with the last of them. A flow stays as a whole as long as a webhook still has to be told of it or a job of it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn remove_flow_jobs(&self, before: i64, limit: u32) -> Result<Removed, StoreError> {
        self.ask(RemoveFlow { before, limit }).await
    }

    /// Forget up to `limit` idempotency keys from before `before` (Unix milliseconds).
    ///
    /// # Errors
    /// If the database fails.
    pub async fn remove_keys(&self, before: i64, limit: u32) -> Result<Removed, StoreError> {
        self.ask(RemoveKeys { before, limit }).await
    }

    /// Mark the documents that nothing refers to, and remove those that were marked before `before` and still are: two
    /// looks with a long time between them, since processes remember for a while which documents are stored (see
    /// `store/writer.rs`). Times are Unix milliseconds. How many were removed.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn remove_documents(&self, now: i64, before: i64, limit: u32) -> Result<u64, StoreError> {
        let rows = self.rows(UNREFERRED, []).await?;
        let digests: Vec<String> =
            rows.iter().map(|row| Columns::new(row, "documents", &"digest").text(0)).collect::<Result<_, _>>()?;
        let mut removed = 0;
        for part in digests.chunks(limit.max(1) as usize) {
            removed += self.ask(RemoveDocuments { digests: part.to_vec(), now, before }).await?;
        }
        Ok(removed)
    }
}

#[derive(Debug)]
struct RemoveJobs {
    before: i64,
    limit: u32,
}

impl Command for RemoveJobs {
    type Output = Removed;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Removed, StoreError> {
        if !hold(transaction).await? {
            return Ok(Removed::default());
        }
        let forwarded = forwarded(transaction).await?;
        let ids = ids(transaction, OLD_JOBS, [self.before.into(), self.limit.into(), forwarded.into()]).await?;
        remove(transaction, &ids).await?;
        Ok(Removed::of(ids.len() as u64, self.limit))
    }
}

#[derive(Debug)]
struct RemoveFlow {
    before: i64,
    limit: u32,
}

impl Command for RemoveFlow {
    type Output = Removed;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Removed, StoreError> {
        if !hold(transaction).await? {
            return Ok(Removed::default());
        }
        let forwarded = forwarded(transaction).await?;
        let Some(flow) = ids(transaction, OLD_FLOW, [self.before.into(), forwarded.into()]).await?.pop() else {
            return Ok(Removed::default());
        };
        let jobs = ids(transaction, JOBS_OF_FLOW, [flow.as_str().into(), self.limit.into()]).await?;
        remove(transaction, &jobs).await?;
        if (jobs.len() as u64) < u64::from(self.limit) {
            remove_events(transaction, std::slice::from_ref(&flow)).await?;
            transaction.connection.execute("DELETE FROM flows WHERE id = $1", [flow.as_str().into()]).await?;
        }
        Ok(Removed { rows: jobs.len() as u64, more: true })
    }
}

#[derive(Debug)]
struct RemoveKeys {
    before: i64,
    limit: u32,
}

impl Command for RemoveKeys {
    type Output = Removed;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Removed, StoreError> {
        let rows = transaction.connection.execute(OLD_KEYS, [self.before.into(), self.limit.into()]).await?;
        Ok(Removed::of(rows, self.limit))
    }
}

#[derive(Debug)]
struct RemoveDocuments {
    digests: Vec<String>,
    now: i64,
    before: i64,
}

impl Command for RemoveDocuments {
    type Output = u64;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<u64, StoreError> {
        let mut removed = 0;
        let mut rest = self.digests.as_slice();
        for size in chunks(self.digests.len()) {
            let (chunk, after) = rest.split_at(size);
            rest = after;
            let args = |at: i64| std::iter::once(Arg::from(at)).chain(chunk.iter().map(|id| Arg::from(id.as_str())));
            let list = list(2, size);
            // Whoever stored it anew since the look has taken the mark away.
            let remove = format!("DELETE FROM documents WHERE unused_at < $1 AND digest IN {list}");
            removed += transaction.connection.execute(AssertSqlSafe(remove), args(self.before)).await?;
            let mark = format!("UPDATE documents SET unused_at = $1 WHERE unused_at IS NULL AND digest IN {list}");
            transaction.connection.execute(AssertSqlSafe(mark), args(self.now)).await?;
        }
        Ok(removed)
    }
}

/// Take the part of the process that removes; `false` if another has it.
async fn hold(transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
    let sql = AssertSqlSafe(format!("{FLOOR}{}", transaction.connection.skip_locked()));
    Ok(transaction.connection.fetch_first(sql, []).await?.is_some())
}

/// The position up to which webhooks have their events; past all if nobody wants any.
async fn forwarded(transaction: &mut Transaction<'_>) -> Result<i64, StoreError> {
    const CURSOR: &str = "SELECT value FROM counters WHERE name = 'webhook_cursor'";
    if transaction.connection.fetch_first(ANY_WEBHOOK, []).await?.is_none() {
        return Ok(i64::MAX);
    }
    let row = transaction.connection.fetch_first(CURSOR, []).await?;
    row.map_or(Ok(0), |row| Columns::new(&row, "counters", &"webhook_cursor").int(0))
}

async fn ids<const N: usize>(
    transaction: &mut Transaction<'_>,
    sql: &'static str,
    args: [Arg; N],
) -> Result<Vec<String>, StoreError> {
    let rows = transaction.connection.fetch(sql, args).await?;
    rows.iter().map(|row| Columns::new(row, "jobs", &"old").text(0)).collect()
}

/// Remove jobs with everything that belongs to them.
async fn remove(transaction: &mut Transaction<'_>, jobs: &[String]) -> Result<(), StoreError> {
    let mut rest = jobs;
    for size in chunks(jobs.len()) {
        let (chunk, after) = rest.split_at(size);
        rest = after;
        raise_floor(transaction, chunk).await?;
        for (table, column) in OF_JOB {
            delete(transaction, table, column, chunk).await?;
        }
    }
    Ok(())
}

/// Remove the events of these subjects.
async fn remove_events(transaction: &mut Transaction<'_>, subjects: &[String]) -> Result<(), StoreError> {
    raise_floor(transaction, subjects).await?;
    delete(transaction, "events", "subject", subjects).await
}

async fn delete(
    transaction: &mut Transaction<'_>,
    table: &str,
    column: &str,
    ids: &[String],
) -> Result<(), StoreError> {
    let sql = format!("DELETE FROM {table} WHERE {column} IN {}", list(1, ids.len()));
    let args = ids.iter().map(|id| Arg::from(id.as_str()));
    transaction.connection.execute(AssertSqlSafe(sql), args).await.map(drop)
}

/// From here on the log is incomplete up to the newest event of these subjects, which are about to go.
async fn raise_floor(transaction: &mut Transaction<'_>, subjects: &[String]) -> Result<(), StoreError> {
    const RAISE: &str = "UPDATE counters SET value = $1 WHERE name = 'event_floor' AND value < $1";
    let sql = format!("SELECT MAX(position) FROM events WHERE subject IN {}", list(1, subjects.len()));
    let args = subjects.iter().map(|id| Arg::from(id.as_str()));
    let row = transaction.connection.fetch_first(AssertSqlSafe(sql), args).await?;
    match row.and_then(|row| row.opt_int(0).ok().flatten()) {
        Some(newest) => transaction.connection.execute(RAISE, [newest.into()]).await.map(drop),
        None => Ok(()),
    }
}
