//! The only place that knows which database it is: connections, arguments and rows without a type parameter.
//!
//! SQL above this module is one text for every database: `$1` parameters, TEXT and BIGINT, standard clauses.

mod insert;
mod lock;
mod sqlite;

use sqlx::{Row as _, SqlSafeStr};

use crate::config::DatabaseConfig;
use crate::domain::Json;

use super::error::StoreError;

pub(crate) use insert::{Insert, chunks};

/// One parameter of a statement.
#[derive(Clone, Debug)]
pub(crate) enum Arg {
    /// TEXT.
    Text(Option<String>),
    /// BIGINT.
    Int(Option<i64>),
}

impl Arg {
    pub(crate) const NULL: Self = Self::Text(None);
}

/// Postgres has no NUL in text, so none is stored anywhere; JSON needs no such care, it escapes them.
fn without_nul(text: &str) -> String {
    if text.as_bytes().contains(&0) { text.replace('\0', "\u{fffd}") } else { text.to_owned() }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(Some(without_nul(text)))
    }
}

impl From<&Json> for Arg {
    fn from(json: &Json) -> Self {
        Self::Text(Some(json.as_str().to_owned()))
    }
}

impl From<i64> for Arg {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<u32> for Arg {
    fn from(number: u32) -> Self {
        Self::Int(Some(number.into()))
    }
}

impl<T: Into<Arg>> From<Option<T>> for Arg {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::NULL, Into::into)
    }
}

/// The database as readers see it.
#[derive(Debug)]
pub(crate) enum Database {
    Sqlite(sqlite::Readers),
}

/// The writer's hold on the database, and on its lock.
#[derive(Debug)]
pub(crate) enum Writer {
    Sqlite(sqlite::Writer),
}

/// Open the database that `config` names and bring its schema up to date.
///
/// # Errors
/// If it is in use, cannot be opened, or is no database of this server.
pub(crate) async fn open(config: &DatabaseConfig) -> Result<(Database, Writer), StoreError> {
    let Some(location) = config.url.strip_prefix("sqlite:") else {
        return Err(StoreError::open(&config.url, "the URL must be `sqlite://PATH` or `sqlite::memory:`"));
    };
    let (readers, writer) = sqlite::open(location.strip_prefix("//").unwrap_or(location), config).await?;
    Ok((Database::Sqlite(readers), Writer::Sqlite(writer)))
}

impl Database {
    /// A connection to read with. It sees what was committed before.
    pub(crate) async fn read(&self) -> Result<Connection, StoreError> {
        match self {
            Self::Sqlite(readers) => Ok(Connection::Sqlite(readers.connection().await?)),
        }
    }

    /// Whether other processes may work on it.
    pub(crate) fn is_shared(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
        }
    }

    /// Wait for reads under way, then refuse more.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(readers) => readers.close().await,
        }
    }
}

impl Writer {
    /// The connection to write with.
    pub(crate) async fn connection(&self) -> Connection {
        match self {
            Self::Sqlite(writer) => Connection::Sqlite(writer.connection().await),
        }
    }

    /// Whether other processes may work on the same database.
    pub(crate) fn is_shared(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
        }
    }

    /// Leave the database tidy, and let go of the lock.
    pub(crate) async fn close(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(writer) => writer.close().await,
        }
    }
}

/// Whether the same transaction may well succeed when tried again.
pub(crate) fn is_transient(error: &StoreError) -> bool {
    match error {
        StoreError::Database(error) => error.code().is_some_and(|code| sqlite::is_busy(&code)),
        _ => false,
    }
}

/// A connection, for one transaction of the writer or for some reads.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(sqlite::Connection),
}

impl Connection {
    /// Run a statement; how many rows it touched.
    pub(crate) async fn execute(
        &mut self,
        sql: impl SqlSafeStr,
        args: impl IntoIterator<Item = Arg>,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(connection) => {
                let query = sqlx::query_with(sql, sqlite::arguments(args)?);
                Ok(query.execute(connection.get()?).await?.rows_affected())
            }
        }
    }

    /// Run a statement; its rows.
    pub(crate) async fn fetch(
        &mut self,
        sql: impl SqlSafeStr,
        args: impl IntoIterator<Item = Arg>,
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(connection) => {
                let query = sqlx::query_with(sql, sqlite::arguments(args)?);
                Ok(query.fetch_all(connection.get()?).await?.into_iter().map(Row::Sqlite).collect())
            }
        }
    }

    /// Run a statement; its first row.
    pub(crate) async fn fetch_first(
        &mut self,
        sql: impl SqlSafeStr,
        args: impl IntoIterator<Item = Arg>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(sql, args).await?.into_iter().next())
    }

    /// Start a transaction that may write.
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => self.execute("BEGIN IMMEDIATE", []).await.map(drop),
        }
    }

    /// Make the transaction durable.
    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        self.execute("COMMIT", []).await.map(drop)
    }

    /// Undo the transaction. A failed statement may have done so already, so failing is no news.
    pub(crate) async fn rollback(&mut self) {
        if let Err(error) = self.execute("ROLLBACK", []).await {
            tracing::debug!(%error, "rollback");
        }
    }

    /// Tell other processes, with the commit.
    pub(crate) async fn notify(&mut self, _text: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
        }
    }

    /// What a `SELECT` of rows to be changed ends with.
    pub(crate) fn for_update(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "",
        }
    }

    /// What a claiming `SELECT` ends with, so that two processes never wait for, or take, the same row.
    pub(crate) fn skip_locked(&self) -> &'static str {
        match self {
            // There is one process and one writer.
            Self::Sqlite(_) => "",
        }
    }
}

/// One row of an answer; columns by index.
#[derive(Debug)]
pub(crate) enum Row {
    Sqlite(sqlx::sqlite::SqliteRow),
}

impl Row {
    /// A nullable TEXT. The error says which column and why.
    pub(crate) fn opt_text(&self, index: usize) -> Result<Option<String>, String> {
        match self {
            Self::Sqlite(row) => row.try_get(index).map_err(|error| error.to_string()),
        }
    }

    /// A nullable BIGINT. The error says which column and why.
    pub(crate) fn opt_int(&self, index: usize) -> Result<Option<i64>, String> {
        match self {
            Self::Sqlite(row) => row.try_get(index).map_err(|error| error.to_string()),
        }
    }

    /// The column's name, for messages.
    pub(crate) fn name(&self, index: usize) -> String {
        use sqlx::Column;
        match self {
            Self::Sqlite(row) => row.columns().get(index).map_or_else(|| index.to_string(), |c| c.name().to_owned()),
        }
    }
}
