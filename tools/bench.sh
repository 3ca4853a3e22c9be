#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# bench.sh R1: runs the benchmarks that need no model and appends their JSON lines to bench/results/<machine>.jsonl.
set -euo pipefail
cd "$(dirname "$0")/.."
r1=$1
machine=$("$r1" doctor --json 2>/dev/null | sed -n 's/.*"cpu": "\([^"]*\)".*"isa": "\([^"]*\)".*/\1 \2/p' | tr -c 'A-Za-z0-9\n' '-' | tr -s '-')
mkdir -p bench/results
for bench in peak gemm attention decode train; do
    "$r1" bench "$bench" --shape tiny-5m --json | tee -a "bench/results/$machine.jsonl"
done
