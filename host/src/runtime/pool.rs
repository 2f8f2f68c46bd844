//! The slots for instances, and the instances that wait in them for their next call.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use crate::config::WarmConfig;
use crate::domain::{Grant, Mode, UserId};

/// Which calls of a component may follow one another in one instance: those for which this is the same.
#[derive(Clone, Debug)]
pub struct Reuse {
    /// For whom they are made; `None` if anybody's may follow anybody's.
    pub user: Option<UserId>,
    /// Where the answers come from that an instance may have kept.
    pub mode: Mode,
    /// What the block is allowed: an instance has seen no more than its next call may. It is this very grant, since
    /// taking one back ends what it allowed, whatever is granted later.
    pub grant: Arc<Grant>,
}

impl PartialEq for Reuse {
    fn eq(&self, other: &Self) -> bool {
        self.user == other.user && self.mode == other.mode && Arc::ptr_eq(&self.grant, &other.grant)
    }
}

impl Eq for Reuse {}

/// Calls with the same key may share an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) digest: Arc<str>,
    pub(super) reuse: Reuse,
}

/// What counts towards an instance's end.
#[derive(Debug)]
pub(super) struct History {
    key: Key,
    first_call: Instant,
    calls: u32,
}

/// What a call enters with.
pub(super) struct Entry<T> {
    /// `None` for a call that nobody may follow.
    pub(super) history: Option<History>,
    /// The instance that waited for it.
    pub(super) warm: Option<T>,
    /// The instance whose slot the call gets instead, to be dropped before there is a new one.
    pub(super) evicted: Option<T>,
}

struct Idle<T> {
    history: History,
    since: Instant,
    bytes: usize,
    value: T,
}

/// How many instances wait, and how often that paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WarmStats {
    /// Instances that wait.
    pub idle: usize,
    /// Their linear memory in bytes.
    pub idle_bytes: usize,
    /// Calls so far that found an instance waiting.
    pub reused: u64,
}

/// Instances at work are counted, those that wait are kept. Whoever takes an instance out of the pool drops it first,
/// and then calls [`Pool::release`]: its slot is not free before.
pub(super) struct Pool<T> {
    bounds: WarmConfig,
    slots: usize,
    /// Slots with an instance in it: at work, waiting, or about to be dropped.
    taken: usize,
    /// The one that has waited longest is the first.
    idle: VecDeque<Idle<T>>,
    idle_bytes: usize,
    /// Whether somebody looks after those whose time is up.
    swept: bool,
    reused: u64,
}

impl<T> Pool<T> {
    /// Empty. There are never more than `slots` instances.
    pub(super) fn new(bounds: WarmConfig, slots: usize) -> Self {
        Self { bounds, slots, taken: 0, idle: VecDeque::new(), idle_bytes: 0, swept: false, reused: 0 }
    }

    pub(super) fn stats(&self) -> WarmStats {
        WarmStats { idle: self.idle.len(), idle_bytes: self.idle_bytes, reused: self.reused }
    }

    /// A slot for a call, with the instance that was used last of those that fit. `None` if every slot is at work or
    /// about to become free.
    pub(super) fn enter(&mut self, key: Option<&Key>, now: Instant) -> Option<Entry<T>> {
        let fits = |idle: &Idle<T>| Some(&idle.history.key) == key && idle.until(&self.bounds) > now;
        if let Some(found) = self.idle.iter().rposition(fits).and_then(|at| self.remove(at)) {
            self.reused += 1;
            return Some(Entry { history: Some(found.history), warm: Some(found.value), evicted: None });
        }
        let evicted = if self.taken < self.slots {
            self.taken += 1;
            None
        } else {
            Some(self.remove(0)?.value)
        };
        let history = key.map(|key| History { key: key.clone(), first_call: now, calls: 0 });
        Some(Entry { history, warm: None, evicted })
    }

    /// Keep the instance of a call that ended. What there is no more room for comes back, maybe this one itself.
    pub(super) fn park(&mut self, mut history: History, value: T, bytes: usize, now: Instant) -> Vec<T> {
        history.calls += 1;
        let bounds = &self.bounds;
        let worn = history.calls >= bounds.calls || history.first_call + bounds.age <= now;
        if worn || bytes > bounds.bytes || bounds.instances == 0 || bounds.per_block == 0 {
            return vec![value];
        }
        let mut removed = Vec::new();
        let of_key = |idle: &Idle<T>| idle.history.key == history.key;
        if self.idle.iter().filter(|idle| of_key(idle)).count() >= self.bounds.per_block {
            let oldest = self.idle.iter().position(of_key);
            removed.extend(oldest.and_then(|at| self.remove(at)).map(|idle| idle.value));
        }
        while self.idle.len() >= self.bounds.instances || self.idle_bytes + bytes > self.bounds.bytes {
            let Some(oldest) = self.remove(0) else { break };
            removed.push(oldest.value);
        }
        self.idle_bytes += bytes;
        self.idle.push_back(Idle { history, since: now, bytes, value });
        removed
    }

    /// An instance was dropped: its slot is free.
    pub(super) fn release(&mut self) {
        self.taken = self.taken.saturating_sub(1);
    }

    /// Whether nobody looks after the pool yet although something waits in it: the caller has to, from now on.
    pub(super) fn wants_sweeper(&mut self) -> bool {
        !self.idle.is_empty() && !std::mem::replace(&mut self.swept, true)
    }

    /// Take out those whose time is up, and say when the next one's is. With nothing left, nobody looks after the pool
    /// any more.
    pub(super) fn sweep(&mut self, now: Instant) -> (Vec<T>, Option<Instant>) {
        let over = |idle: &Idle<T>| idle.until(&self.bounds) <= now;
        let (over, idle): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.idle).into_iter().partition(over);
        self.idle = idle;
        self.idle_bytes = self.idle.iter().map(|idle| idle.bytes).sum();
        let next = self.idle.iter().map(|idle| idle.until(&self.bounds)).min();
        self.swept = next.is_some();
        (over.into_iter().map(|idle| idle.value).collect(), next)
    }

    /// Who looked after the pool is gone.
    pub(super) fn sweeper_is_gone(&mut self) {
        self.swept = false;
    }

    fn remove(&mut self, at: usize) -> Option<Idle<T>> {
        let idle = self.idle.remove(at)?;
        self.idle_bytes = self.idle_bytes.saturating_sub(idle.bytes);
        Some(idle)
    }
}

impl<T> Idle<T> {
    /// When it has waited, or lived, long enough.
    fn until(&self, bounds: &WarmConfig) -> Instant {
        (self.since + bounds.idle).min(self.history.first_call + bounds.age)
    }
}

#[cfg(test)]
mod tests;
