//! Changes to saved workflows.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;

use crate::domain::{BlockType, Json, UserId};

use super::Store;
use super::batch::Transaction;
use super::blocks::hold;
use super::columns::Columns;
use super::command::Command;
use super::error::StoreError;
use super::idempotency::{IdempotencyKey, Once};

/// A version about to be saved.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// The workflow.
    pub workflow_id: String,
    /// Who saves it; the owner if the workflow is new.
    pub user_id: UserId,
    /// For people.
    pub name: String,
    /// Names the document: equal digests mean equal documents.
    pub document_digest: String,
    /// The workflow document.
    pub document: Json,
    /// The uploaded blocks that it names, which have to be there still, and the first node that does, counted from 0.
    pub uploaded: BTreeMap<BlockType, usize>,
    /// Unix milliseconds.
    pub at: i64,
}

/// A version that was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its number.
    pub version: u32,
}

impl Saved {
    /// What an idempotency key is kept with: this version of this workflow.
    fn resource_id(self, workflow_id: &str) -> String {
        format!("{} {workflow_id}", self.version)
    }

    /// The version and the workflow's id that it was made from.
    pub fn of_resource(resource_id: &str) -> Option<(Self, &str)> {
        let (version, workflow_id) = resource_id.split_once(' ')?;
        Some((Self { version: version.parse().ok()? }, workflow_id))
    }
}

impl Store {
    /// Save the first version of a workflow. The id of a deleted one may be taken again: numbers go on, the versions
    /// from before stay hidden.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the workflow exists, [`StoreError::UnknownBlock`] if an uploaded block is gone.
    pub async fn create_workflow(&self, version: NewVersion) -> Result<Saved, StoreError> {
        match self.ask(Create { version, key: None }).await? {
            Once::Done(saved) => Ok(saved),
            Once::Known(_) | Once::Reused => Err(StoreError::conflict("a key was used that nobody gave")),
        }
    }

    /// The same unless `key` was used before. What it made then is what [`Saved::of_resource`] reads.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the workflow exists, [`StoreError::UnknownBlock`] if an uploaded block is gone.
    pub async fn create_workflow_once(
        &self,
        version: NewVersion,
        key: IdempotencyKey,
    ) -> Result<Once<Saved>, StoreError> {
        self.ask(Create { version, key: Some(key) }).await
    }

    /// Save the next version of a workflow; `None` if there is no such workflow.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if `expected` is given and not the latest version, [`StoreError::UnknownBlock`] if an
    /// uploaded block is gone.
    pub async fn save_workflow(&self, version: NewVersion, expected: Option<u32>) -> Result<Option<Saved>, StoreError> {
        self.ask(Save { version, expected }).await
    }

    /// Delete a workflow; `false` if there is none. Its executions and their documents stay.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete_workflow(&self, workflow_id: &str, at: i64) -> Result<bool, StoreError> {
        self.ask(Delete { workflow_id: workflow_id.to_owned(), at }).await
    }
}

/// The latest version's number, and whether the workflow is deleted.
async fn latest(transaction: &mut Transaction<'_>, workflow_id: &str) -> Result<Option<(u32, bool)>, StoreError> {
    const LATEST: &str = "SELECT latest_version, deleted_at FROM workflows WHERE id = $1";
    let connection = &mut transaction.connection;
    // Two processes may save at once.
    let sql = AssertSqlSafe(format!("{LATEST}{}", connection.for_update()));
    let Some(row) = connection.fetch_first(sql, [workflow_id.into()]).await? else { return Ok(None) };
    let columns = Columns::new(&row, "workflows", &workflow_id);
    Ok(Some((columns.number(0)?, columns.opt_int(1)?.is_some())))
}

async fn add_version(transaction: &mut Transaction<'_>, new: &NewVersion, version: u32) -> Result<Saved, StoreError> {
    const VERSION: &str = "INSERT INTO workflow_versions (workflow_id, version, user_id, name, digest, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)";
    transaction.keep_document(&new.document_digest, (&new.document).into()).await?;
    let args = [
        new.workflow_id.as_str().into(),
        version.into(),
        new.user_id.as_str().into(),
        new.name.as_str().into(),
        new.document_digest.as_str().into(),
        new.at.into(),
    ];
    transaction.connection.execute(VERSION, args).await?;
    Ok(Saved { version })
}

#[derive(Debug)]
struct Create {
    version: NewVersion,
    key: Option<IdempotencyKey>,
}

impl Command for Create {
    type Output = Once<Saved>;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Once<Saved>, StoreError> {
        const PUT: &str = "INSERT INTO workflows \
             (id, user_id, name, first_version, latest_version, created_at, updated_at, deleted_at) \
             VALUES ($1, $2, $3, $4, $4, $5, $5, NULL) ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, \
             name = excluded.name, first_version = excluded.first_version, latest_version = excluded.latest_version, \
             created_at = excluded.created_at, updated_at = excluded.updated_at, deleted_at = NULL";
        let new = &self.version;
        // Before the look at the workflow, which is there when the request comes again.
        if let Some(key) = &self.key
            && let Some(known) = transaction.known_key(key).await?
        {
            return Ok(known);
        }
        hold(transaction, &new.uploaded).await?;
        let version = match latest(transaction, &new.workflow_id).await? {
            Some((_, false)) => {
                return Err(StoreError::conflict(format!("workflow `{}` exists already", new.workflow_id)));
            }
            Some((version, true)) => version + 1,
            None => 1,
        };
        if let Some(key) = &self.key {
            match transaction.claim_key(key, &Saved { version }.resource_id(&new.workflow_id)).await? {
                Once::Done(()) => {}
                Once::Known(id) => return Ok(Once::Known(id)),
                Once::Reused => return Ok(Once::Reused),
            }
        }
        let args = [
            new.workflow_id.as_str().into(),
            new.user_id.as_str().into(),
            new.name.as_str().into(),
            version.into(),
            new.at.into(),
        ];
        transaction.connection.execute(PUT, args).await?;
        add_version(transaction, new, version).await.map(Once::Done)
    }
}

#[derive(Debug)]
struct Save {
    version: NewVersion,
    expected: Option<u32>,
}

impl Command for Save {
    type Output = Option<Saved>;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Option<Saved>, StoreError> {
        const NEXT: &str = "UPDATE workflows SET name = $2, latest_version = $3, updated_at = $4 WHERE id = $1";
        let new = &self.version;
        hold(transaction, &new.uploaded).await?;
        let Some((latest, false)) = latest(transaction, &new.workflow_id).await? else { return Ok(None) };
        if let Some(expected) = self.expected.filter(|expected| *expected != latest) {
            return Err(StoreError::conflict(format!(
                "workflow `{}` is at version {latest}, not {expected}",
                new.workflow_id
            )));
        }
        let version = latest + 1;
        let args = [new.workflow_id.as_str().into(), new.name.as_str().into(), version.into(), new.at.into()];
        transaction.connection.execute(NEXT, args).await?;
        add_version(transaction, new, version).await.map(Some)
    }
}

#[derive(Debug)]
struct Delete {
    workflow_id: String,
    at: i64,
}

impl Command for Delete {
    type Output = bool;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
        const DELETE: &str = "UPDATE workflows SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL";
        let args = [self.workflow_id.as_str().into(), self.at.into()];
        Ok(transaction.connection.execute(DELETE, args).await? > 0)
    }
}
