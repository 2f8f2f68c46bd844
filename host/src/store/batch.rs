//! Many writes as few statements.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use crate::domain::event::POSITION_STRIDE;
use crate::domain::{Event, ExecutionId, JobStatus, NodeId, TimelineEntry, Topic};

use super::columns::Columns;
use super::dialect::{Arg, Connection};
use super::error::StoreError;
use super::notice::Notice;
use super::records::{Finished, Record, Submission, Written};
use super::tables::{self, encoded, execution, item, job, node};
use super::webhooks::NewWebhook;

/// One write that waits for its commit.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) records: Vec<Record>,
    /// Whose failures it shares.
    pub(crate) executions: Vec<ExecutionId>,
    /// Whether it is for the holder of the job's lease alone, with a shared database.
    pub(crate) leased: bool,
    /// The lease turned out to be another's, so nothing of it was stored.
    pub(crate) lease_lost: bool,
    pub(crate) outcome: Written,
}

impl Write {
    pub(crate) fn new(records: Vec<Record>) -> Self {
        let mut executions: Vec<ExecutionId> = Vec::with_capacity(1);
        for record in &records {
            // Nearly always one, so the last is the one to look at first.
            let Some(of) = record.execution_id() else { continue };
            if !executions.iter().rev().any(|id| id == of) {
                executions.push(of.clone());
            }
        }
        let leased = !executions.is_empty();
        Self { records, executions, leased, lease_lost: false, outcome: Written::default() }
    }
}

/// What happens inside one transaction.
#[derive(Debug)]
pub(crate) struct Transaction<'a> {
    pub(crate) connection: Connection,
    /// Entries to add to timelines at its end.
    entries: Vec<(Topic, TimelineEntry)>,
    /// What other processes are told with the commit.
    notices: BTreeSet<Notice>,
    /// Digests of documents that are known to be stored.
    documents: &'a HashSet<String>,
    /// Those that this transaction adds.
    pub(crate) new_documents: Vec<String>,
    /// Whether it changes webhooks.
    pub(crate) webhooks_changed: bool,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(connection: Connection, documents: &'a HashSet<String>) -> Self {
        Self {
            connection,
            entries: Vec::new(),
            notices: BTreeSet::new(),
            documents,
            new_documents: Vec::new(),
            webhooks_changed: false,
        }
    }

    /// Add entries to timelines.
    pub(crate) fn append(&mut self, entries: impl IntoIterator<Item = (Topic, TimelineEntry)>) {
        self.entries.extend(entries);
    }

    /// Tell other processes of something, if it is committed.
    pub(crate) fn tell(&mut self, notice: Notice) {
        self.notices.insert(notice);
    }

    /// `entry` as the next of an execution's timeline, whatever number it came with, and no less far than the last.
    pub(crate) async fn next_entry(
        &mut self,
        id: &ExecutionId,
        mut entry: TimelineEntry,
    ) -> Result<TimelineEntry, StoreError> {
        let added = self.entries.iter().rev().find(|(topic, _)| matches!(topic, Topic::Execution(of) if of == id));
        let (seq, progress) = match added {
            Some((_, last)) => (last.seq, last.progress),
            None => match self.connection.fetch_first(super::reads::LAST_ENTRY, [id.as_str().into()]).await? {
                Some(row) => {
                    let columns = Columns::new(&row, "events", id);
                    (columns.number(0)?, columns.progress(1)?)
                }
                None => (0, 0.0),
            },
        };
        entry.seq = seq + 1;
        entry.progress = entry.progress.max(progress);
        Ok(entry)
    }

    /// Give out positions and store the events, as the last thing: with a shared database the others wait for this
    /// transaction's end from here on, so that positions become visible in their order.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn finish(&mut self) -> Result<Vec<Event>, StoreError> {
        let entries = std::mem::take(&mut self.entries);
        let events = if entries.is_empty() { Vec::new() } else { self.place(entries).await? };
        if let Some(last) = events.last() {
            self.notices.insert(Notice::Events(last.position));
        }
        for notice in std::mem::take(&mut self.notices) {
            self.connection.notify(&notice.to_string()).await?;
        }
        Ok(events)
    }

    async fn place(&mut self, entries: Vec<(Topic, TimelineEntry)>) -> Result<Vec<Event>, StoreError> {
        const NEXT: &str = "UPDATE counters SET value = value + $1 WHERE name = 'event' RETURNING value";
        let count = i64::try_from(entries.len()).unwrap_or(i64::MAX).saturating_mul(POSITION_STRIDE);
        let last = self.connection.fetch_first(NEXT, [count.into()]).await?;
        let last = last.and_then(|row| row.opt_int(0).ok().flatten());
        let last = last.ok_or_else(|| StoreError::Corrupt { what: "counters: no number in row event".into() })?;
        let positions = (1..).map(|number: i64| last - count + number * POSITION_STRIDE);
        let placed = positions.zip(entries).map(|(position, (topic, mut entry))| {
            // Told now as it will be read later.
            entry.progress = tables::hundredths(entry.progress) as f64 / 100.0;
            Event { position, topic, entry }
        });
        let events: Vec<Event> = placed.collect();
        let args = events.iter().flat_map(tables::event_row).collect();
        tables::EVENTS.run(&mut self.connection, args).await?;
        Ok(events)
    }

    /// Store a document unless it is there.
    pub(crate) async fn keep_document(&mut self, digest: &str, body: Arg) -> Result<(), StoreError> {
        if !self.documents.contains(digest) {
            self.new_documents.push(digest.to_owned());
            tables::DOCUMENTS.run(&mut self.connection, vec![digest.into(), body]).await?;
        }
        Ok(())
    }

    /// Apply writes that follow one another.
    pub(crate) async fn apply(&mut self, writes: Vec<&mut Write>) -> Result<(), StoreError> {
        let mut rows = Rows::default();
        for write in writes {
            write.outcome = Written::default();
            if write.lease_lost {
                continue;
            }
            if rows.end(&mut self.connection, &write.records).await? {
                rows.fold(&write.records, self.documents);
            } else {
                write.outcome.superseded = true;
            }
        }
        self.insert(rows).await
    }

    async fn insert(&mut self, rows: Rows) -> Result<(), StoreError> {
        if rows.wakes {
            self.tell(Notice::Jobs);
        }
        self.entries.extend(rows.events);
        let connection = &mut self.connection;
        tables::DOCUMENTS.run(connection, rows.documents).await?;
        tables::FLOWS.run(connection, rows.flows).await?;
        tables::JOBS.run(connection, rows.jobs).await?;
        tables::EXECUTIONS.run(connection, rows.executions).await?;
        tables::PAYLOADS.run(connection, rows.payloads).await?;
        tables::NODES.run(connection, rows.nodes).await?;
        tables::ITEMS.run(connection, rows.items).await?;
        for webhook in &rows.webhooks {
            super::webhooks::insert(self, webhook).await?;
        }
        self.new_documents.extend(rows.new_documents);
        Ok(())
    }
}

