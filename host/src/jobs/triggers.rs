//! Workflows that others start: the tokens that allow it, and what a token starts.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use zeroize::Zeroizing;

use super::{PrepareError, Queue, Submit};
use crate::capabilities::vault::{NoRandomness, fill_random};
use crate::domain::{JobType, Json};
use crate::runtime::digest;
use crate::store::{StoreError, Trigger};

/// Bytes of a token.
const TOKEN_BYTES: usize = 32;
/// What every text of such a token is long, in characters.
const TOKEN_LENGTH: usize = 43;

/// What allows to start a workflow: told once, and kept as a hash.
pub struct TriggerToken(Zeroizing<String>);

impl TriggerToken {
    /// A new one.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        fill_random(bytes.as_mut_slice())?;
        Ok(Self(Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(bytes.as_slice()))))
    }

    /// As it stands in the path.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> String {
        digest(self.0.as_bytes())
    }
}

impl fmt::Debug for TriggerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TriggerToken(…)")
    }
}

impl Queue {
    /// The active trigger with this token.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn trigger(&self, token: &str) -> Result<Option<Trigger>, StoreError> {
        if token.len() != TOKEN_LENGTH {
            return Ok(None);
        }
        // By its hash, so that how long it takes tells nothing of the token.
        let found = self.shared.store.trigger_by_token(&digest(token.as_bytes())).await?;
        Ok(found.filter(|trigger| trigger.active))
    }

    /// What `trigger` starts on `input`. Nothing is started by this.
    ///
    /// # Errors
    /// If its workflow cannot be run, or the store fails.
    pub async fn triggered(&self, trigger: &Trigger, input: &Json) -> Result<Submit, PrepareError> {
        let payload = Json::object([
            ("workflowId", &Json::encode(&trigger.workflow_id)),
            ("version", &Json::encode(&trigger.version)),
            ("mode", &Json::encode(&trigger.mode)),
            // Keeps the text it came in.
            ("input", input),
            ("metadata", &json!({"triggerId": trigger.id}).into()),
        ]);
        self.prepare(JobType::Workflow, &payload, &trigger.user_id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_random_and_shown_to_nobody() {
        let (one, other) = (TriggerToken::random().unwrap(), TriggerToken::random().unwrap());
        assert_eq!((one.reveal().len(), other.reveal().len()), (TOKEN_LENGTH, TOKEN_LENGTH));
        assert_ne!(one.reveal(), other.reveal());
        assert!(one.reveal().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert!(!format!("{one:?}").contains(one.reveal()) && !one.hash().contains(one.reveal()));
    }
}
