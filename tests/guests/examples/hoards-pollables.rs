//! Makes timers and drops none: each takes room in the host, and next to nothing here.

use blockyard_guests::{Behaviour, Guest, number};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct HoardsPollables;

#[cfg(target_arch = "wasm32")]
#[link(wasm_import_module = "wasi:clocks/monotonic-clock@0.2.0")]
unsafe extern "C" {
    #[link_name = "subscribe-duration"]
    fn subscribe_duration(nanoseconds: u64) -> i32;
}

impl Behaviour for HoardsPollables {
    const TYPE: &'static str = "test.hoards-pollables";

    fn act(config: &Value, _: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        // The standard library's own timer, which is what brings the interface in.
        std::thread::sleep(std::time::Duration::from_nanos(1));
        let count = number(config, "count", 100_000_000);
        for _ in 0..count {
            #[cfg(target_arch = "wasm32")]
            // SAFETY: the import's signature is the canonical ABI's of `subscribe-duration`.
            std::hint::black_box(unsafe { subscribe_duration(1) });
        }
        Ok(Outcome::done(Value::from(count)))
    }
}

export_block!(Guest<HoardsPollables>);