/// Arguments of the inserts, rows one after the other.
#[derive(Default)]
struct Rows {
    documents: Vec<Arg>,
    new_documents: HashSet<String>,
    flows: Vec<Arg>,
    webhooks: Vec<NewWebhook>,
    jobs: Vec<Arg>,
    executions: Vec<Arg>,
    payloads: Vec<Arg>,
    nodes: Vec<Arg>,
    items: Vec<Arg>,
    events: Vec<(Topic, TimelineEntry)>,
    /// Whether there is a new job to claim.
    wakes: bool,
    /// New executions: which row of `jobs` and `executions`, and whether it has ended.
    submitted: HashMap<ExecutionId, (usize, bool)>,
    /// Where the row of a node starts in `nodes`: one statement may touch a row only once.
    node_at: HashMap<(ExecutionId, NodeId), usize>,
    item_at: HashMap<(ExecutionId, NodeId, usize), usize>,
}

impl Rows {
    /// Carry out the `Finished` among `records`, if there is one. `false`: the execution had ended before.
    ///
    /// # Errors
    /// If the execution does not exist.
    async fn end(&mut self, connection: &mut Connection, records: &[Record]) -> Result<bool, StoreError> {
        for record in records {
            match record {
                // First of all, so that an end in the same write finds it.
                Record::Submission(submission) => self.submit(submission),
                Record::Finished(finished) => {
                    let ended = match self.submitted.get_mut(&finished.execution_id) {
                        Some((_, true)) => false,
                        Some((row, ended)) => {
                            *ended = true;
                            let row = *row;
                            self.end_new(row, finished);
                            true
                        }
                        None => end_stored(connection, finished).await?,
                    };
                    if !ended {
                        return Ok(false);
                    }
                }
                _ => {}
            }
        }
        Ok(true)
    }

