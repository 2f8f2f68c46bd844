//! Shared by the tests: hosts that answer, and calls.

mod config;
mod dataset;
mod errors;
mod instagram;
mod run;

use blockyard_sdk::http::Response;
use blockyard_sdk::testing::{self, Ended, Host};
use blockyard_sdk::{Block, Failure};
use serde_json::{Value, json};

use super::Apify;

pub(crate) fn response(status: u16, body: impl ToString) -> Response {
    Response::new(status, vec![("content-type".to_owned(), "application/json".to_owned())], body.to_string())
}

pub(crate) fn error(status: u16, kind: &str) -> Response {
    response(status, json!({"error": {"type": kind, "message": format!("about {kind}")}}))
}

/// A page of a dataset.
pub(crate) fn page(items: &Value, total: Option<u64>) -> Response {
    let headers = total.map(|total| ("X-Apify-Pagination-Total".to_owned(), total.to_string()));
    Response::new(200, headers.into_iter().collect(), items.to_string())
}

pub(crate) fn run_object(status: &str) -> Response {
    response(201, json!({"data": {"id": "r1", "status": status, "defaultDatasetId": "d1", "usageTotalUsd": 0.5}}))
}

pub(crate) fn host(respond: impl Fn(&testing::Sent) -> Response + 'static) -> Host {
    Host::new().secret("apify").respond(move |sent| Ok(respond(sent)))
}

pub(crate) fn end(host: &Host, config: Value, input: Value) -> Result<Ended, Failure> {
    host.run_to_end::<Apify>(&config, &input, &json!({}))
}

pub(crate) fn output(host: &Host, config: Value, input: Value) -> Value {
    end(host, config, input).unwrap().output("output").unwrap().clone()
}

pub(crate) fn query(sent: &testing::Sent, name: &str) -> Option<String> {
    sent.query().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

#[test]
fn the_manifest_keeps_to_its_schema_and_the_examples_are_true() {
    testing::check_examples::<Apify>();
    let schema: Value = serde_json::from_str(include_str!("../../../wit/manifest.schema.json")).unwrap();
    let manifest = testing::manifest_of::<Apify>();
    let errors: Vec<_> = jsonschema::draft202012::new(&schema)
        .unwrap()
        .iter_errors(&manifest)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    let config = jsonschema::draft202012::new(&manifest["configSchema"]).unwrap();
    for example in manifest["examples"].as_array().unwrap() {
        let errors: Vec<_> = config.iter_errors(&example["config"]).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{}", example["name"]);
    }
    assert_eq!(Apify::manifest().examples().len(), 5);
}
