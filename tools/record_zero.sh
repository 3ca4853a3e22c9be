#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The record of R1-Zero: runs recipes/r1-zero.yaml from a base model on some seeds, evaluates base, base with its working-out style
# forced, and every result with many samples, and leaves JSON lines, metrics, reports and pictures in a folder.
#   tools/record_zero.sh models/base docs/results/r1-zero 1 2 3
# Evaluation problems are drawn with a seed of their own, from the held-out split; levels that training never sees are marked.
set -euo pipefail
cd "$(dirname "$0")/.."
base=$1 out=$2
shift 2
r1=${R1:-build/release/r1}
n=${N:-4} k=${K:-64}
mkdir -p "$out"

evaluate() { # model, name, options...
    local model=$1 name=$2
    shift 2
    [ -s "$out/$name.jsonl" ] && return
    "$r1" eval --model "$model" --task all --levels all --split held-out --n "$n" --k "$k" --temperature 1 --seed 2026 --json "$@" \
        >"$out/$name.jsonl.part"
    mv "$out/$name.jsonl.part" "$out/$name.jsonl"
}

evaluate "$base" base
evaluate "$base" base-forced --force-working
for seed in "$@"; do
    run=runs/r1-zero-$(basename "$out")-$seed
    start=$(date +%s)
    if [ ! -d "$run/model" ]; then
        "$r1" run recipes/r1-zero.yaml --out "$run" --set seed="$seed" --set model="$base"
        echo "{\"seed\": $seed, \"seconds\": $(($(date +%s) - start))}" >>"$out/runs.jsonl"
    fi
    evaluate "$run/model" "seed-$seed"
    cp "$run/metrics.jsonl" "$out/metrics-$seed.jsonl"
    cp "$run/report.html" "$out/report-$seed.html"
done
"$r1" doctor >"$out/machine.txt"
python3 tools/summarise_zero.py "$out" >"$out/README.md"
