//! `POST /workflows/validate`

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::super::ApiState;
use super::super::body::Body;
use super::super::extract::{InQuery, NoQuery};
use crate::domain::Report;

/// Everything that is wrong with a document. That something is, is an answer, not an error of the request.
pub(in crate::api) async fn handle(
    State(state): State<ApiState>,
    InQuery(NoQuery {}): InQuery<NoQuery>,
    Body(document): Body<Value>,
) -> Json<Report> {
    Json(match state.orchestrator.compile_document(&document, None).await {
        Ok((_, warnings)) => Report::new(Vec::new(), warnings),
        Err(report) => report,
    })
}
