//! `blockyard:block/secrets`: handles, never text; and `secrets-reveal` for the rare block that was granted the text.

mod scrub;

use std::sync::Arc;

use wasmtime::component::Resource;

use super::CallState;
use super::bindings::blockyard::block::secrets::{Host, HostSecret, SecretError};
use super::bindings::blockyard::block::secrets_reveal;
use super::vault::{FoundSecret, Revealed};
use crate::domain::{Mode, SecretText};

pub use scrub::Scrubber;

/// Handles that one call may hold at once.
const MAX_HANDLES: usize = 1_000;

/// A secret that a call may use.
#[derive(Debug)]
pub struct Found {
    /// As it is stored.
    pub name: String,
    /// Its text.
    pub value: SecretText,
    /// Where it may go; `None` for a dummy, which goes nowhere.
    pub hosts: Option<Vec<String>>,
}

/// What stands behind a guest's `secret`.
#[derive(Debug)]
pub struct SecretHandle {
    slot: String,
    found: Arc<Found>,
}

impl SecretHandle {
    /// The name that the guest asked by.
    pub(super) fn slot(&self) -> &str {
        &self.slot
    }

    pub(super) fn found(&self) -> &Arc<Found> {
        &self.found
    }
}

/// The secrets that one call took so far.
#[derive(Debug, Default)]
pub struct SecretsView {
    taken: Vec<(String, Arc<Found>)>,
    scrubber: Option<Arc<Scrubber>>,
    handles: usize,
}

impl SecretsView {
    /// Takes out what the call took in; `None` if it took nothing.
    pub fn scrubber(&self) -> Option<Arc<Scrubber>> {
        self.scrubber.clone()
    }

    /// `None` if it could not be scrubbed afterwards: the call does not get it then.
    fn take(&mut self, slot: &str, found: Found) -> Option<Arc<Found>> {
        let found = Arc::new(found);
        let all = self.taken.iter().map(|(_, found)| &**found).chain([&*found]);
        self.scrubber = Some(Arc::new(Scrubber::new(all)?));
        self.taken.push((slot.to_owned(), Arc::clone(&found)));
        Some(found)
    }

    fn known(&self, slot: &str) -> Option<Arc<Found>> {
        self.taken.iter().find(|(known, _)| known == slot).map(|(_, found)| Arc::clone(found))
    }
}

impl CallState {
    async fn find(&mut self, slot: &str) -> Result<Arc<Found>, SecretError> {
        let block = &self.identity.block;
        if !self.access.policy.secrets().contains(slot) && !self.access.reveal.iter().any(|name| name == slot) {
            // The name comes from the guest: it is cut before it goes into a message.
            let shown: String = slot.chars().take(100).collect();
            return Err(SecretError::NotGranted(format!("block `{block}` is not granted the secret `{shown}`")));
        }
        if let Some(found) = self.secrets.known(slot) {
            return Ok(found);
        }
        let stored = self.access.slots.get(slot).map_or(slot, String::as_str).to_owned();
        let found = self.capabilities.vault.find(&stored, &self.access.user, &self.access.block).await;
        let found = match found {
            Ok(Some(FoundSecret { name, value, hosts })) => Found { name, value, hosts: Some(hosts) },
            Ok(None) if self.access.mode == Mode::Production => {
                let message = format!("the secret `{stored}` has no value that this execution may use with `{block}`");
                return Err(SecretError::NotSet(message));
            }
            Ok(None) => Found { value: dummy()?, name: stored, hosts: None },
            Err(error) => {
                tracing::error!(%error, secret = stored, "a secret cannot be read");
                return Err(SecretError::Other(format!("the secret `{stored}` cannot be read")));
            }
        };
        let too_many =
            || SecretError::Other("the call took more secrets than can be kept out of its output".to_owned());
        self.secrets.take(slot, found).ok_or_else(too_many)
    }
}

/// Stands for a secret without a value where nothing is sent.
fn dummy() -> Result<SecretText, SecretError> {
    SecretText::new("dummy-secret-outside-of-production".to_owned())
        .map_err(|error| SecretError::Other(error.to_string()))
}

impl Host for CallState {
    async fn get(&mut self, name: String) -> wasmtime::Result<Result<Resource<SecretHandle>, SecretError>> {
        if self.secrets.handles >= MAX_HANDLES {
            return Ok(Err(SecretError::Other(format!("more than {MAX_HANDLES} handles of secrets at once"))));
        }
        Ok(match self.find(&name).await {
            Ok(found) => {
                self.secrets.handles += 1;
                Ok(self.table.push(SecretHandle { slot: name, found })?)
            }
            Err(error) => Err(error),
        })
    }
}

impl HostSecret for CallState {
    fn name(&mut self, secret: Resource<SecretHandle>) -> wasmtime::Result<String> {
        Ok(self.table.get(&secret)?.slot.clone())
    }

    fn drop(&mut self, secret: Resource<SecretHandle>) -> wasmtime::Result<()> {
        self.table.delete(secret)?;
        self.secrets.handles = self.secrets.handles.saturating_sub(1);
        Ok(())
    }
}

impl secrets_reveal::Host for CallState {
    async fn reveal(&mut self, secret: Resource<SecretHandle>) -> wasmtime::Result<Result<String, SecretError>> {
        let handle = self.table.get(&secret)?;
        let (slot, found) = (handle.slot.clone(), Arc::clone(&handle.found));
        if !self.access.reveal.contains(&slot) {
            let message = format!("block `{}` is not granted the text of the secret `{slot}`", self.identity.block);
            return Ok(Err(SecretError::NotGranted(message)));
        }
        let used = Revealed {
            secret: &found.name,
            user: &self.access.user,
            block: &self.access.block,
            execution_id: &self.identity.execution,
            node_id: &self.identity.node,
        };
        // On record before the guest has it.
        if let Err(error) = self.capabilities.vault.reveal_used(used).await {
            tracing::error!(%error, secret = found.name, "the use of a secret's text cannot be recorded");
            return Ok(Err(SecretError::Other("the use cannot be written into the audit log".to_owned())));
        }
        Ok(Ok(found.value.expose().to_owned()))
    }
}
