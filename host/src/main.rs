//! The `blockyard` command.

use std::process::ExitCode;

/// Of each thread; only what is used is taken. JSON Schemas are checked by calls inside of calls.
const STACK_BYTES: usize = 8 << 20;

fn main() -> ExitCode {
    let cli = blockyard::cli::parse();
    match tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK_BYTES).build() {
        Ok(runtime) => runtime.block_on(blockyard::cli::main(cli)),
        Err(error) => {
            eprintln!("error: the runtime cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}
