//! What Hunter's errors become.
//!
//! Its documentation calls 403 the rate limit and 429 the end of the credit; its own client takes 429 with
//! `Retry-After` for the rate limit and 402 for the credit. Each answer is taken for what it says.

use serde_json::{Value, json};

use crate::table::Retry::{After, Never, Yes};
use crate::table::{Defined, Told, defined, told};

const VERIFIER: &[&str] = &["emailVerifier"];
const OR_NULL: &[&str] = &["enrichPerson or null"];
const OTHERS_THAN_OR_NULL: &[&str] =
    &["domainSearch", "emailFinder", "emailVerifier", "emailCount", "enrichPerson", "enrichCompany", "enrichCombined"];

pub(super) fn defined_errors() -> Vec<Defined> {
    vec![
        // Asked again and again, and given up after a minute.
        defined(202, "upstream-timeout", Yes).on(VERIFIER),
        defined(222, "upstream", Yes).on(VERIFIER),
        defined(400, "invalid-request", Never),
        defined(401, "unauthorized", Never),
        defined(403, "rate-limited", Yes),
        defined(404, "", Never).on(OR_NULL).with_result(),
        defined(404, "not-found", Never),
        defined(429, "quota-exceeded", Never),
        defined(451, "claimed-email", Never),
    ]
}

fn error(id: &str, code: u16, details: &str) -> Value {
    json!({"errors": [{"id": id, "code": code, "details": details}]})
}

pub(super) fn told_errors() -> Vec<Told> {
    vec![
        told(204, json!(""), "unexpected-response", Never),
        told(400, error("pagination_error", 400, "Your plan does not allow this page"), "invalid-request", Never),
        told(402, error("payment_required", 402, "No credit left"), "quota-exceeded", Never),
        told(403, error("forbidden", 403, "This key may not do this"), "forbidden", Never),
        told(403, error("rate_limited", 403, "Too many requests"), "rate-limited", After(3_000))
            .header("retry-after", "3"),
        told(404, error("not_found", 404, "No such resource"), "not-found", Never).on(OTHERS_THAN_OR_NULL),
        told(422, error("unprocessable", 422, "It was not created"), "invalid-request", Never),
        told(429, error("too_many_requests", 429, "Slow down"), "rate-limited", After(7_000))
            .header("retry-after", "7"),
        told(451, error("claimed_email", 451, "The person asked for it"), "claimed-email", Never),
        told(500, error("server_error", 500, "Something broke"), "upstream", Yes),
        told(502, json!("<html>Bad Gateway</html>"), "upstream", Yes),
        told(503, json!(""), "upstream", After(20_000)).header("retry-after", "20"),
        told(504, json!(""), "upstream-timeout", Yes),
    ]
}
