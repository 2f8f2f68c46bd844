//! What comes in, and how it is read.

use blockyard_sdk::Failure;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::People;
use crate::filters::Filters;

/// A lead. Which fields are read depends on the operation; any others, and those that the operation does not need, may
/// hold whatever they like. Null and blank texts count as missing.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(transform = without_defaults)]
pub struct Lead {
    /// A person's id at Apollo, 24 hexadecimal digits, as a people search gives it. Anything else is some other
    /// system's id and is not read.
    id: Option<Value>,
    /// The given name.
    #[serde(rename = "firstName")]
    first_name: Option<Value>,
    /// The same in the vendor's spelling, read if `firstName` is missing.
    #[serde(rename = "first_name")]
    first_name_vendor: Option<Value>,
    /// The family name.
    #[serde(rename = "lastName")]
    last_name: Option<Value>,
    /// The same in the vendor's spelling, read if `lastName` is missing.
    #[serde(rename = "last_name")]
    last_name_vendor: Option<Value>,
    /// A person's whole name.
    name: Option<Value>,
    /// An email address. Case does not matter.
    email: Option<Value>,
    /// An address as its MD5 or SHA-256 hash, in hexadecimal digits.
    #[serde(rename = "hashedEmail")]
    hashed_email: Option<Value>,
    /// The same in the vendor's spelling, read if `hashedEmail` is missing.
    #[serde(rename = "hashed_email")]
    hashed_email_vendor: Option<Value>,
    /// The company's name.
    #[serde(rename = "organizationName")]
    organization_name: Option<Value>,
    /// The same in the vendor's spelling, read if `organizationName` is missing.
    #[serde(rename = "organization_name")]
    organization_name_vendor: Option<Value>,
    /// The company's domain, such as `example.com`; `www.` and what else surrounds it in a URL is cut off.
    domain: Option<Value>,
    /// The company's web site.
    website: Option<Value>,
    /// A LinkedIn URL: of the person for matches, of the company for organizations.
    #[serde(rename = "linkedinUrl")]
    linkedin_url: Option<Value>,
    /// The same in the vendor's spelling, read if `linkedinUrl` is missing.
    #[serde(rename = "linkedin_url")]
    linkedin_url_vendor: Option<Value>,
    /// For a people search: filters that go before those of the config, one by one, in the same shape.
    filters: Option<Value>,
}

/// "Null if it is missing" is no news in a form.
fn without_defaults(schema: &mut schemars::Schema) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for property in properties.values_mut() {
        if let Value::Object(property) = property {
            property.remove("default");
        }
    }
}

/// What identifies a person or a company, by the vendor's names.
pub(crate) type Identity = Map<String, Value>;

/// A lead with its place in the input, which failures point at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) lead: &'a Lead,
    /// Its index if the input is a list.
    pub(crate) index: Option<usize>,
}

