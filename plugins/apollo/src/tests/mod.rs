//! What the tests share, and what the manifest promises.

mod batches;
mod errors;
mod people;
mod search;

use blockyard_sdk::http::{Error, Response};
use blockyard_sdk::testing::{self, Ended, Host};
use blockyard_sdk::{Failure, codes};
use serde_json::{Value, json};

use super::Apollo;

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Result<Response, Error> {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Ok(Response::new(status, headers, body))
}

fn json(body: &Value) -> Result<Response, Error> {
    answer(200, &[], &body.to_string())
}

/// A host with a key that always answers the same.
fn always(status: u16, headers: &'static [(&str, &str)], body: &str) -> Host {
    let body = body.to_owned();
    Host::new().secret("apollo").respond(move |_| answer(status, headers, &body))
}

fn call(host: &Host, config: &Value, input: &Value) -> Result<Ended, Failure> {
    host.run_to_end::<Apollo>(config, input, &json!({}))
}

fn output(host: &Host, config: &Value, input: &Value) -> Value {
    call(host, config, input).unwrap().output("output").unwrap().clone()
}

fn pointer(failure: &Failure) -> &str {
    failure.details().and_then(|details| details["pointer"].as_str()).unwrap_or("none")
}

const OPERATIONS: [&str; 5] =
    ["peopleSearch", "matchPerson", "bulkMatch", "enrichOrganization", "bulkEnrichOrganizations"];

#[test]
fn the_manifest_keeps_to_its_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../../../wit/manifest.schema.json")).unwrap();
    let manifest = testing::manifest_of::<Apollo>();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<_> =
        validator.iter_errors(&manifest).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(manifest["stateless"], true);
}

#[test]
fn the_examples_are_true_and_keep_to_the_schemas() {
    testing::check_examples::<Apollo>();
    let manifest = testing::manifest_of::<Apollo>();
    let config = jsonschema::draft202012::new(&manifest["configSchema"]).unwrap();
    let input = jsonschema::draft202012::new(&manifest["inputSchema"]).unwrap();
    let output = jsonschema::draft202012::new(&manifest["outputs"][0]["schema"]).unwrap();
    for example in manifest["examples"].as_array().unwrap() {
        assert!(config.is_valid(&example["config"]), "{}", example["name"]);
        assert!(input.is_valid(&example["input"]), "{}", example["name"]);
        assert!(output.is_valid(&example["outputs"]["output"]), "{}", example["name"]);
    }
    let wrong_range = json!({"operation": "peopleSearch", "filters": {"organization_num_employees_ranges": ["1-10"]}});
    assert!(!config.is_valid(&wrong_range));
    for wrong in [
        json!({}),
        json!({"operation": "guess"}),
        json!({"operation": "peopleSearch", "limit": 0}),
        json!({"operation": "peopleSearch", "limit": 50_001}),
        json!({"operation": "peopleSearch", "filters": {"titles": []}}),
        json!({"operation": "peopleSearch", "filters": {"person_seniorities": ["boss"]}}),
        json!({"operation": "enrichOrganization", "revealPersonalEmails": true}),
    ] {
        assert!(!config.is_valid(&wrong), "{wrong}");
        let failure = call(&Host::new().secret("apollo"), &wrong, &json!({})).unwrap_err();
        assert_eq!(failure.code(), codes::INVALID_CONFIG, "{wrong}");
    }
}

#[test]
fn what_arrives_later_needs_a_webhook() {
    let host = Host::new().secret("apollo");
    for operation in ["matchPerson", "bulkMatch"] {
        for flag in ["revealPhoneNumber", "runWaterfallEmail", "runWaterfallPhone"] {
            for url in [json!(null), json!(" "), json!("http://hooks.example.com")] {
                let config = json!({"operation": operation, flag: true, "webhookUrl": url});
                let failure = call(&host, &config, &json!({"email": "a@b.example"})).unwrap_err();
                assert_eq!((failure.code(), pointer(&failure)), (codes::INVALID_CONFIG, "/webhookUrl"), "{config}");
            }
        }
    }
    let failure = call(&host, &json!({"operation": "bulkMatch", "baseUrl": "apollo"}), &json!({})).unwrap_err();
    assert_eq!(pointer(&failure), "/baseUrl");
}

