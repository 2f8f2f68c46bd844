//! Schedules: kept, listed, and fired once each due time.

mod due;
mod fire;

use sqlx::AssertSqlSafe;

use crate::domain::{AuditEntry, CatchUp, Mode, Overlap, Schedule, Timing, UserId};

use super::audit::add;
use super::batch::Transaction;
use super::columns::Columns;
use super::command::Command;
use super::dialect::{Arg, Row};
use super::error::StoreError;
use super::reads::{Conditions, Cursor, key};
use super::tables::encoded;
use super::{IdempotencyKey, Once, Store};

pub use due::{DueCursor, DueSchedules};
pub use fire::{FireSchedule, Fired, Firing};

macro_rules! schedules_query {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.user_id, s.workflow_id, s.workflow_version, s.cron, s.run_at, s.timezone, s.input, s.mode, \
             s.variables, s.catch_up, s.overlap, s.active, s.next_at, s.waiting, s.last_at, s.last_job_id, \
             s.last_error, s.revision, s.created_at, s.updated_at FROM schedules s",
            $rest
        )
    };
}

pub(crate) const SCHEDULE: &str = schedules_query!(" WHERE s.id = $1");
pub(crate) const DUE: &str = schedules_query!(
    " WHERE s.next_at IS NOT NULL AND s.next_at <= $1 AND (s.next_at, s.id) > ($3, $4) \
     ORDER BY s.next_at, s.id LIMIT $2"
);
/// Those with a due time that nothing keeps waiting any more.
pub(crate) const FREED: &str = schedules_query!(
    " WHERE s.waiting IS NOT NULL AND s.id > $2 AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = s.last_job_id \
     AND j.status NOT IN ('completed', 'failed', 'cancelled', 'dead')) ORDER BY s.id LIMIT $1"
);
pub(crate) const NEXT_DUE: &str =
    "SELECT next_at FROM schedules WHERE next_at IS NOT NULL AND next_at > $1 ORDER BY next_at, id LIMIT 1";

/// Which schedules to list.
#[derive(Clone, Debug, Default)]
pub struct ScheduleFilter {
    /// Only of this user.
    pub user_id: Option<UserId>,
    /// Only those that start this workflow.
    pub workflow_id: Option<String>,
    /// Only those that are, or are not, active.
    pub active: Option<bool>,
    /// At most so many.
    pub limit: u32,
    /// Only those after this one in the list.
    pub after: Option<Cursor>,
}

impl ScheduleFilter {
    /// The next page begins after this one.
    pub fn cursor(schedule: &Schedule) -> Cursor {
        Cursor { at: schedule.created_at, id: schedule.id.clone() }
    }
}

impl Store {
    /// Store a new schedule with its entry in the audit log, unless `key` was used before.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn create_schedule(
        &self,
        schedule: Schedule,
        entry: AuditEntry,
        key: Option<IdempotencyKey>,
    ) -> Result<Once<()>, StoreError> {
        self.ask(Create { schedule, entry, key }).await
    }

    /// Put `schedule` in place of the one with its id, if that is still of the same revision; `false` if it is not, or
    /// gone. What it fired last stays.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn replace_schedule(&self, schedule: Schedule, entry: AuditEntry) -> Result<bool, StoreError> {
        self.ask(Replace { schedule, entry }).await
    }

    /// Delete a schedule and add the entry; `false` if there is none, and then no entry either.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete_schedule(&self, id: &str, entry: AuditEntry) -> Result<bool, StoreError> {
        self.ask(Delete { id: id.to_owned(), entry }).await
    }

    /// A schedule.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn schedule(&self, id: &str) -> Result<Option<Schedule>, StoreError> {
        self.first(SCHEDULE, [id.into()]).await?.as_ref().map(read).transpose()
    }

    /// Schedules, the newest first.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn schedules(&self, filter: &ScheduleFilter) -> Result<Vec<Schedule>, StoreError> {
        let (sql, args) = schedules_sql(filter);
        self.rows(AssertSqlSafe(sql), args).await?.iter().map(read).collect()
    }
}

pub(crate) fn schedules_sql(filter: &ScheduleFilter) -> (String, Vec<Arg>) {
    let mut conditions = Conditions::default();
    if let Some(user_id) = &filter.user_id {
        conditions.add("s.user_id = {}", [user_id.as_str().into()]);
    }
    if let Some(workflow_id) = &filter.workflow_id {
        conditions.add("s.workflow_id = {}", [workflow_id.as_str().into()]);
    }
    if let Some(active) = filter.active {
        conditions.add("s.active = {}", [i64::from(active).into()]);
    }
    if let Some(Cursor { at, id }) = &filter.after {
        conditions.add("(s.created_at, s.id) < ({}, {})", [(*at).into(), id.as_str().into()]);
    }
    let limit = conditions.limit(filter.limit);
    let select = schedules_query!("");
    (format!("{select}{} ORDER BY s.created_at DESC, s.id DESC {limit}", conditions.sql), conditions.args)
}

