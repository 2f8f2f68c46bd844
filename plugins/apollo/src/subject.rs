//! People and companies have the same two ways of being asked about: alone, and ten at once.

use blockyard_sdk::Failure;
use blockyard_sdk::http::Request;
use serde_json::{Map, Value, json};

use crate::Api;
use crate::config::{Organizations, People};
use crate::lead::{Identity, Reader};

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject<'a> {
    People(&'a People),
    Organizations(&'a Organizations),
}

impl Subject<'_> {
    /// What identifies a lead's person or company.
    ///
    /// # Errors
    /// `invalid-input` if nothing does.
    pub(crate) fn identity(self, reader: Reader<'_>) -> Result<Identity, Failure> {
        match self {
            Self::People(config) => reader.person(config),
            Self::Organizations(config) => reader.organization(config.domain.as_deref()),
        }
    }

    /// Asks about one.
    pub(crate) fn ask_one(self, api: &Api, identity: Identity) -> Result<Request, Failure> {
        match self {
            Self::People(config) => {
                let mut body = identity;
                body.extend(config.flags().map(|flag| (flag.to_owned(), Value::Bool(true))));
                if let Some(url) = config.webhook() {
                    body.insert("webhook_url".to_owned(), url.into());
                }
                api.post("/people/match").json(&body)
            }
            Self::Organizations(_) => {
                let parameters = identity.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
                let request = api.get("/organizations/enrich");
                Ok(parameters.fold(request, |request, (name, value)| request.query(name, value)))
            }
        }
    }

    /// Asks about up to ten. Flags belong into the query here.
    pub(crate) fn ask_many(self, api: &Api, identities: &[Identity]) -> Result<Request, Failure> {
        let request = match self {
            Self::People(config) => {
                let request = api.post("/people/bulk_match");
                let request = config.flags().fold(request, |request, flag| request.query(flag, true));
                request.query_if("webhook_url", config.webhook())
            }
            Self::Organizations(_) => api.post("/organizations/bulk_enrich"),
        };
        request.json(&json!({"details": identities}))
    }

    /// The field that holds one result.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::People(_) => "person",
            Self::Organizations(_) => "organization",
        }
    }

    /// The field that holds the results of up to ten.
    pub(crate) fn list_field(self) -> &'static str {
        match self {
            Self::People(_) => "matches",
            Self::Organizations(_) => "organizations",
        }
    }

    /// Whether a list of as many results as were asked for is in the order of the question: the vendor puts null
    /// where a person is not known, and says nothing about companies.
    pub(crate) fn keeps_order(self) -> bool {
        matches!(self, Self::People(_))
    }

    /// Whether asking twice does the work twice.
    pub(crate) fn is_asynchronous(self) -> bool {
        matches!(self, Self::People(config) if config.is_asynchronous())
    }

    /// Whether a result is about what was asked for.
    pub(crate) fn is_about(self, asked: &Identity, result: &Value) -> bool {
        match self {
            Self::People(_) => same_person(asked, result),
            Self::Organizations(_) => same_organization(asked, result),
        }
    }

    /// A lead's result: `found`, what was found or null, what else the answer says, and what was `requested`.
    pub(crate) fn result(self, found: Option<Value>, rest: Map<String, Value>, asked: Identity) -> Map<String, Value> {
        let mut result = Map::new();
        result.insert("found".to_owned(), found.is_some().into());
        result.insert(self.field().to_owned(), found.unwrap_or_default());
        for (name, value) in rest {
            result.entry(name).or_insert(value);
        }
        result.insert("requested".to_owned(), Value::Object(asked));
        result
    }
}

fn same_person(asked: &Identity, person: &Value) -> bool {
    let one = |name| asked.get(name).and_then(Value::as_str);
    let other = |name| person.get(name).and_then(Value::as_str);
    if let Some(id) = one("id") {
        return other("id") == Some(id);
    }
    let alike = |name| matches!((one(name), other(name)), (Some(one), Some(other)) if fold(one) == fold(other));
    let linked =
        matches!((one("linkedin_url"), other("linkedin_url")), (Some(one), Some(other)) if url(one) == url(other));
    let home = person.get("organization").and_then(|organization| organization.get("primary_domain"));
    let elsewhere =
        matches!((one("domain"), home.and_then(Value::as_str)), (Some(one), Some(home)) if one != host(home));
    alike("email") || linked || !elsewhere && (alike("name") || alike("first_name") && alike("last_name"))
}

fn same_organization(asked: &Identity, organization: &Value) -> bool {
    let one = |name| asked.get(name).and_then(Value::as_str);
    let other = |name| organization.get(name).and_then(Value::as_str);
    let mut hosts = ["primary_domain", "domain", "website_url"].into_iter().filter_map(other).map(host);
    let wanted = [one("domain").map(host), one("website").map(host)];
    let linked =
        matches!((one("linkedin_url"), other("linkedin_url")), (Some(one), Some(other)) if url(one) == url(other));
    let named = matches!((one("name"), other("name")), (Some(one), Some(other)) if fold(one) == fold(other));
    linked || named || hosts.any(|host| wanted.iter().flatten().any(|wanted| *wanted == host))
}

fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

fn host(text: &str) -> String {
    crate::lead::bare_domain(text)
}

/// A URL without what does not tell two apart.
fn url(text: &str) -> String {
    let text = fold(text);
    let text = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let text = text.strip_prefix("www.").unwrap_or(text);
    text.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').to_owned()
}
