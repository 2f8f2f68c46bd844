//! The `blockyard` command.

use std::process::ExitCode;
use std::time::Duration;

/// Of each thread; only what is used is taken. JSON Schemas are checked by calls inside of calls.
const STACK_BYTES: usize = 8 << 20;

/// How long threads that wait for the operating system are waited for once all is done: what they do was given up.
const THREADS_TIMEOUT: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let cli = blockyard::cli::parse();
    match tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK_BYTES).build() {
        Ok(runtime) => {
            let code = runtime.block_on(blockyard::cli::main(cli));
            runtime.shutdown_timeout(THREADS_TIMEOUT);
            code
        }
        Err(error) => {
            eprintln!("error: the runtime cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}
