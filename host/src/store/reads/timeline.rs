//! Timelines.

use crate::domain::{Event, EventKind, ExecutionId, TimelineEntry};

use super::{Columns, Store, StoreError};

pub(crate) const EVENTS: &str = "SELECT position, execution_id, seq, timestamp, event, node_id, message, progress, data \
     FROM events WHERE execution_id = $1 AND position > $2 ORDER BY position LIMIT $3";

/// The number of an execution's newest entry.
pub(crate) const LAST_SEQ: &str = "SELECT seq FROM events WHERE execution_id = $1 ORDER BY position DESC LIMIT 1";

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
        let rows = self.rows(EVENTS, args).await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            let position = row.opt_int(0).ok().flatten().unwrap_or_default();
            let columns = Columns::new(row, "events", &position);
            events.push(Event {
                position,
                execution_id: execution_id.clone(),
                entry: TimelineEntry {
                    seq: columns.number(2)?,
                    timestamp: columns.int(3)?,
                    event: columns.name(4, EventKind::from_name)?,
                    node_id: columns.opt_text(5)?.map(Into::into),
                    message: columns.text(6)?,
                    progress: columns.progress(7)?,
                    data: columns.opt_json(8)?,
                },
            });
        }
        Ok(events)
    }

    /// The `seq` of an execution's newest timeline entry; 0 if it has none.
    ///
    /// # Errors
    /// If the database fails or holds nonsense.
    pub async fn last_seq(&self, execution_id: &ExecutionId) -> Result<u64, StoreError> {
        match self.first(LAST_SEQ, [execution_id.as_str().into()]).await? {
            Some(row) => Columns::new(&row, "events", execution_id).number(0),
            None => Ok(0),
        }
    }
}
