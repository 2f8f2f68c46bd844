//! What is said on a WebSocket, in JSON.

use serde::{Deserialize, Serialize};

use super::super::events::topic;
use super::super::problem::ApiError;
use crate::domain::{Event, TimelineEntry};
use crate::events::Subject;

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Tell of these too, from after a position on, or from now on.
    Subscribe(Vec<Subject>, Option<i64>),
    /// Tell of these no more.
    Unsubscribe(Vec<Subject>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    subscribe: Option<Vec<String>>,
    unsubscribe: Option<Vec<String>>,
    after: Option<i64>,
}

impl Asked {
    /// Read a message.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let odd = |message: String| Failure::new("invalid-message", message);
        let message: Message = serde_json::from_str(text).map_err(|error| odd(error.to_string()))?;
        let subjects = |texts: Vec<String>| topic::parse(texts.iter().map(String::as_str)).map_err(odd);
        match (message.subscribe, message.unsubscribe) {
            (Some(topics), None) => Ok(Self::Subscribe(subjects(topics)?, message.after)),
            (None, Some(topics)) if message.after.is_none() => Ok(Self::Unsubscribe(subjects(topics)?)),
            _ => Err(odd("expected `subscribe`, with or without `after`, or `unsubscribe`".to_owned())),
        }
    }
}

/// What the server answers and tells.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Said<'m> {
    /// These are told of from now on, live after `position`.
    Subscribed { subscribed: Vec<String>, position: i64 },
    /// These are told of no more.
    Unsubscribed { unsubscribed: Vec<String> },
    /// What was asked cannot be done, or the last message before the socket is closed.
    Error { error: &'m Failure },
    /// Something has happened.
    Event { position: i64, topic: String, event: String, data: &'m TimelineEntry },
}

impl<'m> Said<'m> {
    pub(super) fn event(event: &'m Event) -> Self {
        let name = event.entry.event.with_colon();
        Self::Event { position: event.position, topic: event.topic.to_string(), event: name, data: &event.entry }
    }

    pub(super) fn subscribed(subjects: &[Subject], position: i64) -> Self {
        Self::Subscribed { subscribed: names(subjects), position }
    }

    pub(super) fn unsubscribed(subjects: &[Subject]) -> Self {
        Self::Unsubscribed { unsubscribed: names(subjects) }
    }

    pub(super) fn text(&self) -> String {
        // Strings and numbers always make a text.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn names(subjects: &[Subject]) -> Vec<String> {
    subjects.iter().map(Subject::to_string).collect()
}

/// Why something is not done.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    code: String,
    message: String,
    /// The position to go on after.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<i64>,
}

impl Failure {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), after: None }
    }

    pub(super) fn with_position(self, after: i64) -> Self {
        Self { after: Some(after), ..self }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        if let Some(cause) = &error.cause {
            tracing::error!(code = %error.code, cause, "a message on a WebSocket was not answered");
        }
        Self::new(&error.code, error.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_of_two_and_nothing_else() {
        let job = || vec!["job:a".parse().unwrap()];
        let parse = |text: &str| Asked::parse(text).map_err(|failure| failure.code);
        assert_eq!(parse(r#"{"subscribe":["job:a","job:a"],"after":7}"#), Ok(Asked::Subscribe(job(), Some(7))));
        assert_eq!(parse(r#"{"unsubscribe":["job:a"]}"#), Ok(Asked::Unsubscribe(job())));
        let many: Vec<String> = (0..=topic::MAX_TOPICS).map(|number| format!("\"job:{number}\"")).collect();
        for text in [
            "",
            "null",
            "[]",
            "{}",
            "{\"subscribe\":null}",
            "{\"subscribe\":\"job:a\"}",
            "{\"subscribe\":[\"odd\"]}",
            "{\"subscribe\":[],\"unsubscribe\":[]}",
            "{\"unsubscribe\":[],\"after\":1}",
            "{\"subscribe\":[],\"after\":1.5}",
            "{\"subscribe\":[],\"colour\":1}",
            &"[".repeat(60_000),
            &format!("{{\"subscribe\":[{}]}}", many.join(",")),
        ] {
            assert_eq!(parse(text), Err("invalid-message".to_owned()), "{text}");
        }
    }
}
