//! Timelines.

use crate::domain::{Event, EventKind, ExecutionId, FlowId, TimelineEntry, Topic};

use super::{Columns, Row, Store, StoreError};

pub(crate) const EVENTS: &str = "SELECT position, subject, seq, timestamp, event, node_id, message, progress, data \
     FROM events WHERE subject = $1 AND position > $2 ORDER BY position LIMIT $3";

/// Events of everything.
pub(crate) const ALL_EVENTS: &str = "SELECT position, subject, seq, timestamp, event, node_id, message, progress, data \
     FROM events WHERE position > $1 ORDER BY position LIMIT $2";

/// The number and the progress of an execution's newest entry.
pub(crate) const LAST_ENTRY: &str =
    "SELECT seq, progress FROM events WHERE subject = $1 ORDER BY position DESC LIMIT 1";

impl Store {
    /// Up to `limit` events of an execution with positions after `after_position`, in their order.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn events(
        &self,
        execution_id: &ExecutionId,
        after_position: i64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let args = [execution_id.as_str().into(), after_position.into(), limit.into()];
        self.rows(EVENTS, args).await?.iter().map(event).collect()
    }

    /// Up to `limit` events of a flow with positions after `after_position`, in their order.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn flow_events(
        &self,
        flow_id: &FlowId,
        after_position: i64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let args = [flow_id.as_str().into(), after_position.into(), limit.into()];
        self.rows(EVENTS, args).await?.iter().map(event).collect()
    }

    /// Up to `limit` events of everything with positions after `after_position`, in their order. One that cannot be read,
    /// say of a kind that only a later version knows, is left out, so that nobody has to stop before it for good.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn all_events(&self, after_position: i64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let mut after = after_position;
        loop {
            let rows = self.rows(ALL_EVENTS, [after.into(), limit.into()]).await?;
            let unreadable = |error: &StoreError| tracing::error!(%error, "an event is left out");
            let events: Vec<Event> = rows.iter().filter_map(|row| event(row).inspect_err(unreadable).ok()).collect();
            match rows.last().map(|row| row.opt_int(0).ok().flatten()) {
                Some(Some(last)) if events.is_empty() && last > after => after = last,
                _ => return Ok(events),
            }
        }
    }

    /// The position of the newest event, and of the newest that was removed since it had become old.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn event_positions(&self) -> Result<EventPositions, StoreError> {
        const POSITIONS: &str = "SELECT name, value FROM counters WHERE name IN ('event', 'event_floor')";
        let mut positions = EventPositions::default();
        for row in &self.rows(POSITIONS, []).await? {
            let name = super::key(row);
            let value = Columns::new(row, "counters", &name).int(1)?;
            match name.as_str() {
                "event" => positions.newest = value,
                _ => positions.floor = value,
            }
        }
        Ok(positions)
    }

    /// The `seq` of an execution's newest timeline entry; 0 if it has none.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn last_seq(&self, execution_id: &ExecutionId) -> Result<u64, StoreError> {
        match self.first(LAST_ENTRY, [execution_id.as_str().into()]).await? {
            Some(row) => Columns::new(&row, "events", execution_id).number(0),
            None => Ok(0),
        }
    }
}

/// Where the log of events begins and ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventPositions {
    /// Of the newest event.
    pub newest: i64,
    /// Events up to here may have been removed.
    pub floor: i64,
}

pub(crate) fn event(row: &Row) -> Result<Event, StoreError> {
    let position = row.opt_int(0).ok().flatten().unwrap_or_default();
    let columns = Columns::new(row, "events", &position);
    let kind = columns.name(4, EventKind::from_name)?;
    let subject = columns.text(1)?;
    let topic =
        if kind.as_str().starts_with("flow.") { Topic::Flow(subject.into()) } else { Topic::Execution(subject.into()) };
    Ok(Event {
        position,
        topic,
        entry: TimelineEntry {
            seq: columns.number(2)?,
            timestamp: columns.int(3)?,
            event: kind,
            node_id: columns.opt_text(5)?.map(Into::into),
            message: columns.text(6)?,
            progress: columns.progress(7)?,
            data: columns.opt_json(8)?,
        },
    })
}
