//! What holds for every command.

use std::process::Stdio;

use tempfile::TempDir;

use crate::block_cli::{Ran, block};
use crate::support::guest;
use crate::timeline::patiently;

/// `blockyard block inspect`, with standard output sent there.
async fn inspect(output: impl Into<Stdio>) -> Ran {
    let folder = TempDir::new().unwrap();
    let component = guest("echo");
    let mut command = block(folder.path(), &["inspect", component.to_str().unwrap()]);
    let child = command.stdout(output).stderr(Stdio::piped()).spawn().unwrap();
    Ran::of(patiently("the program", child.wait_with_output()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn output_that_cannot_be_written_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = inspect(full).await;
    assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{}", ran.err);
    assert!(ran.err.starts_with("error: standard output cannot be written: No space left"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_may_leave() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = inspect(writer).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}
