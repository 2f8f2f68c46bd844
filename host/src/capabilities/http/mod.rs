//! `blockyard:block/http`: outgoing requests, checked before a byte leaves.
//!
//! The order of checks: the URL is parsed once; scheme, user info, host and path; the manifest and the grant; headers
//! and secrets; then a turn among all who send; then the name is resolved once, every address is looked at, and exactly
//! a checked one is dialled. Redirects are not followed, and no system proxy is used.

mod client;
mod connect;
mod guard;
mod inflate;
mod message;
mod policy;
mod post;
mod record;
mod rewrite;
mod scheduler;
mod target;

use std::sync::{Arc, Mutex, PoisonError};

use blockyard_replay::Replay;
use futures::{StreamExt as _, stream};

pub use client::{HttpClient, HttpStats};
pub use connect::{Resolve, SystemResolver};
pub use policy::Policy;
pub use post::{Post, PostError};
pub use record::Recorder;

use super::CallState;
use super::bindings::blockyard::block::http::{Header, Host, HttpError, Outgoing, Response};
use super::secrets::{Found, Scrubber};
use client::{Answer, Prepared, SendError};
use message::Checked;

/// Recorded exchanges that calls are answered from, one after the other.
pub type SharedReplay = Arc<Mutex<Replay>>;

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

impl CallState {
    async fn send_many(&mut self, outgoing: Vec<Outgoing>) -> wasmtime::Result<Vec<Result<Response, HttpError>>> {
        let mut sendings = Vec::with_capacity(outgoing.len());
        for outgoing in outgoing {
            sendings.push(self.check(outgoing)?);
        }
        let at_once = self.capabilities.http.config().in_flight_per_call.max(1);
        let client = self.capabilities.http.clone();
        let (block, execution) = (self.identity.block.clone(), self.identity.execution.clone());
        let scrubber = self.secrets.scrubber();
        let (client, block, execution, scrubber) = (&client, &block, &execution, scrubber.as_deref());
        let answers = stream::iter(sendings).map(|sending| async move {
            let mut sending = sending?;
            let answer = sending.run(client, block, execution, scrubber).await;
            Ok((sending, answer))
        });
        // In their order, whichever comes first.
        let answers: Vec<_> = answers.buffered(at_once).collect().await;
        let mut told = Vec::with_capacity(answers.len());
        for answer in answers {
            let answer = answer.and_then(|(sending, answer)| self.hand_over(sending, answer));
            if let Err(HttpError::Denied(reason)) = &answer {
                self.tell_denied(reason);
            }
            told.push(answer);
        }
        Ok(told)
    }

    /// Operators want to know what is tried; the first time in a call is enough, so that nobody floods their log.
    fn tell_denied(&mut self, reason: &str) {
        if std::mem::replace(&mut self.denial_told, true) {
            return;
        }
        let mut reason = reason.to_owned();
        if let Some(scrubber) = self.secrets.scrubber() {
            scrubber.text(&mut reason);
        }
        let identity = &self.identity;
        tracing::info!(
            target: "blockyard::http", block = identity.block, execution_id = identity.execution,
            node_id = identity.node, reason, "request denied"
        );
    }

    /// All checks that need no network, and the secrets' places.
    fn check(&mut self, outgoing: Outgoing) -> wasmtime::Result<Result<Sending, HttpError>> {
        let config = self.capabilities.http.config();
        self.requests += 1;
        if self.requests > config.requests_per_call {
            let message = format!("more than {} requests in one call", config.requests_per_call);
            return Ok(Err(HttpError::Limited(message)));
        }
        let permit =
            |method: &str, target: &target::Target| self.access.policy.permit(&self.identity.block, method, target);
        let checked = match message::check(outgoing.request, config, permit) {
            Ok(checked) => checked,
            Err(error) => return Ok(Err(error)),
        };
        let mut secrets = Vec::with_capacity(outgoing.credentials.len());
        for credential in outgoing.credentials {
            let handle = self.table.get(&credential.secret)?;
            if let Err(message) = may_go(handle.slot(), handle.found(), &checked, &self.identity.block) {
                return Ok(Err(HttpError::Denied(message)));
            }
            secrets.push((Arc::clone(handle.found()), credential.placement));
        }
        let (method, url) = (checked.method.to_string(), checked.target.url.to_string());
        let body = checked.body.clone().filter(|_| self.access.replay.is_some() || self.access.record);
        let placed: Vec<_> = secrets.iter().map(|(found, placement)| (&**found, placement.clone())).collect();
        let prepared = checked.with_secrets(&placed);
        Ok(prepared.map(|prepared| {
            let way = match &self.access.replay {
                Some(replay) => Way::Replay(Arc::clone(replay)),
                None => Way::Network(Box::new(prepared)),
            };
            Sending { method, url, body, way: Some(way) }
        }))
    }

