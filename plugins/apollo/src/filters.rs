//! Whom a people search looks for, in the vendor's own names: these objects are sent as they are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Whom to look for. All filters that are set have to hold; the values inside of one are alternatives.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filters {
    /// Job titles, such as `head of growth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person_titles: Option<Vec<String>>,
    /// False: only exactly these titles, instead of similar ones too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    include_similar_titles: Option<bool>,
    /// Words to look for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    q_keywords: Option<String>,
    /// Where people live: cities, states, countries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person_locations: Option<Vec<String>>,
    /// Ranks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person_seniorities: Option<Vec<Seniority>>,
    /// Where the company has its headquarters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization_locations: Option<Vec<String>>,
    /// The company's domains, up to 1,000, such as `example.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    q_organization_domains_list: Option<Vec<String>>,
    /// What Apollo knows about the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contact_email_status: Option<Vec<EmailStatus>>,
    /// Apollo's ids of companies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization_ids: Option<Vec<String>>,
    /// How many people the company has, each range as `from,to` such as `1,10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(inner(regex(pattern = r"^\d+,\d+$")))]
    organization_num_employees_ranges: Option<Vec<String>>,
    /// What the company earns a year, in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revenue_range: Option<NumberRange>,
    /// Technologies all of which the company uses, by Apollo's uid such as `google_analytics`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currently_using_all_of_technology_uids: Option<Vec<String>>,
    /// Technologies any of which the company uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currently_using_any_of_technology_uids: Option<Vec<String>>,
    /// Technologies none of which the company uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currently_not_using_any_of_technology_uids: Option<Vec<String>>,
    /// Titles of jobs that the company offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    q_organization_job_titles: Option<Vec<String>>,
    /// Where those jobs are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization_job_locations: Option<Vec<String>>,
    /// How many jobs the company offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization_num_jobs_range: Option<NumberRange>,
    /// When those jobs were posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization_job_posted_at_range: Option<DateRange>,
}

/// Numbers from one to another, both included.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NumberRange {
    /// The smallest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<u64>,
    /// The largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<u64>,
}

/// Days from one to another, both included.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DateRange {
    /// The first day, as `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date"))]
    min: Option<String>,
    /// The last day, as `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date"))]
    max: Option<String>,
}

/// A rank, as Apollo calls them.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Seniority {
    Owner,
    Founder,
    CSuite,
    Partner,
    Vp,
    Head,
    Director,
    Manager,
    Senior,
    Entry,
    Intern,
}

/// What Apollo knows about an address.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
enum EmailStatus {
    #[serde(rename = "verified")]
    Verified,
    #[serde(rename = "unverified")]
    Unverified,
    #[serde(rename = "likely to engage")]
    LikelyToEngage,
    #[serde(rename = "unavailable")]
    Unavailable,
}

impl Filters {
    /// As the vendor takes them, with domains bare.
    ///
    /// # Errors
    /// Never in practice: filters hold nothing that JSON cannot.
    pub(crate) fn into_json(mut self) -> Result<Map<String, Value>, serde_json::Error> {
        for domain in self.q_organization_domains_list.iter_mut().flatten() {
            *domain = crate::lead::bare_domain(domain);
        }
        match serde_json::to_value(self)? {
            Value::Object(filters) => Ok(filters),
            _ => Ok(Map::new()),
        }
    }
}
