//! A connection to Postgres, and what becomes of it when it is lost.

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{PgConnection, PgPool, Postgres, SqlStr};
use tokio::sync::OwnedMutexGuard;

use super::StoreError;
use super::postgres::{CONNECT_TIMEOUT, answered, is_broken, is_lost, within};

#[derive(Debug)]
pub(crate) enum Connection {
    Pooled { connection: PoolConnection<Postgres>, pool: PgPool },
    Writing(Transaction),
}

/// The writer's connection, through which one transaction after the other goes.
#[derive(Debug)]
pub(crate) struct Transaction {
    /// `None` once it is lost.
    connection: OwnedMutexGuard<Option<PgConnection>>,
    /// The first failure inside the transaction. Postgres would answer a COMMIT after it with a silent rollback.
    failed: Option<StoreError>,
}

impl Connection {
    pub(super) async fn pooled(pool: PgPool) -> Result<Self, StoreError> {
        Ok(Self::Pooled { connection: pool.acquire().await?, pool })
    }

    pub(super) fn writing(connection: OwnedMutexGuard<Option<PgConnection>>) -> Self {
        Self::Writing(Transaction { connection, failed: None })
    }

    pub(crate) async fn execute(&mut self, sql: SqlStr, arguments: PgArguments) -> Result<u64, StoreError> {
        let query = sqlx::query_with(sql, arguments);
        let answer = match self {
            Self::Pooled { connection, .. } => answered(query.execute(&mut **connection)).await,
            Self::Writing(transaction) => return transaction.execute(query).await,
        };
        Ok(answer?.rows_affected())
    }

    pub(crate) async fn fetch(&mut self, sql: SqlStr, arguments: PgArguments) -> Result<Vec<PgRow>, StoreError> {
        match self {
            Self::Writing(transaction) => transaction.fetch(sqlx::query_with(sql, arguments)).await,
            Self::Pooled { connection, pool } => {
                // A restart of the server leaves the pool full of lost connections; after the last of them comes a new
                // one.
                let mut others = pool.options().get_max_connections();
                loop {
                    let query = sqlx::query_with(sql.clone(), arguments.clone());
                    match answered(query.fetch_all(&mut **connection)).await {
                        Err(error) if is_lost(&error) && others > 0 => {
                            tracing::debug!(%error, "a reader lost its connection");
                            others -= 1;
                            connection.close_on_drop();
                            *connection = pool.acquire().await?;
                        }
                        answer => return Ok(answer?),
                    }
                }
            }
        }
    }

    /// Start a transaction.
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        let transaction = self.transaction()?;
        transaction.failed = None;
        // It waits for nobody, so that without an answer the connection, which may have been quiet for long, is lost.
        let begun = transaction.control("BEGIN ISOLATION LEVEL READ COMMITTED");
        within(CONNECT_TIMEOUT, begun).await.map_err(|error| transaction.fail(error))
    }

    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        let transaction = self.transaction()?;
        if let Some(error) = &transaction.failed {
            return Err(error.clone());
        }
        transaction.control("COMMIT").await.map_err(|error| {
            let unanswered = is_broken(&error);
            let error = transaction.fail(error);
            if unanswered { error.unanswered() } else { error }
        })
    }

    pub(crate) async fn rollback(&mut self) -> Result<(), StoreError> {
        let transaction = self.transaction()?;
        if transaction.connection.is_none() {
            return Ok(());
        }
        let answer = transaction.control("ROLLBACK").await;
        answer.map_err(|error| {
            // Nobody knows what state it is in.
            *transaction.connection = None;
            error.into()
        })
    }

    fn transaction(&mut self) -> Result<&mut Transaction, StoreError> {
        match self {
            Self::Writing(transaction) => Ok(transaction),
            Self::Pooled { .. } => Err(StoreError::conflict("a reader has no transactions")),
        }
    }
}

type Query = sqlx::query::Query<'static, Postgres, PgArguments>;

impl Transaction {
    async fn execute(&mut self, query: Query) -> Result<u64, StoreError> {
        let connection = connected(&mut self.connection)?;
        let answer = answered(query.execute(connection)).await;
        answer.map(|done| done.rows_affected()).map_err(|error| self.fail(error))
    }

    async fn fetch(&mut self, query: Query) -> Result<Vec<PgRow>, StoreError> {
        let connection = connected(&mut self.connection)?;
        let answer = answered(query.fetch_all(connection)).await;
        answer.map_err(|error| self.fail(error))
    }

    /// As one message, without preparing it.
    async fn control(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        let connection = connected(&mut self.connection)?;
        answered(sqlx::raw_sql(sql).execute(connection)).await.map(drop)
    }

    fn fail(&mut self, error: sqlx::Error) -> StoreError {
        if is_broken(&error) {
            *self.connection = None;
        }
        let error = StoreError::from(error);
        self.failed.get_or_insert_with(|| error.clone());
        error
    }
}

fn connected(connection: &mut Option<PgConnection>) -> Result<&mut PgConnection, sqlx::Error> {
    connection.as_mut().ok_or_else(|| sqlx::Error::Io(std::io::ErrorKind::NotConnected.into()))
}
