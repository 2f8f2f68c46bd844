//! Everything but the domain search: one question for a lead, one answer.

use blockyard_sdk::http::{Request, Response};
use blockyard_sdk::items::{Step, Task};
use blockyard_sdk::{Failure, codes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::answer;
use crate::config::{EmailFinder, OnNotFound};
use crate::lead::{Lead, Reader, filled};
use crate::{Api, Config};

/// "Still verifying: ask the same again."
const STILL_VERIFYING: u16 = 202;
/// How long a verification is waited for: thirty times two seconds.
const MAX_POLLS: u32 = 30;
const POLL_MS: u64 = 2_000;

/// Asks one thing about each lead.
#[derive(Debug)]
pub(crate) struct Lookup<'a> {
    pub(crate) api: &'a Api,
    pub(crate) config: &'a Config,
}

/// Sums for the metadata.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// Requests that were answered.
    requests: u64,
    /// Leads about which something is known.
    found: u64,
}

/// What is asked: the path, and the query parameters.
type Question = (&'static str, Vec<(&'static str, String)>);

impl Task for Lookup<'_> {
    type Item = Lead;
    /// How often the verifier has said that it is still at it.
    type State = u32;
    type Result = Value;
    type Totals = Totals;

    fn request(&self, index: usize, lead: &Lead, _: &u32) -> Result<Request, Failure> {
        let (path, parameters) = self.question(self.api.reader(index, lead))?;
        let request = self.api.get(path);
        let request = parameters.into_iter().fold(request, |request, (name, value)| request.query(name, value));
        Ok(match self.config {
            Config::EmailFinder(config) => request.query_if("max_duration", config.max_duration),
            Config::EmailCount(config) => request.query_if("type", config.kind.map(|kind| kind.word())),
            _ => request,
        })
    }

    fn answer(
        &self,
        index: usize,
        lead: &Lead,
        polls: u32,
        response: Response,
        totals: &mut Totals,
    ) -> Result<Step<u32, Value>, Failure> {
        totals.requests += 1;
        if matches!(self.config, Config::EmailVerifier(_)) && response.status() == STILL_VERIFYING {
            return still_verifying(polls, &response);
        }
        let known = answer::read(&response).and_then(|answer| self.result(answer.data, &response));
        match known {
            Ok(mut result) => {
                self.name(self.api.reader(index, lead), &mut result)?;
                totals.found += u64::from(self.is_found(&result));
                Ok(Step::Done(Value::Object(result)))
            }
            Err(failure) if failure.code() == codes::NOT_FOUND && self.on_not_found() == OnNotFound::Null => {
                Ok(Step::Done(Value::Null))
            }
            Err(failure) => Err(failure),
        }
    }
}

