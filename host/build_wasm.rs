//! Compiling components from a build script: shared by `host/build.rs` and `tests/build.rs`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

/// What components are compiled for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// The value of a variable that cargo sets for build scripts.
pub(crate) fn path_of(variable: &str) -> PathBuf {
    match env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => fail(&format!("cargo did not set {variable}")),
    }
}

/// Stop the build with a message.
pub(crate) fn fail(message: &str) -> ! {
    println!("cargo::error={}", message.replace('\n', "\ncargo::error="));
    exit(1)
}

/// Run cargo once more, for the guests: `arguments` say what to build in which profile. The folder with the components.
///
/// It has a target directory of its own, `<target>/blocks`, which all profiles of the host share.
pub(crate) fn build(workspace: &Path, profile: &str, arguments: &[String]) -> PathBuf {
    let out = path_of("OUT_DIR");
    // OUT_DIR is <target>/<profile>/build/<package>/out.
    let target = out.ancestors().nth(4).unwrap_or(&out).join("blocks");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace).args(["build", "--quiet", "--profile", profile, "--target", TARGET]);
    command.arg("--target-dir").arg(&target).args(arguments);
    // Flags and wrappers for the host are none for the guests.
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        let foreign = name.ends_with("RUSTFLAGS") || (name.starts_with("RUSTC") && name.ends_with("WRAPPER"));
        if foreign || name.starts_with("CARGO_PROFILE_") || name == "CARGO_BUILD_TARGET" {
            command.env_remove(&variable);
        }
    }
    match command.output() {
        Ok(output) if output.status.success() => target.join(TARGET).join(profile),
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            if errors.contains("may not be installed") || errors.contains("can't find crate for `core`") {
                fail(&format!("the blocks need the target {TARGET}: rustup target add {TARGET}"));
            }
            fail(&format!("the components do not compile:\n{errors}"))
        }
        Err(error) => fail(&format!("cannot start cargo: {error}")),
    }
}
