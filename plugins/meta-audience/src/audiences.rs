//! Creating and reading audiences, one request each.

use blockyard_sdk::http::{self, Request, Response};
use blockyard_sdk::items::{Step, Task};
use blockyard_sdk::secrets::Secret;
use blockyard_sdk::{Failure, codes};
use serde_json::{Map, Value, json};

use crate::config::{Config, id_text};
use crate::errors;

/// Creates one audience for each item.
#[derive(Debug)]
pub(crate) struct Create<'a> {
    pub(crate) config: &'a Config,
    pub(crate) ad_account: &'a str,
    pub(crate) token: &'a Secret,
}

/// Reads one audience for each item.
#[derive(Debug)]
pub(crate) struct Read<'a> {
    pub(crate) config: &'a Config,
    pub(crate) token: &'a Secret,
}

/// Checks an item and makes the body of the request.
pub(crate) fn new_audience(config: &Config, pointer: &str, item: Value) -> Result<Value, Failure> {
    let Value::Object(item) = item else {
        return Err(Failure::invalid_input(pointer, "an audience is an object with a `name`"));
    };
    let text = |name: &str| item.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let Some(name) = text("name") else {
        return Err(Failure::invalid_input(format!("{pointer}/name"), "it is a text that is not empty"));
    };
    let mut body = Map::new();
    body.insert("name".to_owned(), name.into());
    body.insert("subtype".to_owned(), "CUSTOM".into());
    body.insert("customer_file_source".to_owned(), json!(config.customer_file_source));
    if let Some(description) = text("description") {
        body.insert("description".to_owned(), description.into());
    }
    if let Some(days) = config.retention_days {
        body.insert("retention_days".to_owned(), days.into());
    }
    if let Some(value_based) = config.is_value_based {
        body.insert("is_value_based".to_owned(), value_based.into());
    }
    Ok(Value::Object(body))
}

/// The id of an item: itself, one of its fields, or the configuration's.
pub(crate) fn audience_id(config: &Config, pointer: &str, item: &Value) -> Result<String, Failure> {
    let names = ["audience_id", "audienceId", "id"];
    let found = match item {
        Value::Object(fields) => names.iter().find_map(|name| Some((*name, fields.get(*name)?))),
        Value::Null => None,
        other => Some(("", other)),
    };
    match found {
        Some((name, value)) => id_text(value).ok_or_else(|| {
            let pointer = if name.is_empty() { pointer.to_owned() } else { format!("{pointer}/{name}") };
            Failure::invalid_input(pointer, "the id of an audience is digits, best as a text")
        }),
        None if config.audience_id.is_some() => config.audience().map(str::to_owned),
        None => {
            Err(Failure::invalid_input(pointer, "it names no audience by `audience_id`, and neither does the config"))
        }
    }
}

impl Task for Create<'_> {
    type Item = Value;
    type State = ();
    type Result = Value;
    type Totals = ();

    fn request(&self, _: usize, item: &Value, (): &()) -> Result<Request, Failure> {
        let url = format!("{}/act_{}/customaudiences", self.config.root(), self.ad_account);
        Request::post(url).bearer(self.token).json(item)
    }

    fn answer(
        &self,
        _: usize,
        item: &Value,
        (): (),
        response: Response,
        (): &mut (),
    ) -> Result<Step<(), Value>, Failure> {
        // A gateway's error leaves open whether the audience was created; Meta's own says that it was not.
        let failure = errors::failure_of(&response);
        if let Some(failure) = failure {
            let own = failure.details().is_some_and(|details| details.contains_key("metaCode"));
            return Err(if own || failure.code() == codes::RATE_LIMITED { failure } else { errors::for_good(failure) });
        }
        let mut body = object(&response)?;
        let id = body.get("id").and_then(id_text).ok_or_else(|| response.unexpected("the answer has no `id`"))?;
        body.insert("id".to_owned(), id.into());
        if let Some(name) = item.get("name") {
            body.entry("name").or_insert_with(|| name.clone());
        }
        Ok(Step::Done(Value::Object(body)))
    }

    /// Whether the audience was created is not known, and a second one of the same name would help nobody.
    fn lost(&self, _: usize, _: &Value, (): &(), error: http::Error) -> Failure {
        errors::for_good(error.into())
    }
}

impl Task for Read<'_> {
    type Item = String;
    type State = ();
    type Result = Value;
    type Totals = ();

    fn request(&self, _: usize, id: &String, (): &()) -> Result<Request, Failure> {
        let request = Request::get(self.config.root()).segment(id);
        Ok(request.query("fields", self.config.audience_fields.join(",")).bearer(self.token))
    }

    fn answer(
        &self,
        _: usize,
        id: &String,
        (): (),
        response: Response,
        (): &mut (),
    ) -> Result<Step<(), Value>, Failure> {
        if let Some(failure) = errors::failure_of(&response) {
            return Err(failure.detail("audienceId", id.as_str()));
        }
        let mut body = object(&response)?;
        if !body.contains_key("id") {
            return Err(response.unexpected("the answer has no `id`"));
        }
        let answered = body.get("id").and_then(id_text).unwrap_or_else(|| id.clone());
        body.insert("id".to_owned(), answered.into());
        Ok(Step::Done(Value::Object(body)))
    }
}

fn object(response: &Response) -> Result<Map<String, Value>, Failure> {
    match response.json()? {
        Value::Object(body) => Ok(body),
        _ => Err(response.unexpected("the answer is no object")),
    }
}
