//! Incoming triggers. Of a token only its hash is kept, and by that a trigger is found.

use sqlx::AssertSqlSafe;

use crate::domain::{AuditEntry, Mode, UserId};

use super::audit::add;
use super::batch::Transaction;
use super::columns::Columns;
use super::command::Command;
use super::dialect::{Arg, Row};
use super::error::StoreError;
use super::reads::{Conditions, Cursor, key};
use super::{IdempotencyKey, Once, Store};

/// A path at which others start a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Sorts with the time at which it was made.
    pub id: String,
    /// Who made it, and owns the jobs that it makes.
    pub user_id: UserId,
    /// What it starts.
    pub workflow_id: String,
    /// Which version; the latest at that time if absent.
    pub version: Option<u32>,
    /// Whether blocks may talk to the network.
    pub mode: Mode,
    /// Whether it starts anything.
    pub active: bool,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
}

/// Which triggers to list.
#[derive(Clone, Debug, Default)]
pub struct TriggerFilter {
    /// Only of this user.
    pub user_id: Option<UserId>,
    /// Only those that start this workflow.
    pub workflow_id: Option<String>,
    /// At most so many.
    pub limit: u32,
    /// Only those after this one in the list.
    pub after: Option<Cursor>,
}

impl Trigger {
    /// Where a list goes on after this one.
    pub fn cursor(&self) -> Cursor {
        Cursor { at: self.created_at, id: self.id.clone() }
    }
}

macro_rules! triggers_query {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_id, workflow_id, workflow_version, mode, active, created_at, updated_at FROM triggers",
            $rest
        )
    };
}

pub(crate) const TRIGGER: &str = triggers_query!(" WHERE id = $1");
pub(crate) const TRIGGER_BY_TOKEN: &str = triggers_query!(" WHERE token_hash = $1");

impl Store {
    /// Store a new trigger that is found by `token_hash`, with its entry in the audit log, unless `key` was used before.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn create_trigger(
        &self,
        trigger: Trigger,
        token_hash: String,
        entry: AuditEntry,
        key: Option<IdempotencyKey>,
    ) -> Result<Once<()>, StoreError> {
        self.ask(Create { trigger, token_hash, entry, key }).await
    }

    /// Switch a trigger on or off and add the entry; `false` if there is none, and then no entry either.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn switch_trigger(&self, id: &str, active: bool, entry: AuditEntry) -> Result<bool, StoreError> {
        self.ask(Change { id: id.to_owned(), active: Some(active), entry }).await
    }

    /// Delete a trigger and add the entry; `false` if there is none, and then no entry either.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete_trigger(&self, id: &str, entry: AuditEntry) -> Result<bool, StoreError> {
        self.ask(Change { id: id.to_owned(), active: None, entry }).await
    }

    /// A trigger by its id.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn trigger(&self, id: &str) -> Result<Option<Trigger>, StoreError> {
        self.first(TRIGGER, [id.into()]).await?.as_ref().map(read).transpose()
    }

    /// The trigger whose token has this hash.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn trigger_by_token(&self, token_hash: &str) -> Result<Option<Trigger>, StoreError> {
        self.first(TRIGGER_BY_TOKEN, [token_hash.into()]).await?.as_ref().map(read).transpose()
    }

    /// Triggers, the newest first.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn triggers(&self, filter: &TriggerFilter) -> Result<Vec<Trigger>, StoreError> {
        let (sql, args) = triggers_sql(filter);
        self.rows(AssertSqlSafe(sql), args).await?.iter().map(read).collect()
    }
}

pub(crate) fn triggers_sql(filter: &TriggerFilter) -> (String, Vec<Arg>) {
    let mut conditions = Conditions::default();
    if let Some(user_id) = &filter.user_id {
        conditions.add("user_id = {}", [user_id.as_str().into()]);
    }
    if let Some(workflow_id) = &filter.workflow_id {
        conditions.add("workflow_id = {}", [workflow_id.as_str().into()]);
    }
    if let Some(Cursor { at, id }) = &filter.after {
        conditions.add("(created_at, id) < ({}, {})", [(*at).into(), id.as_str().into()]);
    }
    let limit = conditions.limit(filter.limit);
    let select = triggers_query!("");
    (format!("{select}{} ORDER BY created_at DESC, id DESC {limit}", conditions.sql), conditions.args)
}

fn read(row: &Row) -> Result<Trigger, StoreError> {
    let id = key(row);
    let columns = Columns::new(row, "triggers", &id);
    Ok(Trigger {
        id: columns.text(0)?,
        user_id: columns.id(1)?,
        workflow_id: columns.text(2)?,
        version: columns.opt_number(3)?,
        mode: columns.name(4, Mode::from_name)?,
        active: columns.int(5)? != 0,
        created_at: columns.int(6)?,
        updated_at: columns.int(7)?,
    })
}

#[derive(Debug)]
struct Create {
    trigger: Trigger,
    token_hash: String,
    entry: AuditEntry,
    key: Option<IdempotencyKey>,
}

impl Command for Create {
    type Output = Once<()>;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Once<()>, StoreError> {
        const CREATE: &str = "INSERT INTO triggers (id, user_id, token_hash, workflow_id, workflow_version, mode, \
             active, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let trigger = &self.trigger;
        if let Some(key) = &self.key {
            let once = transaction.claim_key(key, &trigger.id).await?;
            if once != Once::Done(()) {
                return Ok(once);
            }
        }
        let args: [Arg; 9] = [
            trigger.id.as_str().into(),
            trigger.user_id.as_str().into(),
            self.token_hash.as_str().into(),
            trigger.workflow_id.as_str().into(),
            trigger.version.into(),
            trigger.mode.as_str().into(),
            i64::from(trigger.active).into(),
            trigger.created_at.into(),
            trigger.updated_at.into(),
        ];
        transaction.connection.execute(CREATE, args).await?;
        add(transaction, &self.entry).await?;
        Ok(Once::Done(()))
    }
}

/// Deletes if `active` is not given.
#[derive(Debug)]
struct Change {
    id: String,
    active: Option<bool>,
    entry: AuditEntry,
}

impl Command for Change {
    type Output = bool;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
        const SWITCH: &str = "UPDATE triggers SET active = $2, updated_at = $3 WHERE id = $1";
        const DELETE: &str = "DELETE FROM triggers WHERE id = $1";
        let (connection, id) = (&mut transaction.connection, Arg::from(self.id.as_str()));
        let changed = match self.active {
            Some(active) => connection.execute(SWITCH, [id, i64::from(active).into(), self.entry.at.into()]).await?,
            None => connection.execute(DELETE, [id]).await?,
        };
        if changed > 0 {
            add(transaction, &self.entry).await?;
        }
        Ok(changed > 0)
    }
}
