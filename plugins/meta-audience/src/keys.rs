//! The columns that a custom audience understands, and where their values stand in an item.

use std::collections::BTreeMap;

use blockyard_sdk::Failure;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A column of the upload, by Meta's own name. The order here is the order of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Key {
    /// Email address; hashed.
    Email,
    /// Phone number with its country code; hashed.
    Phone,
    /// First name; hashed.
    Fn,
    /// Last name; hashed.
    Ln,
    /// First letter of the first name; hashed.
    Fi,
    /// City; hashed.
    Ct,
    /// State or region; hashed.
    St,
    /// Postal code; hashed.
    Zip,
    /// Country; hashed.
    Country,
    /// Gender; hashed.
    Gen,
    /// Year of birth; hashed.
    Doby,
    /// Month of birth; hashed.
    Dobm,
    /// Day of birth; hashed.
    Dobd,
    /// Mobile advertiser id; as it is, in lower case.
    Madid,
    /// An id of your own; as it is.
    ExternId,
    /// User id within an app, with `appIds`; as it is.
    Appuid,
    /// User id within a page, with `pageIds`; as it is.
    Pageuid,
    /// Value of the person, a number, for value-based audiences; as it is.
    LookalikeValue,
    /// `[]` or `["LDU"]`; as it is.
    DataProcessingOptions,
    /// 0 (Meta finds out) or 1 (USA); as it is.
    DataProcessingOptionsCountry,
    /// 0 (Meta finds out) or 1000 (California); as it is.
    DataProcessingOptionsState,
}

/// One field path or several, of which the first with a usable value counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Paths {
    /// A path such as `email` or `contact.phones.0`.
    One(#[schemars(length(min = 1))] String),
    /// Several, tried in order.
    Several(#[schemars(length(min = 1))] Vec<String>),
}

impl Paths {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Several(paths) => paths,
        }
    }
}

/// Every column with its description for forms.
const ALL: &[(Key, &str)] = &[
    (Key::Email, "Email address; hashed."),
    (Key::Phone, "Phone number with its country code; hashed."),
    (Key::Fn, "First name; hashed."),
    (Key::Ln, "Last name; hashed."),
    (Key::Fi, "First letter of the first name; hashed."),
    (Key::Ct, "City; hashed."),
    (Key::St, "State or region; hashed."),
    (Key::Zip, "Postal code; hashed."),
    (Key::Country, "Country; hashed."),
    (Key::Gen, "Gender; hashed."),
    (Key::Doby, "Year of birth; hashed."),
    (Key::Dobm, "Month of birth; hashed."),
    (Key::Dobd, "Day of birth; hashed."),
    (Key::Madid, "Mobile advertiser id; as it is, in lower case."),
    (Key::ExternId, "An id of your own; as it is."),
    (Key::Appuid, "User id within an app, with `appIds`; as it is."),
    (Key::Pageuid, "User id within a page, with `pageIds`; as it is."),
    (Key::LookalikeValue, "Value of the person, a number, for value-based audiences; as it is."),
    (Key::DataProcessingOptions, "`[]` or `[\"LDU\"]`; as it is."),
    (Key::DataProcessingOptionsCountry, "0 (Meta finds out) or 1 (USA); as it is."),
    (Key::DataProcessingOptionsState, "0 (Meta finds out) or 1000 (California); as it is."),
];

/// The schema of the config's `fields`: one property for each column, and no others.
pub(crate) fn fields_schema(generator: &mut SchemaGenerator) -> Schema {
    let paths = generator.subschema_for::<Paths>().to_value();
    let property = |(key, description): &(Key, &str)| {
        let mut property = paths.clone();
        if let Some(property) = property.as_object_mut() {
            property.insert("description".to_owned(), json!(description));
        }
        (key.name().to_owned(), property)
    };
    let properties: Map<String, Value> = ALL.iter().map(property).collect();
    json_schema!({"type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1})
}

/// Which paths give the value of which column.
#[derive(Debug)]
pub(crate) struct Columns(Vec<(Key, Vec<String>)>);

/// What is read when the configuration names no fields. Gender and date of birth are sent only if they are named.
const DEFAULTS: &[(Key, &[&str])] = &[
    (Key::Email, &["email", "emailAddress", "email_address"]),
    (Key::Phone, &["phone", "phoneNumber", "phone_number", "mobile"]),
    (Key::Fn, &["firstName", "first_name"]),
    (Key::Ln, &["lastName", "last_name"]),
    (Key::Ct, &["city"]),
    (Key::St, &["state", "region"]),
    (Key::Zip, &["zip", "zipCode", "zip_code", "postalCode", "postal_code"]),
    (Key::Country, &["countryCode", "country_code", "country"]),
    (Key::Madid, &["madid", "advertisingId", "advertising_id"]),
    (Key::ExternId, &["externId", "extern_id", "externalId", "external_id"]),
];

impl Columns {
    /// The columns of a configuration, or the default ones.
    pub(crate) fn new(fields: Option<&BTreeMap<Key, Paths>>) -> Result<Self, Failure> {
        let Some(fields) = fields else {
            let owned = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
            return Ok(Self(DEFAULTS.iter().map(|(key, paths)| (*key, owned(paths))).collect()));
        };
        if fields.is_empty() {
            return Err(Failure::invalid_config("/fields", "it names no field"));
        }
        let mut columns = Vec::new();
        for (key, paths) in fields {
            let paths = paths.as_slice();
            if paths.is_empty() || paths.iter().any(String::is_empty) {
                return Err(Failure::invalid_config(format!("/fields/{}", key.name()), "a path is empty"));
            }
            columns.push((*key, paths.to_vec()));
        }
        Ok(Self(columns))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &[String])> {
        self.0.iter().map(|(key, paths)| (*key, paths.as_slice()))
    }

    /// The paths of one column.
    pub(crate) fn paths(&self, wanted: Key) -> &[String] {
        self.0.iter().find(|(key, _)| *key == wanted).map_or(&[], |(_, paths)| paths)
    }
}

impl Key {
    /// Meta's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Phone => "PHONE",
            Self::Fn => "FN",
            Self::Ln => "LN",
            Self::Fi => "FI",
            Self::Ct => "CT",
            Self::St => "ST",
            Self::Zip => "ZIP",
            Self::Country => "COUNTRY",
            Self::Gen => "GEN",
            Self::Doby => "DOBY",
            Self::Dobm => "DOBM",
            Self::Dobd => "DOBD",
            Self::Madid => "MADID",
            Self::ExternId => "EXTERN_ID",
            Self::Appuid => "APPUID",
            Self::Pageuid => "PAGEUID",
            Self::LookalikeValue => "LOOKALIKE_VALUE",
            Self::DataProcessingOptions => "DATA_PROCESSING_OPTIONS",
            Self::DataProcessingOptionsCountry => "DATA_PROCESSING_OPTIONS_COUNTRY",
            Self::DataProcessingOptionsState => "DATA_PROCESSING_OPTIONS_STATE",
        }
    }

    /// Whether the value can point at a person. A country or a year of birth alone cannot.
    pub(crate) fn identifies(self) -> bool {
        matches!(
            self,
            Self::Email
                | Self::Phone
                | Self::Fn
                | Self::Ln
                | Self::Fi
                | Self::Madid
                | Self::ExternId
                | Self::Appuid
                | Self::Pageuid
        )
    }
}
