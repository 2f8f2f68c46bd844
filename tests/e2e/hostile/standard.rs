//! Guests that send by way of the standard interface, with an ordinary client and without: the same checks, limits and
//! ends as for all others.

use std::time::Duration;

use blockyard::app::App;
use blockyard::domain::{Grant, Json, Mode, Outputs, RunOptions, UserId};
use blockyard::orchestrator::single::{self, Asked};
use blockyard::store::NodeRow;
use serde_json::{Value, json};

use super::addresses::{Says, catalogue};
use super::{Server, TOGETHER, TOGETHER_BYTES, assert_well, grant, one, outcome, output, rule, started, tight};
use crate::support::{Run, guest, node};
use crate::timeline::patiently;

async fn standard(guests: &[&str]) -> (App, Server) {
    let server = Server::start().await;
    let mut config = tight(guests, &server);
    config.runtime.log_lines = 100;
    let app = started(config).await;
    for block in ["test.wasi-sends", "test.wasi-odd"] {
        grant(&app, block, vec![rule("good.example", &[])]);
    }
    (app, server)
}

async fn ask(app: &App, request: Value) -> Value {
    output(app, "test.wasi-sends", json!({"requests": [request]})).await[0].clone()
}

async fn odd(app: &App, config: Value) -> Value {
    output(app, "test.wasi-odd", config).await
}

