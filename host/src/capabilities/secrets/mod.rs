//! `blockyard:block/secrets`: handles, never text; and `secrets-reveal` for the rare block that was granted the text.

mod placeholders;
mod scrub;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::component::Resource;

use super::bindings::blockyard::block::secrets::{Host, HostSecret, SecretError};
use super::bindings::blockyard::block::secrets_reveal;
use super::vault::{FoundSecret, Revealed, Vault};
use super::{Access, CallState};
use crate::domain::{Mode, SecretText};

pub use placeholders::Placeholders;
pub(super) use placeholders::{Placed, Spelling};
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

/// The secrets that one call may take, and those that it took so far. Cloning is cheap: clones are the same view.
#[derive(Clone)]
pub struct SecretsView {
    vault: Vault,
    access: Arc<Access>,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    secrets: Vec<(String, Arc<Found>)>,
    scrubber: Option<Arc<Scrubber>>,
    handles: usize,
    /// Whether the guest was shown a text.
    revealed: bool,
}

impl SecretsView {
    /// Of a call that took nothing yet.
    pub(super) fn new(vault: Vault, access: Arc<Access>) -> Self {
        Self { vault, access, taken: Arc::default() }
    }

    /// Takes out what the call took in; `None` if it took nothing.
    pub fn scrubber(&self) -> Option<Arc<Scrubber>> {
        self.taken().scrubber.clone()
    }

    /// What the call may use.
    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// Whether the guest was shown the text of a secret.
    pub(super) fn revealed(&self) -> bool {
        self.taken().revealed
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The secret that the call means by `slot`, if it may use it. From then on what leaves the call is scrubbed.
    pub(super) async fn find(&self, slot: &str) -> Result<Arc<Found>, SecretError> {
        let access = &*self.access;
        let block = &access.block;
        if !access.policy.secrets().contains(slot) && !access.reveal.iter().any(|name| name == slot) {
            // The name comes from the guest: it is cut before it goes into a message.
            let shown: String = slot.chars().take(100).collect();
            return Err(SecretError::NotGranted(format!("block `{block}` is not granted the secret `{shown}`")));
        }
        if let Some(found) = self.taken().known(slot) {
            return Ok(found);
        }
        let stored = access.slots.get(slot).map_or(slot, String::as_str).to_owned();
        let found = match self.vault.find(&stored, &access.user, block).await {
            Ok(Some(FoundSecret { name, value, hosts })) => Found { name, value, hosts: Some(hosts) },
            Ok(None) if access.mode == Mode::Production => {
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
        self.taken().take(slot, found).ok_or_else(too_many)
    }
}

impl std::fmt::Debug for SecretsView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretsView").field("block", &self.access.block).finish_non_exhaustive()
    }
}

impl Taken {
    /// `None` if it could not be scrubbed afterwards: the call does not get it then.
    fn take(&mut self, slot: &str, found: Found) -> Option<Arc<Found>> {
        // Two requests may have asked for it at the same time.
        if let Some(found) = self.known(slot) {
            return Some(found);
        }
        let found = Arc::new(found);
        let all = self.secrets.iter().map(|(_, found)| &**found).chain([&*found]);
        self.scrubber = Some(Arc::new(Scrubber::new(all)?));
        self.secrets.push((slot.to_owned(), Arc::clone(&found)));
        Some(found)
    }

    fn known(&self, slot: &str) -> Option<Arc<Found>> {
        self.secrets.iter().find(|(known, _)| known == slot).map(|(_, found)| Arc::clone(found))
    }
}

/// Stands for a secret without a value where nothing is sent.
fn dummy() -> Result<SecretText, SecretError> {
    SecretText::new("dummy-secret-outside-of-production".to_owned())
        .map_err(|error| SecretError::Other(error.to_string()))
}

impl Host for CallState {
    async fn get(&mut self, name: String) -> wasmtime::Result<Result<Resource<SecretHandle>, SecretError>> {
        if self.secrets.taken().handles >= MAX_HANDLES {
            return Ok(Err(SecretError::Other(format!("more than {MAX_HANDLES} handles of secrets at once"))));
        }
        Ok(match self.secrets.find(&name).await {
            Ok(found) => {
                self.secrets.taken().handles += 1;
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
        let mut taken = self.secrets.taken();
        taken.handles = taken.handles.saturating_sub(1);
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
        self.secrets.taken().revealed = true;
        Ok(Ok(found.value.expose().to_owned()))
    }
}
