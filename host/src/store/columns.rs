//! Reading a row with suspicion: whatever is odd in it is a corrupt database, and the error says where.

use serde::de::DeserializeOwned;

use crate::domain::Json;

use super::dialect::Row;
use super::error::StoreError;

/// A row of a known table.
pub(crate) struct Columns<'r> {
    row: &'r Row,
    table: &'static str,
    /// The row's key, for messages.
    key: &'r (dyn std::fmt::Display + Sync),
}

impl<'r> Columns<'r> {
    pub(crate) fn new(row: &'r Row, table: &'static str, key: &'r (dyn std::fmt::Display + Sync)) -> Self {
        Self { row, table, key }
    }

    fn odd(&self, index: usize, reason: impl std::fmt::Display) -> StoreError {
        let column = self.row.name(index);
        StoreError::Corrupt { what: format!("{}, row {}, column {column}: {reason}", self.table, self.key) }
    }

    pub(crate) fn opt_text(&self, index: usize) -> Result<Option<String>, StoreError> {
        self.row.opt_text(index).map_err(|reason| self.odd(index, reason))
    }

    pub(crate) fn text(&self, index: usize) -> Result<String, StoreError> {
        self.opt_text(index)?.ok_or_else(|| self.odd(index, "is NULL"))
    }

    /// A text that becomes an id.
    pub(crate) fn id<T: From<String>>(&self, index: usize) -> Result<T, StoreError> {
        Ok(self.text(index)?.into())
    }

    pub(crate) fn opt_int(&self, index: usize) -> Result<Option<i64>, StoreError> {
        self.row.opt_int(index).map_err(|reason| self.odd(index, reason))
    }

    pub(crate) fn int(&self, index: usize) -> Result<i64, StoreError> {
        self.opt_int(index)?.ok_or_else(|| self.odd(index, "is NULL"))
    }

    /// A number of another width.
    pub(crate) fn number<T: TryFrom<i64>>(&self, index: usize) -> Result<T, StoreError> {
        let number = self.int(index)?;
        T::try_from(number).map_err(|_| self.odd(index, format_args!("{number} is out of range")))
    }

    pub(crate) fn opt_number<T: TryFrom<i64>>(&self, index: usize) -> Result<Option<T>, StoreError> {
        self.opt_int(index)?.map(|_| self.number(index)).transpose()
    }

    /// One of a set of names.
    pub(crate) fn name<T>(&self, index: usize, from_name: fn(&str) -> Option<T>) -> Result<T, StoreError> {
        let name = self.text(index)?;
        from_name(&name).ok_or_else(|| self.odd(index, format_args!("unknown name `{name}`")))
    }

    pub(crate) fn opt_json(&self, index: usize) -> Result<Option<Json>, StoreError> {
        let text = self.opt_text(index)?;
        text.map(|text| Json::parse(text).map_err(|error| self.odd(index, error))).transpose()
    }

    pub(crate) fn json(&self, index: usize) -> Result<Json, StoreError> {
        self.opt_json(index)?.ok_or_else(|| self.odd(index, "is NULL"))
    }

    pub(crate) fn bytes(&self, index: usize) -> Result<Vec<u8>, StoreError> {
        self.row.bytes(index).map_err(|reason| self.odd(index, reason))
    }

    /// A structure kept as JSON.
    pub(crate) fn decoded<T: DeserializeOwned>(&self, index: usize) -> Result<Option<T>, StoreError> {
        let text = self.opt_text(index)?;
        text.map(|text| serde_json::from_str(&text).map_err(|error| self.odd(index, error))).transpose()
    }

    /// Percent, kept in hundredths; `NULL` is nothing yet.
    pub(crate) fn progress(&self, index: usize) -> Result<f64, StoreError> {
        Ok(self.opt_int(index)?.unwrap_or(0) as f64 / 100.0)
    }
}
