#!/bin/sh
# run.sh [TARGET]...: fuzzes the targets, or all of them, for FUZZ_SECONDS (60) each, starting from seeds/ and from the inputs
# of earlier runs in FUZZ_CORPUS (target/corpus). Stops at the first input that fails and prints its path in target/crashes,
# which git ignores. To keep it, copy it to seeds/TARGET under the name of what it shows, and write a test for the defect.
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
mkdir -p target/crashes
for target; do
    mkdir -p "$corpus/$target"
    log=target/$target.log
    echo "$target: $seconds s"
    if ! "target/$host/release/$target" -max_total_time="$seconds" -max_len=4096 -timeout=20 -detect_leaks=0 \
        -dict="dictionaries/$target" -artifact_prefix="target/crashes/$target-" "$corpus/$target" "seeds/$target" \
        >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        input=$(sed -n 's/.*Test unit written to //p' "$log")
        echo "fuzz: $target fails on fuzz/${input:-$log}" >&2
        exit 1
    fi
    grep -a '^Done' "$log"
done
