//! What Meta's errors become. `error.code` and `error.error_subcode` decide; nearly all come with the status 400.

use serde_json::{Value, json};

use crate::table::Retry::{After, Never, Yes};
use crate::table::{Defined, Retry, Told, defined, told};

/// Sends people, whose repetition is harmless.
const UPLOADS: &[&str] = &["addUsers", "removeUsers", "replaceUsers"];

pub(super) fn defined_errors() -> Vec<Defined> {
    vec![
        defined(400, "audience-flagged", Never).example("blocked"),
        defined(400, "unauthorized", Never).example("token"),
        defined(400, "forbidden", Never).example("terms"),
        defined(400, "rate-limited", Yes).example("throttled"),
        defined(400, "conflict", Yes).example("update_failed"),
        defined(400, "invalid-request", Never),
        defined(500, "upstream", Yes),
    ]
}

fn error(code: u32, subcode: Option<u32>) -> Value {
    let mut error =
        json!({"message": "It cannot be done", "type": "OAuthException", "code": code, "fbtrace_id": "AbC"});
    if let Some(subcode) = subcode {
        error["error_subcode"] = subcode.into();
    }
    json!({ "error": error })
}

fn row(code: u32, subcode: Option<u32>, becomes: &'static str, retry: Retry) -> Told {
    told(400, error(code, subcode), becomes, retry)
}

pub(super) fn told_errors() -> Vec<Told> {
    let mut rows = vec![
        row(1, None, "upstream", Yes),
        row(2, None, "upstream", Yes),
        row(10, None, "forbidden", Never),
        row(294, None, "forbidden", Never),
        row(200, Some(1_870_050), "forbidden", Never),
        row(200, Some(1_870_090), "forbidden", Never),
        row(100, None, "invalid-request", Never),
        row(100, Some(33), "not-found", Never),
        row(100, Some(1_713_230), "audience-flagged", Never),
        row(100, Some(1_713_098), "invalid-request", Never),
        row(102, None, "unauthorized", Never),
        row(105, None, "too-large", Never),
        row(368, None, "blocked", Yes),
        row(2635, None, "invalid-request", Never),
        row(2650, None, "update-failed", Never),
        row(2650, Some(1_870_144), "too-large", Never),
        row(2650, Some(1_870_145), "conflict", Yes),
        row(2650, Some(1_870_147), "session-broken", Never),
        row(2650, Some(1_870_148), "session-broken", Never),
        row(2650, Some(1_870_158), "session-expired", Never),
        row(2650, Some(1_870_159), "session-finished", Never),
    ];
    rows.extend([4, 17, 32, 613, 80_003, 80_004].map(|code| row(code, None, "rate-limited", Yes)));
    rows.extend([(17, 2_446_079), (613, 1_487_742)].map(|(code, sub)| row(code, Some(sub), "rate-limited", Yes)));
    let token = [458, 459, 460, 463, 464, 467, 492];
    rows.extend(token.map(|subcode| row(190, Some(subcode), "unauthorized", Never)));
    rows.extend(transport());
    rows
}

/// Statuses and headers, and errors without Meta's own body.
fn transport() -> Vec<Told> {
    let usage = r#"{"1203": [{"type": "custom_audience", "call_count": 100, "total_cputime": 1, "total_time": 1,
        "estimated_time_to_regain_access": 7, "ads_api_access_tier": "development_access"}]}"#;
    let usage: &'static str = usage.replace('\n', " ").leak();
    let mut transient = error(100, None);
    transient["error"]["is_transient"] = json!(true);
    vec![
        row(80_003, None, "rate-limited", After(420_000)).header("x-business-use-case-usage", usage),
        told(400, transient, "invalid-request", Yes),
        told(200, error(190, None), "unauthorized", Never),
        told(401, error(190, None), "unauthorized", Never),
        told(403, error(200, None), "forbidden", Never),
        told(503, error(2, None), "upstream", Yes),
        told(429, json!("slow down"), "rate-limited", After(30_000)).header("retry-after", "30"),
        told(502, json!("<html></html>"), "upstream", Yes).on(UPLOADS),
        told(502, json!("<html></html>"), "upstream", Yes).on(&["readAudience"]),
        // Whether the audience was created is not known.
        told(502, json!("<html></html>"), "upstream", Never).on(&["createAudience"]),
        row(1, Some(99), "too-large", Yes),
    ]
}
