#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The record of the whole recipe: runs recipes/r1.yaml on some seeds, each with its control (the judge's and the labels' verdicts shuffled), and
# leaves tables, figures and reports in a folder.
#   tools/record_r1.sh docs/results/r1 1 2
# What exists is not made again; the control goes on from a copy of its run. CONTROL= leaves it out.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1
shift
r1=${R1:-build/release/r1}
control=${CONTROL-yes}
mkdir -p "$out"
shuffled=(--set stages.helpful_pairs.shuffle_labels=true --set stages.safety_labels.shuffle_labels=true)

# record NAME FOLDER OPTION...: runs it, to the end of what is left, and keeps what it says.
record() {
    local name=$1 run=$2
    shift 2
    "$r1" run recipes/r1.yaml --out "$run" "$@"
    "$r1" run recipes/r1.yaml --out "$run" "$@" 2>&1 >/dev/null | sed -n '/^model  /,/^r1: /p' | sed '$d' >"$out/$name.txt"
    cp "$run/report.html" "$out/$name.html"
    for stage in "$run"/*/; do
        stage=$(basename "$stage")
        for results in results data; do
            [ ! -f "$run/$stage/$results/results.json" ] || printf '{"stage": "%s", "results": %s}\n' "$stage" "$(tr -d '\n' <"$run/$stage/$results/results.json")"
        done
        [ -f "$run/$stage/metrics.jsonl" ] || continue
        printf '{"stage": "%s", "seconds": %s, "last": %s}\n' "$stage" \
            "$(grep -oE '"(step_time|time/eval)": [0-9.e+-]+' "$run/$stage/metrics.jsonl" | awk '{ s += $2 } END { printf "%.1f", s }')" \
            "$(tail -n 1 "$run/$stage/metrics.jsonl")"
    done >"$out/$name.jsonl"
    cp "$run/r1/metrics.jsonl" "$out/$name-r1-metrics.jsonl"
}
for seed in "$@"; do
    record "seed-$seed" "runs/r1-seed-$seed" --set seed="$seed"
    [ -n "$control" ] || continue
    [ -d "runs/r1-control-$seed" ] || cp -r "runs/r1-seed-$seed" "runs/r1-control-$seed"
    record "control-$seed" "runs/r1-control-$seed" --set seed="$seed" "${shuffled[@]}"
done
"$r1" doctor >"$out/machine.txt"
python3 tools/summarise_r1.py "$out" >"$out/README.md"
