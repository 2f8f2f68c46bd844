//! An execution at work, from its first node in this process to its recorded end.

use tokio::sync::OwnedSemaphorePermit;

use super::queue::{Live, Queue};
use super::work::{MAX_STORE_WAIT, STORE_WAIT};
use crate::domain::{Execution, FlowId, JobId};
use crate::orchestrator::{Ended, Start};
use crate::store::StoreError;

impl Queue {
    /// Run an execution in a task of its own, until its end is recorded.
    pub(super) fn spawn(
        &self,
        start: Start,
        execution: Execution,
        live: Live,
        flow_id: Option<FlowId>,
        slot: OwnedSemaphorePermit,
        resume: bool,
    ) {
        let (queue, job_id) = (self.clone(), JobId::from(&start.execution_id));
        self.shared.tasks.spawn(async move {
            queue.see_through(start, execution, &live, resume).await;
            queue.job_ended(flow_id.as_ref(), &job_id);
            drop(slot);
            queue.shared.freed.notify_waiters();
        });
    }

    async fn see_through(&self, start: Start, execution: Execution, live: &Live, mut resume: bool) {
        let shared = &self.shared;
        let id = start.execution_id.clone();
        // However this ends: nobody waits for an execution that nobody runs.
        let job_id = JobId::from(&id);
        let _known = Known { queue: self, id: &job_id, live };
        let stops = live.stops();
        let mut wait = STORE_WAIT;
        loop {
            let this = start.again();
            let ended = if resume {
                shared.orchestrator.resume(this, &stops).await
            } else {
                shared.orchestrator.run(this, &stops).await
            };
            match ended {
                Ok(Ended::HandedOver) => break,
                Ok(Ended::Superseded) => {
                    if let Ok(Some(row)) = shared.store.execution(&id).await {
                        live.end(row.execution);
                    }
                    break;
                }
                Ok(ended) => {
                    live.end(at_end(execution, ended));
                    break;
                }
                Err(StoreError::LeaseLost { .. }) => {
                    // It is another's now, until it may come back to this process.
                    shared.store.forget_failure(&id);
                    break;
                }
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::error!(execution_id = %id, %error, "an execution cannot go on");
                    shared.store.forget_failure(&id);
                    self.give_up(&job_id, format!("its records cannot be read: {error}"), live).await;
                    break;
                }
                Err(error) => {
                    tracing::error!(execution_id = %id, %error, "an execution cannot be recorded, trying again");
                    tokio::select! {
                        () = live.hand_over.cancelled() => {
                            shared.store.forget_failure(&id);
                            break;
                        }
                        () = tokio::time::sleep(wait) => {}
                    }
                    wait = (wait * 2).min(MAX_STORE_WAIT);
                    shared.store.forget_failure(&id);
                    // What was recorded decides whether there is something to go on with.
                    match shared.store.execution(&id).await {
                        Ok(None) => break,
                        Ok(Some(_)) | Err(_) => resume = true,
                    }
                }
            }
        }
    }
}

/// An execution's place among those that this process knows of, for as long as it runs.
struct Known<'a> {
    queue: &'a Queue,
    id: &'a JobId,
    live: &'a Live,
}

impl Drop for Known<'_> {
    fn drop(&mut self) {
        self.queue.remove(self.id, self.live);
    }
}

/// The execution as it ended.
pub(super) fn at_end(mut execution: Execution, ended: Ended) -> Execution {
    if let Ended::Terminal { status, output, error, progress, at } = ended {
        execution.status = status;
        execution.output = output;
        execution.error = error;
        execution.progress = progress;
        execution.ended_at = Some(at);
        execution.execution_time = execution.started_at.map(|started| at.saturating_sub(started));
    }
    execution
}
