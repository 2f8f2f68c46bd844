//! Recorded exchanges that come with a request.

use blockyard_replay::{Exchange, Replay};

use super::problem::{ApiError, ApiResult};
use crate::domain::{Json, Mode};

/// What mode `test` answers from: every exchange is looked at before anything runs.
pub(super) fn replay(mode: Mode, exchanges: Option<&Json>) -> ApiResult<Option<Replay>> {
    let Some(exchanges) = exchanges else { return Ok(None) };
    let invalid = |message: String| ApiError::bad_request("invalid-exchanges", &message);
    if mode != Mode::Test {
        return Err(invalid(format!("`exchanges` belong to mode `test`, and this is mode `{}`", mode.as_str())));
    }
    let mut deserializer = serde_json::Deserializer::from_str(exchanges.as_str());
    let read: Result<Vec<Exchange>, _> = serde_path_to_error::deserialize(&mut deserializer);
    let read = read.map_err(|error| invalid(format!("`exchanges{}`: {}", error.path(), error.inner())))?;
    Replay::strict(read).map(Some).map_err(|error| invalid(error.to_string()))
}
