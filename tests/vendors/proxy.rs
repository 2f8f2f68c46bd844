//! A reverse proxy in front of a mock: it chooses the mock's answers, mends them or takes their place, and keeps what
//! passed through it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::table::{Change, Mend, Own};

/// Where Prism says what is wrong with a request or an answer.
const VIOLATIONS: &str = "sl-violations";

/// The proxy. It ends with the runtime.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    client: reqwest::Client,
}

#[derive(Default)]
struct State {
    mock: String,
    /// The vendor's secret.
    secret: String,
    plan: Plan,
    seen: Vec<Seen>,
}

/// What to do with the requests to come.
#[derive(Clone, Default)]
pub(crate) struct Plan {
    /// Changes to results.
    pub(crate) mends: Vec<Mend>,
    /// Requests, counted from 0, that are answered so.
    pub(crate) fault: Option<(Range<usize>, Fault)>,
}

/// An answer that is no result.
#[derive(Clone)]
pub(crate) enum Fault {
    /// The mock's, by status and by the example's name.
    OfMock(u16, Option<String>),
    /// One that the document does not have. The mock checks the request all the same.
    Own(Own),
}

/// One exchange.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The names of the query parameters.
    pub(crate) parameters: Vec<String>,
    /// Headers with the vendor's secret.
    pub(crate) credentials: Vec<String>,
    /// Whether the secret stands in the URL, where logs would show it.
    pub(crate) leaks: bool,
    /// The body, if it is JSON.
    pub(crate) body: Option<Value>,
    /// The status that the mock was asked for.
    pub(crate) asked: Option<u16>,
    /// What the mock answered.
    pub(crate) status: u16,
    pub(crate) violations: Option<String>,
    pub(crate) answer: String,
}

impl Seen {
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Why the mock did not accept the request, if so.
    pub(crate) fn refusal(&self) -> Option<String> {
        let accepted = match self.asked {
            Some(asked) => self.status == asked,
            None => (200..300).contains(&self.status),
        };
        if accepted && self.violations.is_none() {
            return None;
        }
        let why = self.violations.as_deref().unwrap_or(&self.answer);
        Some(format!("{} is answered with {}: {why}", self.line(), self.status))
    }
}

