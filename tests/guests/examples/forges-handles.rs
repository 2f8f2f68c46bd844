//! Uses a handle of a secret that it was never given: the number that its config's `handle` says.

use blockyard_guests::{Behaviour, Guest, number};
use blockyard_sdk::__private::bindings::blockyard::block::secrets::Secret;
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct ForgesHandles;

impl Behaviour for ForgesHandles {
    const TYPE: &'static str = "test.forges-handles";

    fn act(config: &Value, _: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        let handle = u32::try_from(number(config, "handle", 0)).unwrap_or(0);
        // SAFETY: broken on purpose: nobody gave this handle to the guest. The host has to notice.
        let secret = unsafe { Secret::from_handle(handle) };
        let name = secret.name();
        std::mem::forget(secret);
        Ok(Outcome::done(Value::String(name)))
    }
}

export_block!(Guest<ForgesHandles>);
