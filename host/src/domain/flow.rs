//! A tree of jobs: a parent runs when all its children have ended, and is given what came of them.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::{FlowId, JobId, JobStatus, JobType, Json};

/// Longest result of a job that its flow shows and tells of, in bytes. Parents are given results of any length.
pub const RESULT_BYTES: usize = 64 * 1024;

/// The member of a parent's input with the results of its children.
pub const CHILDREN_VALUES: &str = "childrenValues";
/// The member of a parent's input with the errors of its children.
pub const CHILDREN_FAILURES: &str = "childrenFailures";

/// The state of a flow, which is that of its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlowStatus {
    /// None of its jobs has begun.
    Pending,
    /// The root has not ended.
    Running,
    /// The root has a result.
    Completed,
    /// The root ended with an error.
    Failed,
    /// The root was stopped.
    Cancelled,
}

impl FlowStatus {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Running, Self::Completed, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == name)
    }

    /// The status of a flow whose root is in this state; `begun` says whether any of its jobs has begun.
    pub fn of_root(root: JobStatus, begun: bool) -> Self {
        match root {
            JobStatus::Completed => Self::Completed,
            JobStatus::Failed | JobStatus::Dead => Self::Failed,
            JobStatus::Cancelled => Self::Cancelled,
            _ if begun => Self::Running,
            _ => Self::Pending,
        }
    }
}

/// Progress of a flow of which so many jobs have ended, 0 to 100.
pub fn progress(ended: u32, total: u32) -> f64 {
    if total == 0 { 0.0 } else { (f64::from(ended.min(total)) * 10_000.0 / f64::from(total)).round() / 100.0 }
}

/// A flow as it is shown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Flow {
    /// Its id.
    pub id: FlowId,
    /// For people.
    pub name: String,
    /// Where it stands.
    pub status: FlowStatus,
    /// Jobs that have ended, in percent.
    pub progress: f64,
    /// All its jobs, parents too.
    pub total: u32,
    /// Those that completed.
    pub completed: u32,
    /// Those that failed, are parked as `dead`, or were cancelled.
    pub failed: u32,
    /// Its jobs, the root first, each before its children.
    pub jobs: Vec<FlowJob>,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
    /// When the last of its jobs had ended, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
}

/// A job of a flow.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowJob {
    /// Its id.
    pub id: JobId,
    /// For people.
    pub name: Option<String>,
    /// What it does.
    #[serde(rename = "type")]
    pub job_type: JobType,
    /// Where it waits.
    pub queue: String,
    /// Where it stands.
    pub status: JobStatus,
    /// 0 to 100, 100 only when it completed.
    pub progress: f64,
    /// The job that waits for it; `null` for the root.
    pub parent_id: Option<JobId>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Json>,
    /// It completed, and its result is longer than [`RESULT_BYTES`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub result_omitted: bool,
    /// Why it failed: a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Json>,
}

/// A result as flows tell it: what is no object becomes `{"value": …}`.
pub fn result_object(result: &Json) -> Json {
    if is_object(result) { result.clone() } else { Json::object([("value", result)]) }
}

/// An error as flows tell it: what is no object becomes `{"message": …}`, and a job that ended so without an error has
/// one that says how it ended.
pub fn error_object(error: Option<&Json>, status: JobStatus) -> Json {
    match error {
        Some(error) if is_object(error) => error.clone(),
        Some(error) if !error.is_null() => Json::object([("message", error)]),
        _ => json!({"code": status.as_str(), "message": format!("the job is {}", status.as_str())}).into(),
    }
}

/// The input of a parent whose children have ended with these results and errors, both objects by the id of the child.
/// `None` if it would be nested too deep.
pub fn with_children(input: &Json, values: &Json, failures: &Json) -> Option<Json> {
    let members = match input.decode::<Members>() {
        Ok(Members(members)) => members,
        Err(_) if input.is_null() => Vec::new(),
        Err(_) => vec![("value".to_owned(), input.clone())],
    };
    readable(object(&members, &[(CHILDREN_VALUES, values), (CHILDREN_FAILURES, failures)]))
}

