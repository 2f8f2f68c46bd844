//! Compiles the components in `tests/guests/` and tells the tests where they are.

#[path = "../host/build_wasm.rs"]
mod build_wasm;

use build_wasm::{build, path_of};

fn main() {
    let workspace = path_of("CARGO_MANIFEST_DIR").join("..");
    let sdk = ["plugin-sdk/Cargo.toml", "plugin-sdk/src", "plugin-sdk/replay"];
    for watched in ["tests/guests", "wit", "Cargo.toml", "Cargo.lock"].iter().chain(&sdk) {
        println!("cargo::rerun-if-changed={}", workspace.join(watched).display());
    }
    let arguments = ["--package=blockyard-guests", "--examples"].map(str::to_owned);
    let folder = build(&workspace, "guest", &arguments).join("examples");
    println!("cargo::rustc-env=BLOCKYARD_TEST_GUESTS={}", folder.display());
}
