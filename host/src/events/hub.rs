//! Who follows what, and handing out what is published.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::Stream;
use futures::stream::unfold;
use tokio::sync::Notify;

use super::FollowError;
use super::mailbox::Mailbox;
use super::subject::Subject;
use crate::domain::event::POSITION_STRIDE;
use crate::domain::{Event, ExecutionId, Topic};
use crate::store::{OnCommit, Store};

/// Hands committed events to those who follow them, in the order of their positions. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct Hub {
    index: Arc<Mutex<Index>>,
    /// Events were committed that have to be read before later ones can be handed out.
    pub(super) missing: Arc<Notify>,
}

/// Who follows what.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Followers of single things, by id, which an execution and its job share.
    single: HashMap<Arc<str>, Vec<Arc<Mailbox>>>,
    broad: Vec<Broad>,
    /// Whether other processes write events too.
    shared: bool,
    /// With a shared database and while there are followers: everything up to here was handed out.
    published: Option<i64>,
}

/// A follower of kinds or of everything.
#[derive(Debug)]
struct Broad {
    subjects: Vec<Subject>,
    mailbox: Arc<Mailbox>,
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
    ) -> impl Stream<Item = Result<Event, FollowError>> + Send + 'static {
        let follower = self.follower(store, None).to_the_end(Topic::Execution(execution_id), position, ended);
        unfold(follower, |mut follower| async move { follower.next().await.map(|event| (event, follower)) })
    }

    /// Events that this process has committed. With a shared database, others may have committed earlier ones that are
    /// not known yet: then these wait until [`Hub::tail`] has read them.
    fn publish(&self, events: &[Event]) {
        let mut index = self.index();
        if index.is_empty() {
            return;
        }
        match index.published {
            Some(published) if index.shared => {
                let next = events.iter().find(|event| event.position > published);
                match next {
                    Some(next) if next.position == published.saturating_add(POSITION_STRIDE) => index.advance(events),
                    Some(_) => self.missing.notify_one(),
                    None => {}
                }
            }
            _ => events.iter().for_each(|event| index.hand_out(event)),
        }
    }

    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    /// Other processes write events too, from here on.
    pub(super) fn share(&mut self) {
        self.shared = true;
    }

    /// With a shared database: up to where events were handed out. `None` if nobody follows any.
    pub(super) fn published(&self) -> Option<i64> {
        self.published
    }

    /// Whether a follower who enters has to say where the log of events ends.
    pub(super) fn needs_base(&self) -> bool {
        self.shared && self.published.is_none()
    }

    /// Begin to hand out what comes after `position`, unless that has begun. Everything up to there was committed.
    pub(super) fn begin_at(&mut self, position: i64) {
        if self.needs_base() {
            self.published = Some(position);
        }
    }

    /// Hand out those that were not, in a log without gaps.
    pub(super) fn advance(&mut self, events: &[Event]) {
        for event in events {
            if self.published.is_some_and(|published| event.position > published) {
                self.published = Some(event.position);
                self.hand_out(event);
            }
        }
    }

    fn hand_out(&mut self, event: &Event) {
        let mut shared = None;
        let mut put = |mailbox: &Arc<Mailbox>| mailbox.put(shared.get_or_insert_with(|| Arc::new(event.clone())));
        let id = event.topic.id();
        if let Some(followers) = self.single.get_mut(id) {
            followers.retain(&mut put);
            if followers.is_empty() {
                self.single.remove(id);
            }
        }
        self.broad.retain(|follower| {
            !follower.subjects.iter().any(|subject| subject.concerns(event)) || put(&follower.mailbox)
        });
        self.forget_position();
    }

    /// Note that `mailbox` is for the events of these subjects, and no others any more that are not single things.
    pub(super) fn enter<'s>(&mut self, mailbox: &Arc<Mailbox>, subjects: impl Iterator<Item = &'s Subject>) {
        let mut kinds = Vec::new();
        for subject in subjects {
            let Some(id) = subject.id() else {
                kinds.push(subject.clone());
                continue;
            };
            let followers = self.single.entry(id.into()).or_default();
            if !followers.iter().any(|known| Arc::ptr_eq(known, mailbox)) {
                followers.push(Arc::clone(mailbox));
            }
        }
        self.broad.retain(|follower| !Arc::ptr_eq(&follower.mailbox, mailbox));
        if !kinds.is_empty() {
            self.broad.push(Broad { subjects: kinds, mailbox: Arc::clone(mailbox) });
        }
    }

    /// Note that `mailbox` is not for what has this id any more.
    pub(super) fn leave(&mut self, mailbox: &Arc<Mailbox>, id: &str) {
        if let Some(followers) = self.single.get_mut(id) {
            followers.retain(|known| !Arc::ptr_eq(known, mailbox));
            if followers.is_empty() {
                self.single.remove(id);
            }
        }
        self.forget_position();
    }

    /// The same for kinds and everything.
    pub(super) fn leave_broad(&mut self, mailbox: &Arc<Mailbox>) {
        self.broad.retain(|follower| !Arc::ptr_eq(&follower.mailbox, mailbox));
        self.forget_position();
    }

    /// With nobody there nothing needs to be read, however much others write.
    pub(super) fn forget_position(&mut self) {
        if self.is_empty() {
            self.published = None;
        }
    }

    fn is_empty(&self) -> bool {
        self.single.is_empty() && self.broad.is_empty()
    }
}
