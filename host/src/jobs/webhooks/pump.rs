//! Follows the log of events and makes deliveries of what subscriptions want. Without subscriptions it reads nothing.
//!
//! Deliveries and the place in the log up to which they were made are written together, under a lock, and only if no webhook
//! that may want them was changed since the pump last looked: so each event is delivered once, whatever crashes, however
//! many pumps there are. Events are read before the webhooks, so that what is made from then on, as the webhooks of jobs are
//! all the time, wants none of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::super::queue::Queue;
use super::body;
use crate::domain::event::{POSITION_STRIDE, stored_position};
use crate::domain::{Event, JobId};
use crate::store::{Forwarded, NewDelivery, StoreError, Subscription};

/// Events read at once.
const EVENTS: u32 = 500;
/// Deliveries written at once; the last event may go past it.
const DELIVERIES: usize = 500;
/// Events that nobody wanted after which the place in the log is written all the same.
const UNSAVED: i64 = 1_000;
/// First wait after the store failed; it doubles up to [`MAX_STORE_WAIT`].
const STORE_WAIT: Duration = Duration::from_millis(250);
const MAX_STORE_WAIT: Duration = Duration::from_secs(30);

/// What the pump is told.
#[derive(Debug, Default)]
pub(in crate::jobs) struct Pump {
    /// Another process may have changed webhooks.
    stale: AtomicBool,
    /// Whoever removes old jobs wants to know how far events are forwarded.
    save: AtomicBool,
}

impl Pump {
    pub(super) fn changed(&self) {
        self.stale.store(true, Ordering::Release);
    }

    /// Write the place in the log, once all is looked at. It has to be woken after that.
    pub(in crate::jobs) fn save(&self) {
        self.save.store(true, Ordering::Release);
    }
}

/// Where a pump is, and for whom it looks.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// How many commits with changes of this process are known; `None` before the first look.
    commits: Option<u64>,
    /// The last change of webhooks that is known.
    change: i64,
    /// The last position that was looked at.
    position: i64,
    /// The same as far as it is written.
    saved: i64,
    of_all: Vec<Subscription>,
    /// Whether there is a webhook that could not be read.
    unreadable: bool,
    of_job: HashMap<JobId, Subscription>,
}

impl Queue {
    /// Start it. It ends with the process's work.
    pub(in crate::jobs) fn pump_webhooks(&self) {
        let queue = self.clone();
        self.shared.tasks.spawn(async move {
            let stopping = queue.shared.hand_over.clone();
            tokio::select! {
                () = stopping.cancelled() => {}
                () = queue.follow_events() => {}
            }
        });
    }

    async fn follow_events(&self) {
        let shared = &self.shared;
        let mut following = Following::default();
        let mut wait = STORE_WAIT;
        loop {
            match self.pump(&mut following).await {
                Ok(()) => wait = STORE_WAIT,
                Err(error) => {
                    tracing::error!(%error, "events cannot be forwarded to webhooks");
                    shared.pump.changed();
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(MAX_STORE_WAIT);
                    continue;
                }
            }
            let news = shared.store.news().notified();
            if !shared.store.is_shared() {
                news.await;
            } else if tokio::time::timeout(shared.jobs.poll_interval, news).await.is_err() {
                // Others may have told of something that was not heard.
                shared.pump.changed();
            }
        }
    }

    /// Forward all that is committed.
    pub(super) async fn pump(&self, following: &mut Following) -> Result<(), StoreError> {
        let shared = &self.shared;
        loop {
            let events = match following.is_idle() {
                true => Vec::new(),
                false => shared.store.all_events(following.position, EVENTS).await?,
            };
            let (was_idle, position) = (following.is_idle(), following.position);
            let commits = Some(shared.store.webhook_changes());
            let stale = shared.pump.stale.swap(false, Ordering::AcqRel);
            if stale || following.commits != commits {
                following.reload(self).await?;
                following.commits = commits;
            }
            if following.is_idle() {
                return Ok(());
            }
            if was_idle || following.position != position {
                continue;
            }
            if events.is_empty() {
                if !shared.pump.save.swap(false, Ordering::AcqRel) || following.save(self).await? {
                    return Ok(());
                }
            } else {
                following.step(self, &events).await?;
            }
        }
    }
}