fn read(row: &Row) -> Result<Schedule, StoreError> {
    let id = key(row);
    let columns = Columns::new(row, "schedules", &id);
    let odd = |reason: String| StoreError::Corrupt { what: format!("schedules, row {id}: {reason}") };
    let timezone = columns.text(6)?;
    let timing = match (columns.opt_text(4)?, columns.opt_int(5)?) {
        (Some(cron), None) => Timing::of_cron(&cron, &timezone).map_err(odd)?,
        (None, Some(at)) => Timing::At(at),
        _ => return Err(odd("either `cron` or `run_at` has to be given".to_owned())),
    };
    Ok(Schedule {
        id: columns.text(0)?,
        user_id: columns.id(1)?,
        workflow_id: columns.text(2)?,
        version: columns.opt_number(3)?,
        timing,
        timezone,
        input: columns.json(7)?,
        mode: columns.name(8, Mode::from_name)?,
        variables: columns.decoded(9)?.unwrap_or_default(),
        catch_up: columns.name(10, CatchUp::from_name)?,
        overlap: columns.name(11, Overlap::from_name)?,
        active: columns.int(12)? != 0,
        next_at: columns.opt_int(13)?,
        waiting: columns.decoded(14)?.unwrap_or_default(),
        last_at: columns.opt_int(15)?,
        last_job_id: columns.opt_text(16)?.map(Into::into),
        last_error: columns.decoded(17)?,
        revision: columns.int(18)?,
        created_at: columns.int(19)?,
        updated_at: columns.int(20)?,
    })
}

/// The arguments of what a person sets, from `workflow_id` to `waiting`.
fn definition(schedule: &Schedule) -> [Arg; 13] {
    let (cron, at) = match &schedule.timing {
        Timing::Cron { expression, .. } => (Some(expression.as_str()), None),
        Timing::At(at) => (None, Some(*at)),
    };
    [
        schedule.workflow_id.as_str().into(),
        schedule.version.into(),
        cron.into(),
        at.into(),
        schedule.timezone.as_str().into(),
        (&schedule.input).into(),
        schedule.mode.as_str().into(),
        if schedule.variables.is_empty() { Arg::NULL } else { encoded(&schedule.variables) },
        schedule.catch_up.as_str().into(),
        schedule.overlap.as_str().into(),
        i64::from(schedule.active).into(),
        schedule.next_at.into(),
        waiting(&schedule.waiting),
    ]
}

fn waiting(times: &[i64]) -> Arg {
    if times.is_empty() { Arg::NULL } else { encoded(&times) }
}

#[derive(Debug)]
struct Create {
    schedule: Schedule,
    entry: AuditEntry,
    key: Option<IdempotencyKey>,
}

impl Command for Create {
    type Output = Once<()>;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Once<()>, StoreError> {
        const CREATE: &str = "INSERT INTO schedules (id, user_id, revision, created_at, updated_at, workflow_id, \
             workflow_version, cron, run_at, timezone, input, mode, variables, catch_up, overlap, active, next_at, \
             waiting) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
        let schedule = &self.schedule;
        if let Some(key) = &self.key {
            let once = transaction.claim_key(key, &schedule.id).await?;
            if once != Once::Done(()) {
                return Ok(once);
            }
        }
        let head: [Arg; 5] = [
            schedule.id.as_str().into(),
            schedule.user_id.as_str().into(),
            schedule.revision.into(),
            schedule.created_at.into(),
            schedule.updated_at.into(),
        ];
        transaction.connection.execute(CREATE, head.into_iter().chain(definition(schedule))).await?;
        add(transaction, &self.entry).await?;
        Ok(Once::Done(()))
    }
}

#[derive(Debug)]
struct Replace {
    schedule: Schedule,
    entry: AuditEntry,
}

impl Command for Replace {
    type Output = bool;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
        const REPLACE: &str = "UPDATE schedules SET revision = revision + 1, updated_at = $3, last_error = NULL, \
             workflow_id = $4, workflow_version = $5, cron = $6, run_at = $7, timezone = $8, input = $9, mode = $10, \
             variables = $11, catch_up = $12, overlap = $13, active = $14, next_at = $15, waiting = $16 \
             WHERE id = $1 AND revision = $2";
        let schedule = &self.schedule;
        let head: [Arg; 3] = [schedule.id.as_str().into(), schedule.revision.into(), schedule.updated_at.into()];
        let args = head.into_iter().chain(definition(schedule));
        let replaced = transaction.connection.execute(REPLACE, args).await? > 0;
        if replaced {
            add(transaction, &self.entry).await?;
        }
        Ok(replaced)
    }
}

#[derive(Debug)]
struct Delete {
    id: String,
    entry: AuditEntry,
}

impl Command for Delete {
    type Output = bool;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
        const DELETE: &str = "DELETE FROM schedules WHERE id = $1";
        let deleted = transaction.connection.execute(DELETE, [self.id.as_str().into()]).await? > 0;
        if deleted {
            add(transaction, &self.entry).await?;
        }
        Ok(deleted)
    }
}
