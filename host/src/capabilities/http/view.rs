//! The requests of one call, whichever interface they come by: checked, sent or answered from what was recorded, and
//! handed over without secrets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

use futures::{StreamExt as _, stream};
use hyper::header::CONTENT_LENGTH;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::SharedReplay;
use super::client::{Answer, Held, HttpClient, Prepared, SendError};
use super::failure::Failure;
use super::message::{self, Asked, Checked};
use super::placing::Shown;
use super::record::{self, Recorder};
use super::target::Target;
use crate::capabilities::bindings::blockyard::block::http::Placement;
use crate::capabilities::secrets::{Found, Scrubber, SecretsView};
use crate::capabilities::{Identity, LogBuffer};
use crate::domain::{SecretText, Sources};

/// What one call may send, and what became of it so far. Cloning is cheap: clones are the same view.
#[derive(Clone)]
pub(in crate::capabilities) struct HttpView(Arc<View>);

struct View {
    client: HttpClient,
    identity: Identity,
    sources: Sources,
    secrets: SecretsView,
    recorder: Recorder,
    log: LogBuffer,
    /// How many requests it sent.
    requests: AtomicUsize,
    /// Whether operators were told that one was denied.
    denial_told: AtomicBool,
    /// Requests that may be in flight at once.
    at_once: Semaphore,
    /// Bytes of bodies that it may leave unfinished or unread.
    unread: Arc<Semaphore>,
}

/// A secret, the name that the guest knows it by, and where it goes.
pub(super) struct Credential {
    pub(super) slot: String,
    pub(super) found: Arc<Found>,
    pub(super) placement: Placement,
}

/// An answer as the guest may see it.
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    /// Its bytes count as in flight until the guest has them.
    pub(super) held: Option<Held>,
}

/// A request on its way, with what is needed to show it afterwards.
enum Way {
    Network(Box<Prepared>),
    Replay(SharedReplay),
}

struct Sending {
    method: String,
    url: String,
    body: Option<Vec<u8>>,
    /// Taken when it is sent.
    way: Option<Way>,
}

impl HttpView {
    /// Of a call that sent nothing yet.
    pub(in crate::capabilities) fn new(
        client: HttpClient,
        identity: Identity,
        sources: Sources,
        secrets: SecretsView,
        recorder: Recorder,
        log: LogBuffer,
    ) -> Self {
        let config = client.config();
        let at_once = Semaphore::new(config.in_flight_per_call.max(1));
        // A quarter of what the process may hold, and one whole body in any case.
        let unread = (config.bytes_in_flight / 4).max(config.body_bytes).min(Semaphore::MAX_PERMITS);
        Self(Arc::new(View {
            client,
            identity,
            sources,
            secrets,
            recorder,
            log,
            requests: AtomicUsize::new(0),
            denial_told: AtomicBool::new(false),
            at_once,
            unread: Arc::new(Semaphore::new(unread)),
        }))
    }

    pub(super) fn client(&self) -> &HttpClient {
        &self.0.client
    }

    /// Check all, then send them, a bounded number at once. Answers come in the order of the requests.
    pub(super) async fn send_many(&self, all: Vec<(Asked, Vec<Credential>)>) -> Vec<Result<Received, Failure>> {
        let mut sendings = Vec::with_capacity(all.len());
        for (asked, credentials) in all {
            sendings.push(self.check(asked, credentials).await);
        }
        let at_once = self.client().config().in_flight_per_call.max(1);
        let answers = stream::iter(sendings).map(|sending| async move {
            let mut sending = sending?;
            let answer = self.run(&mut sending).await;
            Ok((sending, answer))
        });
        // In their order, whichever comes first.
        let answers: Vec<_> = answers.buffered(at_once).collect().await;
        let told = answers.into_iter().map(|answer| {
            let received = answer.and_then(|(sending, answer)| self.hand_over(sending, answer));
            let received = received.map_err(|failure| failure.scrubbed(self.0.secrets.scrubber().as_deref()));
            if let Some(reason) = received.as_ref().err().and_then(Failure::denial) {
                self.tell_denied(reason);
            }
            received
        });
        told.collect()
    }

    /// Send one.
    pub(super) async fn send(&self, asked: Asked) -> Result<Received, Failure> {
        let received = self.send_many(vec![(asked, Vec::new())]).await.pop();
        received.unwrap_or_else(|| Err(Failure::Other("there was no request".to_owned())))
    }

    /// Say in the node's log why a request has no answer, for guests that are told a bare code.
    pub(super) fn note(&self, failure: &Failure) {
        self.0.log.warn(self.0.sources.now_ms(), format!("HTTP request failed: {failure}"));
    }

    /// Room for `bytes` that the guest has not finished or not read yet, taken from what the call may leave so.
    pub(super) fn unread(&self, bytes: usize) -> Result<OwnedSemaphorePermit, SendError> {
        let room =
            u32::try_from(bytes).ok().and_then(|bytes| Arc::clone(&self.0.unread).try_acquire_many_owned(bytes).ok());
        room.ok_or_else(|| SendError::Limited("the call leaves too many bytes of HTTP bodies unread".to_owned()))
    }

    /// Operators want to know what is tried; the first time in a call is enough, so that nobody floods their log.
    fn tell_denied(&self, reason: &str) {
        if self.0.denial_told.swap(true, Ordering::Relaxed) {
            return;
        }
        let identity = &self.0.identity;
        tracing::info!(
            target: "blockyard::http", block = identity.block, execution_id = identity.execution,
            node_id = identity.node, reason, "request denied"
        );
    }

