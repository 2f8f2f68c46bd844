//! One call of a block: config and input against their schemas, then the sandbox.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use serde_json::json;

use super::{Block, CallAccess, Progress, builtin, code as component_code};
use crate::capabilities::secrets::Placeholders;
use crate::capabilities::{Access, Identity};
use crate::domain::{CallError, Grant, Json, Mode, Problem, UserId};
use crate::runtime::{CallFailure, CallLimits, CallReport, CallRequest, Reuse, code};

/// What a block is told about its call (`wit/context.schema.json`).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallContext<'a> {
    /// The execution, or a test's id.
    pub execution_id: &'a str,
    /// The workflow; empty in a test.
    pub workflow_id: &'a str,
    /// The node.
    pub node_id: &'a str,
    /// The item, inside a `forEach`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_index: Option<usize>,
    /// From 1.
    pub attempt: u32,
    /// Whether it may talk to the network.
    pub mode: Mode,
    /// Who started the execution.
    pub user_id: &'a str,
    /// The same over attempts, takeovers and restarts.
    pub idempotency_key: &'a str,
    /// The workflow's values.
    pub variables: &'a Json,
    /// The installation's values.
    pub settings: &'a Json,
    /// What the block gave with its suspension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'a Json>,
}

/// The context as the block gets it.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    context: &'a CallContext<'a>,
    /// Stand for secrets in requests of standard guests.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    placeholders: BTreeMap<&'a str, &'a str>,
}

/// One call to make.
#[derive(Debug)]
pub struct Call<'a> {
    /// The config with templates filled in, as JSON.
    pub config: &'a str,
    /// Whether it is known that `config` fits its schema.
    pub config_checked: bool,
    /// The ports that this config declares.
    pub ports: &'a [String],
    /// The input.
    pub input: &'a Json,
    /// What the block is told.
    pub context: CallContext<'a>,
    /// How much it may use.
    pub limits: CallLimits,
    /// Its secrets, and what answers it.
    pub access: CallAccess<'a>,
}

impl Block {
    /// Check and call. Dropping the future stops the guest.
    pub async fn call(&self, mut call: Call<'_>, progress: Progress) -> CallReport {
        // What checking takes is part of the call.
        let (begun, limit) = (Instant::now(), call.limits.timeout);
        if let Err(failure) = self.check(&call, begun).await {
            return CallReport::failed(failure);
        }
        call.limits.timeout = limit.saturating_sub(begun.elapsed());
        let component = match self.code.ready() {
            Some(component) => component,
            None => {
                let (begun, limit) = (Instant::now(), call.limits.timeout);
                let component = match self.code.get(&self.runtime, limit).await {
                    Ok(component) => component,
                    Err(failure) => return CallReport::failed(failure),
                };
                call.limits.timeout = limit.saturating_sub(begun.elapsed());
                if call.limits.timeout < limit / 2 {
                    return CallReport::failed(component_code::late());
                }
                component
            }
        };
        // Read once: what is kept of the call was allowed by the same.
        let grant = self.grants.of(&self.manifest.block_type);
        let mut access = self.access(call.access, &grant, call.config, call.context.mode, call.context.user_id);
        if component.sends_standard() {
            access.placeholders = self.placeholders(&access);
        }
        let told = Told { context: &call.context, placeholders: access.placeholders.by_slot() };
        let context = Json::encode(&told);
        let identity = Identity {
            execution: call.context.execution_id.to_owned(),
            node: call.context.node_id.to_owned(),
            block: self.manifest.block_type.to_string(),
        };
        let request = CallRequest {
            component,
            ports: call.ports,
            reuse: self.reuse(grant, call.context.user_id, call.context.mode),
            config: call.config.to_owned(),
            input: call.input.as_str().to_owned(),
            context: context.as_str().to_owned(),
            limits: call.limits,
            time_limit: limit,
            access,
            identity,
            progress,
        };
        self.runtime.call(request).await
    }

    /// For the secrets that the manifest declares and a rule of the grant gives.
    fn placeholders(&self, access: &Access) -> Placeholders {
        let mut granted = access.policy.secrets();
        granted.retain(|name| self.manifest.secrets.iter().any(|slot| slot.name == *name));
        Placeholders::new(granted).unwrap_or_else(|error| {
            tracing::error!(%error, block = %self.manifest.block_type, "a call has no placeholders for its secrets");
            Placeholders::default()
        })
    }

    /// Instances are kept where the block asks for it and the operator allows it: for everybody if the block ships with
    /// the product, else for one user.
    fn reuse(&self, grant: Arc<Grant>, user: &str, mode: Mode) -> Option<Reuse> {
        let user = (!builtin::is_builtin(self.digest())).then(|| UserId::from(user));
        (self.manifest.stateless && grant.stateless).then_some(Reuse { user, mode, grant })
    }

    async fn check(&self, call: &Call<'_>, begun: Instant) -> Result<(), CallFailure> {
        let runtime = &self.runtime;
        let left = || call.limits.timeout.saturating_sub(begun.elapsed());
        if !call.config_checked {
            let found = self.config_schema.check(runtime, call.config, "", code::INVALID_CONFIG, left()).await?;
            refuse(code::INVALID_CONFIG, "config", &found)?;
        }
        let found = self.input_schema.check(runtime, call.input.as_str(), "", code::INVALID_INPUT, left()).await?;
        refuse(code::INVALID_INPUT, "input", &found)
    }
}

/// One error out of many findings: the first in words, all of them in the details.
fn refuse(code: &str, what: &str, problems: &[Problem]) -> Result<(), CallFailure> {
    let Some(first) = problems.first() else { return Ok(()) };
    let place = if first.pointer.is_empty() { what.to_owned() } else { format!("{what} at `{}`", first.pointer) };
    let error = CallError::new(code, format!("{place}: {}", first.message))
        .with_details(json!({"pointer": first.pointer, "errors": problems}));
    Err(CallFailure { error, retry: None })
}
