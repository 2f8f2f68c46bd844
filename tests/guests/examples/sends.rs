//! Sends the requests that its config lists, however odd, and tells what became of each. One that names a `secret` takes
//! it and asks for it to be placed where `place` says. With `together` they go out as one list; `copies` sends each
//! that often.

use blockyard_guests::{Behaviour, Guest, number, refusal, text};
use blockyard_sdk::http::{self, Placement, Request, Response};
use blockyard_sdk::{Context, Failure, HttpRule, Manifest, Outcome, export_block, secrets};
use serde_json::{Value, json};

struct Sends;

impl Behaviour for Sends {
    const TYPE: &'static str = "test.sends";

    fn manifest(manifest: Manifest) -> Manifest {
        let names = ["granted", "stray", "unset", "others"];
        let manifest = names.iter().fold(manifest, |manifest, name| manifest.optional_secret(name, "for tests"));
        manifest
            .optional_secret("asked", "asked for and not granted")
            .http(HttpRule::host("good.example").secrets(&["granted", "stray", "asked", "unset", "others"]))
            .http(HttpRule::host("other.example").secrets(&["granted", "stray"]))
            .http(HttpRule::host("asked.example"))
            .http(HttpRule::host("plain.example").plain_http())
            .http(HttpRule::host("plain.example"))
            .http(HttpRule::host("narrow.example").port(8443))
            .http(HttpRule::host("narrow.example").methods(&["GET", "PUT"]).path_prefix("/v2"))
            .http(HttpRule::host("*.wild.example").secrets(&["granted"]))
            .http(HttpRule::host_from_config("/baseUrl"))
    }

    fn act(config: &Value, _: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        let asked = config["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
        let asked: Vec<&Value> = asked.iter().flat_map(|one| (0..number(one, "copies", 1)).map(move |_| one)).collect();
        let told: Vec<Value> = if config["together"] == json!(true) {
            let requests = asked.iter().map(|one| request(one)).collect::<Result<_, _>>()?;
            http::send_all(requests).into_iter().map(|answer| tell(answer.map_err(Failure::from))).collect()
        } else {
            asked.iter().map(|one| tell(request(one).and_then(|request| Ok(request.send()?)))).collect()
        };
        Ok(Outcome::done(Value::Array(told)))
    }
}

fn request(asked: &Value) -> Result<Request, Failure> {
    let mut request = Request::new(asked["method"].as_str().unwrap_or("GET"), text(asked, "url"));
    for header in asked["headers"].as_array().into_iter().flatten() {
        request = request.header(header[0].as_str().unwrap_or_default(), header[1].as_str().unwrap_or_default());
    }
    if let Some(bytes) = asked["bytes"].as_u64() {
        request = request.body("text/plain", vec![b'x'; usize::try_from(bytes).unwrap_or(0)]);
    }
    if let Some(ms) = asked["timeoutMs"].as_u64() {
        request = request.timeout_ms(u32::try_from(ms).unwrap_or(u32::MAX));
    }
    if let Some(name) = asked["secret"].as_str() {
        request = request.secret(&secrets::get(name)?, placement(&asked["place"]));
    }
    Ok(request)
}

fn placement(place: &Value) -> Placement {
    let part = |key: &str| place[key].as_str().map(str::to_owned);
    if let Some(name) = part("header") {
        return Placement::Header { name, prefix: part("prefix").unwrap_or_default() };
    }
    if let Some(name) = part("query") {
        return Placement::Query(name);
    }
    part("basic").map_or(Placement::Bearer, Placement::Basic)
}

fn tell(answer: Result<Response, Failure>) -> Value {
    match answer {
        Ok(answer) => json!({
            "status": answer.status(),
            "headers": answer.headers(),
            "bytes": answer.body().len(),
            "text": answer.text().chars().take(2_000).collect::<String>(),
        }),
        Err(failure) => refusal(&failure),
    }
}

export_block!(Guest<Sends>);
