//! What can go wrong in the store.

use std::sync::Arc;

use crate::domain::{BlockType, ExecutionId};

/// Why the store could not do what it was asked. Cheap to clone: one failure may have to be told to many.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process, or another store of this one, holds the lock file.
    #[error("database is in use by another process: {path}")]
    InUse {
        /// The database file.
        path: String,
    },
    /// It could not be opened at all.
    #[error("cannot open the database {path}: {reason}")]
    Open {
        /// The database file, or the URL with its password hidden.
        path: String,
        /// One sentence for a person.
        reason: String,
    },
    /// It holds what this server never wrote.
    #[error("corrupt database: {what}")]
    Corrupt {
        /// Where and what: the file, or the table, row and column.
        what: String,
    },
    /// The request is at odds with what is stored.
    #[error("{what}")]
    Conflict {
        /// One sentence for a person.
        what: String,
    },
    /// A workflow names an uploaded block that is gone.
    #[error("there is no block `{block_type}`")]
    UnknownBlock {
        /// The block.
        block_type: BlockType,
        /// The first node that names it, counted from 0.
        node: usize,
    },
    /// Another worker has taken the execution over, whose writes alone count.
    #[error("execution {execution_id} was taken over by another worker")]
    LeaseLost {
        /// The execution.
        execution_id: ExecutionId,
    },
    /// The store has been closed, or its writer is gone.
    #[error("the store is closed")]
    Closed,
    /// The database refused or failed.
    #[error("database: {0}")]
    Database(DatabaseError),
}

impl StoreError {
    pub(crate) fn open(path: impl Into<String>, reason: impl ToString) -> Self {
        Self::Open { path: path.into(), reason: reason.to_string() }
    }

    /// Whether it is the answer to a request, and nothing that failed.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::UnknownBlock { .. })
    }

    pub(crate) fn conflict(what: impl Into<String>) -> Self {
        Self::Conflict { what: what.into() }
    }
}

/// A failure of the database itself; only its text is of use above the store.
#[derive(Clone, Debug)]
pub struct DatabaseError {
    driver: Arc<sqlx::Error>,
    unanswered: bool,
}

impl std::fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.unanswered {
            f.write_str("a commit got no answer, so that it may have been done or not: ")?;
        }
        self.driver.fmt(f)
    }
}

impl std::error::Error for DatabaseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.driver.source()
    }
}

impl DatabaseError {
    pub(crate) fn driver(&self) -> &sqlx::Error {
        &self.driver
    }

    /// Whether it is unknown if the transaction was committed.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.unanswered
    }
}

impl StoreError {
    /// The same of a commit whose outcome nobody knows.
    pub(crate) fn unanswered(self) -> Self {
        match self {
            Self::Database(error) => Self::Database(DatabaseError { unanswered: true, ..error }),
            other => other,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Closed,
            other => Self::Database(DatabaseError { driver: Arc::new(other), unanswered: false }),
        }
    }
}