impl Lookup<'_> {
    fn question(&self, reader: Reader<'_>) -> Result<Question, Failure> {
        let one = |path, name, value: Option<String>| match value {
            Some(value) => Ok((path, vec![(name, value)])),
            None => Err(reader.invalid(name, "it is missing, and the config has none either")),
        };
        match self.config {
            Config::EmailFinder(config) => Ok(("/email-finder", person(reader, config)?)),
            Config::EmailVerifier(config) => {
                let email = reader.email()?.or_else(|| lower(config.email.as_deref()));
                one("/email-verifier", "email", email)
            }
            // The domain search is not asked here; its config would ask for the free count.
            Config::EmailCount(_) | Config::DomainSearch(_) => Ok(("/email-count", vec![self.counted(reader)?])),
            Config::EnrichPerson(config) => {
                Ok(("/people/find", vec![address_or_handle(reader, config.email.as_deref())?]))
            }
            Config::EnrichCombined(config) => {
                Ok(("/combined/find", vec![address_or_handle(reader, config.email.as_deref())?]))
            }
            Config::EnrichCompany(config) => one("/companies/find", "domain", reader.domain(config.domain.as_deref())?),
        }
    }

    fn counted(&self, reader: Reader<'_>) -> Result<(&'static str, String), Failure> {
        let (domain, company) = match self.config {
            Config::EmailCount(config) => (config.domain.as_deref(), config.company.as_deref()),
            _ => (None, None),
        };
        let missing =
            || reader.invalid("", "it has neither a `domain` nor a `company`, and the config has none either");
        reader.company(domain, company)?.ok_or_else(missing)
    }

    fn result(&self, data: Value, response: &Response) -> Result<Map<String, Value>, Failure> {
        let enriches =
            matches!(self.config, Config::EnrichPerson(_) | Config::EnrichCompany(_) | Config::EnrichCombined(_));
        let result = match data {
            Value::Object(result) => result,
            Value::Null if enriches => {
                return Err(Failure::new(codes::NOT_FOUND, "nothing is known").detail("status", response.status()));
            }
            _ => return Err(response.unexpected("`data` is no object")),
        };
        if matches!(self.config, Config::EmailVerifier(_)) && !result.get("status").is_some_and(Value::is_string) {
            return Err(response.unexpected("`data.status` is no text"));
        }
        Ok(result)
    }

    /// Repeats what was asked for, where the vendor does not.
    fn name(&self, reader: Reader<'_>, result: &mut Map<String, Value>) -> Result<(), Failure> {
        for (name, value) in self.question(reader)?.1 {
            if !matches!(name, "linkedin_handle" | "full_name") {
                fill(result, name, &value);
            }
        }
        Ok(())
    }

    fn is_found(&self, result: &Map<String, Value>) -> bool {
        !matches!(self.config, Config::EmailFinder(_)) || result.get("email").is_some_and(Value::is_string)
    }

    fn on_not_found(&self) -> OnNotFound {
        match self.config {
            Config::EnrichPerson(config) | Config::EnrichCombined(config) => config.on_not_found,
            Config::EnrichCompany(config) => config.on_not_found,
            _ => OnNotFound::Fail,
        }
    }
}

/// What the finder needs: a name at a company, else a LinkedIn handle.
fn person(reader: Reader<'_>, config: &EmailFinder) -> Result<Vec<(&'static str, String)>, Failure> {
    let company = reader.company(config.domain.as_deref(), config.company.as_deref())?;
    let name = match (reader.first_name()?, reader.last_name()?) {
        (Some(first), Some(last)) => Some(vec![("first_name", first), ("last_name", last)]),
        _ => reader.full_name()?.map(|full| vec![("full_name", full)]),
    };
    if let (Some(company), Some(name)) = (&company, name.clone()) {
        return Ok([vec![company.clone()], name].concat());
    }
    if let Some(handle) = reader.linkedin_handle()? {
        return Ok(vec![("linkedin_handle", handle)]);
    }
    Err(match company {
        None => reader.invalid("", "it has no `domain`, `company` or `linkedinHandle`, and the config has none either"),
        Some(_) => {
            reader.invalid("", "it has neither `firstName` and `lastName`, nor `fullName`, nor `linkedinHandle`")
        }
    })
}

fn address_or_handle(reader: Reader<'_>, default: Option<&str>) -> Result<(&'static str, String), Failure> {
    if let Some(email) = reader.email()? {
        return Ok(("email", email));
    }
    if let Some(handle) = reader.linkedin_handle()? {
        return Ok(("linkedin_handle", handle));
    }
    let missing = || reader.invalid("email", "it is missing, and so is `linkedinHandle`; the config has none either");
    lower(default).map(|email| ("email", email)).ok_or_else(missing)
}

/// The answer may have no body at all.
fn still_verifying(polls: u32, response: &Response) -> Result<Step<u32, Value>, Failure> {
    if polls >= MAX_POLLS {
        let seconds = u64::from(MAX_POLLS) * POLL_MS / 1_000;
        let message = format!("the address is still being verified after {seconds} seconds");
        return Err(Failure::new(codes::UPSTREAM_TIMEOUT, message).detail("status", response.status()).retry());
    }
    let after_ms = response.retry_after_ms().map_or(POLL_MS, |wait| wait.max(POLL_MS));
    Ok(Step::Wait { state: polls + 1, after_ms })
}

/// Sets a field that is missing or null.
pub(crate) fn fill(result: &mut Map<String, Value>, name: &str, value: &str) {
    let field = result.entry(name).or_insert(Value::Null);
    if field.is_null() {
        *field = Value::from(value);
    }
}

fn lower(text: Option<&str>) -> Option<String> {
    filled(text).map(str::to_lowercase)
}
