#!/bin/sh
# run.sh [TARGET]...: fuzzes the targets, or all of them, for FUZZ_SECONDS (60) each. What a run learns is kept in FUZZ_CORPUS
# and is where the next one begins; an input that breaks a promise ends it and is kept in fuzz/target/finds.
set -eu
cd "$(dirname "$0")"
seconds=${FUZZ_SECONDS:-60}
corpus=${FUZZ_CORPUS:-target/corpus}
if [ $# -eq 0 ]; then
    for source in targets/*.rs; do set -- "$@" "$(basename "$source" .rs)"; done
fi
PATH=$(dirname "$(../scripts/cargo-tool.sh cargo-fuzz 0.13.2)"):$PATH
cargo +nightly fuzz build --release --fuzz-dir .
host=$(rustc -vV | sed -n 's/^host: //p')
mkdir -p target/finds
for target; do
    mkdir -p "$corpus/$target"
    log=target/$target.log
    echo "$target: $seconds s"
    if ! "target/$host/release/$target" -max_total_time="$seconds" -max_len=4096 -timeout=20 -detect_leaks=0 -dict="dictionaries/$target" \
        -artifact_prefix="target/finds/$target-" "$corpus/$target" "seeds/$target" >"$log" 2>&1; then
        tail -n 60 "$log"
        exit 1
    fi
    grep -a '^Done' "$log"
done
