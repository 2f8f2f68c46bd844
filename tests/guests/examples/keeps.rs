//! Counts its calls in a static and asks to be kept between them. Then it does what its config's `then` says, which may
//! be to keep more than that, or to end badly.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use blockyard_guests::{Behaviour, Guest, number, text};
use blockyard_sdk::__private::bindings::blockyard::block::secrets as raw;
use blockyard_sdk::secrets::{self, Secret};
use blockyard_sdk::{Context, Failure, HttpRule, Manifest, Outcome, export_block, log};
use serde_json::{Value, json};

struct Keeps;

static CALLS: AtomicU64 = AtomicU64::new(0);
static NUMBER: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static HOARD: RefCell<Vec<Secret>> = const { RefCell::new(Vec::new()) };
    static MEMORY: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

impl Behaviour for Keeps {
    const TYPE: &'static str = "test.keeps";

    fn manifest(manifest: Manifest) -> Manifest {
        let there = HttpRule::host("good.example").secrets(&["granted"]);
        manifest.secret("granted", "for tests").http(there).stateless()
    }

    fn act(config: &Value, _: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        log::info(&format!("call {calls}"), &[]);
        match text(config, "then") {
            "fail" => return Err(Failure::new("own", format!("call {calls}"))),
            "suspend" => return Outcome::suspend(1, &calls),
            "panic" => panic!("call {calls}"),
            "loop" => while std::hint::black_box(true) {},
            "work" => work(Duration::from_millis(number(config, "ms", 0))),
            "pause" => std::thread::sleep(Duration::from_millis(number(config, "ms", 60_000))),
            "grow" => {
                let bytes = usize::try_from(number(config, "bytes", 0)).unwrap_or(0);
                MEMORY.with_borrow_mut(|memory| memory.push(vec![1; bytes]));
            }
            "grow-too-far" => grow_too_far(),
            "hoard" => {
                let secret = secrets::get("granted")?;
                HOARD.with_borrow_mut(|hoard| hoard.push(secret));
            }
            "take" => {
                // The number that the handle had stays known after it was dropped.
                let secret = raw::get("granted").map_err(|_| Failure::new("refused", "no secret"))?;
                NUMBER.store(secret.handle(), Ordering::Relaxed);
            }
            "forge" => {
                // SAFETY: broken on purpose: the handle is gone. The host has to notice.
                let secret = unsafe { raw::Secret::from_handle(NUMBER.load(Ordering::Relaxed)) };
                secret.name();
                std::mem::forget(secret);
            }
            "reveal" => drop(secrets::reveal(&secrets::get("granted")?)?),
            _ => {}
        }
        let held = HOARD.with_borrow(Vec::len);
        Ok(Outcome::done(json!({"calls": calls, "held": held})))
    }
}

/// Computes for about that long.
fn work(time: Duration) {
    let start = std::time::Instant::now();
    while start.elapsed() < time {
        std::hint::black_box((0..10_000u64).fold(0, |sum, number| std::hint::black_box(sum ^ number)));
    }
}

/// Asks for more memory than there may be, and goes on without.
fn grow_too_far() {
    #[cfg(target_arch = "wasm32")]
    std::hint::black_box(core::arch::wasm32::memory_grow::<0>(65_000));
}

export_block!(Guest<Keeps>);
