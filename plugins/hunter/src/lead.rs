//! What comes in, and how it is read.

use blockyard_sdk::Failure;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// A lead. Which fields are read depends on the operation; any others, and those that the operation does not need, may
/// hold whatever they like. Null and blank texts count as missing.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(transform = without_defaults)]
pub struct Lead {
    /// The company's domain, such as `example.com`. Case does not matter.
    pub(crate) domain: Option<Value>,
    /// The company's name.
    pub(crate) company: Option<Value>,
    /// An email address. Case does not matter.
    pub(crate) email: Option<Value>,
    /// The given name.
    #[serde(rename = "firstName")]
    pub(crate) first_name: Option<Value>,
    /// The same in the vendor's spelling, read if `firstName` is missing.
    #[serde(rename = "first_name")]
    pub(crate) first_name_vendor: Option<Value>,
    /// The family name.
    #[serde(rename = "lastName")]
    pub(crate) last_name: Option<Value>,
    /// The same in the vendor's spelling, read if `lastName` is missing.
    #[serde(rename = "last_name")]
    pub(crate) last_name_vendor: Option<Value>,
    /// The whole name, for leads without `firstName` and `lastName`.
    #[serde(rename = "fullName")]
    pub(crate) full_name: Option<Value>,
    /// The same in the vendor's spelling, read if `fullName` is missing.
    #[serde(rename = "full_name")]
    pub(crate) full_name_vendor: Option<Value>,
    /// What stands after `linkedin.com/in/`; the whole URL does too.
    #[serde(rename = "linkedinHandle")]
    pub(crate) linkedin_handle: Option<Value>,
    /// The same in the vendor's spelling, read if `linkedinHandle` is missing.
    #[serde(rename = "linkedin_handle")]
    pub(crate) linkedin_handle_vendor: Option<Value>,
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

/// A lead with its place in the input, which failures point at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) lead: &'a Lead,
    /// Its index if the input is a list.
    pub(crate) index: Option<usize>,
}

impl Reader<'_> {
    /// The domain or the lead's company, else what the config says, as the query has them: one of the two.
    pub(crate) fn company(
        &self,
        domain: Option<&str>,
        company: Option<&str>,
    ) -> Result<Option<(&'static str, String)>, Failure> {
        let own_domain = self.text("domain", &[&self.lead.domain])?;
        if let Some(domain) = own_domain {
            return Ok(Some(("domain", domain.to_lowercase())));
        }
        if let Some(company) = self.text("company", &[&self.lead.company])? {
            return Ok(Some(("company", company)));
        }
        let domain = filled(domain).map(|domain| ("domain", domain.to_lowercase()));
        Ok(domain.or_else(|| filled(company).map(|company| ("company", company.to_owned()))))
    }

    /// The domain alone.
    pub(crate) fn domain(&self, default: Option<&str>) -> Result<Option<String>, Failure> {
        let own = self.text("domain", &[&self.lead.domain])?;
        Ok(own.or_else(|| filled(default).map(str::to_owned)).map(|domain| domain.to_lowercase()))
    }

    pub(crate) fn email(&self) -> Result<Option<String>, Failure> {
        Ok(self.text("email", &[&self.lead.email])?.map(|email| email.to_lowercase()))
    }

    pub(crate) fn first_name(&self) -> Result<Option<String>, Failure> {
        self.text("firstName", &[&self.lead.first_name, &self.lead.first_name_vendor])
    }

    pub(crate) fn last_name(&self) -> Result<Option<String>, Failure> {
        self.text("lastName", &[&self.lead.last_name, &self.lead.last_name_vendor])
    }

    pub(crate) fn full_name(&self) -> Result<Option<String>, Failure> {
        self.text("fullName", &[&self.lead.full_name, &self.lead.full_name_vendor])
    }

    /// The handle, taken out of a URL if it is one.
    pub(crate) fn linkedin_handle(&self) -> Result<Option<String>, Failure> {
        let fields = [&self.lead.linkedin_handle, &self.lead.linkedin_handle_vendor];
        let text = self.text("linkedinHandle", &fields)?;
        Ok(text.and_then(|text| {
            let handle = text.split_once("/in/").map_or(text.as_str(), |(_, rest)| rest);
            filled(handle.split(['/', '?', '#']).next()).map(str::to_owned)
        }))
    }

    /// `invalid-input`, pointing at a field of this lead.
    pub(crate) fn invalid(&self, field: &str, message: &str) -> Failure {
        let field = if field.is_empty() { String::new() } else { format!("/{field}") };
        let item = self.index.map(|index| format!("/{index}")).unwrap_or_default();
        Failure::invalid_input(format!("{item}{field}"), message)
    }

    /// The first of several spellings that has a value, without blanks around it.
    fn text(&self, name: &str, spellings: &[&Option<Value>]) -> Result<Option<String>, Failure> {
        for value in spellings.iter().filter_map(|value| value.as_ref()) {
            match value {
                Value::Null => {}
                Value::String(text) => {
                    if let Some(text) = filled(Some(text)) {
                        return Ok(Some(text.to_owned()));
                    }
                }
                _ => return Err(self.invalid(name, "it is no text")),
            }
        }
        Ok(None)
    }
}

/// A text without blanks around it, if anything is left.
pub(crate) fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}
