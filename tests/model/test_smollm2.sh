#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The real SmolLM2-135M-Instruct from its GGUF file: log-probabilities, tokens and greedy completions are the reference's.
set -euo pipefail
r1=$1
model=${R1_SMOLLM2:-build/models/smollm2-135m-instruct-q4_1.gguf}
golden=tests/fixtures/smollm2
[ -e "$model" ] || {
    echo "SKIPPED: $model is not there (tools/fetch_smollm2.sh fetches it)"
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "test_smollm2: $*" >&2
    exit 1
}
inputs() { sed -n '1~2p' "$golden/$1"; }
answers() { sed -n '2~2p' "$golden/$1"; }
numbers() { sed 's/.*\[//; s/\].*//' | tr ',' '\n'; }

inputs tokenize.jsonl | "$r1" tokenize --model "$model" | diff - <(answers tokenize.jsonl) || fail "tokens differ"

inputs score.jsonl | "$r1" score --model "$model" >"$work/score"
paste <(numbers <"$work/score") <(answers score.jsonl | numbers) |
    awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > most) most = d; n++ }
         END { print n " log-probabilities, largest difference " most; exit !(n == 89 && most <= 1e-4) }' ||
    fail "log-probabilities differ"

while read -r prompt && read -r ids; do
    n=$(($(tr -cd ',' <<<"$ids" | wc -c) + 1))
    "$r1" sample --model "$model" --ids "$prompt" --temperature 0 --max-tokens "$n" >"$work/sample"
    grep -q "\"ids\": \[$ids\]" "$work/sample" || fail "greedy ids differ: $(cat "$work/sample")"
done <"$golden/greedy.txt"
