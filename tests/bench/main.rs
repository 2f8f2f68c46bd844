//! `make bench`: the release server under the workloads of `tests/data/`, beside what its figures are compared with.
//!
//! Every figure that counts is a ratio of two things measured in the same run, alternating. Prints a table and writes
//! `bench.json` into the target directory. With the argument `jobs` (`make bench-jobs`) it is the job processor that is
//! measured, into `bench-jobs.json`; with `upload` a large component and what others notice of it, into
//! `bench-upload.json`; with `blocks` and paths of components calls of single blocks, into `bench-blocks.json`.

#![expect(clippy::unwrap_used, reason = "a measuring tool may stop at what it does not expect")]

mod disk;
mod guest;
mod jobs;
mod load;
mod process;
mod report;
mod server;
mod upload;
mod warm;

use std::time::{Duration, Instant};

use report::Report;
use serde_json::{Value, json};
use server::Server;

/// Time for each load phase.
const PHASE: Duration = Duration::from_secs(5);

fn data(name: &str) -> Value {
    let path = format!("{}/data/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::main]
async fn main() {
    // `cargo test --benches` starts benches too; there is nothing to test here.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let mut report = Report::default();
    // Cargo adds flags of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let what = arguments.next();
    let arguments: Vec<String> = arguments.collect();
    match what.as_deref() {
        Some("jobs") => {
            jobs::measure(&arguments, &mut report).await;
            report.print();
            return report.write("bench-jobs.json");
        }
        Some("blocks") => {
            blocks(&arguments, &mut report).await;
            report.print();
            return report.write("bench-blocks.json");
        }
        Some("upload") => {
            let server = Server::start(&mut report).await;
            save(&server, &data("w1.json")).await;
            upload::measure(&server, W1, &w1_body(), &mut report).await;
            server.stop().await;
            report.print();
            return report.write("bench-upload.json");
        }
        _ => blocks(&[], &mut report).await,
    }
    let server = Server::start(&mut report).await;
    w1(&server, &mut report).await;
    w3(&server, &mut report).await;
    w4(&server, &mut report).await;
    w5(&server, &mut report).await;
    report.add("resident memory after everything", server.process.resident_mib(), "MiB", None);
    server.stop().await;
    report.print();
    report.write("bench.json");
}

/// Single calls, of these components too.
async fn blocks(components: &[String], report: &mut Report) {
    guest::measure(report).await;
    warm::measure(components, report).await;
}

async fn save(server: &Server, document: &Value) {
    server.post("/workflows", document).await;
}

const W1: &str = "/workflows/bench-w1/execute?wait=30";

fn w1_body() -> String {
    json!({"input": data("w1-input.json")}).to_string()
}

async fn w1(server: &Server, report: &mut Report) {
    save(server, &data("w1.json")).await;
    let (body, path) = (w1_body(), W1);
    let answer = server.post_text(path, &body).await;
    assert_eq!(answer["output"], data("w1-expected.json"), "W1 answers wrong");
    load::run(server, path, &body, 32, Duration::from_secs(2)).await;

    let (one, commit) = alternate(server, path, &body).await;
    let commit_ms = commit.p50_ms;
    report.add("one commit of this disk, p50", commit_ms, "ms", None);
    report.add("P2 W1, 1 connection, p50", one.p50_ms, "ms", Some(commit_ms + 1.5));
    report.add("P2 W1, 1 connection, p99", one.p99_ms, "ms", Some(5.0 * one.p50_ms));

    let (cpu, commits) = (server.process.cpu(), server.home.database_bytes());
    let many = load::run(server, path, &body, 32, PHASE).await;
    let spent = server.process.cpu() - cpu;
    report.add("P1 W1, 32 connections", many.per_second, "requests/s", Some(2000.0).map(|least| -least));
    report.add("P1 W1, 32 connections, p50", many.p50_ms, "ms", None);
    report.add("P1 W1, 32 connections, p99", many.p99_ms, "ms", None);
    report.add("P1 server CPU a request", spent.as_secs_f64() * 1000.0 / many.count as f64, "ms", Some(1.0));
    let per_execution = (server.home.database_bytes() - commits) as f64 / many.count as f64 / 1024.0;
    report.add("P12 database bytes an execution of W1", per_execution, "KiB", Some(60.0));
    upload::measure(server, path, &body, report).await;
}

/// One request, one commit of the disk, and so on.
async fn alternate(server: &Server, path: &str, body: &str) -> (load::Latency, load::Latency) {
    let mut connection = load::Connection::open(server.address()).await;
    let mut disk = disk::Commits::open(&server.home.database(".probe"));
    let (mut requests, mut commits) = (load::Recorder::default(), load::Recorder::default());
    let end = Instant::now() + PHASE;
    while Instant::now() < end {
        requests.time(connection.post(path, body)).await;
        commits.record(disk.commit());
    }
    (requests.latency(), commits.latency())
}

async fn w3(server: &Server, report: &mut Report) {
    save(server, &data("w3.json")).await;
    let body = json!({"input": {"n": 0}}).to_string();
    let path = "/workflows/bench-w3/execute?wait=30";
    assert_eq!(server.post_text(path, &body).await["output"], json!({"n": 40}), "W3 answers wrong");
    let one = load::run(server, path, &body, 1, PHASE).await;
    report.add("P3 W3, wall time a step", one.p50_ms / 40.0, "ms", Some(0.5));
}

async fn w4(server: &Server, report: &mut Report) {
    save(server, &data("w4.json")).await;
    let mut seconds = Vec::new();
    for n in [1000u64, 10_000] {
        let items: Vec<Value> = (0..n).map(|i| json!({"id": i, "value": i})).collect();
        let body = json!({"input": items}).to_string();
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            let start = Instant::now();
            let answer = server.post_text("/workflows/bench-w4/execute?wait=120", &body).await;
            best = best.min(start.elapsed().as_secs_f64());
            assert_eq!(answer["output"].as_array().unwrap().len() as u64, n, "W4 answers wrong");
        }
        report.add(&format!("W4, {n} items"), best * 1000.0, "ms", None);
        seconds.push(best);
    }
    report.add("P7 W4, 10,000 items over 1,000", seconds[1] / seconds[0], "×", Some(11.0));
    report.add("P7 resident memory after W4", server.process.resident_mib(), "MiB", Some(300.0));
}

async fn w5(server: &Server, report: &mut Report) {
    let transform = |id: String, expression: &str| json!({"id": id, "type": "core.transform", "config": {"expression": expression}});
    let mut nodes = vec![transform("start".to_owned(), "input")];
    nodes.extend((0..998).map(|i| transform(format!("n{i:04}"), "{\"n\": 1}")));
    nodes.push(transform("end".to_owned(), "input|length"));
    let edges: Vec<Value> = (0..998)
        .flat_map(|i| {
            let id = format!("n{i:04}");
            [json!({"source": "start", "target": id}), json!({"source": id, "target": "end"})]
        })
        .collect();
    save(server, &json!({"workflowId": "bench-w5", "nodes": nodes, "edges": edges})).await;
    let body = json!({"input": {}}).to_string();
    let path = "/workflows/bench-w5/execute?wait=30";
    assert_eq!(server.post_text(path, &body).await["output"], json!(998), "W5 answers wrong");
    let latency = load::run(server, path, &body, 1, PHASE).await;
    report.add("P8 W5, p50", latency.p50_ms, "ms", Some(1000.0));
}
