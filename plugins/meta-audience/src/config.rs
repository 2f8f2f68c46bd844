//! What a node says.

use std::collections::BTreeMap;

use blockyard_sdk::Failure;
use blockyard_sdk::items::OnItemError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::keys::{Key, Paths, fields_schema};

/// Most rows that Meta takes in one request.
pub(crate) const MAX_BATCH: usize = 10_000;

/// What to do with which audience.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend("allOf" = [
    {
        "if": {"properties": {"operation": {"enum": ["addUsers", "removeUsers", "replaceUsers"]}}},
        "then": {"required": ["audienceId"]}
    },
    {"if": {"properties": {"operation": {"const": "createAudience"}}}, "then": {"required": ["adAccountId"]}}
]))]
pub struct Config {
    /// What to do.
    pub(crate) operation: Operation,
    /// The custom audience, digits only, as a text: such ids are beyond what a JSON number keeps. Needed for
    /// `addUsers`, `removeUsers` and `replaceUsers`. For `readAudience` it is used when the items name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = r"^[0-9]{1,20}$"))]
    pub(crate) audience_id: Option<String>,
    /// Which fields of a person go into which column, by Meta's name of the column: `{"EMAIL": "contact.email"}`. A
    /// path is field names and list positions joined by dots; of several the first with a usable value counts. Left
    /// out: `email`, `phone`, `firstName`, `lastName`, `city`, `state`, `zip`, `country`, `madid`, `externId` and the
    /// usual other spellings of these. Given, it replaces all of that. Columns that no person fills are not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "fields_schema")]
    pub(crate) fields: Option<BTreeMap<Key, Paths>>,
    /// The country of people who name none, as two letters (ISO 3166-1). Meta needs it for phone numbers without a
    /// country code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = r"^[A-Za-z]{2}$"))]
    pub(crate) default_country: Option<String>,
    /// People in one request, 1 to 10,000.
    #[serde(default = "max_batch")]
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) batch_size: usize,
    /// Apps that the column APPUID belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) app_ids: Vec<String>,
    /// The one page that the column PAGEUID belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1))]
    pub(crate) page_ids: Vec<String>,
    /// The ad account, digits with or without `act_` before them. Needed for `createAudience`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = r"^(act_)?[0-9]{1,20}$"))]
    pub(crate) ad_account_id: Option<String>,
    /// Where the data of a new audience come from. Used by `createAudience`.
    #[serde(default)]
    pub(crate) customer_file_source: Source,
    /// Days that people stay in a new audience. Used by `createAudience`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 1))]
    pub(crate) retention_days: Option<u32>,
    /// Whether people of a new audience carry a LOOKALIKE_VALUE. Used by `createAudience`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub(crate) is_value_based: Option<bool>,
    /// What `readAudience` asks for, by Meta's names. Without any, Meta gives only the id.
    #[serde(default = "audience_fields")]
    #[schemars(length(min = 1), inner(regex(pattern = r"^[a-z0-9_]{1,64}$")))]
    pub(crate) audience_fields: Vec<String>,
    /// What the failure of one item of a list does. Used by `createAudience` and `readAudience`.
    #[serde(default)]
    pub(crate) on_item_error: OnItemError,
    /// The version of the Graph API. Meta ends versions after about two years.
    #[serde(default = "api_version")]
    #[schemars(regex(pattern = r"^v[0-9]{1,3}\.[0-9]{1,2}$"))]
    pub(crate) api_version: String,
    /// Where the Graph API is, without the version: for a proxy.
    #[serde(default = "base_url")]
    #[schemars(url)]
    pub(crate) base_url: String,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Operation {
    /// Add the people of the input to the audience.
    AddUsers,
    /// Take them out of it.
    RemoveUsers,
    /// Make them the only people in it.
    ReplaceUsers,
    /// Create an audience for each item of the input.
    CreateAudience,
    /// Read the state and approximate size of each audience of the input.
    ReadAudience,
}

/// Where the data of an audience come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Source {
    /// From the people themselves.
    #[default]
    UserProvidedOnly,
    /// From partners.
    PartnerProvidedOnly,
    /// From both.
    BothUserAndPartnerProvided,
}

fn max_batch() -> usize {
    MAX_BATCH
}

fn audience_fields() -> Vec<String> {
    [
        "name",
        "subtype",
        "approximate_count_lower_bound",
        "approximate_count_upper_bound",
        "operation_status",
        "delivery_status",
        "time_updated",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn api_version() -> String {
    "v25.0".to_owned()
}

fn base_url() -> String {
    "https://graph.facebook.com".to_owned()
}

impl Config {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// `invalid-config` with the pointer of the value at fault.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if !(1..=MAX_BATCH).contains(&self.batch_size) {
            return Err(Failure::invalid_config("/batchSize", "it is 1 to 10000"));
        }
        let country = self.default_country.as_deref();
        if country.is_some_and(|code| code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_alphabetic())) {
            return Err(Failure::invalid_config("/defaultCountry", "it is two letters"));
        }
        let numbers = self.api_version.strip_prefix('v').and_then(|rest| rest.split_once('.'));
        if !numbers.is_some_and(|(major, minor)| is_id(major) && is_id(minor)) {
            return Err(Failure::invalid_config("/apiVersion", "it is of the form v25.0"));
        }
        Ok(())
    }

    /// The audience of the upload.
    pub(crate) fn audience(&self) -> Result<&str, Failure> {
        match self.audience_id.as_deref() {
            None => Err(Failure::invalid_config("/audienceId", "this operation needs it")),
            Some(id) if is_id(id) => Ok(id),
            Some(_) => Err(Failure::invalid_config("/audienceId", "it is digits only")),
        }
    }

    /// The digits of the ad account.
    pub(crate) fn ad_account(&self) -> Result<&str, Failure> {
        let Some(account) = self.ad_account_id.as_deref() else {
            return Err(Failure::invalid_config("/adAccountId", "this operation needs it"));
        };
        let digits = account.strip_prefix("act_").unwrap_or(account);
        if is_id(digits) {
            Ok(digits)
        } else {
            Err(Failure::invalid_config("/adAccountId", "it is digits, possibly after act_"))
        }
    }

    /// `<base>/<version>`
    pub(crate) fn root(&self) -> String {
        format!("{}/{}", self.base_url.trim_end_matches('/'), self.api_version)
    }
}

/// Digits that fit a 64-bit id.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An id that came as text or as an integer.
pub(crate) fn id_text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) if number.is_u64() => number.to_string(),
        _ => return None,
    };
    is_id(&text).then_some(text)
}
