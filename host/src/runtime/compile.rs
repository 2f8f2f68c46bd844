//! Compiling what came from outside, in a process of its own: whatever the compiler makes of it, the server is well.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use wasmtime::Engine;

use super::component::ComponentError;
use super::engine::engine_config;
use crate::config::RuntimeConfig;

/// What the command line calls it.
pub const COMMAND: &str = "compile-component";
/// Wall time for each second of CPU time: others go first, so that it may take a while.
const WALL_PER_CPU: u32 = 10;
/// On a machine that is busy throughout it gets a tenth of a core, which is little, and not nothing as 19 would be.
const NICENESS: i32 = 10;
/// Longest message of the compiler that is passed on, in bytes.
const MESSAGE_BYTES: u64 = 4096;

/// The code of a component, as [`compile`] makes it in a process that is started for it and given only so much time and
/// memory. That process ends when the answer is dropped.
pub(super) async fn apart(program: &Path, config: &RuntimeConfig, bytes: Bytes) -> Result<Vec<u8>, ComponentError> {
    let failed = |error: std::io::Error| ComponentError::Compiler(error.to_string());
    let mut command = Command::new(program);
    command.arg(COMMAND).args(["--memory-bytes", &config.memory_bytes.to_string()]);
    command.args(["--cpu-seconds", &config.compile_cpu.as_secs().max(1).to_string()]);
    command.args(["--data-bytes", &config.compile_memory_bytes.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).env_clear();
    let mut child = command.spawn().map_err(failed)?;
    let (Some(mut input), Some(mut output), Some(errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(ComponentError::Compiler("it has no pipes".to_owned()));
    };
    let (mut code, mut message) = (Vec::new(), Vec::new());
    let work = async {
        // It may end before it has read all; then the exit says why.
        let give = async {
            let _ = input.write_all(&bytes).await;
            drop(input);
        };
        let mut first = errors.take(MESSAGE_BYTES);
        let told = async {
            let read = first.read_to_end(&mut message).await;
            // More than that is of no interest, but the pipe must not fill up.
            read.and(tokio::io::copy(&mut first.into_inner(), &mut tokio::io::sink()).await)
        };
        let ((), taken, told) = tokio::join!(give, output.read_to_end(&mut code), told);
        taken.and(told.map(|_| 0))?;
        child.wait().await
    };
    let limit = config.compile_cpu.saturating_mul(WALL_PER_CPU);
    let status = match tokio::time::timeout(limit, work).await {
        Ok(status) => status.map_err(failed)?,
        Err(_) => return Err(too_long(config)),
    };
    if status.success() { Ok(code) } else { Err(why(status, &message, config)) }
}

/// What the end of the compiler means.
fn why(status: ExitStatus, message: &[u8], config: &RuntimeConfig) -> ComponentError {
    use std::os::unix::process::ExitStatusExt as _;
    let message = String::from_utf8_lossy(message).trim().to_owned();
    let ran_out_of_memory = message.contains("memory allocation of") || message.contains("Cannot allocate memory");
    match status.signal() {
        _ if ran_out_of_memory => {
            ComponentError::TooCostly(format!("needs more than {} bytes of memory", config.compile_memory_bytes))
        }
        Some(signal) if signal == SIGXCPU || signal == SIGKILL => too_long(config),
        Some(signal) => ComponentError::Compiler(format!("it was ended by signal {signal}")),
        None if status.code() == Some(i32::from(REFUSED)) => ComponentError::Malformed(message),
        None => ComponentError::Compiler(message),
    }
}

const SIGKILL: i32 = rustix::process::Signal::KILL.as_raw();
const SIGXCPU: i32 = rustix::process::Signal::XCPU.as_raw();

fn too_long(config: &RuntimeConfig) -> ComponentError {
    ComponentError::TooCostly(format!("takes more than {} s", config.compile_cpu.as_secs().max(1)))
}

/// How the process ends if the component is at fault.
pub const REFUSED: u8 = 3;

/// What one compilation may use.
#[derive(Clone, Copy, Debug)]
pub struct CompileLimits {
    /// CPU time of all threads.
    pub cpu: Duration,
    /// Memory in bytes.
    pub data_bytes: u64,
}

/// Compile in this process, which does nothing else: it is held to `limits` from now on, and lets others go first.
///
/// # Errors
/// What is wrong with the component.
pub fn compile(bytes: &[u8], memory_bytes: usize, limits: CompileLimits) -> Result<Vec<u8>, String> {
    use rustix::process::{Resource, Rlimit, nice, setrlimit};
    let most = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
    // Without them it is only less careful.
    let _ = nice(NICENESS);
    let seconds = limits.cpu.as_secs().max(1);
    let cpu = Rlimit { current: Some(seconds), maximum: Some(seconds.saturating_add(5)) };
    for (resource, limit) in
        [(Resource::Cpu, cpu), (Resource::Data, most(limits.data_bytes)), (Resource::Core, most(0))]
    {
        setrlimit(resource, limit).map_err(|error| format!("the compiler cannot be limited: {error}"))?;
    }
    let config = RuntimeConfig { memory_bytes, max_instances: 1, ..RuntimeConfig::default() };
    let engine = Engine::new(&engine_config(&config)).map_err(|error| format!("{error:#}"))?;
    engine.precompile_component(bytes).map_err(|error| format!("{error:#}"))
}
