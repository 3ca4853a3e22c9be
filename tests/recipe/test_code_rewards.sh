#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# GRPO on rows with tests: a tiny model that has learnt to write two programs, one of which is right. Verdicts come from the
# sandbox while the engine samples, give the same bits on any number of workers and after a kill, and are replayed from another run.
set -euo pipefail
r1=$1
if ! "$r1" doctor --json 2>/dev/null | grep -q '"sandbox": {"holds": true.*python'; then
    echo 'skipped: no sandbox holds here'
    exit 77
fi
place=/tmp
[ -w /dev/shm ] && place=/dev/shm
work=$(mktemp -d "$place/r1-code-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'echo "line $LINENO failed"' ERR
fail() { printf '%s\n' "$*"; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: expected $2, got $3"; }
metric() { sed -n "s|.*\"$2\": \([^,}]*\).*|\1|p" "$1/metrics.jsonl" | awk '{s += $1} END {print s + 0}'; } # sum over the steps
digest() { "$r1" digest "$1/model" --json; }

"$r1" pretrain --out "$work/base" --quiet --set steps=3 --set seed=3 --set tokens_per_step=600 --set shape.hidden_size=48 \
    --set shape.n_layers=2 --set shape.n_heads=2 --set shape.n_kv_heads=1 --set shape.head_dim=24 --set shape.ffn_size=96 \
    --set tokenizer.vocab_size=300 --set tokenizer.documents=100 2>/dev/null
for i in 3 4; do
    printf '{"prompt": "User: three\\nAssistant:", "completion": "\\n```python\\nprint(%s)\\n```\\n"}\n' $i $i $i $i
done >"$work/sft.jsonl"
"$r1" sft --model "$work/base/model" --data "$work/sft.jsonl" --out "$work/sft" --quiet --set epochs=60 --set batch_size=4 \
    --set max_length=128 --set learning_rate=1e-2 --set seed=7 2>/dev/null
printf '{"id": "a", "prompt": "User: three\\nAssistant:", "tests": [{"output": "3"}]}\n' >"$work/rows.jsonl"

cat >"$work/recipe.yaml" <<EOF
stage: grpo
model: $work/sft/model
data: $work/rows.jsonl
steps: 3
prompts_per_step: 2
group_size: 8
minibatches: 1
max_completion_tokens: 48
learning_rate: 1e-3
seed: 5
reward: {format: 0}
checkpoint: {every: 1}
EOF
run() { # FOLDER OPTION...
    local out=$work/$1
    shift
    "$r1" run "$work/recipe.yaml" --out "$out" --quiet "$@" 2>"$work/said"
}
run a || fail "$(cat "$work/said")"
awk -v x="$(metric "$work/a" rewards/accuracy/mean)" 'BEGIN {exit !(x > 0.2 && x < 3)}' ||
    fail "programs are never, or always, right: $(metric "$work/a" rewards/accuracy/mean)"
is 'undecided' 0 "$(metric "$work/a" frac_undecided)"
awk -v w="$(metric "$work/a" time/reward_workers)" 'BEGIN {exit !(w > 0)}' || fail 'the workers did nothing'

# The same bits with one worker, with threads in reverse, and killed between the verdicts and the step that used them.
run one --threads 1 --set reward.workers=1
is 'one worker' "$(digest "$work/a")" "$(digest "$work/one")"
R1_THREADS=reversed run reversed
is 'reversed' "$(digest "$work/a")" "$(digest "$work/reversed")"
status=0
{ R1_FAILPOINT=checkpoint.rename@2=kill run killed; } 2>/dev/null || status=$?
is 'killed (status)' 137 $status
run killed
is 'resumed' "$(digest "$work/a")" "$(digest "$work/killed")"

# Verdicts of another run: no program is started again.
run again --verdicts "$work/a"
is 'stored verdicts' "$(digest "$work/a")" "$(digest "$work/again")"
is 'work with stored verdicts' 0 "$(metric "$work/again" time/reward_workers)"
