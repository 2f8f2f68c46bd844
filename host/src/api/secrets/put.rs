//! `PUT /secrets/{name}`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::super::ApiState;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::problem::{ApiError, ApiResult};
use super::super::sealed_body::{Fields, SealedBody};
use super::{SecretView, owner, secret_name};
use crate::domain::{NewSecret, Owner, Problem, UserId};

/// Everything is optional here, so that all that is missing can be told at once. No `Debug`: it holds the value.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct PutRequest {
    #[serde(default, deserialize_with = "value")]
    value: Option<Zeroizing<String>>,
    hosts: Option<Vec<String>>,
    /// `shared`; the user's own if absent.
    owner: Option<String>,
    /// Block types that may use it; all if absent.
    blocks: Option<Vec<String>>,
}

impl Fields for PutRequest {
    const NAMES: &'static [&'static str] = &["value", "hosts", "owner", "blocks"];
}

fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Zeroizing<String>>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Zeroizing::new))
}

/// Store a secret, in place of the one with this owner and name if there is one. What is called next uses it.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InPath(name): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    SealedBody(request): SealedBody<PutRequest>,
) -> ApiResult<(StatusCode, Json<SecretView>)> {
    let (name, user) = (secret_name(&name)?, UserId::local());
    let mut problems = Vec::new();
    let owner = owner(&user, request.owner.as_deref()).unwrap_or_else(|| {
        let message = "is `shared`, or absent for a secret of one's own";
        problems.push(Problem::new("/owner", "invalid", message));
        Owner::Shared
    });
    for (pointer, missing) in [("/value", request.value.is_none()), ("/hosts", request.hosts.is_none())] {
        if missing {
            problems.push(Problem::new(pointer, "missing", format!("`{}` is missing", &pointer[1..])));
        }
    }
    let (Some(value), Some(hosts)) = (request.value, request.hosts) else { return Err(invalid(problems)) };
    let secret = match NewSecret::parse(name, owner, value, &hosts, request.blocks.as_deref()) {
        Ok(secret) if problems.is_empty() => secret,
        Ok(_) => return Err(invalid(problems)),
        Err(more) => {
            problems.extend(more);
            return Err(invalid(problems));
        }
    };
    let put = state.vault.put(&user, secret).await?;
    let status = if put.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(put.info.into())))
}

fn invalid(errors: Vec<Problem>) -> ApiError {
    let first = errors.first().map(|first| format!(": {} {}", first.pointer, first.message));
    let more = if errors.len() > 1 { format!(", and {} more", errors.len() - 1) } else { String::new() };
    let detail = format!("the secret is not valid{}{more}", first.unwrap_or_default());
    let mut error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-secret", detail);
    error.errors = errors;
    error
}
