//! Live events: what was committed reaches those who follow, without a gap and without a repeat.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures::Stream;
use futures::stream::unfold;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::domain::{Event, ExecutionId, Topic};
use crate::store::{OnCommit, Store, StoreError};

/// Events kept for a follower that is slower than the execution; one that falls further behind reads from the store.
const LIVE_EVENTS: usize = 256;
/// Events read from the store at once.
const REPLAY_EVENTS: u32 = 500;

/// Hands committed events to those who follow an execution.
#[derive(Clone, Debug, Default)]
pub struct Hub {
    topics: Arc<Mutex<HashMap<ExecutionId, broadcast::Sender<Event>>>>,
}

impl Hub {
    /// What the store is to call after each commit.
    pub fn on_commit(&self) -> OnCommit {
        let hub = self.clone();
        Arc::new(move |events| hub.publish(events))
    }

    /// Follow an execution: everything after `position`, first from the store, then live. The stream ends after the
    /// event that ends the execution; `ended` says that it was committed before this call.
    pub fn follow(
        &self,
        store: Store,
        execution_id: ExecutionId,
        position: i64,
        ended: bool,
    ) -> impl Stream<Item = Result<Event, StoreError>> + Send + 'static {
        // Subscribed before the first read, so that nothing falls between the two.
        let live = self.subscribe(&execution_id);
        let follower = Follower {
            hub: self.clone(),
            store,
            execution_id,
            position,
            live,
            buffer: VecDeque::new(),
            replaying: true,
            ended,
            done: false,
        };
        unfold(follower, |mut follower| async move { follower.next().await.map(|event| (event, follower)) })
    }

    fn subscribe(&self, execution_id: &ExecutionId) -> broadcast::Receiver<Event> {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = topics.entry(execution_id.clone()).or_insert_with(|| broadcast::channel(LIVE_EVENTS).0);
        topic.subscribe()
    }

    fn publish(&self, events: &[Event]) {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if topics.is_empty() {
            return;
        }
        for event in events {
            let Topic::Execution(id) = &event.topic else { continue };
            if let Some(topic) = topics.get(id) {
                // An error means that nobody listens any more.
                let _ = topic.send(event.clone());
                if event.entry.event.ends_execution() {
                    topics.remove(id);
                }
            }
        }
    }

    fn leave(&self, execution_id: &ExecutionId) {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if topics.get(execution_id).is_some_and(|topic| topic.receiver_count() <= 1) {
            topics.remove(execution_id);
        }
    }
}

struct Follower {
    hub: Hub,
    store: Store,
    execution_id: ExecutionId,
    /// Of the last event handed out.
    position: i64,
    live: broadcast::Receiver<Event>,
    buffer: VecDeque<Event>,
    replaying: bool,
    ended: bool,
    done: bool,
}

impl Follower {
    async fn next(&mut self) -> Option<Result<Event, StoreError>> {
        while !self.done {
            if let Some(event) = self.buffer.pop_front() {
                if event.position <= self.position {
                    continue;
                }
                self.position = event.position;
                self.done = event.entry.event.ends_execution();
                return Some(Ok(event));
            }
            if self.replaying {
                match self.store.events(&self.execution_id, self.position, REPLAY_EVENTS).await {
                    Ok(events) if events.is_empty() => {
                        self.replaying = false;
                        self.done = self.ended;
                    }
                    Ok(events) => self.buffer = events.into(),
                    Err(error) => {
                        self.done = true;
                        return Some(Err(error));
                    }
                }
                continue;
            }
            match self.live.recv().await {
                Ok(event) => self.buffer.push_back(event),
                Err(RecvError::Lagged(_)) => self.replaying = true,
                // The topic went with the last event, which a reader that fell behind finds in the store.
                Err(RecvError::Closed) => {
                    self.replaying = true;
                    self.ended = true;
                }
            }
        }
        None
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.hub.leave(&self.execution_id);
    }
}
