//! Making the jobs of schedules whose time has come.

use serde_json::json;

use super::due::{Due, MOST_MISSED, Wanted, due};
use crate::domain::{ExecutionId, JobId, JobStatus, JobType, Json, Schedule, ScheduleError};
use crate::jobs::{PrepareError, Queue, Submit, SubmitError};
use crate::store::{DueCursor, FireSchedule, Fired, Firing, IdempotencyKey, Once, StoreError};

/// Schedules looked at together.
const BATCH: u32 = 100;
/// How often a wish to run a schedule now is tried when others change it at the same moment.
const TRIES: usize = 10;

/// What one look at the schedules came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FiredSchedules {
    /// Schedules that were due, and that this process fired.
    pub fired: usize,
    /// When the next one is due that was not at the time of the look, in Unix milliseconds: one that is, but could not be
    /// read or fired, is no reason to look again before the usual time.
    pub next_at: Option<i64>,
}

/// A job that a schedule made at a person's wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledJob {
    /// The job.
    pub job_id: JobId,
    /// Its execution.
    pub execution_id: ExecutionId,
    /// What it was born as.
    pub status: JobStatus,
}

/// Why a schedule made no job.
#[derive(Debug, thiserror::Error)]
pub enum RunScheduleError {
    /// There is no such schedule.
    #[error("there is no such schedule")]
    Unknown,
    /// It was changed all the time.
    #[error("the schedule is being changed; try again")]
    Contended,
    /// Its workflow cannot be run.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// No job can be made.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

impl From<StoreError> for RunScheduleError {
    fn from(error: StoreError) -> Self {
        Self::Submit(SubmitError::Store(error))
    }
}

impl Queue {
    /// Fire what is due. Over any number of processes, and whatever dies meanwhile, each due time makes its job once: the
    /// job and the next due time are written together, and only over the schedule as it was read.
    ///
    /// # Errors
    /// If the store fails. What was fired by then stays so.
    pub async fn fire_schedules(&self) -> Result<FiredSchedules, StoreError> {
        let shared = &self.shared;
        let now = shared.sources.now_ms();
        let (mut fired, mut failed) = (0, None);
        let mut after = Some(DueCursor::default());
        while let Some(from) = after {
            let page = shared.store.due_schedules(now, BATCH, &from).await?;
            for schedule in page.schedules {
                match self.fire(&schedule, now).await {
                    // Where others were faster, they are at it.
                    Ok(Fired::Lost) => {}
                    Ok(Fired::Idle | Fired::Busy) => fired += 1,
                    // One that fails does not keep the others waiting.
                    Err(error) => {
                        tracing::error!(schedule_id = schedule.id, %error, "a schedule cannot be fired");
                        failed = Some(error);
                    }
                }
            }
            after = page.next;
        }
        match failed {
            None => Ok(FiredSchedules { fired, next_at: shared.store.next_due_schedule(now).await? }),
            Some(error) => Err(error),
        }
    }

    /// Make a job of a schedule now, whatever its times and its overlap policy say. With a key, unless that was used
    /// before.
    ///
    /// # Errors
    /// If there is no such schedule, its workflow cannot be run, or the store fails.
    pub async fn run_schedule(
        &self,
        id: &str,
        key: Option<IdempotencyKey>,
    ) -> Result<Once<ScheduledJob>, RunScheduleError> {
        let store = &self.shared.store;
        for _ in 0..TRIES {
            let now = self.shared.sources.now_ms();
            let schedule = store.schedule(id).await?.ok_or(RunScheduleError::Unknown)?;
            let mut submit = self.prepare(JobType::Workflow, &payload(&schedule), &schedule.user_id).await?;
            let mut firing = self.firing(&mut submit, &schedule, &[now])?;
            firing.waiting.clone_from(&schedule.waiting);
            let Some((job_id, _)) = firing.last.clone() else { continue };
            let fire = FireSchedule {
                id: schedule.id.clone(),
                revision: schedule.revision,
                next_at: schedule.next_at,
                error: None,
                idle: firing.clone(),
                busy: firing,
            };
            let fired = match &key {
                None => store.fire_schedule(fire).await.map(Once::Done),
                Some(key) => store.fire_schedule_once(key.clone(), job_id.as_str(), fire).await,
            };
            match fired? {
                Once::Done(Fired::Lost) => {}
                Once::Done(Fired::Idle | Fired::Busy) => {
                    self.wake();
                    let execution_id = (&job_id).into();
                    return Ok(Once::Done(ScheduledJob { job_id, execution_id, status: JobStatus::Pending }));
                }
                Once::Known(id) => return Ok(Once::Known(id)),
                Once::Reused => return Ok(Once::Reused),
            }
        }
        Err(RunScheduleError::Contended)
    }

