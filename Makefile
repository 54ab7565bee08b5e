# `make help` lists the targets.
# A release is built for musl if the toolchain has that target and a C compiler for it, else for the host's glibc.
target := $(shell scripts/target.sh)
release := $(or $(CARGO_TARGET_DIR),target)/$(target)/release/vault-exec
# Panic locations in dependencies contain the path of their sources. Without this flag the binary would contain the home
# directory, and with it the name, of the user who built it.
remap := --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src=
# Nothing reads unwind tables in a binary that aborts on panic.
rustflags := --config 'target."cfg(all())".rustflags = ["$(remap)", "-Cforce-unwind-tables=no"]'
# Runs the tests against a release binary instead of a debug build: the one just built, or the one that BINARY names.
tested := $(or $(BINARY),$(release))
built := $(if $(BINARY),,release)
test_release := VAULT_EXEC_TEST_BINARY=$(abspath $(tested)) cargo test --locked

.PHONY: all help release demo check test test-unprivileged tools prove-memory prove-silence prove-faults stack \
	stack-images stack-test bench bench-scale fuzz lint generate supply reproducible dist hot-functions release-check \
	clean

all: release

help: ## Lists the targets
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "%-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

release: ## Builds a static binary: for musl if the toolchain has it, else for glibc
	@echo "release: $(target)" >&2
	cargo build --release --locked --target $(target) $(rustflags)

demo: $(built) ## Runs the session of README.md with a real server
	@scripts/demo.sh $(tested)

check: ## Formatting, lints and unit tests: under a minute once built
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo test --locked --quiet --lib

# VAULT_EXEC_TEST_SERVER=/path/to/vault runs them with another server. Some need what that server does not have.
test: $(built) tools ## Runs all tests except stack-test, on the release binary; needs root
	unsupported=$$(scripts/test-deps/server.sh unsupported) && \
	$(test_release) -- --include-ignored $${unsupported:+--skip $$unsupported} && \
	if [ "$$unsupported" ]; then \
		echo 'Left out, because the server of the tests does not have it:' && \
		$(test_release) --quiet --test integration -- --list --include-ignored "$$unsupported"; \
	fi

test-unprivileged: $(built) ## Runs the tests that need neither root nor Debian, and lists the others
	$(test_release)
	@echo 'Left out, for the reasons above:'
	@$(test_release) --quiet --test integration -- --ignored --list

tools: ## Installs the programs and the server that the tests need
	scripts/tools.sh
	scripts/test-deps/server.sh

prove-memory: $(built) tools ## Memory of the process at execve holds one copy of each secret; needs root
	$(test_release) --test integration memory:: -- --include-ignored --show-output

prove-silence: $(built) tools ## Triggers every message and searches the output for secrets
	$(test_release) --test integration leaks:: -- --include-ignored --nocapture

prove-faults: $(built) tools ## Injects every fault of tests/FAULTS.md (WRITE_FAULTS=1 rewrites it)
	$(test_release) --test integration faults:: -- --include-ignored
	@cat tests/FAULTS.md

stack: stack-images ## Starts docker/compose.yaml without access to a registry
	DOCKER_CONFIG=$$(docker/local/engine.sh) docker compose --file docker/compose.yaml up --build

stack-images: ## Installs Docker and builds the base images that are missing
	scripts/tools.sh
	docker/local/images.sh

stack-test: stack-images ## Tests the images, compose files and Kubernetes manifests in docker/
	scripts/manifests.sh
	cargo test --locked --test stack

# shapes=HTTP measures the shapes with that word in their name only, and BINARY="A B" compares binaries: neither writes
# benches/RESULTS.md.
bench: ## Measures a start of the shipped binary against alternatives, n=300 rounds, into benches/RESULTS.md; needs root
	scripts/tools.sh
	binaries="$(abspath $(BINARY))" && [ "$$binaries" ] || binaries=$$(scripts/musl.sh $$(uname -m))/vault-exec && \
	cargo bench --profile dev --locked --bench launch -- $(or $(n),300) $(or $(shapes),all) $$binaries

bench-scale: $(built) tools ## 2,000 starts, 64 at a time, against three nodes (starts=N); needs root
	VAULT_EXEC_TEST_STARTS=$(or $(starts),2000) $(test_release) --test integration connection::scale -- \
		--include-ignored --nocapture

fuzz: ## Runs each fuzz target for FUZZ_SECONDS (60); needs a nightly compiler
	fuzz/run.sh

lint: generate ## Formatting, lints, documentation; generated files and the lock of fuzz/ are current
	git diff --exit-code -- completions man
	cargo metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test stack -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

generate: ## Generates the completions and the manual page
	cargo run --locked --quiet --example generate

supply: ## Licences, sources, duplicates, unused, vulnerabilities (SUPPLY_OFFLINE=1: without the last)
	scripts/supply.sh

dist: ## Makes the files of a release in dist/: static musl binaries for x86_64 and aarch64
	scripts/dist.sh

hot-functions: ## Writes the list of the functions that a start executes, for the linker
	scripts/hot-functions.sh

release-check: tools ## Tests the files in dist/ and builds them again; dist/CHECKED says what was proved
	scripts/release-check.sh

reproducible: ## Builds in two directories and compares the binaries
	scripts/reproducible.sh

clean: ## Removes build output and downloaded tools
	rm -rf target dist tests/.tools fuzz/target
