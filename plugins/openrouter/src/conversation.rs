//! What is said for an item, and what is made of the answer.

use blockyard_chat::{Completion, Message, Question, Rejection, Role, codes, data};
use blockyard_sdk::Failure;
use serde_json::Value;

use crate::Reply;
use crate::config::{Config, Content, Turn};
use crate::structure::Structure;

#[derive(Debug)]
pub(crate) struct Conversation<'a> {
    pub(crate) config: &'a Config,
    pub(crate) structure: Option<&'a Structure>,
}

impl Question for Conversation<'_> {
    type Item = Value;
    type Result = Reply;

    /// System message, the given messages, and one user message with the prompt and the item: models differ in whether
    /// they take two messages of the same speaker in a row.
    fn messages(&self, _: usize, item: &Value) -> Result<Vec<Message>, Failure> {
        let mut messages: Vec<_> =
            self.config.system().map(|text| Message::text(Role::System, text)).into_iter().collect();
        messages.extend(self.config.turns().iter().map(message));
        let record = match item {
            Value::Null => None,
            item => self.config.includes_input().then(|| data::wrap(item)).transpose()?,
        };
        let parts: Vec<_> = self.config.prompt().map(str::to_owned).into_iter().chain(record).collect();
        if !parts.is_empty() {
            messages.push(Message::text(Role::User, parts.join("\n\n")));
        }
        if messages.iter().all(|message| message.role == Role::System) {
            return Err(Failure::invalid_config(
                "/prompt",
                "there is nothing to ask: no prompt, no messages and no input",
            ));
        }
        Ok(messages)
    }

    fn result(&self, _: usize, _: &Value, completion: &Completion) -> Result<Reply, Rejection> {
        let text = completion.text.clone();
        let json = match self.structure {
            Some(structure) => Some(structure.read(text.as_deref().unwrap_or_default()).map_err(Rejection::Repair)?),
            None if text.is_none() => return Err(Rejection::Fail(silent(completion))),
            None => None,
        };
        Ok(Reply {
            text: text.unwrap_or_default(),
            json,
            model: completion.model.clone(),
            finish_reason: completion.finish_reason.clone(),
            usage: completion.usage,
        })
    }
}

fn message(turn: &Turn) -> Message {
    let content = match &turn.content {
        Content::Text(text) => Value::String(text.clone()),
        Content::Parts(parts) => parts.iter().cloned().map(Value::Object).collect(),
    };
    Message { role: turn.role, content }
}

/// The answer has no text where only text was asked for.
fn silent(completion: &Completion) -> Failure {
    let message = if completion.is_cut() {
        "the model reached the limit of tokens before its first word (a higher `maxTokens` may help)"
    } else {
        "the model answered without text"
    };
    Failure::new(codes::INVALID_ANSWER, message)
        .detail("finishReason", completion.finish_reason.clone())
        .detail("model", completion.model.clone())
        .detail("totalTokens", completion.usage.total_tokens)
        .detail("cost", completion.usage.cost)
}
