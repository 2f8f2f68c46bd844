//! Requests by way of a client that knows nothing of Blockyard, as any Rust program for WASI would send them. A module of
//! the guests that use it, and not of the library: what it brings along changes the imports of whoever links it.

use blockyard_guests::leak::base64_of;
use blockyard_sdk::Context;
use serde_json::{Value, json};
use wstd::http::error::ErrorCode;
use wstd::http::{Body, Client, Error, Request};
use wstd::runtime;
use wstd::time::Duration;

/// `text` with the call's placeholder for `granted` in the place of `{granted}`, and so on.
pub(crate) fn filled(text: &str, context: &Context) -> String {
    let mut filled = text.to_owned();
    for name in ["granted", "stray", "unset", "others", "canary"] {
        if let Ok(Some(placeholder)) = context.placeholder(name) {
            filled = filled.replace(&format!("{{{name}}}"), &placeholder);
        }
    }
    filled
}

/// Send each of `asked`, one after the other or all together, and tell what became of it.
pub(crate) fn send_all(asked: &[Value], together: bool, context: &Context) -> Vec<Value> {
    let asked = asked.iter().map(|one| with_placeholders(one, context));
    runtime::block_on(async move {
        let mut told = Vec::new();
        if together {
            let tasks: Vec<_> = asked.map(|one| runtime::spawn(async move { tell(&one).await })).collect();
            for task in tasks {
                told.push(task.await);
            }
        } else {
            for one in asked {
                told.push(tell(&one).await);
            }
        }
        told
    })
}

/// The request with placeholders in all of its texts; with `basic`, a pair of texts, they log in.
fn with_placeholders(asked: &Value, context: &Context) -> Value {
    let mut asked: Value = serde_json::from_str(&filled(&asked.to_string(), context)).unwrap_or_default();
    if let Some(basic) = asked["basic"].as_str() {
        asked["headers"] = json!([["Authorization", format!("Basic {}", base64_of(basic))]]);
    }
    asked
}

async fn tell(asked: &Value) -> Value {
    match send(asked).await {
        Ok(told) => told,
        Err(error) => {
            let code = error.downcast_ref::<ErrorCode>().map(|code| format!("{code:?}"));
            json!({"code": code, "error": format!("{error:?}")})
        }
    }
}

async fn send(asked: &Value) -> Result<Value, Error> {
    let text = |key: &str| asked[key].as_str();
    let mut request = Request::builder().method(text("method").unwrap_or("GET")).uri(text("url").unwrap_or_default());
    for header in asked["headers"].as_array().into_iter().flatten() {
        request = request.header(header[0].as_str().unwrap_or_default(), header[1].as_str().unwrap_or_default());
    }
    let sized = asked["bytes"].as_u64().map(|bytes| "x".repeat(usize::try_from(bytes).unwrap_or(0)));
    let body = sized.unwrap_or_else(|| text("body").unwrap_or_default().to_owned());
    let mut client = Client::new();
    if let Some(ms) = asked["firstByteMs"].as_u64() {
        client.set_connect_timeout(Duration::from_millis(ms));
        client.set_first_byte_timeout(Duration::from_millis(ms));
    }
    if let Some(ms) = asked["betweenBytesMs"].as_u64() {
        client.set_between_bytes_timeout(Duration::from_millis(ms));
    }
    let response = client.send(request.body(Body::from(body))?).await?;
    let status = response.status().as_u16();
    let headers = response.headers().iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let mut body = response.into_body();
    let body = String::from_utf8_lossy(body.contents().await?).into_owned();
    let shown: String = body.chars().take(usize::try_from(asked["shown"].as_u64().unwrap_or(2_000))?).collect();
    Ok(json!({"status": status, "headers": headers, "bytes": body.len(), "text": shown}))
}
