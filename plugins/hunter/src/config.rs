//! What a node is told to do.

use blockyard_sdk::Failure;
use blockyard_sdk::items::OnItemError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The vendor's own place.
const BASE_URL: &str = "https://api.hunter.io/v2";
/// What the vendor can page through: an offset of 10,000 is the documented end.
pub(crate) const MAX_EMAILS: u32 = 10_000;

/// What to ask Hunter. What a lead says goes before what is said here.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "operation", rename_all = "camelCase")]
pub enum Config {
    /// The email addresses of a company, by `domain` or `company`. Costs a credit for each ten addresses of a page.
    DomainSearch(DomainSearch),
    /// The address of a person, by `firstName` and `lastName` (or `fullName`) with `domain` or `company`, or by
    /// `linkedinHandle` alone. Costs a credit if one is found.
    EmailFinder(EmailFinder),
    /// Whether mail to `email` would arrive. May take a minute; costs a credit.
    EmailVerifier(ByEmail),
    /// How many addresses Hunter knows of a `domain` or `company`. Free, and works without a key.
    EmailCount(EmailCount),
    /// A person's profile, by `email` or `linkedinHandle`.
    EnrichPerson(EnrichPerson),
    /// A company's profile, by `domain`.
    EnrichCompany(EnrichCompany),
    /// The profiles of a person and of the company behind the address, by `email` or `linkedinHandle`.
    EnrichCombined(EnrichPerson),
}

/// Adds what every operation has.
macro_rules! operation {
    ($(#[$meta:meta])* pub struct $name:ident { $($fields:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        pub struct $name {
            $($fields)*
            /// What the failure of one lead in a list does.
            #[serde(default)]
            pub(crate) on_item_error: OnItemError,
            /// Where the API is, with the version's path: another value leads to a proxy, whose host has to be
            /// granted to the block.
            #[serde(default = "base_url")]
            pub(crate) base_url: String,
        }
    };
}

