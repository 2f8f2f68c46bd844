//! Compiling what came from outside, in a process of its own: whatever the compiler makes of it, the server is well.

use std::path::Path;
use std::process::ExitStatus;

use bytes::Bytes;
use wasmtime::Engine;

use super::child::{self, ProcessLimits};
use super::component::ComponentError;
use super::engine::engine_config;
use crate::config::RuntimeConfig;

/// What the command line calls it.
pub const COMMAND: &str = "compile-component";
/// Wall time for each second of CPU time: others go first, so that it may take a while.
const WALL_PER_CPU: u32 = 10;
/// On a machine that is busy throughout it gets a tenth of a core, which is little, and not nothing as 19 would be.
const NICENESS: i32 = 10;

/// Most machine code of one component, in bytes.
const CODE_BYTES: u64 = 512 << 20;

/// The code of a component, as [`compile`] makes it in a process that is started for it and given only so much time and
/// memory. That process ends when the answer is dropped.
pub(super) async fn apart(program: &Path, config: &RuntimeConfig, bytes: Bytes) -> Result<Vec<u8>, ComponentError> {
    let memory = config.memory_bytes.to_string();
    let (cpu, data) = (config.compile_cpu.as_secs().max(1).to_string(), config.compile_memory_bytes.to_string());
    let arguments = [COMMAND, "--memory-bytes", &memory, "--cpu-seconds", &cpu, "--data-bytes", &data];
    let limit = config.compile_cpu.saturating_mul(WALL_PER_CPU);
    let ended = child::run(program, &arguments, &[&bytes], CODE_BYTES, limit).await;
    match ended.map_err(|error| ComponentError::Compiler(error.to_string()))? {
        None => Err(ComponentError::TooCostly(format!("takes more than {} s on this machine", limit.as_secs()))),
        Some(ended) if ended.is_cut => {
            Err(ComponentError::TooCostly(format!("makes more than {CODE_BYTES} bytes of machine code")))
        }
        Some(ended) if ended.status.success() => Ok(ended.output),
        Some(ended) => Err(why(ended.status, ended.message, config)),
    }
}

/// What the end of the compiler means.
fn why(status: ExitStatus, message: String, config: &RuntimeConfig) -> ComponentError {
    use std::os::unix::process::ExitStatusExt as _;
    let ran_out_of_memory = message.contains("memory allocation of") || message.contains("Cannot allocate memory");
    match status.signal() {
        _ if ran_out_of_memory => {
            ComponentError::TooCostly(format!("needs more than {} bytes of memory", config.compile_memory_bytes))
        }
        Some(SIGXCPU) => {
            ComponentError::TooCostly(format!("takes more than {} s of CPU time", config.compile_cpu.as_secs().max(1)))
        }
        // The system does that when all memory is in use, which says nothing of the component.
        Some(signal) => ComponentError::Compiler(format!("it was ended by signal {signal}")),
        None if status.code() == Some(i32::from(REFUSED)) => ComponentError::Malformed(message),
        None => ComponentError::Compiler(message),
    }
}

const SIGXCPU: i32 = rustix::process::Signal::XCPU.as_raw();

/// How the process ends if the component is at fault.
pub const REFUSED: u8 = 3;

/// Compile in this process, which does nothing else: it is held to `limits` from now on, and lets others go first.
///
/// # Errors
/// What is wrong with the component.
pub fn compile(bytes: &[u8], memory_bytes: usize, limits: ProcessLimits) -> Result<Vec<u8>, String> {
    // Without it it is only less careful.
    let _ = rustix::process::nice(NICENESS);
    limits.hold()?;
    let config = RuntimeConfig { memory_bytes, max_instances: 1, ..RuntimeConfig::default() };
    let engine = Engine::new(&engine_config(&config)).map_err(|error| format!("{error:#}"))?;
    engine.precompile_component(bytes).map_err(|error| format!("{error:#}"))
}
