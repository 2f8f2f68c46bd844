//! Which schedules are due, a page at a time: what cannot be read or fired stays where it is and keeps nobody waiting.

use super::super::Store;
use super::super::columns::Columns;
use super::super::dialect::Row;
use super::super::error::StoreError;
use super::super::reads::key;
use super::{DUE, FREED, NEXT_DUE, Schedule, read};

/// Up to where one look at the schedules has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueCursor {
    /// The due time and the id of the last that was due, in Unix milliseconds.
    due: (i64, String),
    /// The id of the last with a waiting due time.
    freed: String,
}

impl Default for DueCursor {
    /// Before all of them.
    fn default() -> Self {
        Self { due: (i64::MIN, String::new()), freed: String::new() }
    }
}

/// A page of schedules whose time has come.
#[derive(Clone, Debug)]
pub struct DueSchedules {
    /// Those that can be read, each once.
    pub schedules: Vec<Schedule>,
    /// Where the next page begins, if there may be one.
    pub next: Option<DueCursor>,
}

impl Store {
    /// At most `limit` schedules that are due at `now`, and as many with a waiting due time whose turn has come, from
    /// those after `after`. A row that holds nonsense is told to the log and left out: it must not keep the others from
    /// firing.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn due_schedules(&self, now: i64, limit: u32, after: &DueCursor) -> Result<DueSchedules, StoreError> {
        let (at, id) = (after.due.0, after.due.1.as_str());
        let due = self.rows(DUE, [now.into(), limit.into(), at.into(), id.into()]).await?;
        let freed = self.rows(FREED, [limit.into(), after.freed.as_str().into()]).await?;
        let mut schedules: Vec<Schedule> = Vec::with_capacity(due.len() + freed.len());
        for row in due.iter().chain(&freed) {
            match read(row) {
                Ok(schedule) if schedules.iter().any(|known| known.id == schedule.id) => {}
                Ok(schedule) => schedules.push(schedule),
                Err(error) => tracing::error!(schedule_id = key(row), %error, "a schedule cannot be read"),
            }
        }
        let is_full = |rows: &[Row]| rows.len() >= limit as usize;
        let mut next = after.clone();
        // Only a row whose place cannot be read does not move the cursor.
        next.due = due.iter().rev().find_map(place).unwrap_or(next.due);
        next.freed = freed.iter().rev().find_map(|row| row.opt_text(0).ok().flatten()).unwrap_or(next.freed);
        let has_more = (is_full(&due) || is_full(&freed)) && next != *after;
        Ok(DueSchedules { schedules, next: has_more.then_some(next) })
    }

    /// When the next schedule is due after `now`, both in Unix milliseconds.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn next_due_schedule(&self, now: i64) -> Result<Option<i64>, StoreError> {
        let Some(row) = self.first(NEXT_DUE, [now.into()]).await? else { return Ok(None) };
        Columns::new(&row, "schedules", &"next").opt_int(0)
    }
}

/// Where a row of [`DUE`] stands among them.
fn place(row: &Row) -> Option<(i64, String)> {
    const NEXT_AT: usize = 13;
    Some((row.opt_int(NEXT_AT).ok()??, row.opt_text(0).ok()??))
}