/// An object with one more member, which takes the place of one of its name; what is no object stays as it is.
pub fn with_member(json: &Json, name: &str, value: &Json) -> Json {
    json.decode::<Members>().map_or_else(|_| json.clone(), |Members(members)| object(&members, &[(name, value)]))
}

fn object(members: &[(String, Json)], more: &[(&str, &Json)]) -> Json {
    let own = members.iter().map(|(name, value)| (name.as_str(), value));
    let own = own.filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    Json::object(own.chain(more.iter().copied()))
}

/// A document put together from others, unless it is nested deeper than what is read again.
pub fn readable(json: Json) -> Option<Json> {
    Json::parse(json.as_str().to_owned()).ok()
}

fn is_object(json: &Json) -> bool {
    json.as_str().starts_with('{')
}

/// The members of an object as they are written.
struct Members(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text.into()).unwrap()
    }

    #[test]
    fn parents_get_the_results_of_their_children_beside_their_input() {
        let (values, failures) = (json(r#"{"a":{"n":1}}"#), json("{}"));
        let given = |input: &str| with_children(&json(input), &values, &failures).unwrap().as_str().to_owned();
        let both = r#""childrenValues":{"a":{"n":1}},"childrenFailures":{}"#;
        assert_eq!(given("null"), format!("{{{both}}}"));
        assert_eq!(given("{}"), format!("{{{both}}}"));
        assert_eq!(given("[1]"), format!("{{\"value\":[1],{both}}}"));
        assert_eq!(given("\"null\""), format!("{{\"value\":\"null\",{both}}}"));
        assert_eq!(
            given(r#"{"z":12345678901234567890123, "é": "\u0000", "childrenValues":"forged"}"#),
            format!("{{\"z\":12345678901234567890123,\"é\":\"\\u0000\",{both}}}")
        );
        let deep = json(&format!("{}{}", "[".repeat(127), "]".repeat(127)));
        assert_eq!(with_children(&deep, &values, &failures), None);
    }

    #[test]
    fn results_and_errors_are_objects() {
        for (result, shown) in
            [("null", r#"{"value":null}"#), ("[1]", r#"{"value":[1]}"#), (r#"{"a":1}"#, r#"{"a":1}"#)]
        {
            assert_eq!(result_object(&json(result)).as_str(), shown);
        }
        let failed =
            |error: Option<&str>| error_object(error.map(json).as_ref(), JobStatus::Failed).as_str().to_owned();
        assert_eq!(failed(Some("\"boom\"")), r#"{"message":"boom"}"#);
        assert_eq!(failed(Some(r#"{"code":"x"}"#)), r#"{"code":"x"}"#);
        assert!(failed(Some("null")).contains("the job is failed") && failed(None).contains("the job is failed"));
    }

    #[test]
    fn progress_is_what_has_ended() {
        assert_eq!(
            [(0, 3), (1, 3), (2, 3), (3, 3), (0, 0)].map(|(n, of)| progress(n, of)),
            [0.0, 33.33, 66.67, 100.0, 0.0]
        );
    }

    #[test]
    fn the_status_is_the_roots() {
        for (root, begun, status) in [
            (JobStatus::WaitingChildren, false, "pending"),
            (JobStatus::WaitingChildren, true, "running"),
            (JobStatus::Processing, true, "running"),
            (JobStatus::Dead, true, "failed"),
            (JobStatus::Cancelled, false, "cancelled"),
        ] {
            assert_eq!(FlowStatus::of_root(root, begun), FlowStatus::from_name(status).unwrap());
        }
        assert_eq!(serde_json::to_string(&FlowStatus::Running).unwrap(), "\"running\"");
    }
}