    /// All checks that need no network, and the secrets' places.
    async fn check(&self, asked: Asked, credentials: Vec<Credential>) -> Result<Sending, Failure> {
        let view = &*self.0;
        let (config, access) = (view.client.config(), view.secrets.access());
        if view.requests.fetch_add(1, Ordering::Relaxed) >= config.requests_per_call {
            let message = format!("more than {} requests in one call", config.requests_per_call);
            return Err(SendError::Limited(message).into());
        }
        let block = &view.identity.block;
        let permit = |method: &str, target: &Target| access.policy.permit(block, method, target);
        let mut checked = message::check(asked, config, permit)?;
        for credential in &credentials {
            may_go(&credential.slot, &credential.found, &checked, block)?;
        }
        let slots = checked.slots(&access.placeholders)?;
        let mut found = BTreeMap::new();
        for slot in &slots {
            let secret = view.secrets.find(slot).await?;
            may_go(slot, &secret, &checked, block)?;
            found.insert(*slot, secret);
        }
        let method = checked.method.to_string();
        let Shown { url, body } = checked.shown(&access.placeholders, &slots, access.replay.is_some() || access.record);
        let texts: BTreeMap<&str, &SecretText> = found.iter().map(|(slot, found)| (*slot, &found.value)).collect();
        checked.fill(&access.placeholders, &texts, config)?;
        let placed: Vec<_> = credentials.iter().map(|one| (&*one.found, one.placement.clone())).collect();
        let prepared = checked.with_secrets(&placed)?;
        let way = match &access.replay {
            Some(replay) => Way::Replay(Arc::clone(replay)),
            None => Way::Network(Box::new(prepared)),
        };
        Ok(Sending { method, url, body, way: Some(way) })
    }

    async fn run(&self, sending: &mut Sending) -> Result<Answer, Failure> {
        let replay = match sending.way.take() {
            None => return Err(Failure::Other("the request was sent before".to_owned())),
            Some(Way::Network(prepared)) => {
                // It is closed never, so that there is always a permit in the end.
                let _permit = self.0.at_once.acquire().await;
                let identity = &self.0.identity;
                let sent = self.client().send(*prepared, &identity.block, &identity.execution).await;
                self.tell_sent(sending, &sent);
                return Ok(sent?);
            }
            Some(Way::Replay(replay)) => replay,
        };
        let mut replay = replay.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(recorded) = replay.answer(&sending.method, &sending.url, sending.body.as_deref()) else {
            let url: String = sending.url.chars().take(300).collect();
            return Err(Failure::NotRecorded(format!("no recorded exchange answers {} {url}", sending.method)));
        };
        record::from_record(recorded).map_err(Failure::Other)
    }

    fn tell_sent(&self, sending: &Sending, sent: &Result<Answer, SendError>) {
        if !tracing::enabled!(target: "blockyard::http", tracing::Level::DEBUG) {
            return;
        }
        let mut url = sending.url.clone();
        if let Some(scrubber) = self.0.secrets.scrubber() {
            // As in `exchange`: the block may know the text.
            scrubber.text(&mut url);
        }
        let status = sent.as_ref().map_or(0, |answer| answer.status);
        let (method, Identity { block, execution, .. }) = (&sending.method, &self.0.identity);
        tracing::debug!(target: "blockyard::http", block, execution_id = execution, method, url, status, "request sent");
    }

    /// What the guest gets to see, and what is recorded: neither holds a secret.
    fn hand_over(&self, sending: Sending, answer: Result<Answer, Failure>) -> Result<Received, Failure> {
        let scrubber = self.0.secrets.scrubber();
        let received = received(answer?, scrubber.as_deref());
        if self.0.secrets.access().record {
            let limit = self.client().config().recorded_bytes;
            let Sending { method, url, body, .. } = sending;
            let (exchange, bytes) = record::exchange(&method, url, body, &received, scrubber.as_deref());
            self.0.recorder.keep(exchange, bytes, limit);
        }
        Ok(received)
    }
}

impl std::fmt::Debug for HttpView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpView").field("identity", &self.0.identity).finish_non_exhaustive()
    }
}

/// Whether a secret may go into a request: both sides' rules name it for that host, and so does the secret itself.
fn may_go(slot: &str, found: &Found, checked: &Checked, block: &str) -> Result<(), Failure> {
    let host = &checked.target.host;
    if !checked.secrets.contains(slot) {
        return Err(Failure::Denied(format!("block `{block}` may not send the secret `{slot}` to `{host}`")));
    }
    match &found.hosts {
        Some(hosts) if !hosts.iter().any(|known| known == host) => {
            Err(Failure::Denied(format!("the secret `{}` is not for `{host}`", found.name)))
        }
        _ => Ok(()),
    }
}

fn received(answer: Answer, scrubber: Option<&Scrubber>) -> Received {
    let Answer { status, headers, body, held } = answer;
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    let mut received = Received { status, headers: headers.collect(), body, held };
    if let Some(scrubber) = scrubber {
        for (name, value) in &mut received.headers {
            scrubber.text(name);
            scrubber.bytes(value);
        }
        let sent = received.body.len();
        scrubber.bytes(&mut received.body);
        if received.body.len() != sent {
            // The length of what came tells how long the secret is.
            let length = received.body.len().to_string().into_bytes();
            let lengths = received.headers.iter_mut().filter(|(name, _)| name == CONTENT_LENGTH.as_str());
            lengths.for_each(|(_, value)| value.clone_from(&length));
        }
    }
    received
}
