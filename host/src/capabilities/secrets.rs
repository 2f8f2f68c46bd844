//! `blockyard:block/secrets`: handles, never text. No secret is granted to any block yet.

use wasmtime::component::Resource;

use super::CallState;
use super::bindings::blockyard::block::secrets::{Host, HostSecret, SecretError};

/// What stands behind a guest's `secret`.
#[derive(Debug)]
pub struct SecretHandle {
    name: String,
}

impl Host for CallState {
    fn get(&mut self, name: String) -> wasmtime::Result<Result<Resource<SecretHandle>, SecretError>> {
        let refusal = format!("block `{}` is not granted the secret `{name}`", self.identity.block);
        Ok(Err(SecretError::NotGranted(refusal)))
    }
}

impl HostSecret for CallState {
    fn name(&mut self, secret: Resource<SecretHandle>) -> wasmtime::Result<String> {
        Ok(self.table.get(&secret)?.name.clone())
    }

    fn drop(&mut self, secret: Resource<SecretHandle>) -> wasmtime::Result<()> {
        self.table.delete(secret)?;
        Ok(())
    }
}
