//! Events from the store, a page at a time.

use std::collections::{HashSet, VecDeque};

use super::FollowError;
use super::subject::{Subject, Wanted};
use crate::domain::{Event, ExecutionId, FlowId, Topic};
use crate::store::Store;

/// Events read at once, of all timelines together.
const PAGE: usize = 500;
/// Events read at once of one timeline among many.
const SMALLEST_PAGE: usize = 16;

/// Stored events after a position and up to another, in their order.
#[derive(Debug)]
pub(super) struct Replay {
    /// The last to be told.
    until: i64,
    page: u32,
    timelines: Vec<Timeline>,
}

/// What is read in order; several are merged.
#[derive(Debug)]
struct Timeline {
    of: Of,
    /// Everything up to here was read.
    read: i64,
    ready: VecDeque<Event>,
    exhausted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Of {
    Everything,
    Execution(ExecutionId),
    Flow(FlowId),
}

impl Replay {
    /// Of what may matter to those who want `wanted`.
    pub(super) fn new(wanted: &Wanted, after: i64, until: i64) -> Self {
        let of = |subject: &Subject| match subject {
            Subject::Everything | Subject::Kind(_) => Of::Everything,
            Subject::Topic(Topic::Execution(id)) => Of::Execution(id.clone()),
            Subject::Topic(Topic::Job(id)) => Of::Execution(id.into()),
            Subject::Topic(Topic::Flow(id)) => Of::Flow(id.clone()),
        };
        let mut all: HashSet<Of> = wanted.subjects().map(of).collect();
        if all.contains(&Of::Everything) {
            all = HashSet::from([Of::Everything]);
        }
        let page = (PAGE / all.len().max(1)).max(SMALLEST_PAGE);
        let timeline = |of| Timeline { of, read: after, ready: VecDeque::new(), exhausted: false };
        Self {
            until,
            page: u32::try_from(page).unwrap_or(u32::MAX),
            timelines: all.into_iter().map(timeline).collect(),
        }
    }

    /// Where it ends.
    pub(super) fn until(&self) -> i64 {
        self.until
    }

    /// The next event. Nothing is lost if this is dropped while it waits.
    ///
    /// # Errors
    /// If the store fails, or old events were removed that would have to be told.
    pub(super) async fn next(&mut self, store: &Store) -> Result<Option<Event>, FollowError> {
        for timeline in &mut self.timelines {
            if timeline.ready.is_empty() && !timeline.exhausted {
                timeline.read_on(store, self.page, self.until).await?;
            }
        }
        let ready = self.timelines.iter_mut().filter_map(|timeline| Some((timeline.ready.front()?.position, timeline)));
        let earliest = ready.min_by_key(|(position, _)| *position);
        Ok(earliest.and_then(|(_, timeline)| timeline.ready.pop_front()))
    }
}

impl Timeline {
    async fn read_on(&mut self, store: &Store, limit: u32, until: i64) -> Result<(), FollowError> {
        let events = match &self.of {
            Of::Everything => store.all_events(self.read, limit).await?,
            Of::Execution(id) => store.events(id, self.read, limit).await?,
            Of::Flow(id) => store.flow_events(id, self.read, limit).await?,
        };
        // What is older may have been removed before it was read. A single thing goes with all of its events.
        if self.of == Of::Everything && store.event_positions().await?.floor > self.read.saturating_add(1) {
            return Err(FollowError::Gone);
        }
        let last = events.last().map_or(i64::MAX, |event| event.position);
        self.exhausted = last >= until || events.len() < limit as usize;
        self.read = last;
        self.ready = events.into();
        while self.ready.back().is_some_and(|event| event.position > until) {
            self.ready.pop_back();
        }
        Ok(())
    }
}
