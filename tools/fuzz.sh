#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# fuzz.sh NAME [SECONDS]: fuzzes one parser (tests/fuzz/fuzz_NAME.c) under ASan and UBSan, from its corpus in
# tests/fuzz/corpus/NAME. What it finds is left in build/fuzz/found/NAME; an input worth keeping goes into the corpus, where
# `make test` replays it. Without a NAME: lists the parsers.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-} seconds=${2:-1200}
if [ -z "$name" ]; then
    for target in tests/fuzz/fuzz_*.c; do basename "$target" .c | sed 's/^fuzz_//'; done
    exit
fi
[ -f "tests/fuzz/fuzz_$name.c" ] || { echo "fuzz.sh: there is no tests/fuzz/fuzz_$name.c; without arguments it lists what there is" >&2; exit 2; }
tools/setup.sh check
cmake -S . -B build/fuzz -G Ninja -DCMAKE_C_COMPILER="$(tools/find-tool.sh clang)" -DR1_FUZZ=ON -DR1_SANITIZE=address,undefined -DR1_CHECK=2 >/dev/null
ninja -C build/fuzz "fuzz_$name"
mkdir -p "build/fuzz/corpus/$name" "build/fuzz/found/$name"
exec "build/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/found/$name/" "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"
