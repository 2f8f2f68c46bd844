//! Whether jobs wait in the store: then a new one waits behind them, even if a slot is free at that moment.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is known of the jobs that nobody has claimed.
#[derive(Debug)]
pub(super) struct Backlog(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Whether there may be any.
    waiting: bool,
    /// How many this process has handed to the store.
    arrivals: u64,
}

/// The jobs that had arrived before a look into the store.
#[derive(Debug)]
pub(super) struct Seen(u64);

impl Backlog {
    /// Nobody has looked yet.
    pub(super) fn unknown() -> Self {
        Self(Mutex::new(State { waiting: true, arrivals: 0 }))
    }

    /// Whether a job may be waiting.
    pub(super) fn is_waiting(&self) -> bool {
        self.state().waiting
    }

    /// Note that a job was handed to the store.
    pub(super) fn arrived(&self) {
        let mut state = self.state();
        state.waiting = true;
        state.arrivals += 1;
    }

    /// To be asked before a look into the store.
    pub(super) fn seen(&self) -> Seen {
        Seen(self.state().arrivals)
    }

    /// Note that a look found all jobs that there were. Those that came during it are still waiting.
    pub(super) fn emptied(&self, seen: &Seen) {
        let mut state = self.state();
        state.waiting = state.arrivals != seen.0;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_during_a_look_is_still_waiting() {
        let backlog = Backlog::unknown();
        backlog.arrived();
        let seen = backlog.seen();
        assert!(backlog.is_waiting());
        backlog.arrived();
        backlog.emptied(&seen);
        assert!(backlog.is_waiting());
        backlog.emptied(&backlog.seen());
        assert!(!backlog.is_waiting());
        backlog.arrived();
        assert!(backlog.is_waiting());
    }
}
