//! What the tests share, and what the manifest promises.

mod errors;
mod lookups;
mod search;

use blockyard_sdk::http::{Error, Response};
use blockyard_sdk::testing::{self, Ended, Host};
use blockyard_sdk::{Failure, codes};
use serde_json::{Value, json};

use super::Hunter;

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Result<Response, Error> {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Ok(Response::new(status, headers, body))
}

fn json(status: u16, body: &Value) -> Result<Response, Error> {
    answer(status, &[], &body.to_string())
}

/// A host with a key that always answers the same.
fn always(status: u16, headers: &'static [(&str, &str)], body: &str) -> Host {
    let body = body.to_owned();
    Host::new().secret("hunter").respond(move |_| answer(status, headers, &body))
}

fn call(host: &Host, config: &Value, input: &Value) -> Result<Ended, Failure> {
    host.run_to_end::<Hunter>(config, input, &json!({}))
}

fn output(host: &Host, config: &Value, input: &Value) -> Value {
    call(host, config, input).unwrap().output("output").unwrap().clone()
}

fn pointer(failure: &Failure) -> &str {
    failure.details().and_then(|details| details["pointer"].as_str()).unwrap_or("none")
}

#[test]
fn the_manifest_keeps_to_its_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../../../wit/manifest.schema.json")).unwrap();
    let manifest = testing::manifest_of::<Hunter>();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<_> =
        validator.iter_errors(&manifest).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(manifest["stateless"], true);
}

#[test]
fn the_examples_are_true_and_keep_to_the_schemas() {
    testing::check_examples::<Hunter>();
    let manifest = testing::manifest_of::<Hunter>();
    let config = jsonschema::draft202012::new(&manifest["configSchema"]).unwrap();
    let input = jsonschema::draft202012::new(&manifest["inputSchema"]).unwrap();
    let output = jsonschema::draft202012::new(&manifest["outputs"][0]["schema"]).unwrap();
    for example in manifest["examples"].as_array().unwrap() {
        assert!(config.is_valid(&example["config"]), "{}", example["name"]);
        assert!(input.is_valid(&example["input"]), "{}", example["name"]);
        assert!(output.is_valid(&example["outputs"]["output"]), "{}", example["name"]);
    }
    for wrong in [
        json!({}),
        json!({"operation": "guess"}),
        json!({"operation": "domainSearch", "limit": 0}),
        json!({"operation": "domainSearch", "limit": 10_001}),
        json!({"operation": "domainSearch", "seniority": ["boss"]}),
        json!({"operation": "emailFinder", "maxDuration": 2}),
        json!({"operation": "emailVerifier", "limit": 5}),
    ] {
        assert!(!config.is_valid(&wrong), "{wrong}");
        assert_eq!(call(&Host::new(), &wrong, &json!({})).unwrap_err().code(), codes::INVALID_CONFIG, "{wrong}");
    }
    let search = &manifest["configSchema"]["oneOf"][0]["properties"];
    assert_eq!((&search["operation"]["const"], &search["limit"]["default"]), (&json!("domainSearch"), &json!(10)));
    assert_eq!((&search["department"]["default"], &search["onItemError"]["default"]), (&json!([]), &json!("include")));
}

#[test]
fn what_the_config_cannot_mean_is_located() {
    for (config, at) in [
        (json!({"operation": "domainSearch", "limit": 0}), "/limit"),
        (json!({"operation": "emailFinder", "maxDuration": 21}), "/maxDuration"),
        (json!({"operation": "emailCount", "baseUrl": "api.hunter.io"}), "/baseUrl"),
        (json!({"operation": "emailCount", "baseUrl": "https://a.example/?x=1"}), "/baseUrl"),
    ] {
        let failure = call(&Host::new().secret("hunter"), &config, &json!({"domain": "a.example"})).unwrap_err();
        assert_eq!((failure.code(), pointer(&failure)), (codes::INVALID_CONFIG, at), "{config}");
    }
}

#[test]
fn the_base_url_leads_elsewhere_and_the_key_goes_into_its_header() {
    let host = always(200, &[], r#"{"data": {"email": "a@b.example", "status": "valid"}}"#);
    let config = json!({"operation": "emailVerifier", "baseUrl": "https://proxy.example/hunter/"});
    output(&host, &config, &json!({"email": "a@b.example"}));
    let sent = &host.sent()[0];
    assert_eq!(sent.url, "https://proxy.example/hunter/email-verifier?email=a%40b.example");
    let placement = blockyard_sdk::http::Placement::Header { name: "X-API-KEY".to_owned(), prefix: String::new() };
    assert_eq!(sent.credentials, [("hunter".to_owned(), placement)]);
}

#[test]
fn only_the_count_works_without_a_key() {
    let host = Host::new().unset_secret("hunter").respond(|_| json(200, &json!({"data": {"total": 1}})));
    let counted = output(&host, &json!({"operation": "emailCount"}), &json!({"company": " Example "}));
    assert_eq!(counted, json!({"total": 1, "company": "Example"}));
    assert!(host.sent()[0].credentials.is_empty());
    let failure = call(&host, &json!({"operation": "emailVerifier"}), &json!({"email": "a@b.example"})).unwrap_err();
    assert_eq!(failure.code(), codes::SECRET_NOT_SET);
}

#[test]
fn leads_that_say_too_little_are_located() {
    let list =
        json!([{"domain": "a.example", "email": "a@b.example", "firstName": "A", "lastName": "B"}, {"domain": " "}]);
    for (operation, at) in [
        ("domainSearch", ""),
        ("emailFinder", ""),
        ("emailVerifier", "/email"),
        ("emailCount", ""),
        ("enrichPerson", "/email"),
        ("enrichCompany", "/domain"),
        ("enrichCombined", "/email"),
    ] {
        let host = always(200, &[], r#"{"data": {"status": "valid"}}"#);
        let config = json!({"operation": operation});
        for one in [json!({}), json!({"domain": null, "email": "", "company": "  "})] {
            let failure = call(&host, &config, &one).unwrap_err();
            assert_eq!((failure.code(), pointer(&failure)), (codes::INVALID_INPUT, at), "{operation}");
        }
        assert!(host.sent().is_empty());
        let results = output(&host, &config, &list);
        assert_eq!(results[1]["error"]["details"]["pointer"], format!("/1{at}"), "{operation}");
        assert!(results[0].get("error").is_none(), "{operation}");
        let mut strict = config.clone();
        strict["onItemError"] = json!("fail");
        assert_eq!(call(&host, &strict, &list).unwrap_err().code(), codes::INVALID_INPUT);
    }
}

#[test]
fn input_of_another_shape_is_refused_and_fields_that_do_not_matter_may_hold_anything() {
    let host = always(200, &[], r#"{"data": {"status": "valid"}}"#);
    let config = json!({"operation": "emailVerifier"});
    for (input, at) in [
        (json!(null), ""),
        (json!("a@b.example"), ""),
        (json!([1]), "/0"),
        (json!({"email": 7}), "/email"),
        (json!([{"email": ["a"]}]), "/0/email"),
    ] {
        let failure = call(&host, &config, &input).unwrap_err();
        assert_eq!((failure.code(), pointer(&failure)), (codes::INVALID_INPUT, at), "{input}");
    }
    let input =
        json!({"email": "Ü@B.example", "company": {"name": "x"}, "domain": 7, "firstName": "a", "first_name": 2});
    assert_eq!(output(&host, &config, &input)["email"], "ü@b.example");
    assert_eq!(output(&host, &config, &json!([])), json!([]));
}
