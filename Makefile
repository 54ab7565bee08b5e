# What a person types. Everything else is cargo's.
release := $(or $(CARGO_TARGET_DIR),target)/$(shell rustc -vV | sed -n 's/^host: //p')/release/vault-exec
# The sources of dependencies are called by their packages: the folder they are in, and with it the name of a user, would
# stand in the binary.
nameless := --config 'target."cfg(all())".rustflags = ["--remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src="]'
# Tests of the binary that is shipped.
tested := VAULT_EXEC_TEST_BINARY=$(abspath $(release)) cargo test --locked

.PHONY: all release demo test test-unprivileged tools prove-memory prove-silence prove-faults stack stack-images stack-test bench fuzz lint \
	generate supply reproducible clean

all: release

release: ## The static binary, the same wherever it is built
	cargo build --release --locked $(nameless)

demo: release ## A real server, a real program, cleaned up afterwards
	@tests/demo.sh $(release)

test: release tools ## Everything but what Docker takes; the three proofs are a part of it
	$(tested) -- --include-ignored

test-unprivileged: release ## The tests that need neither root nor packages of Debian; lists those that are left out
	$(tested)
	@echo 'Left out, for the reasons above:'
	@$(tested) --quiet --test integration -- --ignored --list

tools: ## What tests need and a machine may lack
	tests/tools.sh
	tests/openbao.sh

prove-memory: release tools ## What is in memory when the program is about to start; needs root, to trace and to change users
	$(tested) --test integration memory:: -- --include-ignored --show-output

prove-silence: release tools ## Says everything the program can say, and finds no secret in it
	$(tested) --test integration leaks:: -- --include-ignored --nocapture

prove-faults: release tools ## Every fault of tests/FAULTS.md, and the page itself; WRITE_FAULTS=1 writes it anew
	$(tested) --test integration faults:: -- --include-ignored
	@cat tests/FAULTS.md

stack: stack-images ## The system of docker/compose.yaml, on a machine that may reach no registry
	DOCKER_CONFIG=$$(docker/local/engine.sh) docker compose --file docker/compose.yaml up --build

stack-images: ## An engine, and the images that docker/ names, unless they are there
	tests/tools.sh
	docker/local/images.sh

stack-test: stack-images ## The images and systems of docker/, looked at from outside; the manifests for Kubernetes
	tests/kubernetes.sh
	cargo test --locked --test stack

bench: release ## What a start costs, next to others: benches/RESULTS.md
	tests/tools.sh
	cargo bench --profile dev --locked --bench launch -- $(abspath $(release)) $(or $(n),30)

fuzz: ## Every fuzz target for FUZZ_SECONDS (60) each; needs a nightly compiler
	fuzz/run.sh

lint: generate ## Formatting, lints, documentation, and whether what is generated and the lock of fuzz/ are up to date
	git diff --exit-code -- completions man
	cargo metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test stack -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

generate: ## Completions and the manual page
	cargo run --locked --quiet --example generate

supply: ## Licences and sources of what the binary is made of, nothing twice, nothing unused
	tests/supply.sh

reproducible: ## Two builds in two folders, by two users: the same binary
	tests/reproducible.sh

clean:
	rm -rf target tests/.tools fuzz/target