    /// What the guest gets to see, and what is recorded: neither holds a secret.
    fn hand_over(&mut self, sending: Sending, answer: Result<Answer, HttpError>) -> Result<Response, HttpError> {
        let scrubber = self.secrets.scrubber();
        let answer = answer.map_err(|error| scrub_error(error, scrubber.as_deref()))?;
        let response = response(answer, scrubber.as_deref());
        if self.access.record {
            let limit = self.capabilities.http.config().recorded_bytes;
            let Sending { method, url, body, .. } = sending;
            let (exchange, bytes) = record::exchange(&method, url, body, &response, scrubber.as_deref());
            self.recorder.keep(exchange, bytes, limit);
        }
        Ok(response)
    }
}

/// Whether a secret may go into a request: both sides' rules name it for that host, and so does the secret itself.
fn may_go(slot: &str, found: &Found, checked: &Checked, block: &str) -> Result<(), String> {
    let host = &checked.target.host;
    if !checked.secrets.contains(slot) {
        return Err(format!("block `{block}` may not send the secret `{slot}` to `{host}`"));
    }
    match &found.hosts {
        Some(hosts) if !hosts.iter().any(|known| known == host) => {
            Err(format!("the secret `{}` is not for `{host}`", found.name))
        }
        _ => Ok(()),
    }
}

impl Sending {
    async fn run(
        &mut self,
        client: &HttpClient,
        block: &str,
        execution: &str,
        scrubber: Option<&Scrubber>,
    ) -> Result<Answer, HttpError> {
        let replay = match self.way.take() {
            None => return Err(HttpError::Other("the request was sent before".to_owned())),
            Some(Way::Network(prepared)) => {
                let sent = client.send(*prepared, block, execution).await;
                self.tell_sent(&sent, block, execution, scrubber);
                return sent.map_err(HttpError::from);
            }
            Some(Way::Replay(replay)) => replay,
        };
        let mut replay = replay.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(recorded) = replay.answer(&self.method, &self.url, self.body.as_deref()) else {
            let url: String = self.url.chars().take(300).collect();
            return Err(HttpError::NotRecorded(format!("no recorded exchange answers {} {url}", self.method)));
        };
        record::from_record(recorded).map_err(HttpError::Other)
    }

    fn tell_sent(&self, sent: &Result<Answer, SendError>, block: &str, execution: &str, scrubber: Option<&Scrubber>) {
        if !tracing::enabled!(target: "blockyard::http", tracing::Level::DEBUG) {
            return;
        }
        let mut url = self.url.clone();
        if let Some(scrubber) = scrubber {
            // As in `exchange`: the block may know the text.
            scrubber.text(&mut url);
        }
        let status = sent.as_ref().map_or(0, |answer| answer.status);
        let method = &self.method;
        tracing::debug!(target: "blockyard::http", block, execution_id = execution, method, url, status, "request sent");
    }
}

fn response(answer: Answer, scrubber: Option<&Scrubber>) -> Response {
    let text = |value: &hyper::header::HeaderValue| match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    };
    let headers = answer.headers.iter().map(|(name, value)| Header { name: name.to_string(), value: text(value) });
    let mut response = Response { status: answer.status, headers: headers.collect(), body: answer.body };
    // From here on the bytes are the guest's.
    drop(answer.held);
    if let Some(scrubber) = scrubber {
        for header in &mut response.headers {
            scrubber.text(&mut header.name);
            scrubber.text(&mut header.value);
        }
        scrubber.bytes(&mut response.body);
    }
    response
}

fn scrub_error(error: HttpError, scrubber: Option<&Scrubber>) -> HttpError {
    let Some(scrubber) = scrubber else { return error };
    let scrubbed = |mut message: String| {
        scrubber.text(&mut message);
        message
    };
    match error {
        HttpError::InvalidRequest(message) => HttpError::InvalidRequest(scrubbed(message)),
        HttpError::Denied(message) => HttpError::Denied(scrubbed(message)),
        HttpError::Limited(message) => HttpError::Limited(scrubbed(message)),
        HttpError::Transport(message) => HttpError::Transport(scrubbed(message)),
        HttpError::NotRecorded(message) => HttpError::NotRecorded(scrubbed(message)),
        HttpError::Other(message) => HttpError::Other(scrubbed(message)),
        other @ (HttpError::Timeout | HttpError::TooLarge(_)) => other,
    }
}

impl From<SendError> for HttpError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Denied(message) => Self::Denied(message),
            SendError::Limited(message) => Self::Limited(message),
            SendError::Transport(message) => Self::Transport(message),
            SendError::Timeout => Self::Timeout,
            SendError::TooLarge(limit) => Self::TooLarge(limit),
        }
    }
}

impl Host for CallState {
    async fn send(&mut self, outgoing: Outgoing) -> wasmtime::Result<Result<Response, HttpError>> {
        let answer = self.send_many(vec![outgoing]).await?.pop();
        Ok(answer.unwrap_or_else(|| Err(HttpError::Other("there was no request".to_owned()))))
    }

    async fn send_all(&mut self, outgoing: Vec<Outgoing>) -> wasmtime::Result<Vec<Result<Response, HttpError>>> {
        self.send_many(outgoing).await
    }
}
