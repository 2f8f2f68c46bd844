//! SQLite: one writing connection, a pool of reading ones, one process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::error::DatabaseError as _;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteArguments, SqliteAutoVacuum, SqliteConnectOptions, SqliteError, SqliteJournalMode, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Arguments, AssertSqlSafe, ConnectOptions, Connection as _, Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::config::{DatabaseConfig, Synchronous};

use super::lock::LockFile;
use super::{Arg, StoreError};

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations/sqlite");

/// How long a statement waits for another program that works on the file, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// More than the statements that the writer has.
const STATEMENTS: usize = 256;

/// Pages in the write-ahead log at which they are moved to the database: each time costs two more flushes.
const CHECKPOINT_PAGES: &str = "4000";

/// `PRAGMA auto_vacuum` of a file that can give pages back.
const INCREMENTAL: i64 = 2;

/// `None` after closing.
type Shared = Arc<Mutex<Option<SqliteConnection>>>;

#[derive(Debug)]
pub(crate) enum Readers {
    Pool(SqlitePool),
    /// A database in memory belongs to one connection, which readers and the writer share.
    Shared(Shared),
}

#[derive(Debug)]
pub(crate) struct Writer {
    connection: Shared,
    lock: Option<LockFile>,
}

pub(crate) async fn open(location: &str, config: &DatabaseConfig) -> Result<(Readers, Writer), StoreError> {
    if location == ":memory:" {
        let connection = connect(SqliteConnectOptions::new().in_memory(true), "in memory").await?;
        let shared = Arc::new(Mutex::new(Some(connection)));
        return Ok((Readers::Shared(shared.clone()), Writer { connection: shared, lock: None }));
    }
    // SQLite would read a name that starts with `file:` as a URI; an absolute path never does.
    let path = match std::path::absolute(location) {
        Ok(path) if !location.is_empty() => path,
        _ => return Err(StoreError::open(&config.url, "the URL names no file")),
    };
    let shown = path.display().to_string();
    if let Some(parent) = path.parent().filter(|parent| !parent.is_dir()) {
        return Err(StoreError::open(shown, format!("there is no directory {}", parent.display())));
    }
    let lock = LockFile::take(&path)?;
    let connection = connect(writing(&path, config.synchronous), &shown).await?;
    let pool = SqlitePoolOptions::new()
        .max_connections(config.readers.max(1))
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(reading(&path));
    Ok((Readers::Pool(pool), Writer { connection: Arc::new(Mutex::new(Some(connection))), lock: Some(lock) }))
}

fn common() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS)
        // Rows are written by this module alone; a check a row would buy nothing.
        .foreign_keys(false)
        .pragma("temp_store", "memory")
        .disable_statement_logging()
}

fn writing(path: &Path, synchronous: Synchronous) -> SqliteConnectOptions {
    common()
        .filename(path)
        .create_if_missing(true)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(match synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Normal => SqliteSynchronous::Normal,
        })
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("journal_size_limit", "67108864")
        .pragma("cache_size", "-8192")
}

fn reading(path: &Path) -> SqliteConnectOptions {
    common().filename(path).pragma("query_only", "on")
}

async fn connect(options: SqliteConnectOptions, shown: &str) -> Result<SqliteConnection, StoreError> {
    let mut connection = options.connect().await.map_err(|error| opening(shown, error))?;
    MIGRATIONS.run(&mut connection).await.map_err(|error| match error {
        MigrateError::Execute(error) => opening(shown, error),
        MigrateError::VersionMissing(version) => {
            StoreError::open(shown, format!("a newer version of this server has used it (migration {version})"))
        }
        error => StoreError::open(shown, error),
    })?;
    Ok(connection)
}

fn opening(shown: &str, error: sqlx::Error) -> StoreError {
    // Primary result codes, https://www.sqlite.org/rescode.html
    match error.as_database_error().and_then(|error| primary(&error.code()?)) {
        Some(11) => StoreError::Corrupt { what: format!("{shown}: {error}") },
        Some(26) => StoreError::Corrupt { what: format!("{shown} is not a SQLite database") },
        _ => StoreError::open(shown, error),
    }
}

fn primary(code: &str) -> Option<u32> {
    Some(code.parse::<u32>().ok()? & 0xff)
}

/// Whether another connection was in the way.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    // Postgres has codes of its own.
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<SqliteError>());
    error.is_some_and(|error| error.code().is_some_and(|code| matches!(primary(&code), Some(5 | 6))))
}

pub(crate) fn arguments(args: impl IntoIterator<Item = Arg>) -> Result<SqliteArguments, StoreError> {
    let mut arguments = SqliteArguments::default();
    for arg in args {
        match arg {
            Arg::Text(text) => arguments.add(text),
            Arg::Int(number) => arguments.add(number),
            Arg::Bytes(bytes) => arguments.add(bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

impl Readers {
    pub(crate) async fn connection(&self) -> Result<Connection, StoreError> {
        match self {
            Self::Pool(pool) => Ok(Connection::Pooled(pool.acquire().await?)),
            Self::Shared(shared) => Ok(Connection::Shared(shared.clone().lock_owned().await)),
        }
    }

    /// Bytes that the disk of the file has left; `None` if that is not known, or there is no file.
    pub(crate) fn room(&self) -> Option<u64> {
        let Self::Pool(pool) = self else { return None };
        let disk = rustix::fs::statvfs(pool.connect_options().get_filename()).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    pub(crate) async fn close(&self) {
        if let Self::Pool(pool) = self {
            pool.close().await;
        }
    }
}

impl Writer {
    pub(crate) async fn connection(&self) -> Connection {
        Connection::Shared(self.connection.clone().lock_owned().await)
    }

    /// Give up to `pages` free pages back, and cut the files once none is left; how many are.
    pub(crate) async fn reclaim(&self, pages: u32) -> Result<u64, StoreError> {
        let mut connection = self.connection.lock().await;
        let connection = connection.as_mut().ok_or(StoreError::Closed)?;
        let mode: i64 = sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(&mut *connection).await?;
        if mode != INCREMENTAL {
            return Ok(0);
        }
        // 0 would mean all of them.
        let vacuum = AssertSqlSafe(format!("PRAGMA incremental_vacuum({})", pages.max(1)));
        sqlx::query(vacuum).persistent(false).execute(&mut *connection).await?;
        let left: i64 = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(&mut *connection).await?;
        if left == 0 {
            truncate(connection).await?;
        }
        Ok(u64::try_from(left).unwrap_or_default())
    }

    pub(crate) async fn close(self) -> Result<(), StoreError> {
        let Some(mut connection) = self.connection.lock().await.take() else { return Ok(()) };
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await;
        connection.close().await?;
        drop(self.lock);
        checkpoint?;
        Ok(())
    }
}

/// Move the log to the database's file and cut both. Readers that are in the way are not waited for: there is another
/// time.
async fn truncate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("PRAGMA busy_timeout = 50").execute(&mut *connection).await?;
    let cut = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection).await;
    let usual = AssertSqlSafe(format!("PRAGMA busy_timeout = {}", BUSY_TIMEOUT.as_millis()));
    sqlx::query(usual).execute(&mut *connection).await?;
    cut?;
    Ok(())
}

#[derive(Debug)]
pub(crate) enum Connection {
    Pooled(PoolConnection<Sqlite>),
    Shared(OwnedMutexGuard<Option<SqliteConnection>>),
}

impl Connection {
    pub(crate) fn get(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        match self {
            Self::Pooled(connection) => Ok(connection),
            Self::Shared(guard) => guard.as_mut().ok_or(StoreError::Closed),
        }
    }
}
