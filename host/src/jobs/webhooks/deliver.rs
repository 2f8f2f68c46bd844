//! `WEBHOOK`: posts an event to its webhook. The one type of job that runs no execution.

use std::time::Duration;

use super::super::queue::{Live, Queue};
use super::body;
use crate::capabilities::http::Post;
use crate::domain::WebhookSecret;
use crate::domain::webhook::DeliveryStatus;
use crate::store::{Attempted, ClaimedJob, DeliveryWork, StoreError, Verdict};

/// First wait after the store failed; it doubles up to [`MAX_STORE_WAIT`].
const STORE_WAIT: Duration = Duration::from_millis(250);
const MAX_STORE_WAIT: Duration = Duration::from_secs(30);

/// An answer with this status says that the receiver wants nothing more.
const GONE: u16 = 410;

impl Queue {
    /// Make one attempt, and record what came of it.
    pub(in crate::jobs) async fn deliver(&self, job: &ClaimedJob, live: &Live) {
        let mut wait = STORE_WAIT;
        let mut made: Option<Attempted> = None;
        loop {
            let done = async {
                let attempted = match &made {
                    Some(made) => made.clone(),
                    None => made.insert(self.attempt_or_cancel(job, live).await?).clone(),
                };
                self.shared.store.record_attempt(attempted).await
            };
            let done = tokio::select! {
                // It is another's now, or will be: what was not recorded is done again.
                () = live.hand_over.cancelled() => return,
                done = done => done,
            };
            match done {
                Ok(_) => break,
                Err(error) => {
                    tracing::error!(job_id = %job.job_id, %error, "a delivery cannot be recorded, trying again");
                    if matches!(error, StoreError::Corrupt { .. }) {
                        // It will not be better the next time.
                        made = self.unreadable(job, &error, made).await;
                    }
                }
            }
            // With nothing made there is something to do for who cancels it.
            if pause(live, wait, made.is_none()).await {
                return;
            }
            wait = (wait * 2).min(MAX_STORE_WAIT);
        }
        // Its next attempt may be due before any other job's.
        if made.is_some_and(|made| matches!(made.verdict, Verdict::Retry(_))) {
            self.wake();
        }
    }

    /// The end of a delivery whose records hold nonsense; what was made if even that cannot be told yet.
    async fn unreadable(&self, job: &ClaimedJob, error: &StoreError, made: Option<Attempted>) -> Option<Attempted> {
        let ended = self.attempted(job, None, false, Verdict::End(DeliveryStatus::Exhausted));
        let ended = Attempted { error: Some(format!("it cannot be delivered: {error}")), ..ended };
        if let Some(made) = made {
            let Attempted { delivery_id, sent, response_status, .. } = made;
            return Some(Attempted { delivery_id, sent, response_status, ..ended });
        }
        match self.shared.store.delivery_id(&job.job_id).await {
            Ok(delivery_id) => Some(Attempted { delivery_id, ..ended }),
            Err(StoreError::Corrupt { .. }) => Some(ended),
            Err(_) => None,
        }
    }

    async fn attempt_or_cancel(&self, job: &ClaimedJob, live: &Live) -> Result<Attempted, StoreError> {
        tokio::select! {
            biased;
            () = live.cancel.cancelled() => {
                Ok(self.attempted(job, None, false, Verdict::End(DeliveryStatus::Cancelled)))
            }
            attempted = self.attempt(job) => attempted,
        }
    }

