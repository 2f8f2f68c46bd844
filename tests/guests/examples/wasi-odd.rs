//! Uses the standard interface as no client would. What it does follows from the config's `way`.

use blockyard_guests::{Behaviour, Guest, number, text};
use blockyard_sdk::{Context, Failure, HttpRule, Manifest, Outcome, export_block};
use serde_json::{Value, json};
// What the client is made of: there is no other crate of these bindings at hand.
use wstd::__internal::wasip2::http::outgoing_handler::handle;
use wstd::__internal::wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};

struct WasiOdd;

impl Behaviour for WasiOdd {
    const TYPE: &'static str = "test.wasi-odd";

    fn manifest(manifest: Manifest) -> Manifest {
        manifest.http(HttpRule::host("good.example"))
    }

    fn act(config: &Value, _: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        let path = config["path"].as_str().unwrap_or("/echo");
        let count = number(config, "count", 1);
        Ok(Outcome::done(match text(config, "way") {
            "sets-headers" => {
                json!(config["names"].as_array().into_iter().flatten().map(set_header).collect::<Vec<_>>())
            }
            "never-finishes" => never_finishes(path),
            "returns-early" => returns_early(path),
            "drops-body" => drops_body(path),
            "says-a-length" => says_a_length(path, number(config, "says", 0), number(config, "bytes", 0)),
            "trailers" => trailers(path),
            "user-info" => told(started(path, "user:word@good.example", &[])),
            "drops-the-answer" => {
                json!((0..count).map(|_| started(path, "good.example", &[]).is_ok()).collect::<Vec<_>>())
            }
            "never-reads" => never_reads(path, count),
            "reads-slowly" => reads_slowly(path, number(config, "bytes", 1)),
            "hoards-headers" => hoards_headers(),
            _ => hoards_bodies(),
        }))
    }
}

fn request(path: &str, authority: &str, headers: &[(&str, &str)]) -> OutgoingRequest {
    let fields = Fields::new();
    for (name, value) in headers {
        fields.append(name, value.as_bytes()).unwrap_or_default();
    }
    let request = OutgoingRequest::new(fields);
    let set = request.set_method(&Method::Post).and(request.set_scheme(Some(&Scheme::Https)));
    set.and(request.set_authority(Some(authority))).and(request.set_path_with_query(Some(path))).unwrap_or_default();
    request
}

fn started(path: &str, authority: &str, headers: &[(&str, &str)]) -> Result<FutureIncomingResponse, ErrorCode> {
    handle(request(path, authority, headers), None)
}

fn told(future: Result<FutureIncomingResponse, ErrorCode>) -> Value {
    match future.and_then(answer) {
        Ok(response) => json!(response.status()),
        Err(code) => json!(format!("{code:?}")),
    }
}

fn answer(future: FutureIncomingResponse) -> Result<IncomingResponse, ErrorCode> {
    future.subscribe().block();
    match future.get() {
        Some(Ok(answer)) => answer,
        _ => Err(ErrorCode::InternalError(Some("not ready".to_owned()))),
    }
}

fn set_header(name: &Value) -> Value {
    let fields = Fields::new();
    json!(format!("{:?}", fields.append(name.as_str().unwrap_or_default(), b"1")))
}

/// Start a request, and write to its body without an end to it.
fn half_sent(path: &str) -> (Result<FutureIncomingResponse, ErrorCode>, Option<OutgoingBody>) {
    let request = request(path, "good.example", &[]);
    let body = request.body().ok();
    let future = handle(request, None);
    if let Some(stream) = body.as_ref().and_then(|body| body.write().ok()) {
        for _ in 0..20 {
            stream.blocking_write_and_flush(&[b'x'; 4_096]).unwrap_or_default();
        }
    }
    (future, body)
}

fn never_finishes(path: &str) -> Value {
    let (future, _body) = half_sent(path);
    told(future)
}

fn returns_early(path: &str) -> Value {
    std::mem::forget(half_sent(path));
    Value::Null
}

fn drops_body(path: &str) -> Value {
    let (future, body) = half_sent(path);
    drop(body);
    told(future)
}

fn says_a_length(path: &str, says: u64, bytes: u64) -> Value {
    let request = request(path, "good.example", &[("content-length", &says.to_string())]);
    let Ok(body) = request.body() else { return json!("no body") };
    let future = handle(request, None);
    if let Ok(stream) = body.write() {
        for _ in 0..bytes {
            stream.blocking_write_and_flush(b"x").unwrap_or_default();
        }
    }
    let finished = OutgoingBody::finish(body, None);
    json!([format!("{finished:?}"), told(future)])
}

fn trailers(path: &str) -> Value {
    let request = request(path, "good.example", &[]);
    let Ok(body) = request.body() else { return json!("no body") };
    let future = handle(request, None);
    let trailers = Fields::new();
    trailers.append("x-sum", b"1").unwrap_or_default();
    let finished = OutgoingBody::finish(body, Some(trailers));
    json!([format!("{finished:?}"), told(future)])
}

/// Ask for many answers, and read none of them.
fn never_reads(path: &str, count: u64) -> Value {
    let futures: Vec<_> = (0..count).map(|_| started(path, "good.example", &[])).collect();
    let answers: Vec<_> = futures.into_iter().map(|future| future.and_then(answer)).collect();
    let told = answers.iter().map(|answer| match answer {
        Ok(response) => json!(response.status()),
        Err(code) => json!(format!("{code:?}")),
    });
    let told: Vec<Value> = told.collect();
    std::mem::forget(answers);
    json!(told)
}

/// Read an answer in small pieces to its end. How many bytes that were.
fn reads_slowly(path: &str, bytes: u64) -> Value {
    let Ok(response) = started(path, "good.example", &[]).and_then(answer) else { return Value::Null };
    let Ok(body) = response.consume() else { return Value::Null };
    let Ok(stream) = body.stream() else { return Value::Null };
    let mut read = 0;
    while let Ok(piece) = stream.blocking_read(bytes) {
        read += piece.len();
    }
    json!(read)
}

fn hoards_headers() -> Value {
    loop {
        let fields = Fields::new();
        fields.append("x", &[b'x'; 20_000]).unwrap_or_default();
        std::mem::forget(fields);
    }
}

fn hoards_bodies() -> Value {
    loop {
        let request = request("/echo", "good.example", &[]);
        let body = request.body();
        if let Some(stream) = body.as_ref().ok().and_then(|body| body.write().ok()) {
            while let Ok(room @ 1..) = stream.check_write() {
                stream.write(&vec![b'x'; usize::try_from(room).unwrap_or(0)]).unwrap_or_default();
            }
            std::mem::forget(stream);
        }
        std::mem::forget((request, body));
    }
}

export_block!(Guest<WasiOdd>);
