//! The scripts in `examples/jobs`, run the way a reader runs them: with `sh` and `curl`, against the real server.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::server::{Server, command};
use crate::support::config_on_disk;
use crate::timeline::patiently;

/// What the scripts share, and no script itself.
const SHARED: &str = "lib.sh";
/// Every script, each with its test below.
const SCRIPTS: [&str; 6] =
    ["1-saved-workflow.sh", "2-inline-workflow.sh", "3-three-types.sh", "4-flow.sh", "5-webhook.sh", "6-schedule.sh"];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/jobs")
}

async fn server(flags: &[String]) -> (Server, TempDir) {
    let (config, directory) = config_on_disk(&[]);
    let mut command = command("serve", &config.database.url, &[]);
    command.args(flags);
    (Server::of(command).await, directory)
}

/// Run a script with these variables and nothing else of this test's own environment.
async fn run(script: &str, variables: &[(&str, &str)]) -> Output {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let curl = std::env::split_paths(&path).any(|folder| folder.join("curl").is_file());
    assert!(curl, "curl is missing, which the examples call: apt-get install curl, or your system's package");
    let mut command = Command::new("sh");
    command.arg(folder().join(script)).env_clear().env("PATH", path).envs(variables.iter().copied());
    patiently(script, command.stdin(Stdio::null()).kill_on_drop(true).output()).await.unwrap()
}

/// What a script prints that ends well.
async fn told(script: &str, server: &Server, variables: &[(&str, &str)]) -> String {
    let output = run(script, &[&[("BLOCKYARD_URL", server.url())], variables].concat()).await;
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && err.is_empty(), "{script}: {}: {err}\n{out}", output.status);
    out
}

/// The last line, in JSON.
fn last(told: &str) -> Value {
    serde_json::from_str(told.lines().last().unwrap()).unwrap_or_else(|error| panic!("{error}: {told}"))
}

/// The percentages in a followed stream of events.
fn percentages(told: &str) -> Vec<f64> {
    let of = |line: &str| line.strip_suffix(" %)")?.rsplit_once('(')?.1.parse().ok();
    told.lines().filter_map(of).collect()
}

fn has(told: &str, texts: &[&str]) {
    for text in texts {
        assert!(told.contains(text), "`{text}` is not in {told}");
    }
}

