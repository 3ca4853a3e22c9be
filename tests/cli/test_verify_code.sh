#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# r1 verify --tests: one completion, rows, and what is said to wrong use. Without a sandbox nothing runs, and it says so.
set -u
r1=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
fail() { echo "FAILED: $*"; status=1; }

echo '{"tests": [{"input": "1 2\n", "output": "3\n"}]}' >"$work/t.json"
echo '{"tests": []}' >"$work/empty.json"
printf 'Here it is:\n```python\na, b = map(int, input().split())\nprint(a + b)\n```\n' >"$work/right.md"

"$r1" verify --tests "$work/t.json" 2>"$work/err"
[ $? -eq 2 ] || fail "--tests without an answer"
"$r1" verify --tests "$work/none.json" --answer x 2>"$work/err"
[ $? -eq 2 ] && grep -q none.json "$work/err" || fail "a file that is not there: $(cat "$work/err")"
"$r1" verify --tests "$work/empty.json" --answer x 2>"$work/err"
[ $? -eq 2 ] && grep -q 'empty.json: there is no test' "$work/err" || fail "no test: $(cat "$work/err")"

if ! "$r1" doctor --json 2>/dev/null | grep -q '"sandbox": {"holds": true.*python'; then
    "$r1" verify --tests "$work/t.json" --answer x 2>"$work/err"
    [ $? -eq 3 ] && grep -q '^r1: sandbox:' "$work/err" || fail "no sandbox, and it does not say so: $(cat "$work/err")"
    [ $status -eq 0 ] && echo "skipped: no sandbox holds here" && exit 77
    exit $status
fi

# Where bubblewrap is not, no program is run: not by verify, not by a stage; and the doctor says so.
bare() { bwrap --dev-bind / / --ro-bind /dev/null "$(readlink -f "$(command -v bwrap)")" -- "$r1" "$@"; }
if [ "$(command -v bwrap)" = /usr/bin/bwrap ] && bare --version >/dev/null 2>&1; then
    out=$(bare verify --tests "$work/t.json" --answer "@$work/right.md" 2>"$work/err")
    [ $? -eq 3 ] && [ -z "$out" ] && grep -q '^r1: sandbox: bwrap is not there' "$work/err" || fail "verify without bwrap: $out $(cat "$work/err")"
    bare doctor --json 2>/dev/null | grep -q '"sandbox": {"holds": false, "reason": "sandbox: bwrap' || fail "the doctor without bwrap"
    printf '{"prompt": "x", "tests": [{"output": "3"}]}\n' >"$work/data.jsonl"
    bare grpo --model models/base --data "$work/data.jsonl" --out "$work/run" --set steps=1 --quiet 2>"$work/err"
    [ $? -eq 3 ] && grep -q 'its rows have tests.*bwrap is not there' "$work/err" || fail "grpo without bwrap: $(cat "$work/err")"
    [ ! -s "$work/run/metrics.jsonl" ] || fail "grpo made a step without bwrap"
fi

out=$("$r1" verify --tests "$work/t.json" --answer "@$work/right.md")
[ $? -eq 0 ] && [ "$out" = accepted ] || fail "a right program: $out"
out=$("$r1" verify --tests "$work/t.json" --answer $'```python\nprint(4)\n```' --explain)
[ $? -eq 1 ] && grep -q '^wrong answer' <<<"$out" && grep -q 'first that failed: 0' <<<"$out" || fail "a wrong program: $out"
out=$("$r1" verify --tests "$work/t.json" --answer 'print(3)' --json)
[ $? -eq 1 ] && grep -q '"verdict": "no program"' <<<"$out" || fail "no block: $out"

# The checker of docs/sandbox.md: any divisor but the trivial ones.
awk '/^```json$/ {on = 1; next} /^```/ {on = 0} on' docs/sandbox.md >"$work/checker.json"
for d in min max; do
    out=$("$r1" verify --tests "$work/checker.json" --answer $'```python\nn = int(input())\nprint('$d$'(d for d in range(2, n) if n % d == 0))\n```')
    [ "$out" = accepted ] || fail "checker, $d: $out"
done
out=$("$r1" verify --tests "$work/checker.json" --answer $'```python\nprint(input())\n```' --explain)
[ $? -eq 1 ] && grep -q 'because: the checker says no' <<<"$out" || fail "checker, a wrong output: $out"

printf '%s\n' '{"id": 1, "answer": "```python\nprint(3)\n```"}' '{"id": 2}' '{"id": 3, "answer": "none"}' >"$work/rows.jsonl"
out=$("$r1" verify --tests "$work/t.json" --input "$work/rows.jsonl" 2>/dev/null)
[ $? -eq 2 ] && [ "$(wc -l <<<"$out")" -eq 3 ] || fail "rows: $out"
grep -q '^{"id": 1, "equal": true, "verdict": "accepted"' <<<"$out" || fail "row 1: $out"
grep -q '^{"id": 2, "error":' <<<"$out" || fail "row 2: $out"
grep -q '^{"id": 3, "equal": false, "verdict": "no program"' <<<"$out" || fail "row 3: $out"
exit $status
