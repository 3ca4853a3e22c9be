#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# r1 report and r1 compare on made-up run folders. $1: the program.
set -euo pipefail
r1=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }

for run in a b; do
    mkdir "$work/$run"
    for step in $(seq 0 40); do
        printf '{"step":%d,"stage":"grpo","reward":%d.5,"rewards/accuracy/mean":0.%02d,"completions/mean_length":%d,"eval/held_out/pass@1":0.%02d}\n' \
            "$step" "$((step / 20))" "$((step + 10))" "$((step + 20))" "$((step + 15))"
    done > "$work/$run/metrics.jsonl"
done

[ "$("$r1" report "$work/a")" = "$work/a/report.html" ] || fail "report does not say where the page is"
grep -q '<!doctype html>' "$work/a/report.html" || fail "no page"
"$r1" report "$work/a" --svg "$work/curves.svg" --title 'A & B' --json | grep -q '"written": "'"$work"'/curves.svg"' || fail "no line for the picture"
grep -q 'A &amp; B' "$work/curves.svg" || fail "the title is not in the picture"

table=$("$r1" compare "$work/a" "$work/b" --out "$work/c.html" 2> "$work/notes")
[ "$(wc -l <<< "$table")" = 3 ] || fail "compare prints a head and a line a run, not: $table"
grep -q '15.0 -> 55.0' <<< "$table" || fail "first and last pass@1 are missing: $table"
grep -q "c.html" "$work/notes" || fail "compare does not say where the curves are"
[ "$("$r1" compare "$work/a" "$work/b" --json --out "$work/c.html" 2> /dev/null | grep -c '"pass@1": 0.55')" = 2 ] || fail "json lines"

status=0; "$r1" report "$work" 2> "$work/error" || status=$?
[ "$status" = 2 ] || fail "a folder without a run gives status $status"
grep -q 'is no run folder' "$work/error" || fail "the reason is missing: $(cat "$work/error")"
status=0; "$r1" report 2> /dev/null || status=$?
[ "$status" = 2 ] || fail "no argument gives status $status"
echo '{"step":1}
broken' > "$work/b/metrics.jsonl"; echo >> "$work/b/metrics.jsonl"
status=0; "$r1" compare "$work/a" "$work/b" 2> "$work/error" || status=$?
[ "$status" = 2 ] || fail "a damaged file gives status $status"
grep -q 'metrics.jsonl:2' "$work/error" || fail "the damaged line is not named: $(cat "$work/error")"
chmod 500 "$work/a"
if [ "$(id -u)" != 0 ]; then
    status=0; "$r1" report "$work/a" 2> "$work/error" || status=$?
    [ "$status" = 3 ] || fail "an unwritable folder gives status $status"
fi
chmod 700 "$work/a"
