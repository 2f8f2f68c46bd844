//! `POST /blocks` and `GET /blocks/uploads/{id}`

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::super::ApiState;
use super::super::body::collect;
use super::super::extract::{InPath, InQuery, NoQuery};
use super::super::guard::is_component;
use super::super::problem::{ApiError, ApiResult};
use super::super::time::rfc3339;
use super::version::{VersionView, view};
use crate::blocks::uploads::{INTERNAL, NOT_OWNER, TOO_MANY, UploadProblem, Uploader, VERSION_EXISTS};
use crate::domain::{Json as Document, UserId};
use crate::store::{UploadRow, UploadStatus};

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
    check_type(request.headers())?;
    let patience = match options.wait {
        None => state.uploads.config().patience,
        Some(seconds) => std::time::Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|wait| *wait <= state.config.max_wait)
            .ok_or_else(|| {
                let most = state.config.max_wait.as_secs_f64();
                ApiError::bad_request("invalid-query", format!("`wait` must be from 0 to {most} seconds"))
            })?,
    };
    let received = {
        // Each is in memory while it comes.
        let _place = state.receiving().acquire().await;
        let bytes = collect(request, &state, state.uploads.config().bytes).await?;
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

impl From<UploadProblem> for ApiError {
    fn from(problem: UploadProblem) -> Self {
        let UploadProblem { code, message, errors } = problem;
        match code {
            TOO_MANY => Self::unavailable(code, message),
            INTERNAL => Self::internal(message),
            VERSION_EXISTS => Self::conflict(code, message),
            NOT_OWNER => Self::new(StatusCode::FORBIDDEN, code, message),
            _ => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message).with_errors(errors),
        }
    }
}
