//! Reading what was committed. Nothing found is `None` or empty, never an error.

mod executions;
mod nodes;
mod remembered;
mod timeline;
mod workflows;

use std::fmt;
use std::str::FromStr;

use super::Store;
use super::columns::Columns;
use super::dialect::{Arg, Connection, Row};
use super::error::StoreError;

pub use executions::{ExecutionFilter, ExecutionRow, ExecutionSummary};
pub(crate) use remembered::Remembered;
pub use timeline::EventPositions;
pub(crate) use timeline::{LAST_ENTRY, event};
pub use workflows::{VersionRow, WorkflowFilter, WorkflowRow, WorkflowSummary};

#[cfg(test)]
pub(crate) use {
    executions::{EXECUTION, executions_sql},
    nodes::{ITEMS, NEXT_PAYLOAD, NODES},
    timeline::EVENTS,
    workflows::{VERSIONS, WORKFLOW_LATEST, WORKFLOW_VERSION, workflows_sql},
};

/// Where a list that is read newest first goes on: after the row with this time and id. Its text form is for clients
/// to hand back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Unix milliseconds.
    pub at: i64,
    /// The row's id.
    pub id: String,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.at, self.id)
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('_').and_then(|(at, id)| Some(Self { at: at.parse().ok()?, id: id.to_owned() }));
        parts.ok_or_else(|| format!("`{text}` is no cursor"))
    }
}

/// How much there is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Jobs that wait for a worker.
    pub pending_jobs: u64,
    /// Jobs that a worker holds.
    pub processing_jobs: u64,
}

/// Counts of jobs, each from a small index.
pub(crate) const COUNTS: &str = "SELECT (SELECT COUNT(*) FROM jobs WHERE status = 'pending'), \
     (SELECT COUNT(*) FROM jobs WHERE status = 'processing')";

impl Store {
    /// Whether the database answers.
    ///
    /// # Errors
    /// If it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.rows("SELECT 1", []).await.map(drop)
    }

    /// How much there is to do.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let Some(row) = self.first(COUNTS, []).await? else { return Ok(Counts::default()) };
        let columns = Columns::new(&row, "jobs", &"count");
        Ok(Counts { pending_jobs: columns.number(0)?, processing_jobs: columns.number(1)? })
    }

    /// The size of the database in bytes, without SQLite's log.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn size_bytes(&self) -> Result<u64, StoreError> {
        let Some(row) = self.first(self.inner.database.size(), []).await? else { return Ok(0) };
        Columns::new(&row, "database", &"size").number(0)
    }

    async fn reader(&self) -> Result<Connection, StoreError> {
        self.inner.database.read().await
    }

    pub(crate) async fn rows(
        &self,
        sql: impl sqlx::SqlSafeStr,
        args: impl IntoIterator<Item = Arg>,
    ) -> Result<Vec<Row>, StoreError> {
        self.reader().await?.fetch(sql, args).await
    }

    pub(crate) async fn first(
        &self,
        sql: impl sqlx::SqlSafeStr,
        args: impl IntoIterator<Item = Arg>,
    ) -> Result<Option<Row>, StoreError> {
        self.reader().await?.fetch_first(sql, args).await
    }
}

/// A row's key for messages, from its first column.
pub(crate) fn key(row: &Row) -> String {
    row.opt_text(0).ok().flatten().unwrap_or_default()
}

/// Conditions of a query that has some of them.
#[derive(Default)]
pub(crate) struct Conditions {
    pub(crate) sql: String,
    pub(crate) args: Vec<Arg>,
}

impl Conditions {
    /// Add `condition`, in which `{}` stands for each argument in turn.
    pub(crate) fn add(&mut self, condition: &str, args: impl IntoIterator<Item = Arg>) {
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        let mut parts = condition.split("{}");
        self.sql.extend(parts.next());
        for (part, arg) in parts.zip(args) {
            self.args.push(arg);
            self.sql.push_str(&format!("${}{part}", self.args.len()));
        }
    }

    /// The text of the last clause, with its argument added.
    pub(crate) fn limit(&mut self, limit: u32) -> String {
        self.args.push(limit.into());
        format!("LIMIT ${}", self.args.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_as_text() {
        let cursor = Cursor { at: -5, id: "lead_enrichment_é".into() };
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        assert!("12".parse::<Cursor>().is_err());
        assert!("x_y".parse::<Cursor>().is_err());
    }
}
