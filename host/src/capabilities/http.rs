//! `blockyard:block/http`: outgoing requests. No host is granted to any block yet.

use super::CallState;
use super::bindings::blockyard::block::http::{Host, HttpError, Outgoing, Response};

impl CallState {
    fn refuse(&self, outgoing: &Outgoing) -> HttpError {
        // The URL may hold anything; only its length is bounded by the host-call limit, so it is not repeated.
        HttpError::Denied(format!("block `{}` has no grant for this {} request", self.identity.block, method(outgoing)))
    }
}

fn method(outgoing: &Outgoing) -> &str {
    match outgoing.request.method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "HTTP",
    }
}

impl Host for CallState {
    async fn send(&mut self, outgoing: Outgoing) -> Result<Response, HttpError> {
        Err(self.refuse(&outgoing))
    }

    async fn send_all(&mut self, outgoing: Vec<Outgoing>) -> Vec<Result<Response, HttpError>> {
        outgoing.iter().map(|outgoing| Err(self.refuse(outgoing))).collect()
    }
}
