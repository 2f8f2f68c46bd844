//! Path and query parameters whose refusals are problems, and pages of lists.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ApiState;
use super::problem::{ApiError, ApiResult};
use crate::store::Cursor;

/// Items on a page if the request does not say.
const DEFAULT_LIMIT: u32 = 50;
/// Most items on a page.
const MAX_LIMIT: u32 = 500;

/// Parameters of the path.
#[derive(Debug)]
pub(super) struct InPath<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<ApiState> for InPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        let found = Path::<T>::from_request_parts(parts, state).await;
        found.map(|Path(found)| Self(found)).map_err(|rejection| {
            ApiError::bad_request("invalid-path", format!("the path cannot be read: {}", rejection.body_text()))
        })
    }
}

/// Parameters of the query.
#[derive(Debug)]
pub(super) struct InQuery<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<ApiState> for InQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        let found = Query::<T>::from_request_parts(parts, state).await;
        found.map(|Query(found)| Self(found)).map_err(|rejection| {
            let text = rejection.body_text();
            let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            ApiError::bad_request("invalid-query", format!("the query cannot be read: {text}"))
        })
    }
}

/// Nothing may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoQuery {}

/// One page of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// Where the next page begins; `null` on the last one.
    pub(super) next_cursor: Option<String>,
}

/// Which page is asked for.
#[derive(Debug)]
pub(super) struct PageRequest {
    limit: u32,
    pub(super) after: Option<Cursor>,
}

impl PageRequest {
    pub(super) fn new(limit: Option<u32>, cursor: Option<&str>) -> ApiResult<Self> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(ApiError::bad_request("invalid-query", format!("`limit` must be from 1 to {MAX_LIMIT}")));
        }
        let after = cursor.map(str::parse).transpose();
        Ok(Self { limit, after: after.map_err(|message| ApiError::bad_request("invalid-cursor", message))? })
    }

    /// How many rows to read: one more than are shown, to know whether there are any.
    pub(super) fn rows(&self) -> u32 {
        self.limit + 1
    }

    /// The page of these rows.
    pub(super) fn page<R, T>(&self, mut rows: Vec<R>, cursor: fn(&R) -> Cursor, item: impl Fn(R) -> T) -> Page<T> {
        let limit = self.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|last| cursor(last).to_string());
        Page { items: rows.into_iter().map(item).collect(), next_cursor }
    }
}
