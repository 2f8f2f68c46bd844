//! Subscriptions to events that are sent to a URL, and what became of each.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::{EventKind, JobId, SecretText, UserId};

/// Which events a subscription wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventFilter {
    /// `*`
    All,
    /// All of one sort: `job:*`, `flow:*`, `execution:*`, `node:*`.
    Group(&'static str),
    /// One, such as `job:completed`.
    One(EventKind),
}

impl EventFilter {
    const GROUPS: [&str; 4] = ["job", "flow", "execution", "node"];

    /// The filter of this name, written with a colon or with a dot.
    pub fn parse(name: &str) -> Option<Self> {
        if name == "*" {
            return Some(Self::All);
        }
        match name.strip_suffix(":*").or_else(|| name.strip_suffix(".*")) {
            Some(group) => Self::GROUPS.into_iter().find(|known| *known == group).map(Self::Group),
            None => EventKind::parse(name).map(Self::One),
        }
    }

    /// Whether an event of this kind is wanted.
    pub fn wants(self, kind: EventKind) -> bool {
        match self {
            Self::All => true,
            Self::Group(group) => kind.as_str().split('.').next() == Some(group),
            Self::One(wanted) => wanted == kind,
        }
    }
}

impl fmt::Display for EventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Group(group) => write!(f, "{group}:*"),
            Self::One(kind) => f.write_str(&kind.with_colon()),
        }
    }
}

impl Serialize for EventFilter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom(format_args!("`{name}` is no event")))
    }
}

/// A subscription. Its secret is apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// Who made it.
    pub user_id: UserId,
    /// Where events are sent.
    pub url: String,
    /// Those that are.
    pub events: Vec<EventFilter>,
    /// Whether anything new is sent.
    pub active: bool,
    /// The job whose events alone it gets; those of all if absent.
    pub job_id: Option<JobId>,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub updated_at: i64,
}

/// The key that deliveries are signed with, in the form of the Standard Webhooks specification: `whsec_` and 24 to 64
/// bytes in base64. It shows in no output.
#[derive(Clone)]
pub struct WebhookSecret(SecretText);

impl WebhookSecret {
    const PREFIX: &str = "whsec_";
    /// Bytes of a key that is made here.
    pub const KEY_BYTES: usize = 32;

    /// Take over `text`; it is overwritten also when it is refused.
    ///
    /// # Errors
    /// What it should be. The error holds nothing of it.
    pub fn parse(text: impl Into<Zeroizing<String>>) -> Result<Self, &'static str> {
        let text = text.into();
        let key = text.strip_prefix(Self::PREFIX).and_then(|key| BASE64_STANDARD.decode(key).ok());
        match key.map(Zeroizing::new) {
            Some(key) if (24..=64).contains(&key.len()) => SecretText::new(text).map(Self).map_err(|_| Self::FORM),
            _ => Err(Self::FORM),
        }
    }

    const FORM: &str = "is `whsec_` and then 24 to 64 bytes in base64";

    /// With a key of random bytes.
    pub fn from_key(key: &[u8; Self::KEY_BYTES]) -> Self {
        let encoded = Zeroizing::new(BASE64_STANDARD.encode(key));
        let text = SecretText::new([Self::PREFIX, &encoded].concat());
        // Longer than the shortest secret, shorter than the longest, and base64 has no line break.
        Self(text.expect("32 bytes in base64 are a secret"))
    }

    /// The text itself, for where it is used and nowhere else.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The text, to be encrypted.
    pub fn text(&self) -> &SecretText {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret")
    }
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryStatus {
    /// It will be tried, for the first time or again.
    Pending,
    /// The receiver took it.
    Delivered,
    /// Parked: no attempt was successful. It can be sent again.
    Exhausted,
    /// The receiver said that it wants no more.
    Gone,
    /// Somebody stopped it, or its webhook is not active any more.
    Cancelled,
}

impl DeliveryStatus {
    const ALL: [Self; 5] = [Self::Pending, Self::Delivered, Self::Exhausted, Self::Gone, Self::Cancelled];

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Exhausted => "exhausted",
            Self::Gone => "gone",
            Self::Cancelled => "cancelled",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// One event on its way to one webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id, which every attempt sends as `webhook-id`.
    pub id: String,
    /// To whom.
    pub webhook_id: String,
    /// What it tells of, with a colon: `job:completed`.
    pub event: String,
    /// The event's; 0 if there is none, since somebody tries the webhook.
    pub position: i64,
    /// How it stands.
    pub status: DeliveryStatus,
    /// Attempts so far.
    pub attempts: u32,
    /// What the receiver answered last.
    pub response_status: Option<u16>,
    /// What went wrong last.
    pub error: Option<String>,
    /// The job that delivers it, or did.
    pub job_id: JobId,
    /// Unix milliseconds.
    pub created_at: i64,
    /// When it was last tried, in Unix milliseconds.
    pub attempted_at: Option<i64>,
    /// When the receiver took it, in Unix milliseconds.
    pub delivered_at: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_want_one_event_one_sort_or_all() {
        let wants = |name: &str, kind| EventFilter::parse(name).unwrap().wants(kind);
        assert!(wants("*", EventKind::NodeProgress));
        assert!(wants("job:*", EventKind::JobProgress) && wants("job.*", EventKind::JobFailed));
        assert!(!wants("job:*", EventKind::FlowProgress) && !wants("node:*", EventKind::JobProgress));
        assert!(wants("job:completed", EventKind::JobCompleted) && !wants("job:completed", EventKind::JobFailed));
        for name in ["*", "job:*", "flow:*", "execution:*", "node:*", "job:completed", "node:retrying"] {
            assert_eq!(EventFilter::parse(name).unwrap().to_string(), name);
        }
        for odd in
            ["", "**", "job", "job:", ":*", "*:*", "jobs:*", "JOB:*", "job:done", "job:*:*", "höb:*", "webhook:*"]
        {
            assert_eq!(EventFilter::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn secrets_have_their_form_and_show_nowhere() {
        let fine = |bytes: usize| WebhookSecret::parse(format!("whsec_{}", BASE64_STANDARD.encode(vec![7; bytes])));
        assert!(fine(24).is_ok() && fine(64).is_ok());
        assert!(fine(23).is_err() && fine(65).is_err() && fine(100_000).is_err());
        for odd in
            ["", "whsec_", "whsec_canary", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"]
        {
            assert!(!WebhookSecret::parse(odd.to_owned()).unwrap_err().contains("canary"));
        }
        let made = WebhookSecret::from_key(&[255; 32]);
        assert_eq!(WebhookSecret::parse(made.expose().to_owned()).unwrap().expose(), made.expose());
        assert_eq!(format!("{made:?}"), "WebhookSecret");
    }

    #[test]
    fn the_status_of_a_delivery_survives_as_text() {
        for status in DeliveryStatus::ALL {
            assert_eq!(DeliveryStatus::from_name(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
