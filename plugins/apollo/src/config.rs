//! What a node is told to do.

use blockyard_sdk::Failure;
use blockyard_sdk::items::OnItemError;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::filters::Filters;

/// The vendor's own place.
const BASE_URL: &str = "https://api.apollo.io/api/v1";
/// The vendor pages through 500 pages of 100.
pub(crate) const MAX_PEOPLE: u32 = 50_000;

/// What to ask Apollo.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "operation", rename_all = "camelCase")]
pub enum Config {
    /// People by filters. Free of credits; gives neither addresses nor phones, and last names are masked: hand the `id`
    /// on to matchPerson or bulkMatch.
    PeopleSearch(PeopleSearch),
    /// A person's profile with email address, by whatever identifies the person. Costs credits if one is found. More
    /// than one lead are asked about as with bulkMatch.
    MatchPerson(People),
    /// The same, always with ten leads a request.
    BulkMatch(People),
    /// A company's profile, by `domain`, `linkedinUrl`, `organizationName` or `website`. Costs a credit.
    EnrichOrganization(Organizations),
    /// The same with ten leads a request.
    BulkEnrichOrganizations(Organizations),
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

operation! {
    /// People by filters.
    pub struct PeopleSearch {
        /// Whom to look for. A lead's own `filters` go before these, one by one; its `domain` goes before
        /// `q_organization_domains_list`.
        #[serde(default)]
        pub(crate) filters: Box<Filters>,
        /// How many people to fetch for each lead at most, 1 to 50,000, in pages of up to 100.
        #[serde(default = "hundred")]
        #[schemars(range(min = 1, max = 50_000))]
        pub(crate) limit: u32,
    }
}

operation! {
    /// People's profiles.
    pub struct People {
        /// The company's domain for leads that name neither a domain nor a company.
        #[serde(default)]
        pub(crate) domain: Option<String>,
        /// The company's name for leads that name neither a domain nor a company.
        #[serde(default)]
        pub(crate) organization_name: Option<String>,
        /// Also give private email addresses, which Apollo never does for people in GDPR regions.
        #[serde(default)]
        pub(crate) reveal_personal_emails: bool,
        /// Also look for phone numbers, which cost more credits and arrive at `webhookUrl` only.
        #[serde(default)]
        pub(crate) reveal_phone_number: bool,
        /// Also ask other providers for the address; it arrives at `webhookUrl`.
        #[serde(default)]
        pub(crate) run_waterfall_email: bool,
        /// Also ask other providers for phone numbers; they arrive at `webhookUrl`.
        #[serde(default)]
        pub(crate) run_waterfall_phone: bool,
        /// A public https URL for what arrives later. `revealPhoneNumber` and the waterfalls need it.
        #[serde(default)]
        pub(crate) webhook_url: Option<String>,
    }
}

operation! {
    /// Companies' profiles.
    pub struct Organizations {
        /// The domain for leads that identify no company.
        #[serde(default)]
        pub(crate) domain: Option<String>,
    }
}

fn hundred() -> u32 {
    100
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
            Self::PeopleSearch(config) => (&config.base_url, config.on_item_error),
            Self::MatchPerson(config) | Self::BulkMatch(config) => (&config.base_url, config.on_item_error),
            Self::EnrichOrganization(config) | Self::BulkEnrichOrganizations(config) => {
                (&config.base_url, config.on_item_error)
            }
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
            Self::PeopleSearch(config) if !(1..=MAX_PEOPLE).contains(&config.limit) => {
                Err(Failure::invalid_config("/limit", format!("{} is not between 1 and {MAX_PEOPLE}", config.limit)))
            }
            Self::MatchPerson(config) | Self::BulkMatch(config) => config.check_webhook(),
            _ => Ok(()),
        }
    }
}

impl People {
    /// Whether something arrives later: such a request starts work, and sending it twice starts it twice.
    pub(crate) fn is_asynchronous(&self) -> bool {
        self.reveal_phone_number || self.run_waterfall_email || self.run_waterfall_phone
    }

    /// The flags that are set, by the vendor's names.
    pub(crate) fn flags(&self) -> impl Iterator<Item = &'static str> {
        let flags = [
            ("reveal_personal_emails", self.reveal_personal_emails),
            ("reveal_phone_number", self.reveal_phone_number),
            ("run_waterfall_email", self.run_waterfall_email),
            ("run_waterfall_phone", self.run_waterfall_phone),
        ];
        flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| name)
    }

    /// Where to send what arrives later.
    pub(crate) fn webhook(&self) -> Option<&str> {
        self.webhook_url.as_deref().map(str::trim).filter(|url| !url.is_empty())
    }

    fn check_webhook(&self) -> Result<(), Failure> {
        match self.webhook() {
            None if self.is_asynchronous() => {
                let message =
                    "`revealPhoneNumber`, `runWaterfallEmail` and `runWaterfallPhone` need a URL to answer to";
                Err(Failure::invalid_config("/webhookUrl", message))
            }
            Some(url) if !url.to_lowercase().starts_with("https://") => {
                Err(Failure::invalid_config("/webhookUrl", "it does not begin with https://"))
            }
            _ => Ok(()),
        }
    }
}
