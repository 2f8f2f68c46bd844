//! Why a call failed: what the guest said, or what the sandbox saw.

use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::instance::GuestState;
use super::limits::CpuLimit;
use crate::domain::CallError;

/// Codes that the host gives.
pub mod code {
    /// The guest panicked or did what WebAssembly forbids.
    pub const TRAP: &str = "trap";
    /// It wanted more memory than it may have.
    pub const OUT_OF_MEMORY: &str = "out-of-memory";
    /// It used up its CPU time.
    pub const CPU_LIMIT: &str = "cpu-limit";
    /// It did not answer in time.
    pub const TIMEOUT: &str = "timeout";
    /// Its component, or a check of what it is called with, is not to be had now.
    pub const UNAVAILABLE: &str = "unavailable";
    /// It was stopped.
    pub const CANCELLED: &str = "cancelled";
    /// It answered with more than it may.
    pub const OUTPUT_TOO_LARGE: &str = "output-too-large";
    /// It answered what its manifest rules out.
    pub const INVALID_OUTPUT: &str = "invalid-output";
    /// The config does not fit its schema.
    pub const INVALID_CONFIG: &str = "invalid-config";
    /// The input does not fit its schema.
    pub const INVALID_INPUT: &str = "invalid-input";
}

/// Codes that only the host may give: a guest's code of the same name gets the prefix `block/`.
pub const HOST_CODES: [&str; 8] = [
    code::TRAP,
    code::OUT_OF_MEMORY,
    code::CPU_LIMIT,
    code::TIMEOUT,
    code::UNAVAILABLE,
    code::CANCELLED,
    code::OUTPUT_TOO_LARGE,
    code::INVALID_OUTPUT,
];

/// Another attempt may succeed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryHint {
    /// Wait at least this long.
    pub after_ms: Option<u64>,
}

/// A failed call.
#[derive(Clone, Debug, PartialEq)]
pub struct CallFailure {
    /// Why.
    pub error: CallError,
    /// Whether another attempt may succeed.
    pub retry: Option<RetryHint>,
}

impl CallFailure {
    /// A failure that another attempt would repeat.
    pub fn permanent(code: &str, message: impl Into<String>) -> Self {
        Self { error: CallError::new(code, message), retry: None }
    }

    /// The server could not make the call now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { error: CallError::new(code::UNAVAILABLE, message), retry: Some(RetryHint::default()) }
    }
}

/// What a trap, an exit or a limit means.
pub(super) fn classify(error: &wasmtime::Error, state: &GuestState) -> CallFailure {
    if error.is::<CpuLimit>() || matches!(error.downcast_ref(), Some(Trap::Interrupt)) {
        let budget_ms = state.limits.cpu.as_millis();
        return CallFailure::permanent(code::CPU_LIMIT, format!("used more than {budget_ms} ms of CPU time"));
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return CallFailure::permanent(code::TRAP, format!("the block called exit({})", exit.0));
    }
    let text = error.root_cause().to_string();
    // wasmtime keeps this error's type to itself, so it is known by its words.
    if text.contains("fuel allocated for hostcalls has been exhausted") {
        let bytes = state.limits.output_bytes;
        return if error.is::<WasmBacktrace>() {
            CallFailure::permanent(code::TRAP, format!("passed more than {bytes} bytes to the host in one call"))
        } else {
            too_large(bytes)
        };
    }
    if state.memory.refused() {
        let bytes = state.limits.memory_bytes;
        return CallFailure::permanent(code::OUT_OF_MEMORY, format!("wanted more than {bytes} bytes of memory"));
    }
    let written = state.ambient.written();
    let message = panic_message(&written).unwrap_or_else(|| match error.downcast_ref::<Trap>() {
        Some(trap) => with_output(&trap.to_string(), &written),
        None => with_output(&text, &written),
    });
    CallFailure::permanent(code::TRAP, message)
}

/// The answer is over its limit.
pub(super) fn too_large(limit_bytes: usize) -> CallFailure {
    CallFailure::permanent(code::OUTPUT_TOO_LARGE, format!("the output is larger than {limit_bytes} bytes"))
}

fn with_output(what: &str, written: &str) -> String {
    match written.trim() {
        "" => what.to_owned(),
        written => format!("{what}; the block wrote: {written}"),
    }
}

/// The message in a Rust panic's report: `thread '…' panicked at FILE:LINE:COLUMN:`, the message, then notes.
fn panic_message(written: &str) -> Option<String> {
    let (_, report) = written.rsplit_once(" panicked at ")?;
    let (location, rest) = report.split_once('\n')?;
    let message = rest.split("\nnote: ").next().unwrap_or(rest).trim_end();
    Some(format!("{message} ({})", location.trim_end_matches(':')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panics_message_is_found() {
        let written =
            "\nthread 'main' (1) panicked at src/lib.rs:3:5:\nno such\nlead\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(panic_message(written).as_deref(), Some("no such\nlead (src/lib.rs:3:5)"));
        assert_eq!(panic_message("all is well"), None);
    }
}
