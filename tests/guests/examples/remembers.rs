//! Counts its calls in a static, and looks through all of its memory for what an earlier call left there. With
//! `plant` it fills four megabytes with words that follow from the config's `seed`; otherwise it counts such words.

use std::sync::atomic::{AtomicU64, Ordering};

use blockyard_guests::{Behaviour, Guest, number};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::{Value, json};

struct Remembers;

static CALLS: AtomicU64 = AtomicU64::new(0);
const WORDS: u64 = 512 << 10;

/// The word at a place of what is planted.
fn word(seed: u64, place: u64) -> u64 {
    (seed ^ place).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ 0xb10c
}

impl Behaviour for Remembers {
    const TYPE: &'static str = "test.remembers";

    fn act(config: &Value, _: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        let seed = number(config, "seed", 1);
        let planted: Vec<u64> = if config["plant"] == json!(true) {
            (0..WORDS).map(|place| word(seed, place)).collect()
        } else {
            Vec::new()
        };
        let found = found(seed);
        Ok(Outcome::done(json!({"calls": calls, "planted": planted.len(), "found": found})))
    }
}

/// How many pairs of planted words are anywhere in memory, after growing it by eight megabytes.
#[cfg(target_arch = "wasm32")]
fn found(seed: u64) -> u64 {
    core::arch::wasm32::memory_grow::<0>(128);
    let end = core::arch::wasm32::memory_size::<0>() * (64 << 10);
    let mut found = 0;
    for place in 0..WORDS - 1 {
        // Every place would take too long: some tens of them have to do.
        if place % 16_384 != 0 {
            continue;
        }
        let (first, second) = (word(seed, place), word(seed, place + 1));
        for address in (8..end - 16).step_by(8) {
            // SAFETY: reads inside of the linear memory, which is what this guest is about.
            let read = |at: usize| unsafe { std::ptr::read_volatile(at as *const u64) };
            if read(address) == first && read(address + 8) == second {
                found += 1;
            }
        }
    }
    found
}

#[cfg(not(target_arch = "wasm32"))]
fn found(_: u64) -> u64 {
    0
}

export_block!(Guest<Remembers>);
