//! Who may send next: limits in flight, a rate for each host, and turns between executions.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::config::HttpConfig;

/// Gives out turns. Cloning is cheap.
#[derive(Clone, Debug)]
pub(super) struct Scheduler(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct Limits {
    total: usize,
    per_block: usize,
    rate: f64,
    rates: BTreeMap<String, f64>,
}

/// For whom, and where to. Requests of the same block to the same host wait in one lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    pub(super) block: String,
    pub(super) host: String,
}

#[derive(Debug, Default)]
struct State {
    in_flight: usize,
    of_block: HashMap<String, usize>,
    buckets: HashMap<String, Bucket>,
    /// Lanes that wait, in the order of their turns.
    lanes: VecDeque<(Lane, Turns)>,
    /// When a timer will look again.
    wakes_at: Option<Instant>,
}

/// Those who wait in one lane, each execution with its own queue.
#[derive(Debug, Default)]
struct Turns(VecDeque<(String, VecDeque<oneshot::Sender<Turn>>)>);

/// Requests that a host may get now, refilled over time.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// The right to have one request in flight.
#[derive(Debug)]
pub(super) struct Turn {
    lane: Lane,
    shared: Option<Arc<Shared>>,
}

impl Scheduler {
    pub(super) fn new(config: &HttpConfig) -> Self {
        let limits = Limits {
            total: config.in_flight.max(1),
            per_block: config.in_flight_per_block.max(1),
            rate: config.rate_per_host,
            rates: config.rates.clone(),
        };
        Self(Arc::new(Shared { limits, state: Mutex::default() }))
    }

    /// Wait for a turn. Dropping the future gives the place up.
    pub(super) async fn turn(&self, lane: Lane, execution: &str) -> Turn {
        let receiver = {
            let mut state = self.0.lock();
            let (sender, receiver) = oneshot::channel();
            state.enqueue(lane.clone(), execution, sender);
            receiver
        };
        self.0.pump();
        // The sender is dropped only together with the whole scheduler, which whoever waits keeps alive.
        receiver.await.unwrap_or(Turn { lane, shared: None })
    }

    /// How many have a turn, and how many wait for one.
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.0.lock();
        let queues = state.lanes.iter().flat_map(|(_, turns)| &turns.0);
        let waiting = queues.flat_map(|(_, queue)| queue).filter(|sender| !sender.is_closed()).count();
        (state.in_flight, waiting)
    }

    #[cfg(test)]
    fn of_block(&self, block: &str) -> usize {
        self.0.lock().of_block.get(block).copied().unwrap_or(0)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        shared.lock().release(&self.lane);
        shared.pump();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Let in everyone who may go now.
    fn pump(self: &Arc<Self>) {
        loop {
            // Handed over outside of the lock: a turn that nobody takes any more is given back, which locks.
            let next = self.lock().next(&self.limits, Instant::now());
            match next {
                Next::Go(lane, sender) => {
                    let turn = Turn { lane, shared: Some(Arc::clone(self)) };
                    if let Err(mut turn) = sender.send(turn) {
                        // The asker is gone: no request was sent, so neither the place nor the token is used up.
                        turn.shared = None;
                        let mut state = self.lock();
                        state.release(&turn.lane);
                        state.give_back(&turn.lane.host);
                    }
                }
                Next::Later(at) => return self.wake(at),
                Next::Nobody => return,
            }
        }
    }

    /// Look again at `at`, unless a timer does so earlier.
    fn wake(self: &Arc<Self>, at: Instant) {
        {
            let mut state = self.lock();
            if state.wakes_at.is_some_and(|known| known <= at) {
                return;
            }
            state.wakes_at = Some(at);
        }
        // A turn may be given back while the runtime goes down, when nobody waits any more.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let shared = Arc::downgrade(self);
        runtime.spawn(async move {
            tokio::time::sleep_until(at).await;
            let Some(shared) = shared.upgrade() else { return };
            let due = shared.lock().wakes_at.take_if(|known| *known <= at).is_some();
            if due {
                shared.pump();
            }
        });
    }
}

