//! Shared by the tests: hosts that answer, and calls.

mod change;
mod errors;
mod filters;
mod select;
mod write;

use blockyard_sdk::http::Response;
use blockyard_sdk::testing::{self, Ended, Host, Sent};
use blockyard_sdk::{Block, Failure};
use serde_json::{Value, json};

use super::Supabase;

pub(crate) fn response(status: u16, body: impl ToString) -> Response {
    Response::new(status, Vec::new(), body.to_string())
}

pub(crate) fn ranged(status: u16, range: &str, body: impl ToString) -> Response {
    Response::new(status, vec![("Content-Range".to_owned(), range.to_owned())], body.to_string())
}

pub(crate) fn host(respond: impl Fn(&Sent) -> Response + 'static) -> Host {
    Host::new().secret("supabaseAnonKey").respond(move |sent| Ok(respond(sent)))
}

pub(crate) fn context() -> Value {
    json!({"settings": {"supabaseUrl": "https://p.example/"}})
}

pub(crate) fn end(host: &Host, config: Value, input: Value) -> Result<Ended, Failure> {
    host.run_to_end::<Supabase>(&config, &input, &context())
}

pub(crate) fn output(host: &Host, config: Value, input: Value) -> Value {
    end(host, config, input).unwrap().output("output").unwrap().clone()
}

/// The text of all ports, with its digits.
pub(crate) fn texts(host: &Host, config: &Value, input: &str) -> Vec<(String, String)> {
    let ended = host.within(|| testing::run_text::<Supabase>(&config.to_string(), input, &context().to_string()));
    match ended.unwrap() {
        testing::TextOutcome::Done { outputs, .. } => outputs,
        other => panic!("{other:?}"),
    }
}

/// An operation on the table `t`, with more keys.
pub(crate) fn on_table(operation: &str, extra: Value) -> Value {
    let mut config = json!({"operation": operation, "table": "t"});
    config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    config
}

/// A failure's code and pointer.
pub(crate) fn located(host: &Host, config: Value, input: Value) -> (String, String) {
    let failure = end(host, config, input).unwrap_err();
    let pointer = failure.details().and_then(|details| details.get("pointer")).and_then(Value::as_str);
    (failure.code().to_owned(), pointer.unwrap_or("none").to_owned())
}

pub(crate) fn query(sent: &Sent, name: &str) -> Option<String> {
    sent.query().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

#[test]
fn the_manifest_keeps_to_its_schema_and_the_examples_are_true() {
    testing::check_examples::<Supabase>();
    let schema: Value = serde_json::from_str(include_str!("../../../wit/manifest.schema.json")).unwrap();
    let manifest = testing::manifest_of::<Supabase>();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<_> =
        validator.iter_errors(&manifest).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new());
    let config = jsonschema::draft202012::new(&manifest["configSchema"]).unwrap();
    for example in manifest["examples"].as_array().unwrap() {
        let errors: Vec<_> = config.iter_errors(&example["config"]).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{}", example["name"]);
    }
    for wrong in [
        json!({}),
        json!({"operation": "select"}),
        on_table("select", json!({"x": 1})),
        on_table("select", json!({"limit": 0})),
        on_table("delete", json!({"filters": [{"column": "a", "operator": "equals"}]})),
    ] {
        assert!(!config.is_valid(&wrong), "{wrong}");
    }
    assert_eq!(Supabase::manifest().examples().len(), 8);
}

#[test]
fn the_base_url_comes_from_the_config_or_the_setting_and_the_key_goes_where_it_is_wanted() {
    use blockyard_sdk::http::Placement;
    let header = |name: &str| Placement::Header { name: name.to_owned(), prefix: String::new() };
    let host = host(|_| response(200, "[]"));
    for (config, settings, expected) in [
        (json!({}), json!({"supabaseUrl": "https://p.example"}), "https://p.example/rest/v1/t?"),
        (json!({}), json!({"supabaseUrl": "https://p.example/rest/v1/"}), "https://p.example/rest/v1/t?"),
        (json!({"baseUrl": "https://q.example/api/"}), json!({}), "https://q.example/api/t?"),
    ] {
        let config = on_table("select", config);
        host.run::<Supabase>(&config, &json!({}), &json!({"settings": settings})).unwrap();
        let sent = host.sent().pop().unwrap();
        assert!(sent.url.starts_with(expected), "{}", sent.url);
        assert_eq!(sent.credentials, [("supabaseAnonKey".to_owned(), header("apikey"))]);
    }
    output(&host, on_table("select", json!({"bearer": true})), json!({}));
    let sent = host.sent().pop().unwrap();
    assert_eq!(sent.credentials[1], ("supabaseAnonKey".to_owned(), Placement::Bearer));
    for (config, settings) in
        [(json!({}), json!({})), (json!({"baseUrl": "p.example"}), json!({})), (json!({}), json!({"supabaseUrl": "x"}))]
    {
        let failure = host.run::<Supabase>(&on_table("select", config), &json!({}), &json!({"settings": settings}));
        assert_eq!(failure.unwrap_err().details().unwrap()["pointer"], "/baseUrl");
    }
}

#[test]
fn another_schema_is_named_by_the_header_of_the_method() {
    let host = host(|_| ranged(200, "*/0", "[]"));
    let filter = json!([{"column": "a", "operator": "eq", "value": 1}]);
    for (config, name) in [
        (on_table("select", json!({})), "accept-profile"),
        (on_table("insert", json!({})), "content-profile"),
        (on_table("upsert", json!({})), "content-profile"),
        (on_table("update", json!({"filters": filter, "values": {"b": 1}})), "content-profile"),
        (on_table("delete", json!({"filters": filter})), "content-profile"),
        (json!({"operation": "rpc", "function": "f"}), "content-profile"),
        (json!({"operation": "rpc", "function": "f", "readOnly": true}), "accept-profile"),
    ] {
        let mut config = config;
        config["schema"] = json!("audit");
        end(&host, config, json!({"a": 1})).unwrap();
        assert_eq!(host.sent().pop().unwrap().header(name), Some("audit"));
    }
}
