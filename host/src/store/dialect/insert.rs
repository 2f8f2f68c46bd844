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
    sqlite: Texts,
    postgres: Texts,
}

/// For 1 to 16 rows, for 32 and for 64.
type Texts = [OnceLock<Arc<str>>; TEXTS];

impl Insert {
    /// `head` up to and without `VALUES`, how many columns it names, and what follows the rows.
    pub(crate) const fn new(head: &'static str, columns: usize, tail: &'static str) -> Self {
        Self {
            head,
            columns,
            tail,
            sqlite: [const { OnceLock::new() }; TEXTS],
            postgres: [const { OnceLock::new() }; TEXTS],
        }
    }

    /// Insert the rows that `args` holds one after the other.
    pub(crate) async fn run(&self, connection: &mut Connection, args: Vec<Arg>) -> Result<(), StoreError> {
        debug_assert_eq!(args.len() % self.columns, 0, "{}", self.head);
        let rows = args.len() / self.columns;
        let mut args = args.into_iter();
        for size in chunks(rows) {
            let sql = AssertSqlSafe(Arc::clone(self.text(connection, size)));
            connection.execute(sql, args.by_ref().take(size * self.columns)).await?;
        }
        Ok(())
    }

    fn text(&self, connection: &Connection, rows: usize) -> &Arc<str> {
        let place = match rows {
            64.. => TEXTS - 1,
            32.. => TEXTS - 2,
            _ => rows - 1,
        };
        match connection {
            // In SQLite a parameter with a name is looked up in a list, each one anew; `?` is not.
            Connection::Sqlite(_) => self.sqlite[place].get_or_init(|| self.with(rows, |_| "?".to_owned())),
            Connection::Postgres(_) => self.postgres[place].get_or_init(|| self.with(rows, |n| format!("${n}"))),
        }
    }

    /// `parameter` is asked for each parameter in turn, from 1.
    fn with(&self, rows: usize, parameter: impl Fn(usize) -> String) -> Arc<str> {
        let row = |row: usize| {
            let parameters: Vec<String> = (1..=self.columns).map(|n| parameter(row * self.columns + n)).collect();
            format!("({})", parameters.join(","))
        };
        let rows: Vec<String> = (0..rows).map(row).collect();
        format!("{} VALUES {} {}", self.head, rows.join(","), self.tail).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_has_its_number() {
        let insert = Insert::new("INSERT INTO t (a, b)", 2, "ON CONFLICT DO NOTHING");
        let text = insert.with(2, |n| format!("${n}"));
        assert_eq!(&*text, "INSERT INTO t (a, b) VALUES ($1,$2),($3,$4) ON CONFLICT DO NOTHING");
    }

    #[test]
    fn any_number_of_rows_is_cut_into_few_sizes() {
        assert_eq!(chunks(0).count(), 0);
        assert_eq!(chunks(12).collect::<Vec<_>>(), [12]);
        assert_eq!(chunks(20).collect::<Vec<_>>(), [16, 4]);
        assert_eq!(chunks(205).collect::<Vec<_>>(), [64, 64, 64, 13]);
    }
}