enum Next {
    Go(Lane, oneshot::Sender<Turn>),
    Later(Instant),
    Nobody,
}

impl State {
    fn enqueue(&mut self, lane: Lane, execution: &str, sender: oneshot::Sender<Turn>) {
        let index = self.lanes.iter().position(|(known, _)| *known == lane).unwrap_or_else(|| {
            self.lanes.push_back((lane, Turns::default()));
            self.lanes.len() - 1
        });
        if let Some((_, turns)) = self.lanes.get_mut(index) {
            turns.push(execution, sender);
        }
    }

    /// Take the next who may go: lanes in turn, and in a lane the executions in turn.
    fn next(&mut self, limits: &Limits, now: Instant) -> Next {
        let mut later: Option<Instant> = None;
        if self.in_flight >= limits.total {
            return Next::Nobody;
        }
        for _ in 0..self.lanes.len() {
            let Some((lane, mut turns)) = self.lanes.pop_front() else { break };
            turns.forget_the_gone();
            if turns.0.is_empty() {
                continue;
            }
            if self.of_block.get(&lane.block).copied().unwrap_or(0) >= limits.per_block {
                self.lanes.push_back((lane, turns));
                continue;
            }
            if let Err(at) = self.spend(&lane.host, limits, now) {
                later = Some(later.map_or(at, |known| known.min(at)));
                self.lanes.push_back((lane, turns));
                continue;
            }
            let Some(sender) = turns.pop() else { continue };
            self.in_flight += 1;
            *self.of_block.entry(lane.block.clone()).or_default() += 1;
            if !turns.0.is_empty() {
                self.lanes.push_back((lane.clone(), turns));
            }
            return Next::Go(lane, sender);
        }
        later.map_or(Next::Nobody, Next::Later)
    }

    /// Take one of a host's tokens, or say when there will be one.
    fn spend(&mut self, host: &str, limits: &Limits, now: Instant) -> Result<(), Instant> {
        let rate = limits.rates.get(host).copied().unwrap_or(limits.rate);
        if !rate.is_finite() || rate <= 0.0 {
            return Ok(());
        }
        // At least one whole request, so that slow rates work as well.
        let burst = rate.max(1.0);
        if self.buckets.len() > 1_000 {
            self.buckets.retain(|_, bucket| now.saturating_duration_since(bucket.at) < Duration::from_secs(60));
        }
        let bucket = self.buckets.entry(host.to_owned()).or_insert(Bucket { tokens: burst, at: now });
        let gained = now.saturating_duration_since(bucket.at).as_secs_f64() * rate;
        bucket.tokens = (bucket.tokens + gained).min(burst);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        let wait = Duration::try_from_secs_f64((1.0 - bucket.tokens) / rate).unwrap_or(Duration::from_secs(3600));
        Err(now + wait.max(Duration::from_millis(1)))
    }

    fn give_back(&mut self, host: &str) {
        if let Some(bucket) = self.buckets.get_mut(host) {
            bucket.tokens += 1.0;
        }
    }

    fn release(&mut self, lane: &Lane) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(count) = self.of_block.get_mut(&lane.block) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_block.remove(&lane.block);
            }
        }
    }
}

impl Turns {
    fn push(&mut self, execution: &str, sender: oneshot::Sender<Turn>) {
        match self.0.iter_mut().find(|(known, _)| known == execution) {
            Some((_, queue)) => queue.push_back(sender),
            None => self.0.push_back((execution.to_owned(), VecDeque::from([sender]))),
        }
    }

    /// The first of the execution whose turn it is, which then stands at the end.
    fn pop(&mut self) -> Option<oneshot::Sender<Turn>> {
        let (execution, mut queue) = self.0.pop_front()?;
        let sender = queue.pop_front();
        if !queue.is_empty() {
            self.0.push_back((execution, queue));
        }
        sender
    }

    fn forget_the_gone(&mut self) {
        while let Some((_, queue)) = self.0.front_mut() {
            while queue.front().is_some_and(oneshot::Sender::is_closed) {
                queue.pop_front();
            }
            if !queue.is_empty() {
                return;
            }
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
