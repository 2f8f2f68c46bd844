//! What was published and not yet read, for one follower. Its memory is bounded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::domain::Event;

/// Events kept; a follower that falls further behind reads from the store.
pub(super) const CAPACITY: usize = 256;

#[derive(Debug)]
pub(super) struct Mailbox {
    inbox: Mutex<Inbox>,
    arrived: Notify,
    /// How long it may be left unread while it is behind.
    patience: Option<Duration>,
}

#[derive(Debug)]
struct Inbox {
    events: VecDeque<Arc<Event>>,
    /// Since when events were left out.
    behind_since: Option<Instant>,
    read_at: Instant,
    too_slow: bool,
}

/// What a follower finds.
#[derive(Debug)]
pub(super) enum Mail {
    Event(Arc<Event>),
    /// Some were left out: they are in the store.
    Behind,
}

impl Mailbox {
    pub(super) fn new(patience: Option<Duration>) -> Self {
        let inbox = Inbox { events: VecDeque::new(), behind_since: None, read_at: Instant::now(), too_slow: false };
        Self { inbox: Mutex::new(inbox), arrived: Notify::new(), patience }
    }

    /// Put an event in. False if nobody has read for too long, and nothing needs to be put in any more.
    pub(super) fn put(&self, event: &Arc<Event>) -> bool {
        self.put_at(event, Instant::now)
    }

    fn put_at(&self, event: &Arc<Event>, now: impl FnOnce() -> Instant) -> bool {
        let mut inbox = self.inbox();
        if inbox.behind_since.is_some() {
            return !inbox.is_too_slow(self.patience, now());
        }
        if inbox.events.len() < CAPACITY {
            inbox.events.push_back(Arc::clone(event));
        } else {
            inbox.events = VecDeque::new();
            inbox.behind_since = Some(now());
        }
        drop(inbox);
        self.arrived.notify_one();
        true
    }

    /// Note that the follower reads. False if it has not for too long.
    pub(super) fn touch(&self) -> bool {
        self.touch_at(Instant::now())
    }

    fn touch_at(&self, now: Instant) -> bool {
        let mut inbox = self.inbox();
        if inbox.is_too_slow(self.patience, now) {
            return false;
        }
        inbox.read_at = now;
        true
    }

    /// Forget what there is: the follower reads the store from here on.
    pub(super) fn clear(&self) {
        let mut inbox = self.inbox();
        inbox.events.clear();
        inbox.behind_since = None;
    }

    /// The next event, once there is one.
    pub(super) async fn next(&self) -> Mail {
        loop {
            if let Some(mail) = self.take() {
                return mail;
            }
            self.arrived.notified().await;
        }
    }

    fn take(&self) -> Option<Mail> {
        let mut inbox = self.inbox();
        match inbox.behind_since.take() {
            Some(_) => Some(Mail::Behind),
            None => inbox.events.pop_front().map(Mail::Event),
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inbox {
    fn is_too_slow(&mut self, patience: Option<Duration>, now: Instant) -> bool {
        if let (Some(since), Some(patience)) = (self.behind_since, patience) {
            self.too_slow |= now.saturating_duration_since(since.max(self.read_at)) > patience;
        }
        self.too_slow
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::event;
    use super::*;
    use crate::domain::EventKind;

    fn fill(mailbox: &Mailbox, count: usize, now: Instant) -> bool {
        let event = Arc::new(event(4, "execution:e", EventKind::NodeStarted));
        (0..count).all(|_| mailbox.put_at(&event, || now))
    }

    #[tokio::test]
    async fn what_does_not_fit_is_left_to_the_store() {
        let (mailbox, now) = (Mailbox::new(None), Instant::now());
        assert!(fill(&mailbox, CAPACITY, now));
        assert!(matches!(mailbox.next().await, Mail::Event(_)));
        assert!(fill(&mailbox, 100 * CAPACITY, now));
        assert_eq!(mailbox.inbox().events.len(), 0);
        assert!(matches!(mailbox.next().await, Mail::Behind));
        assert!(fill(&mailbox, 1, now));
        assert!(matches!(mailbox.next().await, Mail::Event(_)));
        assert!(mailbox.take().is_none());
    }

    #[test]
    fn only_who_is_behind_and_does_not_read_is_too_slow() {
        let (mailbox, start) = (Mailbox::new(Some(Duration::from_secs(30))), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(fill(&mailbox, CAPACITY + 1, at(3600)), "idle is not slow");
        assert!(mailbox.touch_at(at(3629)), "it reads, though it has not caught up");
        assert!(fill(&mailbox, 1, at(3658)) && mailbox.touch_at(at(3658)));
        assert!(!fill(&mailbox, 1, at(3689)) && !mailbox.touch_at(at(3689)));
        mailbox.clear();
        assert!(!mailbox.touch_at(at(3690)), "too slow once is too slow for good");
    }
}
