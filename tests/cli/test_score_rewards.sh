#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# r1 score-rewards: the same recipe gives the stored totals again, another one what it says; rows; stored verdicts; damage.
set -u
r1=$(readlink -f "$1")
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
fail() { echo "FAILED: $*"; status=1; }
cd "$work" || exit 1

cat >recipe.yaml <<YAML
stage: grpo
model: $root/models/base
steps: 2
prompts_per_step: 2
group_size: 4
max_completion_tokens: 32
YAML
cat >judge.sh <<'SH'
while read -r line; do
    id=${line#*\"id\": }
    echo "{\"id\": ${id%%,*}, \"reward\": 0.25}"
done
SH
run() { "$r1" run recipe.yaml --quiet "$@" >/dev/null 2>err || fail "run $*: $(cat err)"; }
# totals: old and new total of each line of out
totals() { sed -n 's/.*"old_reward": \([^,]*\), "reward": \([^,]*\),.*/\1 \2/p' out; }

run --out plain
"$r1" score-rewards --run plain --json >out 2>err || fail "plain: $(cat err)"
[ "$(totals | wc -l)" = 16 ] || fail "$(totals | wc -l) lines of 16 completions"
totals | awk '$1 != $2 { exit 1 }' || fail "the same recipe gives other totals: $(totals)"
grep -q '"summary": {"completions": 16, "failed": 0, "changed": 0,' out || fail "summary: $(tail -n 1 out)"
"$r1" score-rewards --run plain --set reward.format=0.25 --set 'reward.gates=accuracy if format' --json >out 2>err || fail "format: $(cat err)"
totals | awk '$2 != $1 - ($1 >= 1) * 0.75 { exit 1 }' || fail "format at 0.25: $(totals)"
R1_THREADS=reversed "$r1" score-rewards --run plain --set reward.format=0.25 --set 'reward.gates=accuracy if format' --json --threads 3 2>/dev/null | cmp -s - out || fail "other lines in reverse order"
"$r1" score-rewards --run plain --step 2 >out 2>err || fail "--step: $(cat err)"
[ "$(grep -c '^step 2 prompt ' out)" = 8 ] || fail "--step 2: $(cat out)"
grep -q '^r1: 8 completions, 0 of them' err || fail "no summary: $(cat err)"

# A command's stored verdicts are enough; without them it is asked; who cannot answer is undecided.
run --out judged --set "reward.command=sh judge.sh"
mv judge.sh gone.sh
"$r1" score-rewards --run judged --json --set reward.command_weight=2 >out 2>err || fail "judged: $(cat err)"
totals | awk '$2 != $1 + 0.25 { exit 1 }' || fail "stored verdicts: $(totals)"
"$r1" score-rewards --run plain --json --set "reward.command=sh judge.sh" >out 2>err || fail "gone: $(cat err)"
[ "$(totals | grep -c ' null$')" = 16 ] || fail "a command that is not there: $(totals)"
mv gone.sh judge.sh
"$r1" score-rewards --run plain --json --set "reward.command=sh judge.sh" >out 2>err || fail "asked: $(cat err)"
totals | awk '$2 != $1 + 0.25 { exit 1 }' || fail "asked: $(totals)"

# Held-out completions: by the recipe's rewards beside the true metric, whatever is decoded at once; gold answers that cannot be read are
# named with file and line, in the data of training and of evaluations.
cat >held.jsonl <<'ROWS'
{"id": "a", "question": "1+1=?", "answer": "2"}
{"id": "b", "question": "1/0=?", "answer": "\\frac{1}{0}"}
ROWS
held() { grep -o '"eval/held_out/reward[^,]*' "$1/metrics.jsonl"; }
settings=(--set data=held.jsonl --set eval.data=held.jsonl --set eval.every=1 --set eval.samples=3 --set steps=1 --set "reward.command=sh judge.sh"
    --set reward.accuracy=0 --set "reward.gates=command if format" --set eval.max_tokens=24)
run --out held "${settings[@]}"
[ "$(grep -c 'held.jsonl:2: the gold answer cannot be read' err)" = 2 ] || fail "unreadable gold answers: $(cat err)"
for name in command format true; do
    held held | grep -q "held_out/rewards/$name/mean" || fail "no held-out $name"
done
held held | grep -q 'held_out/rewards/true/frac_undecided": 0.5' || fail "half of the gold answers cannot be read: $(held held)"
held held | grep -q 'held_out/rewards/command/frac_gated' || fail "no share of gated ones"
run --out fewer "${settings[@]}" --set max_active=2
[ "$(held held)" = "$(held fewer)" ] || fail "held-out rewards depend on what is decoded at once"
run --out without "${settings[@]}" --set reward.held_out=false
held without | grep -q . && fail "reward.held_out=false: $(held without)"
[ "$("$r1" digest held/model --json)" = "$("$r1" digest without/model --json)" ] || fail "looking at held-out rewards moves the weights"
"$r1" score-rewards --run held --held-out --json >out 2>err || fail "--held-out: $(cat err)"
[ "$(grep -c '"problem":' out)" = 8 ] || fail "two evaluations of two problems, two texts each: $(cat out)"

printf '{"question": "1+1=?", "answer": "2"}\n{"id": 1, "question": "1+2=?", "answer": "3"}\n' >twice.jsonl
"$r1" run recipe.yaml --quiet --out twice --set data=twice.jsonl >/dev/null 2>err
[ $? -eq 2 ] && grep -q 'twice.jsonl:2: its id "1" is also that of line 1' err || fail "one id for two rows: $(cat err)"

# Rows.
cat >rows.jsonl <<'ROWS'
{"id": "right", "completion": "<think>x</think><answer>3</answer>", "answer": 3, "reward": 2}
{"id": "no frame", "completion": "so it is \\boxed{3}", "answer": "3", "reward": 0}

{"id": "gold", "completion": "<think>x</think><answer>3</answer>", "answer": "\\frac{1}{0}"}
{"id": "check", "completion": "<think>x</think><answer>3</answer>", "check": "sum 1 3"}
{"id": "nothing", "completion": "<think>x</think><answer>3</answer>"}
{"id": "missing"}
{"id": 7, "completion": 5}
["no object"]
{"id": "tests", "completion": "x", "tests": []}
{"id": "cut
ROWS
"$r1" score-rewards --input rows.jsonl >out 2>err
[ $? -eq 2 ] || fail "bad rows give another status"
[ "$(wc -l <out)" = 10 ] || fail "one line a row: $(cat out)"
[ "$(grep -c '"error":' out)" = 5 ] || fail "five bad rows: $(cat out)"
[ "$(tail -n 1 err | grep -c '5 of 10 rows failed, first line 7:')" = 1 ] || fail "what is said: $(cat err)"
[ "$(totals | tr '\n' ',')" = "2 2,0 0,null null,null 1,null 1," ] || fail "rows: $(totals)"
grep -q '"id": "gold".*"undecided": \["accuracy"\].*"gold": "nothing can be compared' out || fail "an unreadable gold answer: $(cat out)"
grep -q '"id": "nothing".*"skipped": \["accuracy"\]' out || fail "nothing to compare with: $(cat out)"
grep -q '^{"id": 7, "error": ' out || fail "the id of a bad row: $(cat out)"
"$r1" score-rewards --input - --set reward.answer_from=text <rows.jsonl 2>/dev/null | sed -n 2p | grep -q '"reward": 1,' || fail "an answer without a frame"
"$r1" score-rewards --input rows.jsonl --set reward.overlong=1 2>/dev/null | sed -n 1p | grep -q '"error": .*n_tokens' || fail "a length that is not known"

# Wrong use and damage: status 2 and one line.
mkdir damaged && cp plain/recipe.yaml damaged && head -c 2000 plain/run.sqlite >damaged/run.sqlite
mkdir empty && cp plain/recipe.yaml empty
cases=("--run damaged" "--run empty" "--run nowhere" "--input nowhere" "--run plain --input rows.jsonl" "" "--run plain --set steps=1"
    "--run plain --set reward.gates=x" "--run plain --step 9" "--input rows.jsonl --step 1" "--run plain --recipe rows.jsonl")
for c in "${cases[@]}"; do
    # shellcheck disable=SC2086
    "$r1" score-rewards $c >out 2>err
    [ $? -eq 2 ] && [ "$(grep -c '^r1: ' err)" = 1 ] || fail "score-rewards $c: $(cat err)"
done
exit $status
