//! Flows, one or a list.

use sqlx::AssertSqlSafe;

use crate::domain::flow::RESULT_BYTES;
use crate::domain::{FlowId, FlowStatus, JobId, JobStatus, UserId};

use super::super::Store;
use super::super::columns::Columns;
use super::super::dialect::Row;
use super::super::error::StoreError;
use super::super::jobs::{JobFilter, JobSummary};
use super::super::reads::{Conditions, Cursor, key};
use super::outputs::{Output, outputs};

/// A flow without its jobs, as it was when it last advanced.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowRow {
    /// Its id.
    pub id: FlowId,
    /// Who made it.
    pub user_id: UserId,
    /// For people.
    pub name: String,
    /// The job that waits for all others.
    pub root_id: JobId,
    /// Where it stands.
    pub status: FlowStatus,
    /// All its jobs.
    pub total: u32,
    /// Those that completed.
    pub completed: u32,
    /// Those that ended otherwise.
    pub failed: u32,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
    /// When the last of its jobs had ended, in Unix milliseconds.
    pub ended_at: Option<i64>,
}

impl FlowRow {
    /// Where a list goes on after this one.
    pub fn cursor(&self) -> Cursor {
        Cursor { at: self.created_at, id: self.id.to_string() }
    }
}

/// A job of a flow.
#[derive(Clone, Debug)]
pub struct FlowJobRow {
    /// The job.
    pub summary: JobSummary,
    /// The output of its execution, if it completed.
    pub output: Option<Output>,
}

/// Which flows to list.
#[derive(Clone, Debug, Default)]
pub struct FlowFilter {
    /// Only in this state.
    pub status: Option<FlowStatus>,
    /// Only of this user.
    pub user_id: Option<UserId>,
    /// At most so many.
    pub limit: u32,
    /// Only those after this place in the list.
    pub after: Option<Cursor>,
}

macro_rules! begun {
    () => {
        "EXISTS (SELECT 1 FROM jobs j WHERE j.flow_id = f.id AND j.started_at IS NOT NULL)"
    };
}

/// A flow is not written when its first job begins, only when one ends.
const SELECT: &str = concat!(
    "SELECT f.id, f.user_id, f.name, f.root_id, CASE WHEN f.status = 'pending' AND ",
    begun!(),
    " THEN 'running' ELSE f.status END, f.total, f.completed, f.failed, f.created_at, f.updated_at, f.ended_at \
     FROM flows f"
);

/// Flows with jobs that have ended and were not told of, each with one such job.
pub(crate) const UNTOLD: &str = "SELECT flow_id, MIN(id) FROM jobs WHERE flow_id IS NOT NULL AND flow_id > $1 \
     AND ended_at IS NOT NULL AND flow_told IS NULL GROUP BY flow_id ORDER BY flow_id LIMIT $2";

/// Flows with parents that wait for nobody, each with one of them.
pub(crate) const STUCK: &str = "SELECT p.flow_id, MIN(p.id) FROM jobs p WHERE p.status = 'waiting-children' \
     AND p.flow_id > $1 AND NOT EXISTS (SELECT 1 FROM jobs c WHERE c.parent_id = p.id \
     AND c.status IN ('delayed', 'waiting-children', 'pending', 'processing')) \
     GROUP BY p.flow_id ORDER BY p.flow_id LIMIT $2";

impl Store {
    /// A flow.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn flow(&self, id: &FlowId) -> Result<Option<FlowRow>, StoreError> {
        let sql = format!("{SELECT} WHERE f.id = $1");
        self.first(AssertSqlSafe(sql), [id.as_str().into()]).await?.as_ref().map(flow).transpose()
    }

    /// Flows, the newest first.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn flows(&self, filter: &FlowFilter) -> Result<Vec<FlowRow>, StoreError> {
        let mut conditions = Conditions::default();
        match filter.status {
            Some(FlowStatus::Pending) => conditions.add(concat!("f.status = 'pending' AND NOT ", begun!()), []),
            Some(FlowStatus::Running) => {
                conditions.add(concat!("(f.status = 'running' OR (f.status = 'pending' AND ", begun!(), "))"), []);
            }
            Some(status) => conditions.add("f.status = {}", [status.as_str().into()]),
            None => {}
        }
        if let Some(user_id) = &filter.user_id {
            conditions.add("f.user_id = {}", [user_id.as_str().into()]);
        }
        if let Some(after) = &filter.after {
            // Ids are in the order of creation.
            conditions.add("f.id < {}", [after.id.as_str().into()]);
        }
        let limit = conditions.limit(filter.limit);
        let sql = format!("{SELECT}{} ORDER BY f.id DESC {limit}", conditions.sql);
        self.rows(AssertSqlSafe(sql), conditions.args).await?.iter().map(flow).collect()
    }

    /// The jobs of a flow, the root first, each before its children.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn flow_jobs(&self, id: &FlowId) -> Result<Vec<FlowJobRow>, StoreError> {
        let filter = JobFilter { flow_id: Some(id.clone()), limit: u32::MAX, ..JobFilter::default() };
        let jobs = self.jobs(&filter).await?;
        let completed = jobs.iter().filter(|job| job.status == JobStatus::Completed);
        let completed: Vec<JobId> = completed.map(|job| job.id.clone()).collect();
        let mut connection = self.inner.database.read().await?;
        let mut outputs = outputs(&mut connection, &completed, Some(RESULT_BYTES)).await?;
        let rows = jobs.into_iter().rev();
        Ok(rows.map(|summary| FlowJobRow { output: outputs.remove(&summary.id), summary }).collect())
    }

    /// Up to `limit` flows after this one that have fallen behind their jobs, in the order of their ids, each with a job
    /// that it should have heard of.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn flows_behind(&self, after: &str, limit: u32) -> Result<Vec<(FlowId, JobId)>, StoreError> {
        let mut behind = Vec::new();
        for sql in [UNTOLD, STUCK] {
            for row in &self.rows(sql, [after.into(), limit.into()]).await? {
                let columns = Columns::new(row, "jobs", &"behind");
                behind.push((columns.id(0)?, columns.id(1)?));
            }
        }
        behind.sort_unstable();
        behind.dedup_by(|a, b| a.0 == b.0);
        behind.truncate(limit as usize);
        Ok(behind)
    }
}

fn flow(row: &Row) -> Result<FlowRow, StoreError> {
    let key = key(row);
    let columns = Columns::new(row, "flows", &key);
    Ok(FlowRow {
        id: columns.id(0)?,
        user_id: columns.id(1)?,
        name: columns.text(2)?,
        root_id: columns.id(3)?,
        status: columns.name(4, FlowStatus::from_name)?,
        total: columns.number(5)?,
        completed: columns.number(6)?,
        failed: columns.number(7)?,
        created_at: columns.int(8)?,
        updated_at: columns.int(9)?,
        ended_at: columns.opt_int(10)?,
    })
}
