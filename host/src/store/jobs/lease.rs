//! Leases: how long a worker holds a job, and what becomes of it when the worker is gone.

use std::collections::HashSet;

use sqlx::AssertSqlSafe;

use crate::domain::{ExecutionId, JobId, Sources};

use super::super::Store;
use super::super::batch::{Transaction, Write};
use super::super::columns::Columns;
use super::super::command::Command;
use super::super::dialect::{Arg, chunks};
use super::super::error::StoreError;
use super::super::notice::Notice;
use super::super::records::Record;
use super::list;

/// What a renewal found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewed {
    /// Those that are not held any more: another has taken them over, or ended them.
    pub lost: Vec<JobId>,
    /// Those that somebody wants to be cancelled.
    pub cancel: Vec<JobId>,
}

impl Store {
    /// Keep jobs that `owner` holds for `lease_ms` from the moment that the database is told, by `clock`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn renew_leases(
        &self,
        owner: &str,
        jobs: Vec<JobId>,
        lease_ms: i64,
        clock: &Sources,
    ) -> Result<Renewed, StoreError> {
        self.ask(RenewLeases { owner: owner.to_owned(), jobs, lease_ms, clock: clock.clone() }).await
    }

    /// Put jobs back whose worker is gone: those whose lease has ended before `now`, but for those in `except`. With `all`,
    /// every job that is held, since no other process can be there. Each counts as a takeover, from 1 again if a node has
    /// ended since the last, and not as an attempt. How many there were.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn take_over(&self, now: i64, all: bool, except: Vec<JobId>) -> Result<u64, StoreError> {
        self.ask(TakeOver { now, all, except }).await
    }

    /// Put all jobs back that `owner` holds and does not go on with, at once and without counting it as an attempt or a
    /// takeover. How many there were.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn release_jobs(&self, owner: &str, now: i64) -> Result<u64, StoreError> {
        self.ask(Release { owner: owner.to_owned(), now }).await
    }
}

#[derive(Debug)]
struct RenewLeases {
    owner: String,
    jobs: Vec<JobId>,
    lease_ms: i64,
    clock: Sources,
}

impl Command for RenewLeases {
    type Output = Renewed;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Renewed, StoreError> {
        let mut renewed = Renewed::default();
        let until = self.clock.now_ms().saturating_add(self.lease_ms);
        let mut rest = self.jobs.as_slice();
        for size in chunks(self.jobs.len()) {
            let (chunk, after) = rest.split_at(size);
            rest = after;
            let sql = format!(
                "UPDATE jobs SET lease_until = $2 WHERE status = 'processing' AND lease_owner = $1 AND id IN {} \
                 RETURNING id, cancel_at",
                list(3, size)
            );
            let args = [Arg::from(self.owner.as_str()), until.into()];
            let ids = chunk.iter().map(|id| Arg::from(id.as_str()));
            let rows = transaction.connection.fetch(AssertSqlSafe(sql), args.into_iter().chain(ids)).await?;
            let mut held = HashSet::with_capacity(rows.len());
            for row in &rows {
                let columns = Columns::new(row, "jobs", &"renewed");
                let id: JobId = columns.id(0)?;
                if columns.opt_int(1)?.is_some() {
                    renewed.cancel.push(id.clone());
                }
                held.insert(id);
            }
            renewed.lost.extend(chunk.iter().filter(|id| !held.contains(*id)).cloned());
        }
        Ok(renewed)
    }
}

#[derive(Debug)]
struct TakeOver {
    now: i64,
    all: bool,
    except: Vec<JobId>,
}

/// Jobs whose lease has ended.
pub(crate) const EXPIRED: &str = "SELECT id FROM jobs WHERE status = 'processing' AND lease_until < $1";

