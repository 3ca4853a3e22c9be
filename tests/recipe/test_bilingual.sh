#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# GRPO in two languages on models/base-bilingual: families and general tasks, the consistency reward, evaluations by language; the same
# bits on every ISA, any threads, and interrupted; damaged keys are named.
set -euo pipefail
r1=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
settings=(--set steps=2 --set prompts_per_step=6 --set group_size=4 --set max_completion_tokens=64 --set task_language=both
    --set reward.language=1 --set 'tasks={pick: 1, sum: 1, helpful: 1, safety: 1}' --set checkpoint.every=1
    --set eval.every=2 --set eval.problems=1 --set eval.samples=1 --set eval.max_tokens=8 --quiet)
grpo() { # folder, more settings...
    local out=$folder/$1
    shift
    "$r1" run recipes/r1-zero-bilingual.yaml --out "$out" "${settings[@]}" "$@"
}
grpo a
R1_ISA=c R1_THREADS=reversed grpo b --set micro_batch_tokens=64
[ "$("$r1" digest "$folder/a/model")" = "$("$r1" digest "$folder/b/model")" ] || fail "another ISA, another digest"
# Interrupted after the first step: what the second leaves is the same.
grpo c
rm -rf "$folder/c/checkpoints/step-000002" "$folder/c/model"
grpo c
[ "$("$r1" digest "$folder/a/model")" = "$("$r1" digest "$folder/c/model")" ] || fail "resumed, another digest"

for key in language/consistency language/mixed rewards/language/mean eval/held_out/zh/pass@1 eval/held_out/en/language/mixed eval/held_out/pick/1/zh; do
    tail -n 1 "$folder/a/metrics.jsonl" | grep -q "\"$key\":" || fail "no $key in the metrics"
done
grep -q 'helpful: 1' "$folder/a/recipe.yaml" || fail "the resolved recipe lost a general task"
if grpo d --set task_language=fr 2>"$folder/err"; then fail "task_language fr was taken"; fi
grep -q 'task_language' "$folder/err" || fail "the key is not named: $(cat "$folder/err")"
if grpo d --set eval.frame=... 2>"$folder/err"; then fail "a frame without a tag was taken"; fi
grep -q 'eval.frame' "$folder/err" || fail "the key is not named: $(cat "$folder/err")"
echo ok
