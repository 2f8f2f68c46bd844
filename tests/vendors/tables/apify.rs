//! Apify. Its mock leaves runs at READY and says nothing about how long a dataset is, so both are mended.

use serde_json::{Value, json};

use crate::table::Retry::{Never, Yes};
use crate::table::{Change, Defined, Is, Operation, Origin, Suite, Told, Vendor, defined, told};

const BLOCK: &str = "api.apify";
const SYNC: &str = "POST /v2/actors/apify~hello-world/run-sync-get-dataset-items";
const START: &str = "POST /v2/actors/apify~hello-world/runs";
const START_INSTAGRAM: &str = "POST /v2/actors/apify~instagram-scraper/runs";
const POLL: &str = "GET /v2/actor-runs/HG7ML7M8z78YcAPEB";
const ITEMS: &str = "GET /v2/datasets/wmKPijuyDnPZAPRMk/items";
const TOTAL: &str = "x-apify-pagination-total";

/// By what a request does.
const SYNCHRONOUS: &[&str] = &["runSync"];
const STARTS: &[&str] = &["run", "instagram"];
const POLLS: &[&str] = &["run, its polls"];

pub(crate) fn vendor() -> Vendor {
    let suite = Suite {
        document: "apify.json",
        origin: Origin::Vendor,
        operations: vec![
            run_sync(),
            run("run"),
            again("run, unknown at first", 404),
            again("run, a poll too many", 429),
            polled(),
            paged(),
            dataset(),
            dataset_of_many(),
            instagram(),
            search(),
        ],
        errors: defined_errors(),
        told: told_errors(),
    };
    Vendor {
        name: "Apify",
        base: "https://api.apify.com",
        secret: "apify",
        secret_header: "authorization",
        granted_to: None,
        suites: vec![suite],
    }
}

fn run_options() -> Value {
    json!({
        "timeoutSecs": 60, "memoryMbytes": 256, "build": "latest", "maxItems": 10, "maxTotalChargeUsd": 0.5,
        "restartOnError": false
    })
}

fn run_sync() -> Operation {
    let items = json!({
        "clean": true, "skipEmpty": true, "skipHidden": true, "fields": ["myValue"], "outputFields": ["value"],
        "omit": ["secret"], "unwind": ["list"], "flatten": ["nested"], "desc": true, "view": "overview"
    });
    let config = json!({
        "operation": "runSync", "actorId": "apify/hello-world", "runOptions": run_options(), "itemOptions": items,
        "limit": 50
    });
    Operation::new("runSync", BLOCK, config, json!({"message": "Hello"}), SYNC)
        .expect("/output", Is::List(1))
        .expect("/output/0/myValue", Is::Text)
}

/// Start, two looks at the run, and the dataset.
fn run(name: &'static str) -> Operation {
    let config = json!({"operation": "run", "actorId": "apify/hello-world", "runOptions": run_options()});
    Operation::new(name, BLOCK, config, json!({"message": "Hello"}), START)
        .then(POLL)
        .then(ITEMS)
        .mend(POLL, Change::Body("/data/status", json!("SUCCEEDED")))
        .mend(ITEMS, Change::Header(TOTAL, "2"))
        .expect("/output", Is::List(2))
        .expect("/metadata/runIds/0", Is::Equal(json!("HG7ML7M8z78YcAPEB")))
        .expect("/metadata/usageTotalUsd", Is::Number)
        .waits(1)
}

/// The first look at the run fails, as it may just after the start, and the second does not.
fn again(name: &'static str, status: u16) -> Operation {
    let mut operation = run(name).once(1, status).waits(2);
    operation.requests.insert(1, POLL);
    operation
}

fn polled() -> Operation {
    run("run, its polls").errors_from(1)
}

fn paged() -> Operation {
    run("run, its dataset").errors_from(2)
}

fn dataset() -> Operation {
    let config = json!({"operation": "datasetItems", "datasetId": "wmKPijuyDnPZAPRMk", "offset": 0, "limit": 2});
    Operation::new("datasetItems", BLOCK, config, json!(null), ITEMS)
        .mend(ITEMS, Change::Header(TOTAL, "2"))
        .expect("/output", Is::List(2))
}

