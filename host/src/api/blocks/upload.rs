//! `POST /blocks` and `GET /blocks/uploads/{id}`

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::body::{announced, collect};
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::guard::is_component;
use super::super::problem::{ApiError, ApiResult};
use super::super::time::rfc3339;
use super::version::{VersionView, view};
use crate::blocks::uploads::{DISK_FULL, INTERNAL, NOT_OWNER, TOO_MANY, UploadProblem, Uploader, VERSION_EXISTS};
use crate::domain::{Json as Document, UserId};
use crate::store::{UploadRow, UploadStatus};

/// How long an upload waits until there is room for it beside those that come.
const ROOM_PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Options {
    /// Longest time in seconds to wait for the component to be compiled; 2 if absent.
    wait: Option<f64>,
}

/// An upload, and what it became.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct UploadView {
    upload_id: String,
    /// `compiling`, `ready` or `failed`.
    status: &'static str,
    /// SHA-256 of the component.
    digest: String,
    /// Size of the component.
    bytes: u64,
    /// What it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<VersionView>,
    /// Why it is no block: `{code, message, errors?}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Document>,
    created_at: String,
    updated_at: String,
}

impl UploadView {
    async fn new(state: &ApiState, row: UploadRow) -> ApiResult<Self> {
        let known = || {
            let (block_type, version) = row.version.as_ref()?;
            let versions = state.catalogue.versions(block_type)?;
            Some(view(&state.catalogue, &versions, versions.all.get(version)?))
        };
        let mut version = known();
        if version.is_none() && row.version.is_some() {
            // It was recorded a moment ago, maybe by another process.
            state.catalogue.refresh().await?;
            version = known();
        }
        Ok(Self {
            upload_id: row.id,
            status: row.status.as_str(),
            digest: row.digest,
            bytes: row.bytes,
            version,
            error: row.error,
            created_at: rfc3339(row.created_at),
            updated_at: rfc3339(row.updated_at),
        })
    }
}

/// Receive a component. It is a version once it is compiled, and used once that is activated.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(options): InQuery<Options>,
    request: Request,
) -> ApiResult<Response> {
    let limit = state.uploads.config().bytes;
    let announced = announced(&request, limit)?;
    check_type(request.headers())?;
    let patience = match options.wait {
        None => state.uploads.config().patience,
        Some(seconds) => Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|wait| *wait <= state.config.max_wait)
            .ok_or_else(|| {
                let most = state.config.max_wait.as_secs_f64();
                ApiError::bad_request("invalid-query", format!("`wait` must be from 0 to {most} seconds"))
            })?,
    };
    let received = {
        // Each is in memory while it comes.
        let room = tokio::time::timeout(ROOM_PATIENCE, state.receiving(announced.unwrap_or(limit))).await;
        let _room = room.map_err(|_| {
            ApiError::unavailable(TOO_MANY, "too many components are being received; upload it again in a while")
        })?;
        let bytes = collect(request, limit).await?;
        if bytes.is_empty() {
            return Err(ApiError::bad_request("empty-body", "the body is empty; a WebAssembly component is expected"));
        }
        let uploader = Uploader { user_id: UserId::local(), is_admin: true };
        state.uploads.receive(uploader, bytes).await?
    };
    let done = tokio::select! {
        done = tokio::time::timeout(patience, received.done) => done,
        () = state.closing().cancelled() => Ok(Ok(Ok(()))),
    };
    // A sender that is gone has stopped with the server: the upload goes on after its next start.
    if let Ok(Ok(Err(problem))) = done {
        return Err(problem.into());
    }
    let row = state.uploads.upload(&received.id).await?;
    let row = row.ok_or_else(|| ApiError::internal("an upload is gone as soon as it is stored"))?;
    // It may have failed since.
    if let Some(refusal) = refusal(&row)? {
        return Err(refusal);
    }
    let place = HeaderValue::try_from(format!("/blocks/uploads/{}", row.id)).map_err(ApiError::internal)?;
    let status = if row.status == UploadStatus::Compiling { StatusCode::ACCEPTED } else { StatusCode::CREATED };
    let view = UploadView::new(&state, row).await?;
    let place = match &view.version {
        Some(version) => HeaderValue::try_from(version.path()).map_err(ApiError::internal)?,
        None => place,
    };
    Ok((status, [(header::LOCATION, place)], Json(view)).into_response())
}

