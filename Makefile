# make help lists what there is to do.

.DEFAULT_GOAL := help
.PHONY: help demo test test-sdks test-vendors test-kills bench bench-jobs fmt lint tools node postgres

CARGO ?= cargo
WASM_TARGET := wasm32-wasip2
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
VENDORS := tests/vendors
DEMO_DATABASE := $(abspath $(TARGET_DIR))/demo.db

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: tools ## Build, and run the lead enrichment example, on recorded answers of the vendors
	@echo "Building. The first time compiles Wasmtime and takes many minutes on a small machine, later ones a moment."
	@$(CARGO) build --package blockyard
	@$(CARGO) run --quiet --package blockyard -- run examples/lead-enrichment.yaml --mode demo \
		--input examples/prospects.json --database "sqlite://$(DEMO_DATABASE)"
	@echo "The execution and every node's result are kept in $(DEMO_DATABASE)." >&2

test: tools postgres ## Run all tests, on SQLite and on Postgres (needs the binaries of Postgres, not a running server)
	$(CARGO) build --workspace
	$(CARGO) test --workspace
	BLOCKYARD_TEST_DATABASE=postgres $(CARGO) test --workspace --lib api::tests
	@# The examples in all languages have no database to be different on.
	BLOCKYARD_TEST_DATABASE=postgres $(CARGO) test --workspace --test e2e -- --skip every_example_in_
	@$(MAKE) --no-print-directory test-sdks

test-sdks: ## Test the SDKs for JavaScript and Python (needs Node 20 and Python 3.11; says so where one is missing, and fails in CI)
	@if node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' 2>/dev/null; then \
		cd plugin-sdk/js && node --test; \
	else echo "SKIPPED: the tests of the JavaScript SDK: Node 20 or newer is missing" >&2; [ "$$CI" != true ]; fi
	@if python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		cd plugin-sdk/python && PYTHONPATH=. PYTHONDONTWRITEBYTECODE=1 python3 -m unittest discover tests; \
	else echo "SKIPPED: the tests of the Python SDK: Python 3.11 or newer is missing" >&2; [ "$$CI" != true ]; fi

test-kills: tools postgres ## Kill servers and workers at random under 200 executions, and print what was counted
	$(CARGO) build --workspace
	BLOCKYARD_TEST_KILLS=full $(CARGO) test --workspace --test e2e kills -- --nocapture --test-threads=1

test-vendors: tools $(VENDORS)/node_modules/.package-lock.json | node ## Run the blocks against mocks of the vendors' APIs (needs Node)
	$(CARGO) test --workspace --test vendors -- --nocapture

$(VENDORS)/node_modules/.package-lock.json: $(VENDORS)/package-lock.json | node
	npm ci --prefix $(VENDORS)
	@touch $@

bench: tools ## Measure
	$(CARGO) build --release --package blockyard
	@for block in js/lead-scoring python/deduplicate; do \
		$(TARGET_DIR)/release/blockyard block build examples/blocks/$$block || \
		echo "Without it the figures of its language are left out." >&2; \
	done
	$(CARGO) bench --package blockyard-tests --bench bench

bench-jobs: tools postgres ## Measure the job processor, on SQLite and on Postgres: 100,000 jobs, or BLOCKYARD_BENCH_JOBS
	$(CARGO) build --release --package blockyard
	ulimit -n 8192 2>/dev/null; $(CARGO) bench --package blockyard-tests --bench bench -- jobs

fmt: tools ## Format the code
	$(CARGO) fmt --all

lint: tools ## Check the format, clippy's lints and the documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy --workspace --test vendors -- -D warnings
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

postgres:
	@command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
		echo "Postgres is missing, which the tests start a server of: apt-get install postgresql, or your system's package." >&2; \
		exit 1; }

node:
	@command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || { \
		echo "Node is missing, which the mocks run on: install Node 18.20 or newer with npm." >&2; exit 1; }