impl Command for TakeOver {
    type Output = u64;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<u64, StoreError> {
        // A job that came further since it was last taken over is not what brings its workers down.
        const SET: &str = "UPDATE jobs SET status = 'pending', attempts = attempts - 1, \
             takeovers = CASE WHEN (SELECT COUNT(*) FROM node_results WHERE execution_id = jobs.id \
             AND end_time IS NOT NULL) > settled_nodes THEN 1 ELSE takeovers + 1 END, \
             settled_nodes = (SELECT COUNT(*) FROM node_results WHERE execution_id = jobs.id \
             AND end_time IS NOT NULL), \
             lease_owner = NULL, lease_until = NULL, updated_at = $1 WHERE status = 'processing'";
        let connection = &mut transaction.connection;
        let sql = match self.all {
            true => SET.to_owned(),
            false => {
                let others = match self.except.len() {
                    0 => String::new(),
                    count => format!(" AND id NOT IN {}", list(2, count)),
                };
                format!("{SET} AND id IN ({EXPIRED}{others}{})", connection.skip_locked())
            }
        };
        let except = self.except.iter().filter(|_| !self.all).map(|id| Arg::from(id.as_str()));
        let args = std::iter::once(Arg::from(self.now)).chain(except);
        let count = connection.execute(AssertSqlSafe(sql), args).await?;
        if count > 0 {
            transaction.tell(Notice::Jobs);
        }
        Ok(count)
    }
}

#[derive(Debug)]
struct Release {
    owner: String,
    now: i64,
}

impl Command for Release {
    type Output = u64;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<u64, StoreError> {
        const RELEASE: &str = "UPDATE jobs SET status = 'pending', attempts = attempts - 1, lease_owner = NULL, \
             lease_until = NULL, updated_at = $2 WHERE status = 'processing' AND lease_owner = $1";
        let args = [self.owner.as_str().into(), self.now.into()];
        let count = transaction.connection.execute(RELEASE, args).await?;
        if count > 0 {
            transaction.tell(Notice::Jobs);
        }
        Ok(count)
    }
}

/// Mark those of `writes` whose job `owner` does not hold (any more). Jobs that are held stay so until the transaction ends.
pub(crate) async fn fence(
    transaction: &mut Transaction<'_>,
    owner: &str,
    mut writes: Vec<&mut Write>,
) -> Result<(), StoreError> {
    let born = |write: &&mut Write| {
        let submissions = write.records.iter().filter_map(|record| match record {
            Record::Submission(submission) => Some(submission.execution_id.clone()),
            _ => None,
        });
        submissions.collect::<Vec<_>>()
    };
    let born: HashSet<ExecutionId> = writes.iter().flat_map(born).collect();
    let mut ids: Vec<ExecutionId> = writes
        .iter_mut()
        .filter(|write| write.leased)
        .flat_map(|write| {
            write.lease_lost = false;
            write.executions.iter().filter(|id| !born.contains(*id)).cloned()
        })
        .collect();
    // In one order, so that two processes never wait for each other.
    ids.sort_unstable();
    ids.dedup();
    let mut lost = HashSet::new();
    let mut rest = ids.as_slice();
    for size in chunks(ids.len()) {
        let (chunk, after) = rest.split_at(size);
        rest = after;
        let sql = format!(
            "SELECT id FROM jobs WHERE status = 'processing' AND lease_owner = $1 AND id IN {} ORDER BY id{}",
            list(2, size),
            transaction.connection.for_update()
        );
        let args = std::iter::once(Arg::from(owner)).chain(chunk.iter().map(|id| Arg::from(id.as_str())));
        let rows = transaction.connection.fetch(AssertSqlSafe(sql), args).await?;
        let held: HashSet<String> = rows.iter().filter_map(|row| row.opt_text(0).ok().flatten()).collect();
        lost.extend(chunk.iter().filter(|id| !held.contains(id.as_str())).cloned());
    }
    if !lost.is_empty() {
        for write in writes.iter_mut().filter(|write| write.leased) {
            write.lease_lost = write.executions.iter().any(|id| lost.contains(id));
        }
    }
    Ok(())
}