#[test]
fn every_script_is_known_here() {
    let names = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut scripts: Vec<String> = names.filter(|name| name.ends_with(".sh") && name != SHARED).collect();
    scripts.sort();
    assert_eq!(scripts, SCRIPTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_workflow_is_a_job_whose_progress_goes_up() {
    let (server, _directory) = server(&[]).await;
    for _ in 0..2 {
        let told = told(SCRIPTS[0], &server, &[]).await;
        has(&told, &[r#""status":"delayed""#, "job.created: job created (0.0 %)", "qualified: completed (14.0 %)"]);
        let percentages = percentages(&told);
        assert!(percentages.is_sorted() && percentages.starts_with(&[0.0, 5.0]), "{percentages:?}");
        assert!(percentages.ends_with(&[95.0, 100.0]), "{percentages:?}");
        has(&told, &[r#"{"status":"completed","progress":100.0,"completedNodes":10,"totalNodes":10,"#]);
        assert_eq!(last(&told)["writeTo"][0]["name"], "Ada Quill");
    }
    assert_eq!(server.get("/workflows/lead-enrichment").await.1["version"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inline_workflow_that_is_sent_twice_is_one_job() {
    let (server, _directory) = server(&[]).await;
    for runs in 1..=2 {
        let told = told(SCRIPTS[1], &server, &[]).await;
        has(&told, &["idempotency-key-reused", "job.completed: execution completed (100.0 %)"]);
        let result = last(&told);
        assert_eq!((&result["checked"], &result["answers"][1]["email"]), (&json!(2), &json!("cleo@example.org")));
        assert_eq!(server.get("/jobs").await.1["items"].as_array().unwrap().len(), runs);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_three_types_do_not_disturb_each_other() {
    let (server, _directory) = server(&[]).await;
    for runs in 1..=2 {
        let told = told(SCRIPTS[2], &server, &[]).await;
        let ended = |status: &str| {
            let end = format!(": {status}");
            told.lines().filter_map(|line| line.strip_suffix(&end)).collect::<Vec<_>>()
        };
        let completed = ["SEARCH on queue search", "UPLOAD_TO_META on queue upload", "WORKFLOW on queue workflow"];
        assert_eq!((ended("completed"), ended("failed")), (completed.to_vec(), vec![completed[2]]), "{told}");
        has(&told, &[r#""username":"ada.example""#, r#""numReceived":1,"#, r#""label":"positive""#]);
        let expected = json!({
            "SEARCH": {"completed": runs}, "UPLOAD_TO_META": {"completed": runs},
            "WORKFLOW": {"completed": runs, "failed": runs}
        });
        assert_eq!(last(&told)["byType"], expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_goes_up_with_each_job_and_its_parent_receives_the_results() {
    let (server, _directory) = server(&[]).await;
    for _ in 0..2 {
        let told = told(SCRIPTS[3], &server, &[]).await;
        assert_eq!(percentages(&told), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 100.0]);
        has(&told, &["is failed: ", "flow.completed: flow completed: 4 of 5 jobs completed"]);
        has(&told, &[r#"{"region":"north","sold":42}"#, r#""childrenFailures":{""#]);
        assert_eq!(last(&told), json!({"week": 47, "sold": 50, "regions": ["north", "south"], "missing": 1}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_and_a_trigger_start_a_workflow_and_leave_nothing_behind() {
    let (server, _directory) = server(&[]).await;
    for _ in 0..2 {
        let told = told(SCRIPTS[5], &server, &[]).await;
        has(&told, &[r#""timezone":"Europe/Zurich""#, r#"{"text":"Hello the clock"}"#, "\ngone\n", "Bonjour Zoë"]);
        assert_eq!(last(&told)["code"], "unknown-hook");
        for path in ["/schedules", "/triggers"] {
            assert_eq!(server.get(path).await.1["items"], json!([]), "{path}");
        }
    }
}

/// What a receiver was sent.
#[derive(Clone, Debug)]
struct Received {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A receiver that takes everything; the port, and what came so far.
async fn receiver() -> (u16, Arc<Mutex<Vec<Received>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let received = Arc::<Mutex<Vec<Received>>>::default();
    let kept = Arc::clone(&received);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let kept = Arc::clone(&kept);
            let service = service_fn(move |request: Request<Incoming>| {
                let kept = Arc::clone(&kept);
                async move {
                    let (path, headers) = (request.uri().to_string(), request.headers().clone());
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    kept.lock().unwrap().push(Received { path, headers, body });
                    Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
                }
            });
            // The server may hang up before the answer.
            tokio::spawn(async move {
                drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    (port, received)
}

/// What follows `prefix` in its line, each time, up to the next space.
fn words<'t>(told: &'t str, prefix: &str) -> Vec<&'t str> {
    told.lines().filter_map(|line| line.strip_prefix(prefix)?.split(' ').next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_can_verify_what_a_job_tells_it() {
    let (port, received) = receiver().await;
    let rewrite = format!("https://hooks.example=http://127.0.0.1:{port}");
    let (server, _directory) = server(&["--http-rewrite".to_owned(), rewrite]).await;
    let variables = [("WEBHOOK_URL", "https://hooks.example/jobs?of=blockyard")];
    // The secret of each job.
    let mut secrets = HashMap::new();
    let mut jobs = Vec::new();
    for _ in 0..2 {
        let told = told(SCRIPTS[4], &server, &variables).await;
        has(&told, &["job:completed: delivered at attempt 1", "job:failed: delivered at attempt 1"]);
        let secret = words(&told, "secret ")[0];
        assert!(secret.starts_with("whsec_"), "{told}");
        for job in words(&told, "job ") {
            secrets.insert(job.to_owned(), secret.to_owned());
            jobs.push(job.to_owned());
        }
    }
    assert_eq!((jobs.len(), secrets.len()), (4, 4));
    let received = received.lock().unwrap().clone();
    let mut events = HashMap::<String, BTreeMap<i64, String>>::new();
    for Received { path, headers, body } in &received {
        assert_eq!(path, "/jobs?of=blockyard");
        let told: Value = serde_json::from_slice(body).unwrap();
        let job = told["data"]["jobId"].as_str().unwrap();
        Webhook::new(&secrets[job]).unwrap().verify(body, headers).unwrap();
        let other = secrets.values().find(|other| **other != secrets[job]).unwrap();
        assert!(Webhook::new(other).unwrap().verify(body, headers).is_err());
        let position = told["data"]["position"].as_i64().unwrap();
        events.entry(job.to_owned()).or_default().insert(position, told["type"].as_str().unwrap().to_owned());
    }
    for pair in jobs.chunks(2) {
        for (job, end) in pair.iter().zip(["job:completed", "job:failed"]) {
            let names: Vec<&str> = events[job].values().map(String::as_str).collect();
            let (last, before) = names.split_last().unwrap();
            assert!(*last == end && before.len() >= 2, "{names:?}");
            assert!(before.iter().all(|name| *name == "job:progress"), "{names:?}");
        }
    }
}

#[tokio::test]
async fn a_script_that_cannot_go_on_says_why_and_fails() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    for script in SCRIPTS {
        let variables = [("BLOCKYARD_URL", url.as_str()), ("WEBHOOK_URL", "https://hooks.example")];
        let output = run(script, &variables).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains("start a server with `blockyard serve`"), "{script}: {said}");
    }
    let output = run(SCRIPTS[4], &[("BLOCKYARD_URL", url.as_str())]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "5-webhook.sh: WEBHOOK_URL is not set: give it the https URL of a receiver\n");
    assert!(!output.status.success());
}