/// How far an upload is.
pub(in crate::api) async fn status(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
) -> ApiResult<Json<UploadView>> {
    let row = state.uploads.upload(&id).await?;
    let row = row.ok_or_else(|| ApiError::not_found("unknown-upload", format!("there is no upload `{id}`")))?;
    UploadView::new(&state, row).await.map(Json)
}

/// No web page can send these types to another site without asking first.
fn check_type(headers: &HeaderMap) -> ApiResult<()> {
    if is_component(headers) {
        return Ok(());
    }
    let given = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let found = given.map_or_else(|| "none".to_owned(), |given| format!("`{given}`"));
    let detail = format!("the body needs a `Content-Type` of `application/wasm`, it has {found}");
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail))
}

/// A problem as it is stored.
#[derive(Deserialize)]
struct Stored {
    code: String,
    message: String,
    errors: Option<Document>,
}

/// Why an upload failed, if it did: what its sender is told who waits for it.
fn refusal(row: &UploadRow) -> ApiResult<Option<ApiError>> {
    if row.status != UploadStatus::Failed {
        return Ok(None);
    }
    let stored = row.error.as_ref().ok_or_else(|| ApiError::internal("an upload failed without a reason"))?;
    let Stored { code, message, errors } = stored.decode().map_err(ApiError::internal)?;
    Ok(Some(match code.as_str() {
        INTERNAL => ApiError::internal(message),
        _ => ApiError::stored(status_of(&code), code, message, errors),
    }))
}

fn status_of(code: &str) -> StatusCode {
    match code {
        TOO_MANY => StatusCode::SERVICE_UNAVAILABLE,
        DISK_FULL => StatusCode::INSUFFICIENT_STORAGE,
        VERSION_EXISTS => StatusCode::CONFLICT,
        NOT_OWNER => StatusCode::FORBIDDEN,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

impl From<UploadProblem> for ApiError {
    fn from(problem: UploadProblem) -> Self {
        let UploadProblem { code, message, errors } = problem;
        match code {
            TOO_MANY => Self::unavailable(code, message),
            INTERNAL => Self::internal(message),
            _ => Self::new(status_of(code), code, message).with_errors(errors),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::Problem;

    fn row(status: UploadStatus, error: Option<Value>) -> UploadRow {
        UploadRow {
            id: "u".to_owned(),
            user_id: UserId::local(),
            digest: "sha256:".to_owned(),
            bytes: 1,
            status,
            version: None,
            error: error.map(Document::from),
            begun: 0,
            created_at: 0,
            updated_at: 0,
        }
    }

    #[test]
    fn what_failed_a_moment_ago_is_refused_as_what_fails_while_it_is_waited_for() {
        assert!(refusal(&row(UploadStatus::Compiling, None)).unwrap().is_none());
        assert!(refusal(&row(UploadStatus::Ready, None)).unwrap().is_none());
        let errors = vec![Problem::new("/name", "invalid-manifest", "no")];
        for (code, errors) in [
            ("invalid-manifest", errors),
            ("core-module", Vec::new()),
            (VERSION_EXISTS, Vec::new()),
            (NOT_OWNER, Vec::new()),
            (INTERNAL, Vec::new()),
        ] {
            let problem = UploadProblem { code, message: "this is why".to_owned(), errors };
            let stored = refusal(&row(UploadStatus::Failed, Some(json!(problem)))).unwrap().unwrap();
            let told = ApiError::from(problem);
            assert_eq!(stored.status, told.status);
            let read = |error: &ApiError| -> Value { serde_json::from_slice(&error.body("/blocks", "id")).unwrap() };
            assert_eq!(read(&stored), read(&told));
        }
    }
}
