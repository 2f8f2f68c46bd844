//! Inserts of many rows whose texts stay few, so that the driver keeps them prepared.

use std::sync::{Arc, OnceLock};

use sqlx::AssertSqlSafe;

use super::{Arg, Connection, StoreError};

/// Up to that many rows have a text for each number: what one execution writes is one statement a table.
const EXACT: usize = 16;
const TEXTS: usize = EXACT + 2;

/// `count` as a sum of 64, 32 and numbers up to 16, the largest first.
pub(crate) fn chunks(mut count: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let size = match count {
            0 => return None,
            64.. => 64,
            32.. => 32,
            _ => count.min(EXACT),
        };
        count -= size;
        Some(size)
    })
}

/// The statement that adds rows to a table.
#[derive(Debug)]
pub(crate) struct Insert {
    head: &'static str,
    columns: usize,
    tail: &'static str,
    /// For 1 to 16 rows, for 32 and for 64.
    texts: [OnceLock<Arc<str>>; TEXTS],
}

impl Insert {
    /// `head` up to and without `VALUES`, how many columns it names, and what follows the rows.
    pub(crate) const fn new(head: &'static str, columns: usize, tail: &'static str) -> Self {
        Self { head, columns, tail, texts: [const { OnceLock::new() }; TEXTS] }
    }

    /// Insert the rows that `args` holds one after the other.
    pub(crate) async fn run(&self, connection: &mut Connection, args: Vec<Arg>) -> Result<(), StoreError> {
        debug_assert_eq!(args.len() % self.columns, 0, "{}", self.head);
        let rows = args.len() / self.columns;
        let mut args = args.into_iter();
        for size in chunks(rows) {
            let sql = AssertSqlSafe(Arc::clone(self.text(size)));
            connection.execute(sql, args.by_ref().take(size * self.columns)).await?;
        }
        Ok(())
    }

    fn text(&self, rows: usize) -> &Arc<str> {
        let place = match rows {
            64.. => TEXTS - 1,
            32.. => TEXTS - 2,
            _ => rows - 1,
        };
        self.texts[place].get_or_init(|| {
            // In SQLite a parameter with a name is looked up in a list, each one anew; `?` is not.
            let row = format!("({})", vec!["?"; self.columns].join(","));
            format!("{} VALUES {} {}", self.head, vec![row; rows].join(","), self.tail).into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_rows_is_cut_into_few_sizes() {
        assert_eq!(chunks(0).count(), 0);
        assert_eq!(chunks(12).collect::<Vec<_>>(), [12]);
        assert_eq!(chunks(20).collect::<Vec<_>>(), [16, 4]);
        assert_eq!(chunks(205).collect::<Vec<_>>(), [64, 64, 64, 13]);
    }
}