    async fn attempt(&self, job: &ClaimedJob) -> Result<Attempted, StoreError> {
        let shared = &self.shared;
        let Some(work) = shared.store.delivery_work(&job.job_id).await? else {
            return Ok(self.attempted(job, None, false, Verdict::End(DeliveryStatus::Cancelled)));
        };
        let ended = |status, error: String| {
            let attempted = self.attempted(job, Some(&work), false, Verdict::End(status));
            Ok(Attempted { error: Some(error), ..attempted })
        };
        if !work.wanted {
            return ended(DeliveryStatus::Cancelled, "the webhook is not active".to_owned());
        }
        if job.takeovers > shared.config.max_takeovers {
            return ended(DeliveryStatus::Exhausted, format!("the process that sent it died {} times", job.takeovers));
        }
        let text = body::complete(&shared.store, &work.body).await?;
        let answer = self.post(&work, text).await;
        let verdict = match answer {
            Ok(200..=299) => Verdict::End(DeliveryStatus::Delivered),
            Ok(GONE) => Verdict::End(DeliveryStatus::Gone),
            _ => self.after_failure(job),
        };
        let error = match &answer {
            Ok(200..=299) => None,
            Ok(status) => Some(format!("the webhook answered {status}")),
            Err(message) => Some(message.clone()),
        };
        tracing::debug!(
            job_id = %job.job_id, delivery_id = work.id, webhook_id = work.webhook_id, ?answer, "webhook attempted"
        );
        let attempted = self.attempted(job, Some(&work), true, verdict);
        Ok(Attempted { response_status: answer.ok(), error, ..attempted })
    }

    fn attempted(&self, job: &ClaimedJob, work: Option<&DeliveryWork>, sent: bool, verdict: Verdict) -> Attempted {
        Attempted {
            job_id: job.job_id.clone(),
            owner: self.shared.owner.clone(),
            delivery_id: work.map(|work| work.id.clone()),
            sent,
            response_status: None,
            error: None,
            verdict,
            now: self.shared.sources.now_ms(),
        }
    }

    /// The status of the answer, or why there is none.
    async fn post(&self, work: &DeliveryWork, body: String) -> Result<u16, String> {
        let shared = &self.shared;
        let capabilities = shared.orchestrator.catalogue().capabilities();
        let secret = capabilities.vault.open_webhook(&work.webhook_id, &work.secret);
        let secret = secret.map_err(|error| format!("the secret of the webhook cannot be decrypted: {error}"))?;
        let timestamp = shared.sources.now_ms().div_euclid(1000);
        let signature = sign(&secret, &work.id, timestamp, &body)?;
        let post = Post {
            url: &work.url,
            headers: vec![
                ("webhook-id", work.id.clone()),
                ("webhook-timestamp", timestamp.to_string()),
                ("webhook-signature", signature),
            ],
            body,
            timeout: shared.jobs.webhook_timeout,
            sender: &work.webhook_id,
        };
        capabilities.http.post(post).await.map_err(|error| error.to_string())
    }

    fn after_failure(&self, job: &ClaimedJob) -> Verdict {
        let shared = &self.shared;
        if job.attempts >= job.max_attempts {
            return Verdict::End(DeliveryStatus::Exhausted);
        }
        let delay = super::super::backoff(&shared.jobs, job.attempts, shared.sources.fraction());
        let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        Verdict::Retry(shared.sources.now_ms().saturating_add(delay_ms))
    }
}

/// Wait until the store may be asked again, or, with `cancellable`, somebody cancels; `true`: it is handed over.
pub(super) async fn pause(live: &Live, wait: Duration, cancellable: bool) -> bool {
    tokio::select! {
        () = live.hand_over.cancelled() => true,
        () = live.cancel.cancelled(), if cancellable => false,
        () = tokio::time::sleep(wait) => false,
    }
}

/// The signature of the Standard Webhooks specification, <https://www.standardwebhooks.com>.
fn sign(secret: &WebhookSecret, id: &str, timestamp: i64, body: &str) -> Result<String, String> {
    let webhook = standardwebhooks::Webhook::new(secret.expose());
    let signature = webhook.and_then(|webhook| webhook.sign(id, timestamp, body.as_bytes()));
    // Not the error's own words: they may quote the secret.
    signature.map_err(|_| "the delivery cannot be signed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_specification() {
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()).unwrap();
        let body = r#"{"test": 2432232314}"#;
        let signature = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body).unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
