//! One follower: replay from the store, then live, without a gap and without a repeat.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::Hub;
use super::mailbox::{Mail, Mailbox};
use super::replay::Replay;
use super::subject::{Subject, Wanted, last_of};
use crate::domain::event::stored_position;
use crate::domain::{Event, Topic};
use crate::store::{Store, StoreError};

/// Why a follower is not told of more events.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// It fell behind and did not read for too long. It may come back for what follows `after`.
    #[error("events were not read for too long; they go on after {after}")]
    Slow {
        /// The position to go on after.
        after: i64,
    },
    /// Some of what it would have to be told was removed since it had become old.
    #[error("events that would have to be told are too old to be there still")]
    Gone,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tells of the events of what it is subscribed to, in the order of their positions.
///
/// Whoever does not read it costs a bounded amount of memory.
#[derive(Debug)]
pub struct Follower {
    hub: Hub,
    store: Store,
    mailbox: Arc<Mailbox>,
    wanted: Wanted,
    /// Stored events up to here, with what follows from them, were dealt with for all that is wanted.
    seen: i64,
    /// What has to be told before going on after `seen`.
    catch_ups: VecDeque<CatchUp>,
    /// Events are read from the store, from after `seen` to where the log ended when that began.
    behind: bool,
    replay: Option<Replay>,
    ready: VecDeque<Event>,
    /// Of the last event told.
    told: i64,
    ends: Ends,
    done: bool,
}

/// Events up to `Follower::seen` that are wanted since then.
#[derive(Debug)]
struct CatchUp {
    /// All up to here were told.
    told: i64,
    replay: Replay,
    wanted: Wanted,
    /// What was wanted before: its events were told.
    known: Wanted,
}

/// When a follower has heard everything.
#[derive(Debug, PartialEq, Eq)]
enum Ends {
    Never,
    /// After the last event of its one topic.
    AfterLast,
    /// That was committed: after the last in the store.
    InStore,
}

impl Hub {
    /// A follower that is subscribed to nothing so far. If it is behind and is not read for longer than `patience`, it is
    /// dropped.
    pub fn follower(&self, store: Store, patience: Option<Duration>) -> Follower {
        Follower {
            hub: self.clone(),
            store,
            mailbox: Arc::new(Mailbox::new(patience)),
            wanted: Wanted::default(),
            seen: 0,
            catch_ups: VecDeque::new(),
            behind: false,
            replay: None,
            ready: VecDeque::new(),
            told: 0,
            ends: Ends::Never,
            done: false,
        }
    }
}

impl Follower {
    /// Tell of everything of `topic` after `position` and end after its last event; `ended` says that that one was
    /// committed before. For a follower that is subscribed to nothing.
    #[must_use]
    pub fn to_the_end(mut self, topic: Topic, position: i64, ended: bool) -> Self {
        self.ends = if ended { Ends::InStore } else { Ends::AfterLast };
        self.begin(vec![Subject::Topic(topic)], position);
        self
    }

    /// Tell of everything of `subjects` too, from after `after` on, or of what comes from now on. Gives the position
    /// from which on they are live. Nothing that was told is told again.
    ///
    /// # Errors
    /// If the store fails; nothing has changed then.
    pub async fn subscribe(&mut self, subjects: Vec<Subject>, after: Option<i64>) -> Result<i64, StoreError> {
        self.enter(&subjects).await?;
        let positions = match self.store.event_positions().await {
            Ok(positions) => positions,
            Err(error) => {
                self.leave(&subjects);
                return Err(error);
            }
        };
        // Whatever is committed from here on comes to the mailbox.
        let live = last_of(positions.newest);
        let from = after.unwrap_or(live);
        if self.wanted.is_empty() && self.catch_ups.is_empty() {
            self.begin(subjects, from);
            return Ok(live);
        }
        if stored_position(from) <= self.seen {
            let mut wanted = Wanted::default();
            subjects.iter().for_each(|subject| wanted.add(subject.clone(), from));
            let replay = Replay::new(&wanted, before(from), self.seen);
            self.catch_ups.push_back(CatchUp { told: from, replay, wanted, known: self.wanted.clone() });
        }
        subjects.into_iter().for_each(|subject| self.wanted.add(subject, from));
        // What was published before they were followed is in the store alone.
        self.read_store();
        Ok(live)
    }

    /// Tell no more of `subjects`. Those that are not subscribed to do not matter.
    pub fn unsubscribe(&mut self, subjects: &[Subject]) {
        for subject in subjects {
            self.wanted.remove(subject);
            for catch_up in &mut self.catch_ups {
                catch_up.wanted.remove(subject);
                catch_up.known.remove(subject);
            }
        }
        self.catch_ups.retain(|catch_up| !catch_up.wanted.is_empty());
        self.leave(subjects);
        self.ready.retain(|event| self.wanted.matches(event));
        if self.replay.is_some() {
            self.read_store();
        }
    }