    async fn fire(&self, schedule: &Schedule, now: i64) -> Result<Fired, StoreError> {
        let found = match schedule.next_at.filter(|next_at| *next_at <= now) {
            Some(next_at) => due(&schedule.timing, next_at, now, schedule.catch_up),
            None => Due { times: Vec::new(), next_at: schedule.next_at, dropped: false },
        };
        if found.dropped {
            tracing::warn!(schedule_id = schedule.id, most = MOST_MISSED, "missed due times are dropped: too many");
        }
        let wanted = Wanted::of(schedule, &found.times);
        let made = if wanted.idle.is_empty() && wanted.busy.is_empty() {
            Ok((Firing::default(), Firing::default()))
        } else {
            self.make(schedule, &wanted).await
        };
        let (mut idle, mut busy, error) = match made {
            Ok((idle, busy)) => (idle, busy, None),
            Err(Refused::Later(error)) => return Err(error),
            Err(Refused::Schedule(message)) => {
                tracing::warn!(schedule_id = schedule.id, message, "a schedule that is due cannot be fired");
                (Firing::default(), Firing::default(), Some(ScheduleError { at: now, message }))
            }
        };
        idle.waiting = wanted.then_idle;
        busy.waiting = wanted.then_busy;
        let error = error.or_else(|| schedule.last_error.clone().filter(|_| found.times.is_empty()));
        let (id, revision, next_at) = (schedule.id.clone(), schedule.revision, found.next_at);
        let fired = self.shared.store.fire_schedule(FireSchedule { id, revision, next_at, error, idle, busy }).await?;
        match fired {
            Fired::Lost => {}
            Fired::Idle => tracing::debug!(schedule_id = schedule.id, jobs = wanted.idle.len(), "schedule fired"),
            Fired::Busy => {
                if wanted.turned_away > 0 {
                    let due_times = wanted.turned_away;
                    tracing::warn!(schedule_id = schedule.id, due_times, "due times are left out: the last job runs");
                }
            }
        }
        self.wake();
        Ok(fired)
    }

    async fn make(&self, schedule: &Schedule, wanted: &Wanted) -> Result<(Firing, Firing), Refused> {
        let mut submit = self.prepare(JobType::Workflow, &payload(schedule), &schedule.user_id).await?;
        let idle = self.firing(&mut submit, schedule, &wanted.idle)?;
        let busy =
            if wanted.busy == wanted.idle { idle.clone() } else { self.firing(&mut submit, schedule, &wanted.busy)? };
        Ok((idle, busy))
    }

    /// A job for each of these due times.
    fn firing(&self, submit: &mut Submit, schedule: &Schedule, times: &[i64]) -> Result<Firing, SubmitError> {
        let mut firing = Firing::default();
        for at in times {
            let id: ExecutionId = self.shared.sources.id().into();
            submit.metadata = json!({"scheduleId": schedule.id, "dueAt": at}).into();
            firing.records.extend(self.records(submit, &id)?);
            firing.last = Some(((&id).into(), *at));
        }
        Ok(firing)
    }
}

/// Why there are no jobs.
enum Refused {
    /// The schedule waits until it can be fired.
    Later(StoreError),
    /// It is the schedule's own fault; it is due again at its next time.
    Schedule(String),
}

impl From<PrepareError> for Refused {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Store(error) => Self::Later(error),
            other => Self::Schedule(other.to_string()),
        }
    }
}

impl From<SubmitError> for Refused {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Store(error) => Self::Later(error),
            SubmitError::ShuttingDown => Self::Later(StoreError::Closed),
            other => Self::Schedule(other.to_string()),
        }
    }
}

/// What the jobs of a schedule are asked, but for the metadata.
fn payload(schedule: &Schedule) -> Json {
    Json::object([
        ("workflowId", &Json::encode(&schedule.workflow_id)),
        ("version", &Json::encode(&schedule.version)),
        ("mode", &Json::encode(&schedule.mode)),
        // Keeps the text it came in.
        ("input", &schedule.input),
        ("variables", &Json::encode(&schedule.variables)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schedule::CatchUp;
    use crate::domain::{Mode, Overlap, Timing, UserId};

    fn schedule(overlap: Overlap, waiting: &[i64]) -> Schedule {
        Schedule {
            id: "s".to_owned(),
            user_id: UserId::local(),
            workflow_id: "w".to_owned(),
            version: Some(3),
            timing: Timing::At(7),
            timezone: "UTC".to_owned(),
            input: Json::parse("[123456789012345678901234567890]".to_owned()).unwrap(),
            mode: Mode::Demo,
            variables: serde_json::Map::new(),
            catch_up: CatchUp::One,
            overlap,
            active: true,
            next_at: None,
            waiting: waiting.to_vec(),
            last_at: None,
            last_job_id: None,
            last_error: None,
            revision: 1,
            created_at: 0,
            updated_at: 0,
        }
    }

    #[test]
    fn overlapping_is_allowed_left_out_or_put_off() {
        let of = |overlap, waiting: &[i64], times: &[i64]| Wanted::of(&schedule(overlap, waiting), times);
        let allowed = Wanted { idle: vec![1, 2], busy: vec![1, 2], ..Wanted::default() };
        assert_eq!(of(Overlap::Allow, &[], &[1, 2]), allowed);
        let left_out = Wanted { idle: vec![1], turned_away: 2, ..Wanted::default() };
        assert_eq!(of(Overlap::Skip, &[], &[1, 2]), left_out);
        let put_off = Wanted { idle: vec![1], then_idle: vec![2, 3], then_busy: vec![1, 2, 3], ..Wanted::default() };
        assert_eq!(of(Overlap::Queue, &[1], &[2, 3]), put_off);
        assert_eq!(of(Overlap::Queue, &[1, 2, 3], &[]), put_off);
        let many: Vec<i64> = (0..250).collect();
        let bounded = of(Overlap::Queue, &many[..100], &many[100..]);
        assert_eq!((bounded.then_busy.len(), bounded.turned_away, bounded.idle), (100, 150, vec![0]));
        assert_eq!(bounded.then_idle, &many[1..101]);
    }

    #[test]
    fn the_input_keeps_its_text() {
        let payload = payload(&schedule(Overlap::Allow, &[]));
        let start = r#"{"workflowId":"w","version":3,"mode":"demo","input":[123456789012345678901234567890]"#;
        assert!(payload.as_str().starts_with(start), "{payload:?}");
    }
}