impl Reader<'_> {
    /// The filters of a search: the lead's before the config's.
    pub(crate) fn filters(&self, config: &Filters) -> Result<Map<String, Value>, Failure> {
        let mut filters = config.clone().into_json()?;
        if let Some(own) = self.lead.filters.as_ref().filter(|own| !own.is_null()) {
            let own = Filters::deserialize(own).map_err(|error| self.invalid("/filters", error))?;
            filters.extend(own.into_json()?);
        }
        if let Some(domain) = self.domain()? {
            filters.insert("q_organization_domains_list".to_owned(), Value::from(vec![domain]));
        }
        Ok(filters)
    }

    /// What identifies a person.
    pub(crate) fn person(&self, config: &People) -> Result<Identity, Failure> {
        let lead = self.lead;
        let mut person = Identity::new();
        put(&mut person, "id", self.apollo_id());
        put(&mut person, "first_name", self.text("/firstName", &[&lead.first_name, &lead.first_name_vendor])?);
        put(&mut person, "last_name", self.text("/lastName", &[&lead.last_name, &lead.last_name_vendor])?);
        put(&mut person, "name", self.text("/name", &[&lead.name])?);
        put(&mut person, "email", self.text("/email", &[&lead.email])?.map(|email| email.to_lowercase()));
        put(&mut person, "hashed_email", self.text("/hashedEmail", &[&lead.hashed_email, &lead.hashed_email_vendor])?);
        put(&mut person, "linkedin_url", self.linkedin_url()?);
        if person.is_empty() {
            let message = "it has nothing that identifies a person: id, email, hashedEmail, linkedinUrl or a name";
            return Err(self.invalid("", message));
        }
        let (mut domain, mut organization) = (self.domain()?, self.organization_name()?);
        if domain.is_none() && organization.is_none() {
            domain = config.domain.as_deref().map(bare_domain).filter(|domain| !domain.is_empty());
            organization = filled(config.organization_name.as_deref()).map(str::to_owned);
        }
        put(&mut person, "organization_name", organization);
        put(&mut person, "domain", domain);
        Ok(person)
    }

    /// What identifies a company.
    pub(crate) fn organization(&self, default: Option<&str>) -> Result<Identity, Failure> {
        let mut organization = Identity::new();
        put(&mut organization, "domain", self.domain()?);
        put(&mut organization, "linkedin_url", self.linkedin_url()?);
        put(&mut organization, "name", self.organization_name()?);
        put(&mut organization, "website", self.text("/website", &[&self.lead.website])?);
        if organization.is_empty() {
            put(&mut organization, "domain", default.map(bare_domain).filter(|domain| !domain.is_empty()));
        }
        if organization.is_empty() {
            let message = "it has none of domain, linkedinUrl, organizationName and website";
            return Err(self.invalid("", format!("{message}, and the config has no domain either")));
        }
        Ok(organization)
    }

    /// `invalid-input`, pointing into this lead.
    pub(crate) fn invalid(&self, field: &str, message: impl std::fmt::Display) -> Failure {
        let item = self.index.map(|index| format!("/{index}")).unwrap_or_default();
        Failure::invalid_input(format!("{item}{field}"), message)
    }

    fn domain(&self) -> Result<Option<String>, Failure> {
        let domain = self.text("/domain", &[&self.lead.domain])?;
        Ok(domain.map(|domain| bare_domain(&domain)).filter(|domain| !domain.is_empty()))
    }

    fn organization_name(&self) -> Result<Option<String>, Failure> {
        self.text("/organizationName", &[&self.lead.organization_name, &self.lead.organization_name_vendor])
    }

    fn linkedin_url(&self) -> Result<Option<String>, Failure> {
        self.text("/linkedinUrl", &[&self.lead.linkedin_url, &self.lead.linkedin_url_vendor])
    }

    fn apollo_id(&self) -> Option<String> {
        let id = self.lead.id.as_ref()?.as_str()?.trim();
        (id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
    }

    /// The first of several spellings that has a value, without blanks around it.
    fn text(&self, field: &str, spellings: &[&Option<Value>]) -> Result<Option<String>, Failure> {
        for value in spellings.iter().filter_map(|value| value.as_ref()) {
            match value {
                Value::Null => {}
                Value::String(text) => {
                    if let Some(text) = filled(Some(text)) {
                        return Ok(Some(text.to_owned()));
                    }
                }
                _ => return Err(self.invalid(field, "it is no text")),
            }
        }
        Ok(None)
    }
}

fn put(identity: &mut Identity, name: &str, value: Option<String>) {
    if let Some(value) = value {
        identity.insert(name.to_owned(), Value::from(value));
    }
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// The host of a domain, an address or a URL as the vendor wants it: lower case, without `www.` and `@`.
pub(crate) fn bare_domain(text: &str) -> String {
    let text = text.trim().to_lowercase();
    let host = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let host = host.strip_prefix("www.").unwrap_or(host);
    host.trim_end_matches('.').to_owned()
}
