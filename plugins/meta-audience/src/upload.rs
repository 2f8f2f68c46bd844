//! Sending people in batches, as one session.
//!
//! The first batch opens the session and goes alone; the others follow in their order, so that the last is the last.
//! After a wait the call goes on with the next batch. Repeating a batch is harmless: Meta knows people by their hashes.

use std::time::{Duration, Instant, SystemTime};

use blockyard_sdk::http::{self, Request, Response};
use blockyard_sdk::secrets::Secret;
use blockyard_sdk::{Context, Failure, Outcome, RawJson, codes, log, progress};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::{Config, Operation, id_text};
use crate::errors::{self, SESSION_EXPIRED, SESSION_FINISHED};
use crate::people::{self, People};

/// How long a session lasts after its first batch.
const SESSION_MS: u64 = 90 * 60 * 1_000;
/// How often one batch is tried.
const MAX_TRIES: u32 = 3;
/// The wait for a throttle that names no time.
const THROTTLE_MS: u64 = 60_000;
/// After this long a call records how far it came, so that a long upload outlives the limits of one call.
const CHECKPOINT: Duration = Duration::from_secs(30);

/// How far the session has come; kept over suspensions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    session_id: u64,
    /// When the first batch was sent, in Unix milliseconds.
    started_ms: u64,
    /// Rows in a batch; recorded because the cut must not move.
    batch_size: usize,
    /// Batches that were taken.
    done: usize,
    received: Option<u64>,
    invalid: u64,
    audience_id: Option<String>,
    /// As Meta calls the session.
    answered_id: Option<String>,
    /// Tries of the current batch.
    tries: u32,
    /// Whether the current batch may have arrived although its answer did not.
    lost: bool,
}

/// What Meta says to a batch.
#[derive(Debug)]
struct Answer {
    audience_id: Option<String>,
    session_id: Option<String>,
    received: u64,
    invalid: u64,
}

/// Everything of one upload that does not change.
#[derive(Debug)]
pub(crate) struct Upload<'a> {
    pub(crate) config: &'a Config,
    pub(crate) audience: &'a str,
    pub(crate) people: &'a People<'a>,
    pub(crate) token: &'a Secret,
}

impl Upload<'_> {
    /// Sends all batches, or those that an earlier call left.
    pub(crate) fn run(&self, context: &Context) -> Result<Outcome<RawJson>, Failure> {
        let begun = Instant::now();
        let mut session = match context.state::<Session>()? {
            Some(session) if session.batch_size > 0 => session,
            _ => self.open(context),
        };
        let batches = self.people.len().div_ceil(session.batch_size);
        while session.done < batches {
            if session.done > 0 && session.age_ms() > SESSION_MS {
                return Err(session.expired("its 90 minutes are over"));
            }
            match self.send(&session, batches) {
                Ok(answer) => session.take(answer),
                Err(failure) if self.is_finished(&session, batches, context, &failure) => {
                    log::warn("an earlier attempt has finished this upload", &[]);
                    session.done = batches;
                }
                Err(failure) => return session.wait_or_fail(failure),
            }
            progress::items(session.done, batches, &format!("{} of {batches} batches sent", session.done));
            if session.done < batches && begun.elapsed() > CHECKPOINT {
                return Outcome::suspend(1, &session);
            }
        }
        self.result(&session, batches)
    }

    fn open(&self, context: &Context) -> Session {
        let started_ms = now_ms();
        Session {
            session_id: people::session_id(context, started_ms),
            started_ms,
            batch_size: self.config.batch_size.max(1),
            done: 0,
            received: None,
            invalid: 0,
            audience_id: None,
            answered_id: None,
            tries: 0,
            lost: false,
        }
    }

    fn send(&self, session: &Session, batches: usize) -> Result<Answer, (Failure, bool)> {
        let request = self.request(session, batches).map_err(|failure| (failure, false))?;
        let response = request.send().map_err(|error| {
            let lost = matches!(error, http::Error::Timeout | http::Error::Transport(_) | http::Error::TooLarge(_));
            (error.into(), lost)
        })?;
        read(&response).map_err(|failure| {
            let lost = [codes::UPSTREAM, codes::UPSTREAM_TIMEOUT, codes::UNEXPECTED_RESPONSE].contains(&failure.code());
            (failure, lost)
        })
    }

    fn request(&self, session: &Session, batches: usize) -> Result<Request, Failure> {
        let start = session.done.saturating_mul(session.batch_size);
        let mut payload = json!({
            "schema": self.people.schema(),
            "data": self.people.rows(start, session.batch_size),
        });
        if !self.config.app_ids.is_empty() {
            payload["app_ids"] = json!(self.config.app_ids);
        }
        if !self.config.page_ids.is_empty() {
            payload["page_ids"] = json!(self.config.page_ids);
        }
        let body = json!({
            "payload": payload,
            "session": {
                "session_id": session.session_id,
                "batch_seq": session.done + 1,
                "last_batch_flag": session.done + 1 >= batches,
                "estimated_num_total": self.people.len(),
            },
        });
        let (method, edge) = match self.config.operation {
            Operation::RemoveUsers => ("DELETE", "users"),
            Operation::ReplaceUsers => ("POST", "usersreplace"),
            _ => ("POST", "users"),
        };
        let request = Request::new(method, self.config.root()).segment(self.audience).segment(edge);
        request.bearer(self.token).json(&body)
    }

    /// A session is this call's own: if it is finished although an answer is missing, its last batch has arrived.
    fn is_finished(&self, session: &Session, batches: usize, context: &Context, failure: &(Failure, bool)) -> bool {
        let resent = session.lost && session.done + 1 == batches || context.attempt() > 1;
        failure.0.code() == SESSION_FINISHED && resent
    }

    fn result(&self, session: &Session, batches: usize) -> Result<Outcome<RawJson>, Failure> {
        if session.invalid > 0 {
            log::warn("Meta could not use some of the entries", &[("numInvalid", session.invalid.into())]);
        }
        if self.people.skipped > 0 {
            log::info("people without a usable value were left out", &[("skipped", self.people.skipped.into())]);
        }
        let output = json!({
            "audience_id": session.audience_id.as_deref().unwrap_or(self.audience),
            "session_id": (batches > 0).then(|| session.name()),
            "numReceived": if batches == 0 { Some(0) } else { session.received },
            "numInvalid": session.invalid,
            "batches": batches,
            "skipped": self.people.skipped,
        });
        let metadata = json!({"sent": self.people.len(), "columns": self.people.schema()});
        Outcome::done_with(RawJson::new(output.to_string()), &metadata)
    }
}

