# make help lists what there is to do.

.DEFAULT_GOAL := help
.PHONY: help demo test bench fmt lint tools

CARGO ?= cargo
WASM_TARGET := wasm32-wasip2
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
DEMO_DATABASE := $(abspath $(TARGET_DIR))/demo.db

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: tools ## Build, and run the lead qualification example on a hundred leads
	@echo "Building. The first time compiles Wasmtime and takes many minutes on a small machine, later ones a moment."
	@$(CARGO) build --package blockyard
	@$(CARGO) run --quiet --package blockyard -- run examples/lead-qualification.yaml \
		--input examples/leads.json --database "sqlite://$(DEMO_DATABASE)"
	@echo "The execution and every node's result are kept in $(DEMO_DATABASE)." >&2

test: tools ## Run all tests
	$(CARGO) build --workspace
	$(CARGO) test --workspace

bench: tools ## Measure
	$(CARGO) build --release --package blockyard
	$(CARGO) bench --package blockyard-tests --bench bench

fmt: tools ## Format the code
	$(CARGO) fmt --all

lint: tools ## Check the format, clippy's lints and the documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --workspace

# Rust, and the target that blocks are compiled for. rust-toolchain.toml names both; rustup installs them when they are
# missing, unless it was told not to.
tools:
	@command -v $(CARGO) >/dev/null 2>&1 || { \
		echo "Rust is missing: install rustup (https://rustup.rs), then open a new shell and try again." >&2; exit 1; }
	@rustc --version >/dev/null || { \
		echo "The Rust that rust-toolchain.toml names is missing: rustup toolchain install" >&2; exit 1; }
	@[ -d "$$(rustc --print target-libdir --target $(WASM_TARGET))" ] || { \
		command -v rustup >/dev/null 2>&1 || { \
			echo "The blocks need Rust's target $(WASM_TARGET): install rustup, or your system's package for it." >&2; \
			exit 1; }; \
		rustup target add $(WASM_TARGET); }
