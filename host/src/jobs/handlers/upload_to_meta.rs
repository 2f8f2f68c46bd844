//! `UPLOAD_TO_META`: adds people to an audience of Meta, or removes them.

use serde::Deserialize;
use serde_json::json;

use super::{OneNode, PrepareError, decode, document};
use crate::domain::{JobType, Json, Mode, UserId};
use crate::jobs::{Queue, Submit};

/// Where it waits if the submission does not say.
const QUEUE: &str = "upload";
/// Most digits of an audience's id.
const MAX_DIGITS: usize = 20;

/// Whom to add to which audience, or to remove from it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Payload {
    /// Digits, as a text: such ids are beyond what a JSON number keeps.
    audience_id: String,
    /// As the block `api.meta-audience` takes them.
    people: Vec<Json>,
    operation: Operation,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    record: bool,
    exchanges: Option<Json>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Operation {
    Add,
    Remove,
}

pub(super) async fn prepare(queue: &Queue, payload: &Json, user_id: &UserId) -> Result<Submit, PrepareError> {
    let given: Payload = decode(payload)?;
    let id = &given.audience_id;
    // What is of digits alone holds no template either.
    if !(1..=MAX_DIGITS).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!("the id of an audience is 1 to {MAX_DIGITS} digits");
        return Err(PrepareError::at("/audienceId", "invalid-payload", message));
    }
    if let Some(index) = given.people.iter().position(|person| !person.as_str().starts_with('{')) {
        return Err(PrepareError::at(format!("/people/{index}"), "invalid-payload", "a person is an object"));
    }
    let operation = match given.operation {
        Operation::Add => "addUsers",
        Operation::Remove => "removeUsers",
    };
    let config = json!({"operation": operation, "audienceId": id});
    let node = json!({"id": "upload", "type": "api.meta-audience", "name": "Upload", "config": config});
    let one = OneNode {
        job_type: JobType::UploadToMeta,
        queue: QUEUE,
        user_id,
        payload,
        document: document("job-upload-to-meta", "Upload to Meta", node),
        input: Json::array(&given.people),
        mode: given.mode,
        record: given.record,
        exchanges: given.exchanges,
        members: &[("/nodes/0/config/audienceId", "/audienceId")],
    };
    queue.one_node(one).await
}
