//! `blockyard:block/http` and `wasi:http`: outgoing requests, checked before a byte leaves.
//!
//! The order of checks: the URL is parsed once; scheme, user info, host and path; the manifest and the grant; headers
//! and secrets; then a turn among all who send; then the name is resolved once, every address is looked at, and exactly
//! a checked one is dialled. Redirects are not followed, and no system proxy is used.

mod client;
mod connect;
mod direct;
mod failure;
mod guard;
mod inflate;
mod message;
mod placing;
mod policy;
mod post;
mod record;
mod rewrite;
mod scheduler;
mod standard;
mod target;
mod view;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use blockyard_replay::Replay;

pub use client::{HttpClient, HttpStats};
pub use connect::{Resolve, SystemResolver};
pub use direct::{DirectAnswer, DirectClient, DirectError};
pub use policy::Policy;
pub use post::{Post, PostError};
pub use record::Recorder;
pub use standard::OFFERED as STANDARD_OFFERED;
pub(super) use standard::{StandardView, add_to_linker as add_standard_to_linker};
pub(super) use view::HttpView;

use super::CallState;
use super::bindings::blockyard::block::http::{Header, Host, HttpError, Outgoing, Request, Response};
use message::{Asked, Patience};
use view::{Credential, Received};

/// Recorded exchanges that calls are answered from, one after the other.
pub type SharedReplay = Arc<Mutex<Replay>>;

impl CallState {
    async fn send_outgoing(&mut self, outgoing: Vec<Outgoing>) -> wasmtime::Result<Vec<Result<Response, HttpError>>> {
        let mut all = Vec::with_capacity(outgoing.len());
        for Outgoing { request, credentials } in outgoing {
            let mut taken = Vec::with_capacity(credentials.len());
            for credential in credentials {
                let handle = self.table.get(&credential.secret)?;
                let (slot, found) = (handle.slot().to_owned(), Arc::clone(handle.found()));
                taken.push(Credential { slot, found, placement: credential.placement });
            }
            all.push((Asked::from(request), taken));
        }
        let answers = self.http.send_many(all).await;
        Ok(answers.into_iter().map(|answer| answer.map(Response::from).map_err(HttpError::from)).collect())
    }
}

impl From<Request> for Asked {
    fn from(request: Request) -> Self {
        let Request { method, url, headers, body, timeout_ms } = request;
        let headers = headers.into_iter().map(|Header { name, value }| (name, value.into_bytes())).collect();
        let whole = timeout_ms.map(|ms| Duration::from_millis(ms.into()));
        Self { method, url, headers, body, patience: Patience { whole, ..Patience::default() }, held: None }
    }
}

impl From<Received> for Response {
    fn from(received: Received) -> Self {
        // From here on the bytes are the guest's: they are not held any more.
        let Received { status, headers, body, held: _ } = received;
        let headers = headers.into_iter().map(|(name, value)| Header { name, value: record::text(&value) });
        Self { status, headers: headers.collect(), body }
    }
}

impl Host for CallState {
    async fn send(&mut self, outgoing: Outgoing) -> wasmtime::Result<Result<Response, HttpError>> {
        let answer = self.send_outgoing(vec![outgoing]).await?.pop();
        Ok(answer.unwrap_or_else(|| Err(HttpError::Other("there was no request".to_owned()))))
    }

    async fn send_all(&mut self, outgoing: Vec<Outgoing>) -> wasmtime::Result<Vec<Result<Response, HttpError>>> {
        self.send_outgoing(outgoing).await
    }
}
