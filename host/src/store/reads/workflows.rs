//! Saved workflows, their versions and documents.

use std::sync::atomic::Ordering;

use sqlx::AssertSqlSafe;

use crate::domain::{Json, UserId};

use super::{Arg, Columns, Conditions, Cursor, Store, StoreError};

/// One version of a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowRow {
    /// The workflow.
    pub workflow_id: String,
    /// This version.
    pub version: u32,
    /// The latest one.
    pub latest_version: u32,
    /// The name in this version.
    pub name: String,
    /// Who owns the workflow.
    pub user_id: UserId,
    /// When the workflow was made, in Unix milliseconds.
    pub created_at: i64,
    /// When this version was saved, in Unix milliseconds.
    pub updated_at: i64,
    /// Names the document.
    pub digest: String,
    /// The workflow document.
    pub document: Json,
}

/// A workflow in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowSummary {
    /// The workflow.
    pub workflow_id: String,
    /// The latest version.
    pub latest_version: u32,
    /// The name in the latest version.
    pub name: String,
    /// Who owns the workflow.
    pub user_id: UserId,
    /// Unix milliseconds.
    pub created_at: i64,
    /// When the latest version was saved, in Unix milliseconds.
    pub updated_at: i64,
}

impl WorkflowSummary {
    /// Where a list goes on after this one.
    pub fn cursor(&self) -> Cursor {
        Cursor { at: self.updated_at, id: self.workflow_id.clone() }
    }
}

/// Which workflows to list.
#[derive(Clone, Debug, Default)]
pub struct WorkflowFilter {
    /// Only of this user.
    pub user_id: Option<UserId>,
    /// At most so many.
    pub limit: u32,
    /// Only those after this place in the list.
    pub after: Option<Cursor>,
}

/// A version in the list of a workflow's versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// Its number.
    pub version: u32,
    /// The name in it.
    pub name: String,
    /// Who saved it.
    pub user_id: UserId,
    /// Names its document.
    pub digest: String,
    /// Unix milliseconds.
    pub created_at: i64,
}

macro_rules! workflow_query {
    ($version:literal) => {
        concat!(
            "SELECT w.id, v.version, w.latest_version, v.name, w.user_id, w.created_at, v.created_at, v.digest, d.body \
             FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id AND v.version = ",
            $version,
            " JOIN documents d ON d.digest = v.digest \
             WHERE w.id = $1 AND w.deleted_at IS NULL AND v.version >= w.first_version"
        )
    };
}

pub(crate) const WORKFLOW_LATEST: &str = workflow_query!("w.latest_version");
pub(crate) const WORKFLOW_VERSION: &str = workflow_query!("$2");

pub(crate) const VERSIONS: &str = "SELECT v.version, v.name, v.user_id, v.digest, v.created_at FROM workflows w \
     JOIN workflow_versions v ON v.workflow_id = w.id AND v.version >= w.first_version \
     WHERE w.id = $1 AND w.deleted_at IS NULL ORDER BY v.version DESC";

const DOCUMENT: &str = "SELECT body FROM documents WHERE digest = $1";

impl Store {
    /// A version of a workflow, the latest if none is named; `None` if there is none, or the workflow is deleted.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn workflow(&self, workflow_id: &str, version: Option<u32>) -> Result<Option<WorkflowRow>, StoreError> {
        let generation = self.inner.counters.commanded.load(Ordering::Acquire);
        if let Some(row) = self.inner.remembered.find(generation, workflow_id, version) {
            return Ok(Some(row));
        }
        let row = match version {
            None => self.first(WORKFLOW_LATEST, [workflow_id.into()]).await?,
            Some(version) => self.first(WORKFLOW_VERSION, [workflow_id.into(), version.into()]).await?,
        };
        let Some(row) = row else { return Ok(None) };
        let columns = Columns::new(&row, "workflows", &workflow_id);
        let row = WorkflowRow {
            workflow_id: columns.text(0)?,
            version: columns.number(1)?,
            latest_version: columns.number(2)?,
            name: columns.text(3)?,
            user_id: columns.id(4)?,
            created_at: columns.int(5)?,
            updated_at: columns.int(6)?,
            digest: columns.text(7)?,
            document: columns.json(8)?,
        };
        self.inner.remembered.keep(generation, workflow_id, version, &row);
        Ok(Some(row))
    }

    /// Workflows, the last saved first.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn workflows(&self, filter: &WorkflowFilter) -> Result<Vec<WorkflowSummary>, StoreError> {
        let (sql, args) = workflows_sql(filter);
        let rows = self.rows(AssertSqlSafe(sql), args).await?;
        let mut workflows = Vec::with_capacity(rows.len());
        for row in &rows {
            let key = super::key(row);
            let columns = Columns::new(row, "workflows", &key);
            workflows.push(WorkflowSummary {
                workflow_id: columns.text(0)?,
                latest_version: columns.number(1)?,
                name: columns.text(2)?,
                user_id: columns.id(3)?,
                created_at: columns.int(4)?,
                updated_at: columns.int(5)?,
            });
        }
        Ok(workflows)
    }

    /// The versions of a workflow, the latest first; empty if there is no such workflow.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn workflow_versions(&self, workflow_id: &str) -> Result<Vec<VersionRow>, StoreError> {
        let rows = self.rows(VERSIONS, [workflow_id.into()]).await?;
        let mut versions = Vec::with_capacity(rows.len());
        for row in &rows {
            let columns = Columns::new(row, "workflow_versions", &workflow_id);
            versions.push(VersionRow {
                version: columns.number(0)?,
                name: columns.text(1)?,
                user_id: columns.id(2)?,
                digest: columns.text(3)?,
                created_at: columns.int(4)?,
            });
        }
        Ok(versions)
    }

    /// The document with this digest.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn document(&self, digest: &str) -> Result<Option<Json>, StoreError> {
        let row = self.first(DOCUMENT, [digest.into()]).await?;
        row.map(|row| Columns::new(&row, "documents", &digest).json(0)).transpose()
    }
}

pub(crate) fn workflows_sql(filter: &WorkflowFilter) -> (String, Vec<Arg>) {
    let mut conditions = Conditions::default();
    conditions.add("deleted_at IS NULL", []);
    if let Some(user_id) = &filter.user_id {
        conditions.add("user_id = {}", [user_id.as_str().into()]);
    }
    if let Some(after) = &filter.after {
        conditions.add("(updated_at, id) < ({}, {})", [after.at.into(), after.id.as_str().into()]);
    }
    let limit = conditions.limit(filter.limit);
    let sql = format!(
        "SELECT id, latest_version, name, user_id, created_at, updated_at FROM workflows{} \
         ORDER BY updated_at DESC, id DESC {limit}",
        conditions.sql
    );
    (sql, conditions.args)
}
