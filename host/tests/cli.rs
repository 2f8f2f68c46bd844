//! The binary itself. That this test exists also makes `cargo test` build it for the end-to-end tests.

use std::process::Command;

#[test]
fn the_binary_says_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_blockyard")).arg("--version").output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), concat!("blockyard ", env!("CARGO_PKG_VERSION")));
}