fn dataset_of_many() -> Operation {
    let ids = json!([{"datasetId": "wmKPijuyDnPZAPRMk"}, {"datasetId": "owner/leads"}]);
    let items = "GET /v2/datasets/";
    Operation::new("datasetItems of many", BLOCK, json!({"operation": "datasetItems"}), ids, items)
        .then(items)
        .mend(items, Change::Header(TOTAL, "2"))
        .expect("/output", Is::List(2))
        .expect("/output/1", Is::List(2))
        .without_errors()
}

fn instagram() -> Operation {
    let config = json!({
        "operation": "instagram", "directUrls": ["https://www.instagram.com/natgeo/"], "resultsType": "details",
        "resultsLimit": 5, "onlyPostsNewerThan": "30 days", "addParentData": true
    });
    instagram_run("instagram", config, json!([{"username": "@example"}, {"username": "example.two"}]))
}

fn search() -> Operation {
    let config = json!({"operation": "instagram", "search": "climbing", "searchType": "hashtag", "searchLimit": 3});
    instagram_run("instagram search", config, json!(null)).without_errors()
}

fn instagram_run(name: &'static str, config: Value, input: Value) -> Operation {
    Operation::new(name, BLOCK, config, input, START_INSTAGRAM)
        .then(POLL)
        .then(ITEMS)
        .mend(POLL, Change::Body("/data/status", json!("SUCCEEDED")))
        .mend(ITEMS, Change::Header(TOTAL, "2"))
        .expect("/output", Is::List(2))
        .waits(1)
}

fn defined_errors() -> Vec<Defined> {
    vec![
        defined(400, "invalid-request", Never),
        defined(401, "unauthorized", Never),
        defined(402, "quota-exceeded", Never),
        defined(403, "forbidden", Never),
        defined(404, "not-found", Never),
        defined(405, "invalid-request", Never),
        // The run goes on, or may have been started: a second attempt would pay for a second run.
        defined(408, "run-timeout", Never).on(SYNCHRONOUS),
        defined(408, "upstream-timeout", Never).on(STARTS),
        defined(408, "upstream-timeout", Yes),
        defined(413, "too-large", Never),
        defined(415, "invalid-request", Never),
        defined(429, "rate-limited", Yes),
    ]
}

fn error(kind: &str) -> Value {
    json!({"error": {"type": kind, "message": "It cannot be done."}})
}

fn ended(status: &str) -> Value {
    json!({"data": {"id": "HG7ML7M8z78YcAPEB", "status": status, "statusMessage": null, "exitCode": 1,
        "defaultDatasetId": "wmKPijuyDnPZAPRMk"}})
}

fn told_errors() -> Vec<Told> {
    vec![
        told(400, error("run-failed"), "run-failed", Never).on(SYNCHRONOUS),
        told(400, error("run-input-body-not-valid-json"), "invalid-request", Never),
        told(401, error("token-not-provided"), "unauthorized", Never),
        told(402, error("not-enough-usage-to-run-paid-actor"), "quota-exceeded", Never),
        told(402, error("actor-memory-limit-exceeded"), "actor-memory-limit", Never),
        told(403, error("actor-is-not-rented"), "quota-exceeded", Never),
        told(403, error("full-permission-actor-not-approved"), "forbidden", Never),
        told(404, error("actor-not-found"), "not-found", Never),
        told(413, error("request-too-large"), "too-large", Never),
        told(429, error("rate-limit-exceeded"), "rate-limited", Yes),
        told(500, error("internal-error"), "upstream", Yes),
        told(502, json!("<html></html>"), "upstream", Yes),
        told(503, json!(""), "upstream", Yes),
        told(200, ended("FAILED"), "run-failed", Never).on(POLLS),
        told(200, ended("TIMED-OUT"), "run-timeout", Never).on(POLLS),
        told(200, ended("ABORTED"), "run-aborted", Never).on(POLLS),
    ]
}
