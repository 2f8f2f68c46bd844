//! Rows of answers.

use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _};

/// One row of an answer; columns by index.
#[derive(Debug)]
pub(crate) enum Row {
    Sqlite(sqlx::sqlite::SqliteRow),
    Postgres(sqlx::postgres::PgRow),
}

impl Row {
    /// A nullable TEXT. The error says which column and why.
    pub(crate) fn opt_text(&self, index: usize) -> Result<Option<String>, String> {
        match self {
            Self::Sqlite(row) => row.try_get(index),
            Self::Postgres(row) => row.try_get(index),
        }
        .map_err(|error| error.to_string())
    }

    /// A nullable BIGINT. The error says which column and why.
    pub(crate) fn opt_int(&self, index: usize) -> Result<Option<i64>, String> {
        match self {
            Self::Sqlite(row) => row.try_get(index),
            Self::Postgres(row) => postgres_int(row, index),
        }
        .map_err(|error| error.to_string())
    }

    /// What is no text and no number. The error says which column and why.
    pub(crate) fn bytes(&self, index: usize) -> Result<Vec<u8>, String> {
        match self {
            Self::Sqlite(row) => row.try_get(index),
            Self::Postgres(row) => row.try_get(index),
        }
        .map_err(|error| error.to_string())
    }

    /// The column's name, for messages.
    pub(crate) fn name(&self, index: usize) -> String {
        match self {
            Self::Sqlite(row) => row.columns().get(index).map(|column| column.name().to_owned()),
            Self::Postgres(row) => row.columns().get(index).map(|column| column.name().to_owned()),
        }
        .unwrap_or_else(|| index.to_string())
    }
}

/// Columns are BIGINT; what is computed may be of the types that SQLite has no difference for.
fn postgres_int(row: &sqlx::postgres::PgRow, index: usize) -> Result<Option<i64>, sqlx::Error> {
    let value = row.try_get_raw(index)?;
    if value.is_null() {
        return Ok(None);
    }
    match value.type_info().name() {
        "INT4" => Ok(row.try_get::<Option<i32>, _>(index)?.map(i64::from)),
        "INT2" => Ok(row.try_get::<Option<i16>, _>(index)?.map(i64::from)),
        "BOOL" => Ok(row.try_get::<Option<bool>, _>(index)?.map(i64::from)),
        _ => row.try_get(index),
    }
}