impl Session {
    fn take(&mut self, answer: Answer) {
        self.done += 1;
        self.tries = 0;
        self.lost = false;
        // `num_received` counts the session so far; `num_invalid_entries` the request.
        self.received = Some(self.received.unwrap_or(0).max(answer.received));
        self.invalid = self.invalid.saturating_add(answer.invalid);
        self.audience_id = answer.audience_id.or(self.audience_id.take());
        self.answered_id = answer.session_id.or(self.answered_id.take());
    }

    fn name(&self) -> String {
        self.answered_id.clone().unwrap_or_else(|| self.session_id.to_string())
    }

    fn age_ms(&self) -> u64 {
        now_ms().saturating_sub(self.started_ms)
    }

    /// With batches behind it the call waits and goes on; before, a retry of the whole call loses nothing.
    fn wait_or_fail(mut self, (failure, lost): (Failure, bool)) -> Result<Outcome<RawJson>, Failure> {
        self.tries += 1;
        self.lost |= lost;
        let Some(hint) = failure.retry_hint() else { return Err(self.located(failure)) };
        if self.done == 0 || self.tries >= MAX_TRIES {
            return Err(self.located(failure));
        }
        let backoff_ms = if failure.code() == codes::RATE_LIMITED { THROTTLE_MS } else { 1_000 << self.tries.min(10) };
        let wait_ms = hint.after_ms.unwrap_or(backoff_ms);
        if self.age_ms().saturating_add(wait_ms) > SESSION_MS {
            return Err(self.expired(&format!("Meta asks to wait beyond its 90 minutes: {}", failure.message())));
        }
        log::warn(
            "waiting before the batch is sent again",
            &[("waitMs", wait_ms.into()), ("code", failure.code().into())],
        );
        Outcome::suspend(wait_ms, &self)
    }

    fn located(&self, failure: Failure) -> Failure {
        failure.detail("sessionId", self.session_id.to_string()).detail("batchesDone", self.done)
    }

    fn expired(&self, why: &str) -> Failure {
        let message = format!("the upload session cannot be finished: {why}");
        self.located(Failure::new(SESSION_EXPIRED, message))
    }
}

/// Reads an answer. What cannot be read is not quoted, as samples of invalid entries may hold personal data.
fn read(response: &Response) -> Result<Answer, Failure> {
    if let Some(failure) = errors::failure_of(response) {
        return Err(failure);
    }
    let unexpected = |what: &str| {
        Failure::new(codes::UNEXPECTED_RESPONSE, format!("Meta's answer cannot be read: {what}"))
            .detail("status", response.status())
    };
    let Some(Value::Object(body)) = response.json_value() else { return Err(unexpected("it is no JSON object")) };
    let count = |name: &str| match body.get(name) {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    // The guide calls the audience `account_id` for a replacement, the edge answers `audience_id`.
    let audience = body.get("audience_id").or_else(|| body.get("account_id"));
    Ok(Answer {
        audience_id: audience.and_then(id_text),
        session_id: body.get("session_id").and_then(id_text),
        received: count("num_received").ok_or_else(|| unexpected("`num_received` is no number"))?,
        invalid: match body.get("num_invalid_entries") {
            None | Some(Value::Null) => 0,
            Some(_) => count("num_invalid_entries").ok_or_else(|| unexpected("`num_invalid_entries` is no number"))?,
        },
    })
}

/// Unix time in milliseconds.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The current year, by mean years of 365.2425 days.
pub(crate) fn this_year() -> u32 {
    let years = now_ms() / 31_556_952_000;
    u32::try_from(years).unwrap_or(0).saturating_add(1970)
}