impl Following {
    fn is_idle(&self) -> bool {
        self.of_all.is_empty() && self.of_job.is_empty() && !self.unreadable
    }

    /// Learn of changed webhooks, and go back to where those that are new begin.
    async fn reload(&mut self, queue: &Queue) -> Result<(), StoreError> {
        let store = &queue.shared.store;
        let mut found = store.subscriptions(self.change).await?;
        if self.is_idle() || found.cursor > self.position {
            // Nobody looked while there was nothing to look for, or others have come further and seen jobs end.
            self.of_job.clear();
            self.unreadable = false;
            found = store.subscriptions(0).await?;
            self.position = found.cursor;
        }
        let new = found.webhooks.iter().filter(|webhook| webhook.change > self.change);
        if let Some(first) = new.map(|webhook| webhook.after).min() {
            self.position = self.position.min(first).max(found.cursor);
        }
        self.saved = self.saved.max(found.cursor);
        self.change = found.change;
        self.unreadable |= found.unreadable;
        self.of_all.clear();
        for webhook in found.webhooks {
            match webhook.job_id.clone() {
                Some(job_id) => drop(self.of_job.insert(job_id, webhook)),
                None => self.of_all.push(webhook),
            }
        }
        Ok(())
    }

    /// Write how far this one has come; `false` if that has to be looked at again.
    async fn save(&mut self, queue: &Queue) -> Result<bool, StoreError> {
        if self.position <= self.saved {
            return Ok(true);
        }
        let nothing = Forwarded { change: self.change, to: self.position, deliveries: Vec::new(), ended: Vec::new() };
        if queue.shared.store.forward(nothing).await?.is_none() {
            queue.shared.pump.changed();
            queue.shared.pump.save();
            return Ok(false);
        }
        self.saved = self.position;
        Ok(true)
    }

    /// Look at these events, which are the next.
    async fn step(&mut self, queue: &Queue, events: &[Event]) -> Result<(), StoreError> {
        let shared = &queue.shared;
        let mut forwarded =
            Forwarded { change: self.change, to: self.position, deliveries: Vec::new(), ended: Vec::new() };
        let mut ended = Vec::new();
        for event in events {
            if forwarded.deliveries.len() >= DELIVERIES {
                break;
            }
            forwarded.to = event.position;
            for event in std::iter::once(event.clone()).chain(event.of_job()) {
                self.deliveries(queue, &event, &mut forwarded, &mut ended);
            }
        }
        let to = forwarded.to;
        let is_news = !forwarded.deliveries.is_empty() || !ended.is_empty();
        if is_news || to - self.saved >= UNSAVED * POSITION_STRIDE {
            match shared.store.forward(forwarded).await? {
                None => {
                    shared.pump.changed();
                    return Ok(());
                }
                Some(0) => {}
                Some(_) => queue.wake(),
            }
            self.saved = to;
        }
        for job_id in &ended {
            self.of_job.remove(job_id);
        }
        self.position = to;
        Ok(())
    }

    fn deliveries(&self, queue: &Queue, event: &Event, forwarded: &mut Forwarded, ended: &mut Vec<JobId>) {
        let of_job = self.of_job.get(event.topic.id());
        if let Some(webhook) = of_job
            && event.topic.kind() == "job"
            && event.entry.event.is_last()
        {
            forwarded.ended.push(webhook.id.clone());
            ended.extend(webhook.job_id.clone());
        }
        let wants = |webhook: &&Subscription| {
            stored_position(event.position) > webhook.after
                && webhook.events.iter().any(|filter| filter.wants(event.entry.event))
        };
        let mut body = None;
        for webhook in self.of_all.iter().chain(of_job).filter(wants) {
            let body = body.get_or_insert_with(|| body::of_event(event));
            forwarded.deliveries.push(NewDelivery {
                id: queue.shared.sources.id(),
                webhook_id: webhook.id.clone(),
                user_id: webhook.user_id.clone(),
                event: event.entry.event.with_colon(),
                position: event.position,
                body: body.clone(),
                max_attempts: queue.shared.jobs.webhook_attempts.max(1),
                at: queue.shared.sources.now_ms(),
            });
        }
    }
}
