//! The `blockyard` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = blockyard::cli::parse();
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(blockyard::cli::main(cli)),
        Err(error) => {
            eprintln!("error: the runtime cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}
