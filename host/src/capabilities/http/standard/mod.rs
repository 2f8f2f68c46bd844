//! `wasi:http/outgoing-handler`: the same requests as by `blockyard:block/http`, for guests that know no other interface
//! than the standard one. What a guest asks is gathered and sent by way of [`HttpView`], like everything else.

mod body;
mod error;

use std::sync::{Arc, LazyLock};

use hyper::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, http};
use tokio_util::sync::{CancellationToken, DropGuard};
use wasmtime::component::Linker;
use wasmtime_wasi_http::p2::bindings;
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
};

use super::failure::Failure;
use super::message::{Asked, Patience, is_framing};
use super::view::{HttpView, Received};
use crate::capabilities::{CallState, HasCall};

/// The interfaces that a component may import, by name without version.
pub const OFFERED: &[&str] = &["wasi:http/types", "wasi:http/outgoing-handler"];

/// Bytes of header names and values, with what a map of them takes besides, that a guest may keep in one resource.
const FIELDS_BYTES: usize = 32 << 10;
/// Bytes of a body that a guest may write before any are taken; the host keeps up to twice that many for each body.
const CHUNK_BYTES: usize = 16 << 10;

/// What the interface needs of a call. When it is dropped, whatever is under way ends.
pub(in crate::capabilities) struct StandardView {
    context: WasiHttpCtx,
    hooks: Hooks,
    _ends: DropGuard,
}

struct Hooks {
    view: HttpView,
    ended: CancellationToken,
}

type Sent = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl StandardView {
    /// Of a call that sent nothing yet.
    pub(in crate::capabilities) fn new(view: HttpView) -> Self {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(FIELDS_BYTES);
        let ended = CancellationToken::new();
        Self { context, _ends: ended.clone().drop_guard(), hooks: Hooks { view, ended } }
    }
}

impl CallState {
    fn standard(&mut self) -> WasiHttpCtxView<'_> {
        let StandardView { context, hooks, .. } = &mut self.standard;
        WasiHttpCtxView { hooks, table: &mut self.table, ctx: context }
    }
}

/// Offer [`OFFERED`], and neither the library's own sender nor what it has for incoming requests.
///
/// # Errors
/// If an interface is already in the linker.
pub(in crate::capabilities) fn add_to_linker<T: HasCall>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    use bindings::http::{outgoing_handler, types};
    let options = bindings::LinkOptions::default();
    outgoing_handler::add_to_linker::<T, WasiHttp>(linker, |data| data.call().standard())?;
    types::add_to_linker::<T, WasiHttp>(linker, &options.into(), |data| data.call().standard())
}

/// Headers that a guest may neither set nor see. Those that clients set by themselves, and that the host sets anew, are
/// dropped without a word instead.
fn is_forbidden(name: &HeaderName) -> bool {
    is_framing(name) && !is_dropped(name)
}

fn is_dropped(name: &HeaderName) -> bool {
    [ACCEPT_ENCODING, CONTENT_LENGTH].contains(name)
}

impl WasiHttpHooks for Hooks {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_forbidden(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        static FILTER: LazyLock<ForbiddenHeaderFilter> = LazyLock::new(|| Arc::new(is_forbidden));
        Arc::clone(&FILTER)
    }

    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (view, ended) = (self.view.clone(), self.ended.clone());
        Box::new(async move {
            let response = ended.run_until_cancelled(exchange(&view, &ended, request, options)).await;
            let response = response.unwrap_or(Err(Error::ConnectionTerminated))?;
            let nothing: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(async { Ok(()) });
            Ok((response, nothing))
        })
    }
}

/// From the guest's request to the answer, or to a code; the reason behind the code goes into the node's log.
async fn exchange(
    view: &HttpView,
    ended: &CancellationToken,
    request: Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Result<Response<WasiBody>, Error> {
    let told = |failure: Failure| {
        view.note(&failure);
        error::code(failure)
    };
    let (parts, body) = request.into_parts();
    let is_head = parts.method == Method::HEAD;
    let gathered = body::gather(body, view).await?;
    // A body whose writer was dropped together with the call looks as if it were complete.
    if ended.is_cancelled() {
        return Err(Error::ConnectionTerminated);
    }
    let gathered = gathered.map_err(told)?;
    let asked = Asked {
        method: parts.method.to_string(),
        url: parts.uri.to_string(),
        headers: headers(&parts.headers),
        body: Some(gathered.bytes).filter(|body| !body.is_empty()),
        patience: options.map(|options| patience(view, options)).unwrap_or_default(),
        held: Some(gathered.held),
    };
    let received = view.send(asked).await;
    drop(gathered.room);
    let received = received.map_err(told)?;
    response(received, is_head, view).map_err(told)
}

fn headers(given: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let kept = given.iter().filter(|(name, _)| !is_dropped(name));
    kept.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
}

fn patience(view: &HttpView, options: RequestOptions) -> Patience {
    let config = view.client().config();
    // Both are one limit: whether a connection has to be made is not known to who asks.
    let connect = options.connect_timeout.map(|time| time.min(config.connect_timeout));
    let first_byte = match (options.first_byte_timeout, connect) {
        (Some(head), connect) => Some(head.saturating_add(connect.unwrap_or_default())),
        (None, connect) => connect.map(|time| time.saturating_add(config.first_byte_timeout)),
    };
    // Who wants to wait that long for the head gets the usual time for the rest.
    let whole = options.first_byte_timeout.map(|head| head.saturating_add(config.timeout));
    Patience { whole, first_byte, between_bytes: options.between_bytes_timeout }
}

fn response(received: Received, is_head: bool, view: &HttpView) -> Result<Response<WasiBody>, Failure> {
    let Received { status, headers, body, held } = received;
    let room = view.unread(body.len())?;
    let odd = |what: &str| Failure::Other(format!("the answer's {what} cannot be handed over"));
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).map_err(|_| odd("status"))?;
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| odd("header"))?;
        response.headers_mut().append(name, HeaderValue::from_bytes(&value).map_err(|_| odd("header"))?);
    }
    let is_bodiless = is_head || response.status() == StatusCode::NOT_MODIFIED;
    if let http::header::Entry::Occupied(mut length) = response.headers_mut().entry(CONTENT_LENGTH)
        && !is_bodiless
    {
        // Whoever wrote down a recorded answer may have changed it.
        length.insert(HeaderValue::from(body.len()));
    }
    Ok(response.map(|()| body::hand_out(body, held, room)))
}

#[cfg(test)]
mod tests {
    use hyper::header::{HOST, TE};

    use super::*;

    #[test]
    fn the_hosts_own_headers_are_forbidden_and_those_that_clients_set_are_dropped() {
        for name in [HOST, TE, HeaderName::from_static("connection"), HeaderName::from_static("transfer-encoding")] {
            assert!(is_forbidden(&name), "{name}");
        }
        let mut given = HeaderMap::new();
        for name in ["content-length", "accept-encoding", "x", "authorization"] {
            let name = HeaderName::from_static(name);
            assert!(!is_forbidden(&name), "{name}");
            given.append(name, HeaderValue::from_static("1"));
        }
        let names: Vec<_> = headers(&given).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["x", "authorization"]);
    }
}
