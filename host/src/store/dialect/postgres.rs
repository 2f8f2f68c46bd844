//! Postgres: one writing connection, a pool of reading ones; other processes may work on the same database.

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgConnectOptions, PgPoolOptions, PgTypeInfo};
use sqlx::{Arguments, ConnectOptions, Connection as _, Encode, PgConnection, PgPool, Postgres, Type};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::config::DatabaseConfig;

use super::postgres_connection::Connection;
use super::{Arg, StoreError};

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations/postgres");

/// How long a connection may take to stand, and how long a reader waits for one.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a statement may take. What is sent into a network that swallows it would otherwise wait for a quarter of
/// an hour.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// More than the statements that the writer has.
const STATEMENTS: usize = 256;

/// A process that stops inside a transaction, or whose network fails then, must not keep the others from writing for
/// long; the server keeps its locks until it notices.
const WRITER: &str = "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'; \
     SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3";
const READER: &str = "SET default_transaction_read_only = on";

/// Where the database is. Its options hold the password.
#[derive(Clone)]
pub(super) struct Target {
    options: Arc<PgConnectOptions>,
    shown: Arc<str>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.shown).finish()
    }
}

impl Target {
    fn parse(config: &DatabaseConfig) -> Result<Self, StoreError> {
        let shown = config.shown_url();
        let url = known(&config.url);
        let options = PgConnectOptions::from_str(&url).map_err(|error| StoreError::open(&shown, reason(&error)))?;
        let name = options.get_application_name().unwrap_or("blockyard").to_owned();
        let options = options.application_name(&name).statement_cache_capacity(STATEMENTS).disable_statement_logging();
        Ok(Self { options: Arc::new(options), shown: shown.into() })
    }

    /// Where it is, and who we are there.
    pub(super) fn options(&self) -> PgConnectOptions {
        (*self.options).clone()
    }

    async fn connect(&self, setup: &'static str) -> Result<PgConnection, sqlx::Error> {
        let connect = async {
            let mut connection = self.options.connect().await?;
            sqlx::raw_sql(setup).execute(&mut connection).await?;
            Ok(connection)
        };
        within(CONNECT_TIMEOUT, connect).await
    }
}

/// Parameters of a URL that the driver knows. It logs others with their values, of which one may be a password.
const KNOWN: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// The URL without parameters that the driver does not know.
fn known(url: &str) -> String {
    let Some((address, query)) = url.split_once('?') else { return url.to_owned() };
    let is_known = |parameter: &&str| {
        let name = parameter.split('=').next().unwrap_or_default();
        KNOWN.contains(&name) || name.starts_with("options[")
    };
    let (kept, left): (Vec<&str>, Vec<&str>) = query.split('&').partition(is_known);
    if !left.is_empty() {
        tracing::warn!(count = left.len(), "parameters of the database's URL are not known and not used");
    }
    format!("{address}?{}", kept.join("&"))
}

/// What readers take their connections from.
#[derive(Clone, Debug)]
pub(crate) struct Readers {
    pool: PgPool,
    /// For a connection that is no reader's.
    pub(super) target: Target,
}

/// The writer's connection; `None` after it was lost.
#[derive(Debug)]
pub(crate) struct Writer {
    connection: Arc<Mutex<Option<PgConnection>>>,
    target: Target,
}

pub(crate) async fn open(config: &DatabaseConfig) -> Result<(Readers, Writer), StoreError> {
    let target = Target::parse(config)?;
    let opening = |error: sqlx::Error| StoreError::open(&*target.shown, reason(&error));
    let mut connection = target.connect(WRITER).await.map_err(opening)?;
    let encoding: String =
        sqlx::query_scalar("SHOW server_encoding").fetch_one(&mut connection).await.map_err(opening)?;
    if encoding != "UTF8" {
        return Err(StoreError::open(&*target.shown, format!("its encoding is {encoding} and has to be UTF8")));
    }
    migrate(&mut connection, &target.shown).await?;
    let pool = PgPoolOptions::new()
        .max_connections(config.readers.max(1))
        .acquire_timeout(CONNECT_TIMEOUT)
        // A read that finds its connection lost takes another.
        .test_before_acquire(false)
        .after_connect(|connection, _| Box::pin(async { sqlx::raw_sql(READER).execute(connection).await.map(drop) }))
        .connect_lazy_with(target.options());
    let writer = Writer { connection: Arc::new(Mutex::new(Some(connection))), target: target.clone() };
    Ok((Readers { pool, target }, writer))
}

