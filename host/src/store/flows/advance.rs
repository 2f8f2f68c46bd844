//! Bringing a flow up to date with its jobs.

use sqlx::AssertSqlSafe;

use crate::domain::flow::{RESULT_BYTES, error_object, progress, readable, result_object};
use crate::domain::{EventKind, FlowId, FlowStatus, JobId, JobStatus, JobType, Json, TimelineEntry, Topic};

use super::super::Store;
use super::super::batch::Transaction;
use super::super::columns::Columns;
use super::super::command::Command;
use super::super::dialect::{Arg, chunks};
use super::super::error::StoreError;
use super::super::jobs::list;
use super::super::reads::key;
use super::outputs::{Output, outputs};

/// The result of a job of this type whose execution has this output.
pub type ResultOf = fn(JobType, &Json) -> Json;

/// What a flow went through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advanced {
    /// Jobs that it heard of for the first time, in the order of their end.
    pub told: Vec<(JobId, JobStatus)>,
    /// Whether parents can be claimed now that waited before.
    pub released: bool,
}

impl Store {
    /// Bring a flow up to date with its jobs: it tells of those that have ended, parents whose children have all ended
    /// are let go on, those with a child whose failure is theirs fail, and it ends after the last of its jobs. Everything
    /// is counted anew, so it may be asked for at any time and any number of times.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn advance_flow(&self, id: &FlowId, now: i64, result_of: ResultOf) -> Result<Advanced, StoreError> {
        self.ask(AdvanceFlow { id: id.clone(), now, result_of }).await
    }
}

#[derive(Debug)]
pub(super) struct AdvanceFlow {
    pub(super) id: FlowId,
    pub(super) now: i64,
    pub(super) result_of: ResultOf,
}

/// A flow that this transaction holds.
struct Held {
    root_id: JobId,
    status: FlowStatus,
    /// The number of its last event.
    seq: u64,
}

/// How its jobs stand.
#[derive(Default)]
struct Tally {
    total: u32,
    completed: u32,
    failed: u32,
    begun: bool,
}

/// A job that has ended.
struct EndedJob {
    id: JobId,
    job_type: JobType,
    status: JobStatus,
    error: Option<Json>,
}

impl Command for AdvanceFlow {
    type Output = Advanced;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<Advanced, StoreError> {
        let mut advanced = Advanced::default();
        let Some(mut flow) = self.hold(transaction).await? else { return Ok(advanced) };
        loop {
            let ended = self.untold(transaction).await?;
            self.tell(transaction, &mut flow, &ended).await?;
            advanced.told.extend(ended.into_iter().map(|job| (job.id, job.status)));
            // A parent that fails is one more job that has ended, which its own parent may fail of.
            if self.fail_parents(transaction).await? {
                continue;
            }
            let released = self.release_parents(transaction).await?;
            advanced.released |= released.any;
            if !released.failed {
                break;
            }
        }
        if !advanced.told.is_empty() {
            self.settle(transaction, flow).await?;
        }
        Ok(advanced)
    }
}

impl AdvanceFlow {
    /// The flow, if it has not ended; no other transaction changes it until this one has.
    async fn hold(&self, transaction: &mut Transaction<'_>) -> Result<Option<Held>, StoreError> {
        const FLOW: &str = "SELECT root_id, status, seq FROM flows WHERE id = $1 AND ended_at IS NULL";
        let connection = &mut transaction.connection;
        let sql = AssertSqlSafe(format!("{FLOW}{}", connection.for_update()));
        let Some(row) = connection.fetch_first(sql, [self.id.as_str().into()]).await? else { return Ok(None) };
        let columns = Columns::new(&row, "flows", &self.id);
        let status = columns.name(1, FlowStatus::from_name)?;
        Ok(Some(Held { root_id: columns.id(0)?, status, seq: columns.number(2)? }))
    }

    async fn tally(&self, transaction: &mut Transaction<'_>) -> Result<Tally, StoreError> {
        const COUNTS: &str = "SELECT status, COUNT(*) FROM jobs WHERE flow_id = $1 GROUP BY status";
        let mut tally = Tally::default();
        for row in &transaction.connection.fetch(COUNTS, [self.id.as_str().into()]).await? {
            let columns = Columns::new(row, "jobs", &self.id);
            let count: u32 = columns.number(1)?;
            tally.total += count;
            match columns.name(0, JobStatus::from_name)? {
                JobStatus::Completed => tally.completed += count,
                JobStatus::Failed | JobStatus::Dead | JobStatus::Cancelled => tally.failed += count,
                JobStatus::Processing => tally.begun = true,
                JobStatus::Delayed | JobStatus::WaitingChildren | JobStatus::Pending => {}
            }
        }
        Ok(tally)
    }

    /// Jobs that have ended since the flow was last told of one, in the order of their end.
    async fn untold(&self, transaction: &mut Transaction<'_>) -> Result<Vec<EndedJob>, StoreError> {
        const ENDED: &str = "SELECT id, type, status, error FROM jobs WHERE flow_id = $1 AND ended_at IS NOT NULL \
             AND flow_told IS NULL ORDER BY ended_at, id";
        let rows = transaction.connection.fetch(ENDED, [self.id.as_str().into()]).await?;
        let ended = rows.iter().map(|row| {
            let key = key(row);
            let columns = Columns::new(row, "jobs", &key);
            let (job_type, status) = (columns.name(1, JobType::from_name)?, columns.name(2, JobStatus::from_name)?);
            Ok(EndedJob { id: columns.id(0)?, job_type, status, error: columns.opt_json(3)? })
        });
        ended.collect()
    }