#[test]
fn the_base_url_leads_elsewhere_and_the_key_goes_into_its_header() {
    let host = always(200, &[], "{}");
    let config = json!({"operation": "matchPerson", "baseUrl": "https://proxy.example/apollo/"});
    output(&host, &config, &json!({"email": "a@b.example"}));
    let sent = &host.sent()[0];
    assert_eq!(sent.url, "https://proxy.example/apollo/people/match");
    let placement = blockyard_sdk::http::Placement::Header { name: "x-api-key".to_owned(), prefix: String::new() };
    assert_eq!(sent.credentials, [("apollo".to_owned(), placement)]);
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.header("accept"), Some("application/json"));
}

#[test]
fn leads_that_identify_nobody_are_located_and_never_sent() {
    for operation in &OPERATIONS[1..] {
        let host = always(200, &[], r#"{"matches": [null], "organizations": []}"#);
        let config = json!({"operation": operation});
        for lead in [json!({}), json!({"id": "crm-7", "email": null, "domain": " ", "name": ""})] {
            let failure = call(&host, &config, &lead).unwrap_err();
            assert_eq!((failure.code(), pointer(&failure)), (codes::INVALID_INPUT, ""), "{operation}");
            let failure = call(&host, &config, &json!([lead, lead])).unwrap_err();
            assert_eq!((failure.code(), pointer(&failure)), (codes::INVALID_INPUT, "/0"), "{operation}");
        }
        assert!(host.sent().is_empty(), "{operation}");
        let list = json!([{}, {"name": "A", "domain": "b.example"}]);
        let results = output(&host, &config, &list);
        assert_eq!(results[0]["error"]["details"]["pointer"], "/0", "{operation}");
        assert_eq!(results[1]["found"], false, "{operation}");
        assert_eq!(host.sent().len(), 1, "{operation}");
        let strict = json!({"operation": operation, "onItemError": "fail"});
        assert_eq!(call(&host, &strict, &list).unwrap_err().code(), codes::INVALID_INPUT, "{operation}");
        assert_eq!(host.sent().len(), 1, "{operation}");
    }
}

#[test]
fn input_of_another_shape_is_refused() {
    let host = always(200, &[], r#"{"matches": []}"#);
    for operation in OPERATIONS {
        let config = json!({"operation": operation});
        for (input, at) in [
            (json!(null), ""),
            (json!("ada"), ""),
            (json!([1]), "/0"),
            (json!({"domain": 7, "name": "x"}), "/domain"),
            (json!([{"domain": {}, "name": "x"}]), "/0/domain"),
        ] {
            let failure = call(&host, &config, &input).unwrap_err();
            assert_eq!((failure.code(), pointer(&failure)), (codes::INVALID_INPUT, at), "{operation} {input}");
        }
        assert_eq!(output(&host, &config, &json!([])), json!([]), "{operation}");
    }
    assert!(host.sent().is_empty());
}

#[test]
fn domains_are_sent_bare() {
    for (domain, bare) in [
        ("Example.COM", "example.com"),
        (" https://www.example.com/about?x=1 ", "example.com"),
        ("@example.com", "example.com"),
        ("ada@www.example.com.", "example.com"),
        ("BÜCHER.example", "bücher.example"),
    ] {
        assert_eq!(crate::lead::bare_domain(domain), bare);
    }
    for nothing in ["", "https://", "www.", "@", "///"] {
        assert_eq!(crate::lead::bare_domain(nothing), "", "{nothing}");
    }
}
