#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The record of GRPO on a real model: SmolLM2-135M-Instruct before and after recipes/smollm2-grpo.yaml on the same 500 held-out word
# problems, paired problem by problem (r1 eval --against).
#   tools/record_smollm2.sh [docs/results/smollm2-grpo]
# What exists is not made again; R1, MODEL, WORK and SEED may be given.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-docs/results/smollm2-grpo}
r1=${R1:-build/release/r1}
model=${MODEL:-build/models/smollm2-135m-instruct-q4_1.gguf}
work=${WORK:-runs/smollm2}
seed=${SEED:-1}
system="Work out the answer in one short line, then write: The answer is N."
[ -e "$model" ] || tools/fetch_smollm2.sh "$model"
mkdir -p "$out" "$work"

problems() { # options...
    "$r1" tasks words --chat "$model" --system "$system" "$@"
}
# Trained on problems of one and two operations, since of longer ones the model gets none right to begin with; asked all of them.
[ -s "$work/train.jsonl" ] || {
    problems --split train --seed 1 --level 1 --n 2000
    problems --split train --seed 1 --level 2 --n 1000
} >"$work/train.jsonl"
[ -s "$work/held-out.jsonl" ] || problems --split held-out --seed 2 --n 500 >"$work/held-out.jsonl"

evaluate() { # model, name, longest completion, options...
    local model=$1 name=$2 longest=$3
    shift 3
    [ -s "$work/$name.samples.jsonl" ] && return
    "$r1" eval --model "$model" --data "$work/held-out.jsonl" --k 2 --max-tokens "$longest" --temperature 0.7 --seed 2026 \
        --samples-out "$work/$name.samples.jsonl" --out "$out/$name.jsonl" "$@"
}

evaluate "$model" base 64
evaluate "$model" base-long 256 # is it the room that it lacks?
run=$work/run-$seed
[ -d "$run/model" ] || "$r1" run recipes/smollm2-grpo.yaml --out "$run" --set seed="$seed" --set model="$model" \
    --set data="$work/train.jsonl"
evaluate "$run/model" "seed-$seed" 64 --against "$work/base.samples.jsonl"
cp "$run/metrics.jsonl" "$out/metrics-$seed.jsonl"
cp "$run/report.html" "$out/report-$seed.html"
"$r1" doctor >"$out/machine.txt"
python3 tools/summarise_smollm2.py "$out" >"$out/README.md"