    fn submit(&mut self, submission: &Submission) {
        let row = self.executions.len() / execution::COLUMNS;
        self.submitted.insert(submission.execution_id.clone(), (row, false));
        self.wakes |= matches!(submission.status(), JobStatus::Pending | JobStatus::Delayed);
        self.jobs.extend(tables::job_row(submission));
        self.executions.extend(tables::execution_row(submission));
        self.payloads.extend([
            submission.execution_id.as_str().into(),
            super::payloads::INPUT.into(),
            (&submission.input).into(),
        ]);
    }

    fn end_new(&mut self, row: usize, finished: &Finished) {
        let error = finished.error.as_ref().map_or(Arg::NULL, encoded);
        let job = &mut self.jobs[row * job::COLUMNS..];
        job[job::STATUS] = finished.job_status().as_str().into();
        job[job::LEASE_OWNER] = Arg::NULL;
        job[job::LEASE_UNTIL] = Arg::NULL;
        job[job::ERROR] = error.clone();
        job[job::UPDATED_AT] = finished.at.into();
        job[job::ENDED_AT] = finished.at.into();
        let execution = &mut self.executions[row * execution::COLUMNS..];
        execution[execution::STATUS] = finished.status.as_str().into();
        execution[execution::OUTPUT] = encoded(&finished.output);
        execution[execution::ERROR] = error;
        execution[execution::ENDED_AT] = finished.at.into();
    }

    fn fold(&mut self, records: &[Record], known_documents: &HashSet<String>) {
        for record in records {
            match record {
                Record::Submission(submission) => {
                    let digest = &submission.document_digest;
                    if !known_documents.contains(digest) && self.new_documents.insert(digest.clone()) {
                        self.documents.extend([digest.as_str().into(), (&submission.document).into()]);
                    }
                }
                Record::Flow(flow) => {
                    self.flows.extend(tables::flow_row(flow));
                    self.events.push((Topic::Flow(flow.id.clone()), flow.entry.clone()));
                }
                Record::Webhook(webhook) => self.webhooks.push(webhook.as_ref().clone()),
                Record::Event { execution_id, entry } => {
                    self.events.push((Topic::Execution(execution_id.clone()), entry.clone()));
                }
                Record::Payload { execution_id, number, body } => {
                    self.payloads.extend([execution_id.as_str().into(), (*number).into(), body.into()]);
                }
                Record::Node { execution_id, node } => {
                    let key = (execution_id.clone(), node.node_id.clone());
                    place(&mut self.nodes, self.node_at.entry(key), tables::node_row(execution_id, node));
                }
                Record::Item { execution_id, item } => {
                    let key = (execution_id.clone(), item.node_id.clone(), item.index);
                    place(&mut self.items, self.item_at.entry(key), tables::item_row(execution_id, item));
                }
                Record::Finished(_) => {}
            }
        }
    }
}

const _: () = assert!(node::COLUMNS == item::COLUMNS, "`place` takes rows of either");

/// Put a row at the end, or over the row that has its key.
fn place<K>(rows: &mut Vec<Arg>, at: Entry<'_, K, usize>, row: Vec<Arg>) {
    match at {
        Entry::Occupied(at) => rows[*at.get()..][..node::COLUMNS].clone_from_slice(&row),
        Entry::Vacant(at) => {
            at.insert(rows.len());
            rows.extend(row);
        }
    }
}

async fn end_stored(connection: &mut Connection, finished: &Finished) -> Result<bool, StoreError> {
    const EXECUTION: &str = "UPDATE executions SET status = $2, output = $3, error = $4, ended_at = $5 \
         WHERE id = $1 AND status IN ('pending', 'running', 'paused') RETURNING job_id";
    const JOB: &str = "UPDATE jobs SET status = $2, error = $3, lease_owner = NULL, lease_until = NULL, \
         updated_at = $4, ended_at = $4 WHERE id = $1";
    debug_assert!(finished.status.is_terminal());
    let id = finished.execution_id.as_str();
    let error = finished.error.as_ref().map_or(Arg::NULL, encoded);
    let at = Arg::from(finished.at);
    let args = [id.into(), finished.status.as_str().into(), encoded(&finished.output), error.clone(), at.clone()];
    let Some(row) = connection.fetch_first(EXECUTION, args).await? else {
        let exists = connection.fetch_first("SELECT 1 FROM executions WHERE id = $1", [id.into()]).await?.is_some();
        return if exists { Ok(false) } else { Err(StoreError::conflict(format!("there is no execution {id}"))) };
    };
    let job_id = Columns::new(&row, "executions", &id).text(0)?;
    connection.execute(JOB, [job_id.as_str().into(), finished.job_status().as_str().into(), error, at]).await?;
    Ok(true)
}
