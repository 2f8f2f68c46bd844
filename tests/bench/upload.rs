//! P10: a large component is uploaded, and what others notice of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::load::{Connection, Latency, Recorder};
use crate::report::Report;
use crate::server::Server;

/// Those who make requests meanwhile.
const CONNECTIONS: usize = 4;
/// How long they do so before.
const BEFORE: Duration = Duration::from_secs(10);

/// Beside W1, which has to be saved.
pub(crate) async fn measure(server: &Server, path: &str, body: &str, report: &mut Report) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/blocks/js/lead-scoring/dist/lead-scoring.wasm");
    let Ok(mut component) = std::fs::read(&file) else {
        return eprintln!(
            "  skipped: P10; `blockyard block build examples/blocks/js/lead-scoring` makes its component"
        );
    };
    stamp(&mut component);
    report.add("P10 size of the component", component.len() as f64 / f64::from(1 << 20), "MiB", None);
    let before = others(server, path, body, tokio::time::sleep(BEFORE)).await.0;
    let (during, took) = others(server, path, body, upload(server, &component)).await;
    report.add("P10 JavaScript component, upload until usable, cold, under load", took.as_secs_f64(), "s", None);
    report.add("P10 W1 beside nothing, 4 connections, p99", before.p99_ms, "ms", None);
    report.add("P10 W1 beside the compiler, 4 connections, p99", during.p99_ms, "ms", None);
    report.add("P10 p99 beside the compiler over beside nothing", during.p99_ms / before.p99_ms, "×", Some(3.0));
    stamp(&mut component);
    let alone = upload(server, &component).await;
    report.add("P10 JavaScript component, upload until usable, cold", alone.as_secs_f64(), "s", Some(15.0));
    let cached = upload(server, &component).await;
    report.add("P10 the same from the cache", cached.as_secs_f64() * 1000.0, "ms", Some(300.0));
}

/// Until it is usable. It is of the version that is there, which goes first.
async fn upload(server: &Server, component: &[u8]) -> Duration {
    let http = reqwest::Client::new();
    let url = format!("http://{}/blocks", server.address());
    http.delete(format!("{url}/custom.lead-scoring")).send().await.unwrap();
    let start = Instant::now();
    let request = http.post(format!("{url}?wait=300")).header("content-type", "application/wasm");
    let answer = request.body(component.to_vec()).send().await.unwrap();
    let took = start.elapsed();
    let status = answer.status().as_u16();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!((status, &answer["status"]), (201, &json!("ready")), "{answer}");
    took
}

/// Requests of others while `work` goes on.
async fn others<T>(server: &Server, path: &str, body: &str, work: impl Future<Output = T>) -> (Latency, T) {
    let done = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (done, address, path, body) = (done.clone(), server.address(), path.to_owned(), body.to_owned());
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await;
                let mut recorder = Recorder::default();
                while !done.load(Ordering::Relaxed) {
                    recorder.time(connection.post(&path, &body)).await;
                }
                recorder
            })
        })
        .collect();
    let result = work.await;
    done.store(true, Ordering::Relaxed);
    let mut all = Recorder::default();
    for task in tasks {
        all.add(&task.await.unwrap());
    }
    (all.latency(), result)
}

/// Give the component another digest: a custom section more, with this moment.
fn stamp(component: &mut Vec<u8>) {
    let moment = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos().to_string();
    let name = b"stamp";
    component.push(0);
    component.push(u8::try_from(1 + name.len() + moment.len()).unwrap());
    component.push(u8::try_from(name.len()).unwrap());
    component.extend_from_slice(name);
    component.extend_from_slice(moment.as_bytes());
}
