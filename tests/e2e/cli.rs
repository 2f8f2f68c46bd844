//! What holds for every command.

use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use crate::block_cli::{Ran, block};
use crate::server::binary;
use crate::support::guest;
use crate::timeline::{COMPILING, patiently, patiently_for};

/// `blockyard block inspect`, with standard output sent there.
async fn inspect(output: impl Into<Stdio>) -> Ran {
    let folder = TempDir::new().unwrap();
    let component = guest("echo");
    let mut command = block(folder.path(), &["inspect", component.to_str().unwrap()]);
    let child = command.stdout(output).stderr(Stdio::piped()).spawn().unwrap();
    Ran::of(patiently_for(COMPILING, "the program", child.wait_with_output()).await.unwrap())
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

/// Whether a process has a thread of this name.
fn has_thread(process: &str, name: &str) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let mut names = threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("comm")));
    names.any(|found| found.is_ok_and(|found| found.trim() == name))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_started_ends_with_it_however_that_ends() {
    for command in [
        "compile-component --memory-bytes 1000000 --cpu-seconds 60 --data-bytes 1000000000",
        "check-document --cpu-seconds 60 --data-bytes 1000000000",
    ] {
        // It waits for its input, which is never complete.
        let script = format!("exec 3<&0; \"$0\" {command} <&3 & echo $!; wait");
        let mut parent = Command::new("sh");
        parent.arg("-c").arg(&script).arg(binary()).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut parent = parent.spawn().unwrap();
        let mut output = BufReader::new(parent.stdout.take().unwrap());
        let mut child = String::new();
        output.read_line(&mut child).await.unwrap();
        patiently("the child's look at its parent", async {
            while !has_thread(child.trim(), "parent") {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        // By its number: nobody is told.
        parent.start_kill().unwrap();
        let mut rest = Vec::new();
        patiently("the child's end", output.read_to_end(&mut rest)).await.unwrap();
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    }
}