/// Enumerations whose values go into the query as they are written.
macro_rules! words {
    ($(#[$meta:meta])* pub(crate) enum $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
        pub(crate) enum $name {
            $(#[serde(rename = $word)] $variant),+
        }

        impl $name {
            pub(crate) fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }
    };
}

operation! {
    /// The addresses of a company.
    pub struct DomainSearch {
        /// The domain for leads that name none, such as `example.com`. It goes before `company`.
        #[serde(default)]
        pub(crate) domain: Option<String>,
        /// The company's name for leads that name neither a domain nor a company; at least 3 characters.
        #[serde(default)]
        pub(crate) company: Option<String>,
        /// How many addresses to fetch for each lead at most, 1 to 10,000, in pages of up to 100.
        #[serde(default = "ten")]
        #[schemars(range(min = 1, max = 10_000))]
        pub(crate) limit: u32,
        /// Only addresses of people, or only those of roles such as `info@`.
        #[serde(default, rename = "type")]
        pub(crate) kind: Option<Kind>,
        /// Only people of these ranks; empty for all.
        #[serde(default)]
        pub(crate) seniority: Vec<Seniority>,
        /// Only people of these departments; empty for all.
        #[serde(default)]
        pub(crate) department: Vec<Department>,
        /// Only addresses for which this is known too.
        #[serde(default)]
        pub(crate) required_field: Option<RequiredField>,
        /// Only addresses that were verified with this result.
        #[serde(default)]
        pub(crate) verification_status: Option<Verified>,
        /// Only people with one of these titles. A comma inside of a title separates two.
        #[serde(default)]
        pub(crate) job_titles: Vec<String>,
    }
}

operation! {
    /// The address of a person.
    pub struct EmailFinder {
        /// The domain for leads that name none. It goes before `company`.
        #[serde(default)]
        pub(crate) domain: Option<String>,
        /// The company's name for leads that name neither a domain nor a company.
        #[serde(default)]
        pub(crate) company: Option<String>,
        /// How long Hunter may look, in seconds, 3 to 20; 10 if it is not set. Longer finds more.
        #[serde(default)]
        #[schemars(range(min = 3, max = 20))]
        pub(crate) max_duration: Option<u32>,
    }
}

operation! {
    /// What is done with an address.
    pub struct ByEmail {
        /// The address for leads that have none.
        #[serde(default)]
        pub(crate) email: Option<String>,
    }
}

operation! {
    /// How many addresses are known.
    pub struct EmailCount {
        /// The domain for leads that name none. It goes before `company`.
        #[serde(default)]
        pub(crate) domain: Option<String>,
        /// The company's name for leads that name neither a domain nor a company.
        #[serde(default)]
        pub(crate) company: Option<String>,
        /// Only addresses of people, or only those of roles.
        #[serde(default, rename = "type")]
        pub(crate) kind: Option<Kind>,
    }
}

operation! {
    /// A person's profile.
    pub struct EnrichPerson {
        /// The address for leads that have neither an address nor a LinkedIn handle.
        #[serde(default)]
        pub(crate) email: Option<String>,
        /// What it means that nothing is known.
        #[serde(default)]
        pub(crate) on_not_found: OnNotFound,
    }
}

operation! {
    /// A company's profile.
    pub struct EnrichCompany {
        /// The domain for leads that name none.
        #[serde(default)]
        pub(crate) domain: Option<String>,
        /// What it means that nothing is known.
        #[serde(default)]
        pub(crate) on_not_found: OnNotFound,
    }
}

/// What it means that nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum OnNotFound {
    /// The lead fails with `not-found`.
    #[default]
    Fail,
    /// The lead's result is null.
    Null,
}

words! {
    /// Whose addresses.
    pub(crate) enum Kind { Personal = "personal", Generic = "generic" }
}

words! {
    /// A rank.
    pub(crate) enum Seniority { Junior = "junior", Senior = "senior", Executive = "executive" }
}

words! {
    /// A department, as Hunter divides companies.
    pub(crate) enum Department {
        Executive = "executive", It = "it", Finance = "finance", Management = "management", Sales = "sales",
        Legal = "legal", Support = "support", Hr = "hr", Marketing = "marketing", Communication = "communication",
        Education = "education", Design = "design", Health = "health", Operations = "operations",
    }
}

words! {
    /// What has to be known beside the address.
    pub(crate) enum RequiredField { FullName = "full_name", Position = "position", PhoneNumber = "phone_number" }
}

words! {
    /// The result of a verification.
    pub(crate) enum Verified { Valid = "valid", AcceptAll = "accept_all", Unknown = "unknown" }
}

fn ten() -> u32 {
    10
}

fn base_url() -> String {
    BASE_URL.to_owned()
}

impl Config {
    /// Where the API is, without a slash at the end.
    pub(crate) fn base_url(&self) -> &str {
        self.common().0.trim_end_matches('/')
    }

    pub(crate) fn on_item_error(&self) -> OnItemError {
        self.common().1
    }

    fn common(&self) -> (&str, OnItemError) {
        match self {
            Self::DomainSearch(config) => (&config.base_url, config.on_item_error),
            Self::EmailFinder(config) => (&config.base_url, config.on_item_error),
            Self::EmailVerifier(config) => (&config.base_url, config.on_item_error),
            Self::EmailCount(config) => (&config.base_url, config.on_item_error),
            Self::EnrichPerson(config) | Self::EnrichCombined(config) => (&config.base_url, config.on_item_error),
            Self::EnrichCompany(config) => (&config.base_url, config.on_item_error),
        }
    }

    /// What the schema says too, for callers that do not check it, and what it cannot say.
    ///
    /// # Errors
    /// `invalid-config` with the pointer.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let base = self.base_url();
        if !(base.starts_with("https://") || base.starts_with("http://")) || base.contains(['?', '#']) {
            return Err(Failure::invalid_config("/baseUrl", "it is no http(s) URL without query and fragment"));
        }
        match self {
            Self::DomainSearch(config) if !(1..=MAX_EMAILS).contains(&config.limit) => {
                Err(Failure::invalid_config("/limit", format!("{} is not between 1 and {MAX_EMAILS}", config.limit)))
            }
            Self::EmailFinder(EmailFinder { max_duration: Some(seconds), .. }) if !(3..=20).contains(seconds) => {
                Err(Failure::invalid_config("/maxDuration", format!("{seconds} is not between 3 and 20 seconds")))
            }
            _ => Ok(()),
        }
    }
}
