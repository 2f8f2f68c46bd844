//! Guests that try to escape, and servers that help them: each is refused by name, and the server is well afterwards.

mod addresses;
mod ambient;
mod answers;
mod bodies;
mod canary;
mod fetch;
mod forms;
mod grants;
mod messages;
mod placeholders;
mod process;
mod reveal;
mod secrets;
mod servers;
mod standard;
mod texts;
mod urls;

use blockyard::app::App;
use blockyard::config::{Config, Rewrite};
use blockyard::domain::block::HttpRule;
use blockyard::domain::{ExecutionStatus, Grant, NewSecret, NodeStatus, Outputs, Owner, UserId};
use blockyard::store::NodeRow;
use serde_json::{Value, json};

use crate::misbehaving::assert_w1_is_right;
use crate::support::{Run, config, graph, node};
use crate::timeline::patiently;
use servers::{Server, TOGETHER, TOGETHER_BYTES};

/// As few slots, turns and bytes as [`assert_well`] needs, so that it notices a single one that stays taken.
fn tight(guests: &[&str], server: &Server) -> Config {
    let mut names = guests.to_vec();
    if !names.contains(&"sends") {
        names.push("sends");
    }
    let mut config = config(&names);
    config.runtime.max_instances = TOGETHER as u32;
    config.http.in_flight = TOGETHER;
    config.http.in_flight_per_block = TOGETHER;
    config.http.body_bytes = TOGETHER_BYTES;
    config.http.bytes_in_flight = TOGETHER * TOGETHER_BYTES;
    config.http.rate_per_host = 0.0;
    let inside = format!("http://127.0.0.1:{}", server.port());
    for host in ["good", "other", "plain", "narrow", "a.wild", "xn--bcher-kva"] {
        config.http.rewrites.push(Rewrite { from: format!("https://{host}.example"), to: inside.clone() });
    }
    for odd in ["http://plain.example", "http://good.example", "https://narrow.example:8443"] {
        config.http.rewrites.push(Rewrite { from: odd.to_owned(), to: inside.clone() });
    }
    config
}

/// A server, and an app that reaches it at `https://good.example` and others.
async fn hostile(guests: &[&str]) -> (App, Server) {
    let server = Server::start().await;
    let app = started(tight(guests, &server)).await;
    (app, server)
}

async fn started(config: Config) -> App {
    let app = App::start(config).await.unwrap_or_else(|error| panic!("{error}"));
    grant(&app, "test.sends", vec![rule("good.example", &["granted"])]);
    app
}

/// A rule of a grant.
fn rule(host: &str, secrets: &[&str]) -> HttpRule {
    let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
    HttpRule { host: Some(host.to_owned()), secrets, ..HttpRule::default() }
}

fn grant(app: &App, block: &str, http: Vec<HttpRule>) {
    app.catalogue.set_grant(block.parse().unwrap(), Grant { http, ..Grant::default() });
}

/// Store a secret that everyone may use with these hosts.
async fn store_secret(app: &App, name: &str, value: &str, hosts: &[&str], owner: Owner) {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let secret = NewSecret::parse(name.parse().unwrap(), owner, value.to_owned().into(), &hosts, None);
    app.vault.put(&UserId::local(), secret.unwrap()).await.unwrap();
}

/// A workflow of one node.
fn one(block: &str, config: Value) -> Value {
    graph(json!([{"id": "it", "type": block, "config": config}]), &[])
}

/// Run one node and return what it came to.
async fn outcome(app: &App, document: Value) -> NodeRow<Outputs> {
    let execution = patiently("the end", Run::new(app, document, json!(null)).end()).await;
    node(app, &execution, "it").await
}

/// What a node that has to complete put out.
async fn output(app: &App, block: &str, config: Value) -> Value {
    let call = outcome(app, one(block, config)).await.call;
    assert_eq!(call.status, NodeStatus::Completed, "{block}: {:?}", call.error);
    call.outputs.get("output").unwrap().to_value().unwrap()
}

/// The code and message of a node that has to fail.
async fn failure(app: &App, block: &str, config: Value) -> (String, String) {
    let call = outcome(app, one(block, config)).await.call;
    let error = call.error.unwrap_or_else(|| panic!("{block} completed with {:?}", call.outputs));
    (error.code, error.message)
}

/// What became of these requests, one by one.
async fn send(app: &App, requests: Value) -> Vec<Value> {
    let told = output(app, "test.sends", json!({"requests": requests})).await;
    told.as_array().unwrap().clone()
}

/// Assert that one request was refused with a code, and with a message that holds `words`.
fn assert_refused(told: &Value, code: &str, words: &str, what: &str) {
    assert_eq!(told["code"], code, "{what}: {told}");
    assert!(told["message"].as_str().unwrap().contains(words), "{what}: {told}");
}

/// That no slot, no turn and no byte stays taken, and that other workflows run. `test.sends` needs its usual grant.
async fn assert_well(app: &App) {
    let together = json!({"url": "https://good.example/together", "timeoutMs": 20_000});
    // One call that holds all turns and all bytes at once.
    let config =
        json!({"together": true, "requests": [{"url": together["url"], "timeoutMs": 20_000, "copies": TOGETHER}]});
    for answer in output(app, "test.sends", config).await.as_array().unwrap() {
        assert_eq!((&answer["status"], &answer["bytes"]), (&json!(200), &json!(TOGETHER_BYTES)), "{answer}");
    }
    // As many calls that hold all slots: none is answered before all have asked.
    let node = |n: usize| json!({"id": format!("n{n}"), "type": "test.sends", "config": {"requests": [together]}});
    let nodes: Vec<Value> = (0..TOGETHER).map(node).collect();
    let execution = patiently("all slots", Run::new(app, graph(json!(nodes), &[]), json!(1)).end()).await;
    assert_eq!(execution.status, ExecutionStatus::Completed, "{:?}", execution.error);
    for row in crate::support::nodes(app, &execution).await {
        let told = row.call.outputs.get("output").unwrap().to_value().unwrap();
        assert_eq!(told[0]["status"], 200, "{told}");
    }
    assert_w1_is_right(app).await;
}
