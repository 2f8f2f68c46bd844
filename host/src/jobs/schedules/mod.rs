//! Starting workflows at their times.

mod due;
mod fire;
#[cfg(test)]
mod tests;

pub use fire::{FiredSchedules, RunScheduleError, ScheduledJob};

use std::time::Duration;

use super::Queue;

/// Longest time between two looks: another process may have made a schedule, a job that others wait for may have
/// ended, and clocks are set.
const LONGEST: Duration = Duration::from_secs(1);
/// Shortest time between two looks.
const SHORTEST: Duration = Duration::from_millis(5);

impl Queue {
    /// Fire schedules at their times from now on, until this process stops.
    pub(super) fn keep_schedules(&self) {
        let queue = self.clone();
        self.shared.tasks.spawn(async move {
            let stopping = queue.shared.hand_over.clone();
            tokio::select! {
                () = stopping.cancelled() => {}
                () = queue.watch_the_clock() => {}
            }
        });
    }

    async fn watch_the_clock(&self) {
        loop {
            let pause = match self.fire_schedules().await {
                Ok(looked) => looked.next_at.map_or(LONGEST, |next_at| {
                    let left = next_at.saturating_sub(self.shared.sources.now_ms());
                    Duration::from_millis(u64::try_from(left).unwrap_or(0))
                }),
                Err(error) => {
                    tracing::error!(%error, "schedules cannot be fired");
                    LONGEST
                }
            };
            tokio::time::sleep(pause.clamp(SHORTEST, LONGEST)).await;
        }
    }
}