    /// How many subjects it would be subscribed to with `more`.
    pub fn subscriptions_with(&self, more: &[Subject]) -> usize {
        self.wanted.len() + more.iter().filter(|subject| !self.wanted.contains(subject)).count()
    }

    /// The next event; `None` after the end, or after an error. Nothing is lost if this is dropped while it waits.
    pub async fn next(&mut self) -> Option<Result<Event, FollowError>> {
        if !self.done && !self.mailbox.touch() {
            self.done = true;
            return Some(Err(FollowError::Slow { after: self.resume_after() }));
        }
        while !self.done {
            if let Some(event) = self.ready.pop_front() {
                self.told = event.position;
                self.done = self.ends != Ends::Never && event.entry.event.is_last();
                return Some(Ok(event));
            }
            if let Err(error) = self.advance().await {
                self.done = true;
                return Some(Err(error));
            }
        }
        None
    }

    /// The position after which somebody goes on who has read everything so far, with the same subscriptions.
    fn resume_after(&self) -> i64 {
        if self.catch_ups.is_empty() && self.ready.is_empty() {
            return self.told.max(self.seen);
        }
        self.catch_ups.iter().map(|catch_up| catch_up.told).fold(self.told, i64::min)
    }

    fn begin(&mut self, subjects: Vec<Subject>, position: i64) {
        subjects.into_iter().for_each(|subject| self.wanted.add(subject, position));
        self.seen = before(position);
        self.told = position;
        self.read_store();
    }

    fn read_store(&mut self) {
        self.replay = None;
        self.behind = true;
    }

    /// One step: some events become ready, or none.
    async fn advance(&mut self) -> Result<(), FollowError> {
        if let Some(catch_up) = self.catch_ups.front_mut() {
            match catch_up.replay.next(&self.store).await? {
                Some(stored) => {
                    catch_up.told = stored.position;
                    let known = &catch_up.known;
                    self.ready.extend(catch_up.wanted.of(&stored).filter(|event| !known.takes(event)));
                }
                None => drop(self.catch_ups.pop_front()),
            }
        } else if self.behind {
            self.read_behind().await?;
        } else {
            match self.mailbox.next().await {
                Mail::Event(stored) if stored.position > self.seen => self.tell(&stored),
                Mail::Event(_) => {}
                Mail::Behind => self.read_store(),
            }
        }
        self.mailbox.touch();
        Ok(())
    }

    async fn read_behind(&mut self) -> Result<(), FollowError> {
        let Some(replay) = &mut self.replay else {
            self.enter(&[]).await?;
            // What is there was committed before the log's end is looked up.
            self.mailbox.clear();
            let newest = self.store.event_positions().await?.newest;
            self.replay = Some(Replay::new(&self.wanted, self.seen, newest));
            return Ok(());
        };
        match replay.next(&self.store).await? {
            Some(stored) => self.tell(&stored),
            None => {
                // What was committed since then is in the mailbox, or it says that it is not.
                self.seen = self.seen.max(replay.until());
                self.replay = None;
                self.behind = false;
                self.done = self.ends == Ends::InStore;
            }
        }
        Ok(())
    }

    fn tell(&mut self, stored: &Event) {
        self.seen = stored.position;
        self.ready.extend(self.wanted.of(stored));
    }

    /// Have the hub put the events of `subjects` into the mailbox, beside those of others.
    async fn enter(&self, subjects: &[Subject]) -> Result<(), StoreError> {
        let mut base = None;
        loop {
            {
                let mut index = self.hub.index();
                if let Some(base) = base {
                    index.begin_at(base);
                }
                if !index.needs_base() {
                    index.enter(&self.mailbox, self.wanted.subjects().chain(subjects));
                    return Ok(());
                }
            }
            base = Some(self.store.event_positions().await?.newest);
        }
    }

    /// Have it put those of `subjects` there no more, as far as nothing else needs them.
    fn leave(&self, subjects: &[Subject]) {
        let mut index = self.hub.index();
        for id in subjects.iter().filter_map(Subject::id) {
            if !self.wanted.subjects().any(|other| other.id() == Some(id)) {
                index.leave(&self.mailbox, id);
            }
        }
        index.enter(&self.mailbox, self.wanted.subjects());
        index.forget_position();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut index = self.hub.index();
        self.wanted.subjects().filter_map(Subject::id).for_each(|id| index.leave(&self.mailbox, id));
        index.leave_broad(&self.mailbox);
    }
}

/// Where to read the store from for what comes after `position`: the event that it belongs to may have more to tell.
fn before(position: i64) -> i64 {
    stored_position(position).saturating_sub(1)
}
