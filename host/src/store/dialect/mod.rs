//! The only place that knows which database it is: connections, arguments and rows without a type parameter.
//!
//! SQL above this module is one text for every database: `$1` parameters, TEXT, BIGINT and bytes, standard clauses.

mod arg;
mod insert;
mod lock;
mod notices;
mod postgres;
mod postgres_connection;
mod row;
mod sqlite;

use sqlx::SqlSafeStr;

use crate::config::DatabaseConfig;

use super::error::StoreError;

pub(crate) use arg::Arg;
pub(crate) use insert::{Insert, chunks};
pub use notices::Notices;
pub(crate) use row::Row;

/// The database as readers see it.
#[derive(Debug)]
pub(crate) enum Database {
    Sqlite(sqlite::Readers),
    Postgres(postgres::Readers),
}

/// The writer's hold on the database, and on its lock.
#[derive(Debug)]
pub(crate) enum Writer {
    Sqlite(sqlite::Writer),
    Postgres(postgres::Writer),
}

/// Open the database that `config` names and bring its schema up to date.
///
/// # Errors
/// If it is in use, cannot be opened, or is no database of this server.
pub(crate) async fn open(config: &DatabaseConfig) -> Result<(Database, Writer), StoreError> {
    if config.is_postgres() {
        let (readers, writer) = postgres::open(config).await?;
        return Ok((Database::Postgres(readers), Writer::Postgres(writer)));
    }
    let Some(location) = config.url.strip_prefix("sqlite:") else {
        let reason = "the URL must be `sqlite://PATH`, `sqlite::memory:` or `postgres://USER@HOST/NAME`";
        return Err(StoreError::open(config.shown_url(), reason));
    };
    let (readers, writer) = sqlite::open(location.strip_prefix("//").unwrap_or(location), config).await?;
    Ok((Database::Sqlite(readers), Writer::Sqlite(writer)))
}

impl Database {
    /// A connection to read with. It sees what was committed before.
    pub(crate) async fn read(&self) -> Result<Connection, StoreError> {
        match self {
            Self::Sqlite(readers) => Ok(Connection::Sqlite(readers.connection().await?)),
            Self::Postgres(readers) => Ok(Connection::Postgres(readers.connection().await?)),
        }
    }

    /// Whether other processes may work on the same database.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// What processes tell one another from now on; `None` if there is no other.
    ///
    /// # Errors
    /// If the database cannot be reached.
    pub(crate) async fn notices(&self) -> Result<Option<Notices>, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(readers) => notices::listen(readers).await.map(Some),
        }
    }

    /// The statement that tells the size of the database in bytes.
    pub(crate) fn size(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
            Self::Postgres(_) => "SELECT pg_database_size(current_database())",
        }
    }

    /// Bytes that the disk of the database has left; `None` if this process cannot know.
    pub(crate) fn room(&self) -> Option<u64> {
        match self {
            Self::Sqlite(readers) => readers.room(),
            Self::Postgres(_) => None,
        }
    }

    /// Wait for reads under way, then refuse more.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(readers) => readers.close().await,
            Self::Postgres(readers) => readers.close().await,
        }
    }
}

impl Writer {
    /// The connection to write with.
    ///
    /// # Errors
    /// If it was lost, and there is no way to another.
    pub(crate) async fn connection(&self) -> Result<Connection, StoreError> {
        match self {
            Self::Sqlite(writer) => Ok(Connection::Sqlite(writer.connection().await)),
            Self::Postgres(writer) => Ok(Connection::Postgres(writer.connection().await?)),
        }
    }

    /// Whether other processes may work on the same database.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Give up to `pages` free pages back to the file system; how many are left to give back.
    pub(crate) async fn reclaim(&self, pages: u32) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(writer) => writer.reclaim(pages).await,
            // The server looks after that itself.
            Self::Postgres(_) => Ok(0),
        }
    }

    /// Leave the database tidy, and let go of the lock.
    pub(crate) async fn close(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(writer) => writer.close().await,
            Self::Postgres(writer) => {
                writer.close().await;
                Ok(())
            }
        }
    }
}

/// Whether the same transaction may well succeed when tried again. Never so if it may have been committed.
pub(crate) fn is_transient(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(error) if !error.is_unanswered()
        && (sqlite::is_busy(error.driver()) || postgres::is_conflict(error.driver()) || postgres::is_lost(error.driver())))
}

/// Whether the error is that of everything in the transaction, and not of one part of it.
pub(crate) fn is_common(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(error) if error.is_unanswered() || postgres::is_lost(error.driver()))
}

/// Whether another process may have been first, so that a second look helps.
pub(crate) fn is_overtaken(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(error) if postgres::is_duplicate(error.driver()))
}

/// A connection, for one transaction of the writer or for some reads.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(sqlite::Connection),
    Postgres(postgres_connection::Connection),
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
            Self::Postgres(connection) => connection.execute(sql.into_sql_str(), postgres::arguments(args)?).await,
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
            Self::Postgres(connection) => {
                let rows = connection.fetch(sql.into_sql_str(), postgres::arguments(args)?).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
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

    /// Start a transaction that may write. It reads what is committed at each of its statements.
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => self.execute("BEGIN IMMEDIATE", []).await.map(drop),
            Self::Postgres(connection) => connection.begin().await,
        }
    }

    /// Make the transaction durable.
    ///
    /// # Errors
    /// If it was not, or nobody knows: then `DatabaseError::is_unanswered`.
    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => self.execute("COMMIT", []).await.map(drop),
            Self::Postgres(connection) => connection.commit().await,
        }
    }

    /// Undo the transaction. A failed statement may have done so already, so failing is no news.
    pub(crate) async fn rollback(&mut self) {
        let done = match self {
            Self::Sqlite(_) => self.execute("ROLLBACK", []).await.map(drop),
            Self::Postgres(connection) => connection.rollback().await,
        };
        if let Err(error) = done {
            tracing::debug!(%error, "rollback");
        }
    }

    /// What a claiming `SELECT` ends with, so that two processes never wait for, or take, the same row.
    pub(crate) fn skip_locked(&self) -> &'static str {
        match self {
            // There is one process and one writer.
            Self::Sqlite(_) => "",
            Self::Postgres(_) => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// What a `SELECT` ends with whose rows must stay as they are until the transaction ends.
    pub(crate) fn for_update(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "",
            Self::Postgres(_) => " FOR UPDATE",
        }
    }

    /// What a `SELECT` ends with whose rows may be read the same way by others, but not changed, until the transaction
    /// ends.
    pub(crate) fn for_share(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "",
            Self::Postgres(_) => " FOR SHARE",
        }
    }

    /// Tell every process on the database, this one too, once the transaction is committed: see
    /// [`Store::notices`](super::Store::notices). Nothing where there is no other process.
    ///
    /// # Errors
    /// A `Conflict` if `text` is longer than 7999 bytes; otherwise if the database fails.
    pub(crate) async fn notify(&mut self, text: &str) -> Result<(), StoreError> {
        let text = Arg::from(text);
        if let Arg::Text(Some(text)) = &text
            && text.len() > notices::MOST_BYTES
        {
            return Err(StoreError::conflict(format!("a notice of {} bytes is too long", text.len())));
        }
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) => self.execute(notices::NOTIFY, [text]).await.map(drop),
        }
    }
}