    /// Add an event for each of these jobs, and mark them.
    async fn tell(
        &self,
        transaction: &mut Transaction<'_>,
        flow: &mut Held,
        ended: &[EndedJob],
    ) -> Result<(), StoreError> {
        if ended.is_empty() {
            return Ok(());
        }
        let tally = self.tally(transaction).await?;
        let completed = ended.iter().filter(|job| job.status == JobStatus::Completed);
        let completed: Vec<JobId> = completed.map(|job| job.id.clone()).collect();
        let outputs = outputs(&mut transaction.connection, &completed, Some(RESULT_BYTES)).await?;
        let all = tally.completed + tally.failed;
        let before = all.saturating_sub(u32::try_from(ended.len()).unwrap_or(all));
        for (job, count) in ended.iter().zip(before + 1..) {
            let message = format!("job {} is {}: {count} of {} have ended", job.id, job.status.as_str(), tally.total);
            let data = job.told(outputs.get(&job.id), self.result_of);
            let entry = self.entry(flow, EventKind::FlowProgress, message, progress(count, tally.total), data);
            transaction.append([entry]);
        }
        self.mark(transaction, ended).await
    }

    async fn mark(&self, transaction: &mut Transaction<'_>, ended: &[EndedJob]) -> Result<(), StoreError> {
        let mut rest = ended;
        for size in chunks(ended.len()) {
            let (chunk, after) = rest.split_at(size);
            rest = after;
            let sql = format!("UPDATE jobs SET flow_told = $1 WHERE id IN {}", list(2, size));
            let ids = chunk.iter().map(|job| Arg::from(job.id.as_str()));
            let args = std::iter::once(self.now.into()).chain(ids);
            transaction.connection.execute(AssertSqlSafe(sql), args).await?;
        }
        Ok(())
    }

    /// Write how the flow stands now, and end it if its jobs have.
    async fn settle(&self, transaction: &mut Transaction<'_>, mut flow: Held) -> Result<(), StoreError> {
        const ROOT: &str = "SELECT status FROM jobs WHERE id = $1";
        const SET: &str = "UPDATE flows SET status = $2, total = $3, completed = $4, failed = $5, seq = $6, \
             updated_at = $7, ended_at = $8 WHERE id = $1";
        let tally = self.tally(transaction).await?;
        let row = transaction.connection.fetch_first(ROOT, [flow.root_id.as_str().into()]).await?;
        let root = match &row {
            Some(row) => Columns::new(row, "jobs", &flow.root_id).name(0, JobStatus::from_name)?,
            None => return Err(StoreError::Corrupt { what: format!("flows: {} has no root", self.id) }),
        };
        let ended = tally.completed + tally.failed;
        let begun = tally.begun || ended > 0 || flow.status != FlowStatus::Pending;
        let status = FlowStatus::of_root(root, begun);
        let over = ended == tally.total;
        if over {
            let kind = match status {
                FlowStatus::Completed => EventKind::FlowCompleted,
                FlowStatus::Cancelled => EventKind::FlowCancelled,
                _ => EventKind::FlowFailed,
            };
            let message = format!("flow {}: {} of {} jobs completed", status.as_str(), tally.completed, tally.total);
            let data = serde_json::json!({"total": tally.total, "completed": tally.completed, "failed": tally.failed});
            let entry = self.entry(&mut flow, kind, message, 100.0, data.into());
            transaction.append([entry]);
        }
        let args = [
            self.id.as_str().into(),
            status.as_str().into(),
            tally.total.into(),
            tally.completed.into(),
            tally.failed.into(),
            i64::try_from(flow.seq).unwrap_or(i64::MAX).into(),
            self.now.into(),
            Arg::Int(over.then_some(self.now)),
        ];
        transaction.connection.execute(SET, args).await.map(drop)
    }

    fn entry(
        &self,
        flow: &mut Held,
        event: EventKind,
        message: String,
        progress: f64,
        data: Json,
    ) -> (Topic, TimelineEntry) {
        flow.seq += 1;
        let entry = TimelineEntry {
            seq: flow.seq,
            timestamp: self.now,
            event,
            node_id: None,
            message,
            progress,
            data: Some(data),
        };
        (Topic::Flow(self.id.clone()), entry)
    }
}

impl EndedJob {
    /// What the flow's event says of it.
    fn told(&self, output: Option<&Output>, result_of: ResultOf) -> Json {
        let id = Json::encode(&self.id);
        let status = Json::encode(&self.status);
        let with = |name, value: &Json| Json::object([("jobId", &id), ("status", &status), (name, value)]);
        let omitted = |name| with(name, &Json::encode(&true));
        if self.status != JobStatus::Completed {
            let told = readable(with("error", &error_object(self.error.as_ref(), self.status)));
            return told.unwrap_or_else(|| omitted("errorOmitted"));
        }
        let result = match output {
            Some(Output::Json(output)) => result_object(&result_of(self.job_type, output)),
            Some(Output::TooLong) => return omitted("resultOmitted"),
            None => result_object(&Json::null()),
        };
        let short = Some(result).filter(|result| result.len() <= RESULT_BYTES);
        short.and_then(|result| readable(with("result", &result))).unwrap_or_else(|| omitted("resultOmitted"))
    }
}