/// Several processes may start at once: the migrator holds an advisory lock of the database.
async fn migrate(connection: &mut PgConnection, shown: &str) -> Result<(), StoreError> {
    // Waiting for another process's migration is no reason to give up.
    let sql = "SET lock_timeout = 0";
    sqlx::raw_sql(sql).execute(&mut *connection).await.map_err(|error| StoreError::open(shown, reason(&error)))?;
    MIGRATIONS.run(&mut *connection).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) => {
            StoreError::open(shown, format!("a newer version of this server has used it (migration {version})"))
        }
        // https://www.postgresql.org/docs/current/errcodes-appendix.html: duplicate_table
        MigrateError::ExecuteMigration(error, _) if code(&error).as_deref() == Some("42P07") => {
            StoreError::open(shown, format!("it holds tables of something else: {}", reason(&error)))
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            StoreError::open(shown, reason(&error))
        }
        error => StoreError::open(shown, error),
    })?;
    sqlx::raw_sql(WRITER).execute(connection).await.map_err(|error| StoreError::open(shown, reason(&error)))?;
    Ok(())
}

/// One sentence for a person, without what the driver puts around the server's own.
fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => format!("cannot reach the server: {error}"),
        error => error.to_string(),
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    // SQLite has codes of its own.
    let error = error.as_database_error()?.try_downcast_ref::<sqlx::postgres::PgDatabaseError>()?;
    Some(error.code().to_owned())
}

/// Whether the connection, or the way to one, was lost: another connection, or the same server later, may do better.
pub(crate) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        // Shutdowns, a server that is not up yet or has too many connections, a transaction that stood still for too
        // long, and one that became another's standby.
        error => code(error).is_some_and(|code| {
            matches!(&*code, "57P01" | "57P02" | "57P03" | "57P05" | "53300" | "25P03" | "25006")
                || code.starts_with("08")
        }),
    }
}

/// Whether the connection is of no more use.
pub(super) fn is_broken(error: &sqlx::Error) -> bool {
    is_lost(error) || matches!(error, sqlx::Error::Protocol(_))
}

/// Whether another transaction was in the way: a serialization failure, a deadlock, a lock that was not to be had.
pub(crate) fn is_conflict(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| matches!(&*code, "40001" | "40P01" | "55P03"))
}

/// Whether a row of that key is there already, which another process may have added since it was looked for.
pub(crate) fn is_duplicate(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code == "23505")
}

/// The answer, if it comes in the usual time.
pub(super) async fn answered<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    within(ANSWER_TIMEOUT, answer).await
}

pub(super) async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    timeout(limit, answer).await.unwrap_or_else(|_| {
        let message = format!("no answer within {} s", limit.as_secs());
        Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, message)))
    })
}

/// A NULL that the server finds the type of, from where it goes: no type is told of it.
struct Null;

impl Type<Postgres> for Null {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Null {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

pub(crate) fn arguments(args: impl IntoIterator<Item = Arg>) -> Result<PgArguments, StoreError> {
    let mut arguments = PgArguments::default();
    for arg in args {
        match arg {
            Arg::Text(Some(text)) => arguments.add(text),
            Arg::Int(Some(number)) => arguments.add(number),
            Arg::Bytes(bytes) => arguments.add(bytes),
            Arg::Text(None) | Arg::Int(None) => arguments.add(Null),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

impl Readers {
    pub(crate) async fn connection(&self) -> Result<Connection, StoreError> {
        Connection::pooled(self.pool.clone()).await
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// Resolves when the store is closed.
    pub(super) async fn closed(&self) {
        self.pool.close_event().await;
    }
}

impl Writer {
    /// The connection, a new one if the last was lost.
    pub(crate) async fn connection(&self) -> Result<Connection, StoreError> {
        let mut connection = self.connection.clone().lock_owned().await;
        if connection.is_none() {
            *connection = Some(self.target.connect(WRITER).await?);
            tracing::info!(database = %self.target.shown, "connected again");
        }
        Ok(Connection::writing(connection))
    }

    pub(crate) async fn close(self) {
        let Some(connection) = self.connection.lock().await.take() else { return };
        if let Err(error) = within(CONNECT_TIMEOUT, connection.close()).await {
            tracing::debug!(%error, "closing the connection");
        }
    }
}