impl Proxy {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared =
            Arc::new(Shared { client: reqwest::Client::builder().no_proxy().build().unwrap(), ..Shared::default() });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                let service = service_fn(move |request| answer(Arc::clone(&shared), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Put it in front of another mock; `secret` is looked for in what passes.
    pub(crate) fn point_at(&self, mock: String, secret: String) {
        let mut state = self.shared.lock();
        (state.mock, state.secret) = (mock, secret);
    }

    /// Begin anew with a plan.
    pub(crate) fn plan(&self, plan: Plan) {
        let mut state = self.shared.lock();
        state.plan = plan;
        state.seen.clear();
    }

    /// What passed since the plan was made.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// What the mock answered, or is to have answered.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let secret = shared.lock().secret.clone();
    let mut seen = seen(&parts, &body, &secret);
    let (mends, fault, mock, place) = {
        let mut state = shared.lock();
        let (number, fault) = (state.seen.len(), state.plan.fault.clone());
        let fault = fault.filter(|(requests, _)| requests.contains(&number)).map(|(_, fault)| fault);
        let line = seen.line();
        let mends: Vec<Mend> = state.plan.mends.iter().filter(|mend| line.starts_with(mend.on)).cloned().collect();
        state.seen.push(seen.clone());
        (mends, fault, state.mock.clone(), number)
    };
    let mut headers = parts.headers;
    let preference = preference(fault.as_ref(), &mends);
    seen.asked = preference.as_ref().map(|(status, _)| *status);
    if let Some((_, preference)) = preference {
        prefer(&mut headers, &preference);
    }
    if fault.is_some() {
        // Vendors write their errors in JSON, whatever a request would like its result to be.
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut answer = forward(&shared.client, parts.method, format!("{mock}{path}"), headers, body).await;
    seen.status = answer.status;
    seen.violations = answer.headers.get(VIOLATIONS).and_then(|found| found.to_str().ok()).map(str::to_owned);
    seen.answer = String::from_utf8_lossy(&answer.body).chars().take(600).collect();
    let accepted = seen.refusal().is_none();
    if let Some(known) = shared.lock().seen.get_mut(place) {
        *known = seen;
    }
    match fault {
        Some(Fault::Own(own)) if accepted => answer = of_own(&own),
        None if accepted => mends.iter().for_each(|mend| apply(&mend.change, &mut answer)),
        _ => {}
    }
    Ok(respond(answer))
}

fn seen(parts: &Parts, body: &Bytes, secret: &str) -> Seen {
    let url = reqwest::Url::parse(&format!("http://mock{}", parts.uri)).unwrap();
    let with_secret =
        parts.headers.iter().filter(|(_, value)| value.to_str().is_ok_and(|value| value.contains(secret)));
    Seen {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        parameters: url.query_pairs().map(|(name, _)| name.into_owned()).collect(),
        credentials: with_secret.map(|(name, _)| name.to_string()).collect(),
        leaks: url.as_str().contains(secret),
        body: serde_json::from_slice(body).ok(),
        asked: None,
        status: 0,
        violations: None,
        answer: String::new(),
    }
}

/// The status to ask the mock for, and how.
fn preference(fault: Option<&Fault>, mends: &[Mend]) -> Option<(u16, String)> {
    match fault {
        Some(Fault::OfMock(status, None)) => Some((*status, format!("code={status}"))),
        Some(Fault::OfMock(status, Some(example))) => Some((*status, format!("code={status}, example={example}"))),
        Some(Fault::Own(_)) => None,
        None => mends.iter().find_map(|mend| match &mend.change {
            Change::Status(status) => Some((*status, format!("code={status}"))),
            _ => None,
        }),
    }
}

/// Adds a preference to those that the request has.
fn prefer(headers: &mut HeaderMap, preference: &str) {
    let own = headers.get("prefer").and_then(|value| value.to_str().ok());
    let joined = own.map_or_else(|| preference.to_owned(), |own| format!("{own}, {preference}"));
    headers.insert(HeaderName::from_static("prefer"), HeaderValue::from_str(&joined).unwrap());
}

async fn forward(client: &reqwest::Client, method: Method, url: String, mut headers: HeaderMap, body: Bytes) -> Answer {
    for name in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    let sent = client.request(method, url).headers(headers).body(body).send().await;
    let failed = |error: reqwest::Error| Answer {
        status: StatusCode::BAD_GATEWAY.as_u16(),
        headers: HeaderMap::new(),
        body: format!("the mock does not answer: {error}").into(),
    };
    match sent {
        Ok(response) => {
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            response.bytes().await.map_or_else(failed, |body| Answer { status, headers, body })
        }
        Err(error) => failed(error),
    }
}

fn of_own(own: &Own) -> Answer {
    let mut headers = HeaderMap::new();
    let json = serde_json::from_str::<Value>(&own.body).is_ok();
    headers.insert("content-type", HeaderValue::from_static(if json { "application/json" } else { "text/plain" }));
    for (name, value) in &own.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    Answer { status: own.status, headers, body: own.body.clone().into() }
}

fn apply(change: &Change, answer: &mut Answer) {
    match change {
        Change::Body(pointer, value) => {
            let mut body: Value = serde_json::from_slice(&answer.body).unwrap();
            let place = body.pointer_mut(pointer).unwrap_or_else(|| panic!("the mock's answer has no {pointer}"));
            *place = value.clone();
            answer.body = body.to_string().into();
        }
        Change::Header(name, value) => {
            answer.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Change::Status(_) => {}
    }
}

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap();
    let passed =
        answer.headers.iter().filter(|(name, _)| ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name));
    for (name, value) in passed {
        response.headers_mut().append(name, value.clone());
    }
    response
}