/// What the node's log says, line by line.
fn log(row: &NodeRow<Outputs>) -> Vec<&str> {
    row.call.logs.iter().map(|line| line.message.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_client_sends_and_gets_whole_answers() {
    let (app, server) = standard(&["wasi-sends"]).await;
    let request = json!({
        "method": "PATCH", "url": "https://GOOD.example./echo?a=%20b", "body": "ü",
        "headers": [["x-odd", "café"], ["content-length", "2"], ["accept-encoding", "br"], ["user-agent", "mine"]]
    });
    let told = ask(&app, request).await;
    assert_eq!(told["status"], 200, "{told}");
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str(), seen.body.as_slice()),
        ("PATCH", "/echo?a=%20b", "ü".as_bytes())
    );
    assert_eq!(seen.header("content-length"), Some("2"));
    assert_eq!((seen.header("x-odd"), seen.header("user-agent")), (Some("café"), Some("mine")));
    assert!(seen.header("accept-encoding").unwrap().contains("gzip"), "the host's own");
    let packed = ask(&app, json!({"url": "https://good.example/gzip"})).await;
    assert_eq!((&packed["text"], packed["headers"].to_string().contains("gzip")), (&json!("well packed"), false));
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_failures_are_codes_to_the_guest_and_words_in_the_nodes_log() {
    let (app, server) = standard(&["wasi-sends"]).await;
    let good = |path: &str| json!({"url": format!("https://good.example{path}")});
    let with = |path: &str, key: &str, value: Value| {
        let mut request = good(path);
        request[key] = value;
        request
    };
    for (request, code, words) in [
        (json!({"url": "https://asked.example/"}), "HttpRequestDenied", "is not granted GET https://asked.example/"),
        (json!({"url": "https://else.example/"}), "HttpRequestDenied", "does not ask for GET https://else.example/"),
        (json!({"url": "http://good.example/"}), "HttpRequestDenied", "does not ask for GET http://good.example/"),
        (json!({"url": "https://good.example:8443/"}), "HttpRequestDenied", "https://good.example:8443/"),
        (good("/a%2fb"), "HttpRequestUriInvalid", "an encoded slash"),
        (with("/", "method", json!("TRACE")), "HttpRequestMethodInvalid", "the method is none that blocks may use"),
        (with("/", "bytes", json!(TOGETHER_BYTES + 1)), "HttpRequestBodySize(Some(1048576))", "larger than 1048576"),
        (good("/large"), "HttpResponseBodySize(Some(1048576))", "the answer is larger than 1048576 bytes"),
        (good("/bomb"), "HttpResponseBodySize(Some(1048576))", "the answer is larger than 1048576 bytes"),
        (good("/brotli"), "HttpResponseContentCoding", "a content encoding that was not asked for"),
        (good("/half"), "HttpProtocolError", "the answer broke off"),
        (good("/no-http"), "HttpProtocolError", "HTTP request failed: "),
        (with("/silent", "firstByteMs", json!(100)), "HttpResponseTimeout", "no complete answer in time"),
        (with("/drip-head", "firstByteMs", json!(100)), "HttpResponseTimeout", "no complete answer in time"),
        (with("/drip", "betweenBytesMs", json!(1)), "HttpResponseTimeout", "no complete answer in time"),
    ] {
        let row = outcome(&app, one("test.wasi-sends", json!({"requests": [request]}))).await;
        let told = row.call.outputs.get("output").unwrap_or_else(|| panic!("{:?}", row.call.error)).to_value().unwrap();
        let said = told[0]["code"].as_str().unwrap_or_default();
        assert!(said.contains(code), "{request}: {told}");
        assert!(log(&row).iter().any(|line| line.contains(words)), "{request}: {:?}", log(&row));
    }
    assert!(server.seen().iter().all(|one| one.body.is_empty()), "no part of what is too large is sent");
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_handed_over_and_not_followed() {
    let (app, server) = standard(&["wasi-sends"]).await;
    for status in [301, 302, 307, 308] {
        let told = ask(&app, json!({"url": format!("https://good.example/redirect/{status}")})).await;
        assert_eq!((&told["status"], &told["text"]), (&json!(status), &json!("gone")));
        assert!(told["headers"].to_string().contains("http://127.0.0.1/secret"), "{told}");
    }
    assert_eq!(server.seen().len(), 4);
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_host_that_leads_inside_is_stopped_by_the_guard() {
    let server = Server::start().await;
    let (catalogue, sources) = catalogue(Says(&["127.0.0.1"])).await;
    let block = catalogue.register(std::fs::read(guest("wasi-sends")).unwrap().into()).await.unwrap();
    for url in [
        format!("https://good.example:{}/", server.port()),
        format!("http://good.example:{}/", server.port()),
        format!("http://127.0.0.1:{}/", server.port()),
        "http://169.254.169.254/latest".to_owned(),
        format!("http://[::1]:{}/", server.port()),
    ] {
        let parsed = reqwest::Url::parse(&url).unwrap();
        let mut rule = rule(parsed.host_str().unwrap(), &[]);
        (rule.scheme, rule.port) = (Some(parsed.scheme().to_owned()), parsed.port_or_known_default());
        catalogue.set_grant(block.manifest.block_type.clone(), Grant { http: vec![rule], ..Grant::default() });
        let config = json!({"baseUrl": url, "requests": [{"url": url}]});
        let result = single::call(&block, &config, &Json::null(), Asked::default(), &UserId::local(), &sources).await;
        let told = result.output.to_value().unwrap();
        assert!(told[0]["code"].to_string().contains("DestinationIpProhibited"), "{url}: {told} {:?}", result.error);
        assert!(result.logs[0].message.contains("the network guard refuses `"), "{:?}", result.logs);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_once_share_the_turns_and_come_to_an_end() {
    let (app, server) = standard(&["wasi-sends"]).await;
    let requests: Vec<Value> = (0..40)
        .map(|n| json!({"url": format!("https://good.example/echo?n={n}"), "method": "POST", "bytes": 20_000}))
        .collect();
    let told = output(&app, "test.wasi-sends", json!({"together": true, "requests": requests})).await;
    for (n, answer) in told.as_array().unwrap().iter().enumerate() {
        assert_eq!(answer["status"], 200, "{answer}");
        assert!(answer["text"].as_str().unwrap().contains(&format!("/echo?n={n}\"")), "{n}: {answer}");
    }
    assert_eq!(server.seen().len(), 40);
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_requests_in_a_call_is_limited_for_this_interface_too() {
    let server = Server::start().await;
    let mut config = tight(&["wasi-sends"], &server);
    config.http.requests_per_call = 3;
    let app = started(config).await;
    grant(&app, "test.wasi-sends", vec![rule("good.example", &[])]);
    let requests = vec![json!({"url": "https://good.example/echo"}); 5];
    let told = output(&app, "test.wasi-sends", json!({"requests": requests})).await;
    assert_eq!(
        (&told[2]["status"], &told[3]["code"]),
        (&json!(200), &json!("ErrorCode::ConnectionLimitReached")),
        "{told}"
    );
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_is_replayed_without_a_network() {
    let (app, server) = standard(&["wasi-sends"]).await;
    let requests = json!([
        {"url": "https://good.example/echo?a=1"},
        {"url": "https://good.example/echo", "method": "POST", "body": "{\"b\": 2}"},
    ]);
    let document = one("test.wasi-sends", json!({"requests": requests}));
    let run = Run::new(&app, document.clone(), json!(1)).options(RunOptions { record: true, exchanges: None });
    let execution = run.end().await;
    let first = node(&app, &execution, "it").await.call;
    let exchanges = first.exchanges.unwrap();
    assert_eq!(exchanges.to_value().unwrap().as_array().unwrap().len(), 2);
    let sent = server.seen().len();
    let options = RunOptions { record: false, exchanges: Some(exchanges) };
    let run = Run::new(&app, document, json!(1)).mode(Mode::Test).options(options);
    let execution = run.end().await;
    let again = node(&app, &execution, "it").await.call;
    let texts = |outputs: &Outputs| outputs.get("output").unwrap().to_value().unwrap().to_string();
    assert_eq!(texts(&first.outputs), texts(&again.outputs));
    // Without any, nothing is sent, and the reason is told.
    for mode in [Mode::Test, Mode::Demo] {
        let document = one("test.wasi-sends", json!({"requests": [{"url": "https://good.example/echo"}]}));
        let execution = Run::new(&app, document, json!(1)).mode(mode).end().await;
        let row = node(&app, &execution, "it").await;
        let told = row.call.outputs.get("output").unwrap().to_value().unwrap();
        assert!(told[0]["code"].to_string().contains("no recorded exchange answers GET"), "{told}");
    }
    assert_eq!(server.seen().len(), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_own_headers_cannot_be_set() {
    let (app, _server) = standard(&["wasi-odd"]).await;
    let names = ["host", "Transfer-Encoding", "connection", "te", "upgrade", "expect", "x\r\ny", "fine"];
    let told = odd(&app, json!({"way": "sets-headers", "names": names})).await;
    let told: Vec<&str> = told.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert!(told[..6].iter().all(|one| one.contains("Forbidden")), "{told:?}");
    assert!(told[6].contains("InvalidSyntax") && told[7].starts_with("Ok"), "{told:?}");
    assert!(odd(&app, json!({"way": "user-info"})).await.to_string().contains("HttpRequestUriInvalid"));
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_do_not_end_as_they_say_are_never_sent() {
    let (app, server) = standard(&["wasi-odd"]).await;
    let told = odd(&app, json!({"way": "drops-body"})).await;
    assert!(told.to_string().contains("HttpProtocolError"), "{told}");
    for (says, bytes) in [(10, 5), (5, 10), (3, 0)] {
        let told = odd(&app, json!({"way": "says-a-length", "says": says, "bytes": bytes})).await;
        assert!(told[0].to_string().contains("HttpRequestBodySize"), "{says} {bytes}: {told}");
        assert!(told[1].is_string(), "{says} {bytes}: {told}");
    }
    let told = odd(&app, json!({"way": "trailers"})).await;
    assert!(told[1].to_string().contains("HttpRequestTrailerSectionSize"), "{told}");
    assert_eq!(odd(&app, json!({"way": "returns-early"})).await, Value::Null);
    let mut document = one("test.wasi-odd", json!({"way": "never-finishes"}));
    document["nodes"][0]["timeoutMs"] = json!(500);
    let row = outcome(&app, document).await;
    assert_eq!(row.call.error.unwrap().code, "timeout");
    assert_eq!(server.connections(), 0);
    // One that says what it does is fine.
    let told = odd(&app, json!({"way": "says-a-length", "says": 4, "bytes": 4})).await;
    assert_eq!(told[1], 200, "{told}");
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_reads_hold_nothing_once_the_call_is_over() {
    let (app, _server) = standard(&["wasi-odd"]).await;
    let told = odd(&app, json!({"way": "never-reads", "path": "/echo", "count": 30})).await;
    assert_eq!(told, json!(vec![200; 30]));
    // Large ones fill what a call may leave unread; the rest is refused.
    let told = odd(&app, json!({"way": "never-reads", "path": "/together", "count": TOGETHER})).await;
    let answered = told.as_array().unwrap().iter().filter(|one| **one == json!(200)).count();
    assert_eq!(answered, 1, "{told}");
    assert!(told.to_string().contains("ConnectionLimitReached"), "{told}");
    for path in ["/silent", "/drip", "/echo"] {
        odd(&app, json!({"way": "drops-the-answer", "path": path, "count": 20})).await;
    }
    assert_well(&app).await;
    assert_eq!(
        odd(&app, json!({"way": "reads-slowly", "path": "/echo", "bytes": 1})).await.as_u64().map(|n| n > 50),
        Some(true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hoarded_headers_and_bodies_end_the_call_and_no_other() {
    let (app, server) = standard(&["wasi-odd"]).await;
    for way in ["hoards-headers", "hoards-bodies"] {
        let row = outcome(&app, one("test.wasi-odd", json!({"way": way}))).await;
        let error = row.call.error.unwrap();
        assert!(error.code == "trap" && error.message.contains("table"), "{way}: {error:?}");
    }
    assert_eq!(server.connections(), 0);
    assert_well(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_closes_what_it_had_open() {
    let (app, server) = standard(&["wasi-sends"]).await;
    let requests = vec![json!({"url": "https://good.example/silent"}); TOGETHER];
    let document = one("test.wasi-sends", json!({"together": true, "requests": requests}));
    let mut ticket = Run::new(&app, document, json!(1)).submit().await;
    patiently("the requests", async {
        while server.seen().len() < TOGETHER {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    app.queue.cancel(&ticket.execution_id).await.unwrap();
    patiently("the end", ticket.ended()).await;
    patiently("the turns", async {
        while app.http.stats() != Default::default() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_well(&app).await;
}
