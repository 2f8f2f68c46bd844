//! What the tests share.

mod audiences;
mod errors;
mod manifest;
mod normalize;
mod upload;

use blockyard_sdk::http::{Error, Response};
use serde_json::{Value, json};

const AUDIENCE: &str = "23850000000000001";

fn add(more: Value) -> Value {
    let mut config = json!({"operation": "addUsers", "audienceId": AUDIENCE});
    if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
        config.extend(more);
    }
    config
}

fn people(count: usize) -> Value {
    (0..count).map(|number| json!({"email": format!("p{number}@example.com")})).collect()
}

fn answer(status: u16, headers: &[(&str, &str)], body: impl ToString) -> Response {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Response::new(status, headers, body.to_string())
}

fn received(count: u64) -> Result<Response, Error> {
    Ok(answer(
        200,
        &[],
        json!({"audience_id": AUDIENCE, "session_id": 7, "num_received": count, "num_invalid_entries": 0}),
    ))
}

fn meta_error(code: i64, subcode: Option<i64>) -> Value {
    json!({"error": {"message": "Meta's words", "type": "OAuthException", "code": code, "error_subcode": subcode,
        "fbtrace_id": "AbC"}})
}
