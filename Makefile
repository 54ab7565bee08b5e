# What a person types. Everything else is cargo's.
release := $(or $(CARGO_TARGET_DIR),target)/$(shell rustc -vV | sed -n 's/^host: //p')/release/vault-exec
# The sources of dependencies are called by their packages: the folder they are in, and with it the name of a user, would
# stand in the binary.
nameless := --config 'target."cfg(all())".rustflags = ["--remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src="]'

.PHONY: all demo test prove-memory lint generate release fuzz supply reproducible bench prove-silence prove-faults clean

all: release

release: ## The static binary, the same wherever it is built
	cargo build --release --locked $(nameless)

demo: release ## A real server, a real program, cleaned up afterwards
	@tests/demo.sh $(release)

test: release ## Everything, against the binary that is shipped
	tests/tools.sh
	tests/openbao.sh
	VAULT_EXEC_TEST_BINARY=$(abspath $(release)) cargo test --locked

prove-memory: release ## What is in memory when the program is about to start; needs root, to trace and to change users
	tests/tools.sh
	tests/openbao.sh
	VAULT_EXEC_TEST_BINARY=$(abspath $(release)) cargo test --locked --test integration memory:: -- --show-output

bench: release ## What a start costs, next to others: benches/RESULTS.md
	tests/tools.sh
	cargo bench --profile dev --locked --bench launch -- $(abspath $(release)) $(or $(n),30)

prove-silence: release ## Says everything the program can say, and finds no secret in it
	tests/tools.sh
	VAULT_EXEC_TEST_BINARY=$(abspath $(release)) cargo test --locked --test integration -- --nocapture silence::

prove-faults: release ## Every fault of tests/FAULTS.md, and the page itself; WRITE_FAULTS=1 writes it anew
	tests/tools.sh
	tests/openbao.sh
	VAULT_EXEC_TEST_BINARY=$(abspath $(release)) cargo test --locked --test integration faults::
	@cat tests/FAULTS.md

generate: ## Completions and the manual page
	cargo run --locked --quiet --example generate

lint: generate ## Formatting, lints, documentation, and whether what is generated is up to date
	git diff --exit-code -- completions man
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

supply: ## Licences and sources of what the binary is made of, nothing twice, nothing unused
	tests/supply.sh

reproducible: ## Two builds in two folders, by two users: the same binary
	tests/reproducible.sh

fuzz: ## Every fuzz target for FUZZ_SECONDS (60) each; needs a nightly compiler
	fuzz/run.sh

clean:
	rm -rf target tests/.tools fuzz/target
