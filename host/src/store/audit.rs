//! The audit log: added to, read, never changed.

use crate::domain::{AuditEntry, Json};

use super::batch::Transaction;
use super::columns::Columns;
use super::command::Command;
use super::error::StoreError;
use super::reads::Cursor;
use super::{Store, dialect::Arg};

pub(crate) const FIRST_ENTRIES: &str =
    "SELECT id, at, user_id, action, subject, details FROM audit_log ORDER BY at DESC, id DESC LIMIT $1";
pub(crate) const NEXT_ENTRIES: &str = "SELECT id, at, user_id, action, subject, details FROM audit_log \
     WHERE (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $1";

impl Store {
    /// Add an entry; it is on disk when this returns.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn audit(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.ask(Add(entry)).await
    }

    /// At most `limit` entries after `after`, the newest first.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn audit_entries(&self, after: Option<&Cursor>, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let mut connection = self.inner.database.read().await?;
        let rows = match after {
            None => connection.fetch(FIRST_ENTRIES, [limit.into()]).await?,
            Some(Cursor { at, id }) => {
                connection.fetch(NEXT_ENTRIES, [limit.into(), (*at).into(), id.as_str().into()]).await?
            }
        };
        let mut entries = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = row.opt_text(0).ok().flatten().unwrap_or_default();
            let columns = Columns::new(row, "audit_log", &id);
            entries.push(AuditEntry {
                id: columns.text(0)?,
                at: columns.int(1)?,
                user_id: columns.id(2)?,
                action: columns.text(3)?,
                subject: columns.text(4)?,
                details: columns.opt_json(5)?.unwrap_or_else(Json::null),
            });
        }
        Ok(entries)
    }
}

/// Add `entry` in a transaction that does something else too.
pub(super) async fn add(transaction: &mut Transaction<'_>, entry: &AuditEntry) -> Result<(), StoreError> {
    const ADD: &str =
        "INSERT INTO audit_log (id, at, user_id, action, subject, details) VALUES ($1, $2, $3, $4, $5, $6)";
    let args: [Arg; 6] = [
        entry.id.as_str().into(),
        entry.at.into(),
        entry.user_id.as_str().into(),
        entry.action.as_str().into(),
        entry.subject.as_str().into(),
        if entry.details.is_null() { Arg::NULL } else { (&entry.details).into() },
    ];
    transaction.connection.execute(ADD, args).await.map(drop)
}

#[derive(Debug)]
struct Add(AuditEntry);

impl Command for Add {
    type Output = ();

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        add(transaction, &self.0).await
    }
}
