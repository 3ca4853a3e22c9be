#!/bin/bash
# SPDX-License-Identifier: MIT
# r1 contamination from the outside: overlaps with file and line, the rows that stay, mistakes.
set -u
r1=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
samples=tests/data/evaluation

"$r1" contamination --data $samples/train.jsonl --against $samples/gsm8k.jsonl --against $samples/aime.jsonl \
    --out "$dir/clean" >"$dir/out" 2>"$dir/err"
[ $? = 1 ] || fail "an overlap is not status 1: $(cat "$dir/err")"
grep -qxF "$samples/train.jsonl:2: $samples/gsm8k.jsonl:1: \"Mara sold 48 candles in April, and half as many\"" "$dir/out" ||
    fail "no overlap in: $(cat "$dir/out")"
[ "$(wc -l <"$dir/out")" = 1 ] || fail "more than one overlap"
grep -qF "1 of 2 rows overlap with 5 evaluation items" "$dir/err" || fail "the sum: $(cat "$dir/err")"
[ "$(wc -l <"$dir/clean")" = 1 ] && grep -qF '"clean"' "$dir/clean" || fail "--out has not the other row"

"$r1" contamination --data $samples/train.jsonl --against $samples/gsm8k.jsonl --json 2>/dev/null |
    grep -qF '"id": "leak", "line": 2, "item": "tests/data/evaluation/gsm8k.jsonl:1", "words": "Mara' || fail "--json"
"$r1" contamination --data "$dir/clean" --against $samples/gsm8k.jsonl --quiet || fail "clean rows are status 0"

printf '{"prompt": "x"}\n{"prompt": ' >"$dir/cut"
"$r1" contamination --data "$dir/cut" --against $samples/gsm8k.jsonl --out "$dir/no" >/dev/null 2>"$dir/err"
[ $? = 2 ] && grep -qF "$dir/cut:2" "$dir/err" || fail "a cut row: $(cat "$dir/err")"
[ -e "$dir/no" ] && fail "a failed run left its file"
"$r1" contamination --data "$dir/clean" --against "$dir/nothing" >/dev/null 2>"$dir/err"
[ $? = 2 ] && grep -qF "$dir/nothing" "$dir/err" || fail "no such file: $(cat "$dir/err")"
"$r1" contamination --data "$dir/clean" >/dev/null 2>"$dir/err"
[ $? = 2 ] && grep -qF -- "--against" "$dir/err" || fail "no --against: $(cat "$dir/err")"
exit 0
