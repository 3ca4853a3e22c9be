#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Distillation: one digest however it is run, off-policy and on-policy, students of two shapes, examples that the teacher makes, and what
# is said about models and data that do not fit.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/../script.sh"

teacher=models/base
"$r1" tasks sum --n 24 --seed 1 --split train |
    sed 's/.*"prompt": \("[^"]*"\), "answer": "\([^"]*\)".*/{"prompt": \1, "completion": " <think> I add. <\/think> <answer> \2 <\/answer>"}/' >"$work/data.jsonl"
head -n 4 "$work/data.jsonl" >"$work/validation.jsonl"
small=(--set shape.hidden_size=32 --set shape.n_layers=2 --set shape.n_heads=2 --set shape.n_kv_heads=1 --set shape.head_dim=16
    --set shape.ffn_size=48)

# run FOLDER OPTION...: six updates, about half of them on what the student says.
run() {
    local out=$1
    shift
    "$r1" distill --teacher "$teacher" --data "$work/data.jsonl" --out "$out" --quiet --set epochs=2 --set batch_size=2 \
        --set max_length=128 --set lambda=0.5 --set temperature=0.9 --set max_completion_tokens=12 --set learning_rate=3e-3 \
        --set checkpoint.every=2 --set seed=7 "${small[@]}" "$@" 2>"$work/said" || fail "$out: $(cat "$work/said")"
}

# One digest: threads, micro-batches, recomputation, completions at once, the order of parallel items, kernels, kill and resume.
run "$work/a" --set validation.data="$work/validation.jsonl" --set validation.every=2
whole=$(digest "$work/a/model")
run "$work/b" --threads 1 --set micro_batch_tokens=1 --set max_active=3
is 'one thread, a sequence a micro-batch' "$whole" "$(digest "$work/b/model")"
R1_THREADS=reversed run "$work/c" --threads 2 --set micro_batch_tokens=300 --set recompute=true
is 'two threads in reverse, recomputed' "$whole" "$(digest "$work/c/model")"
R1_ISA=c run "$work/d"
is 'plain C' "$whole" "$(digest "$work/d/model")"
status=0
{ R1_FAILPOINT=checkpoint.rename@2=kill "$r1" run "$work/a/recipe.yaml" --out "$work/e" --quiet; } 2>/dev/null || status=$?
is 'killed (status)' 137 $status
said=$("$r1" run "$work/a/recipe.yaml" --out "$work/e" --quiet 2>&1) || fail "$said"
is 'killed and resumed' "$whole" "$(digest "$work/e/model")"
[ "$(digest "$work/a/checkpoints/$(ls "$work/a/checkpoints" | tail -n 1)")" = \
    "$(digest "$work/e/checkpoints/$(ls "$work/e/checkpoints" | tail -n 1)")" ] || fail 'other optimiser state after resuming'
case " $(metric "$work/a" on_policy | xargs) " in *' 0 '*) ;; *) fail 'no update was off-policy' ;; esac
case " $(metric "$work/a" on_policy | xargs) " in *' 1 '*) ;; *) fail 'no update was on-policy' ;; esac
[ -n "$(metric "$work/a" completions/mean_length)" ] && [ -n "$(metric "$work/a" completions/clipped_ratio)" ] || fail 'no lengths'
metric "$work/a" eval_loss | awk 'NR == 1 { first = $1 } { last = $1 } END { exit !(NR >= 3 && last < first) }' ||
    fail "the divergence does not fall: $(metric "$work/a" eval_loss | xargs)"

# A teacher in another file of the same numbers gives the same student; one that is the student has nothing to teach.
"$r1" convert "$teacher" "$work/teacher.gguf" --to gguf --type f32 >/dev/null 2>&1
run "$work/f" --set teacher="$work/teacher.gguf"
is 'a teacher in GGUF' "$whole" "$(digest "$work/f/model")"
run "$work/g" --model "$teacher" --set beta=0 --set lambda=0 --set epochs=1
is 'the teacher as its own student: loss' 0 "$(metric "$work/g" loss | sort -u | xargs)"
is 'the teacher as its own student: gradient' 0 "$(metric "$work/g" grad_norm | sort -u | xargs)"
for beta in 0 1; do
    run "$work/beta-$beta" --set beta=$beta --set epochs=1
    run "$work/beta-$beta-again" --set beta=$beta --set epochs=1 --threads 1
    is "beta $beta" "$(digest "$work/beta-$beta/model")" "$(digest "$work/beta-$beta-again/model")"
done
[ "$(digest "$work/beta-0/model")" != "$(digest "$work/beta-1/model")" ] || fail 'beta does nothing'
run "$work/lora" --model "$teacher" --set lora.rank=4 --set epochs=1
[ -e "$work/lora/model/adapter_model.safetensors" ] || fail 'no adapters were trained'

# The teacher makes the examples: the same ones however it is interrupted; a student in Llama's shape learns them by heart.
make() {
    local out=$1
    shift
    "$r1" distill --teacher "$teacher" --out "$out" --quiet --set mode=sft --set steps=4 --set batch_size=4 --set samples.per_problem=3 \
        --set samples.problems=3 --set samples.max_tokens=48 --set tasks="{sum: 1}" --set learning_rate=3e-3 \
        --set shape.arch=llama "${small[@]}" "$@" 2>"$work/said"
}
make "$work/h" || fail "$(cat "$work/said")"
grep -q '"model_type": "llama"' "$work/h/model/config.json" || fail 'not a Llama'
is 'rows that are examples' "$(wc -l <"$work/h/samples.jsonl")" \
    "$(grep -c '^{"task": "sum", "prompt": "User: .*"completion_ids": \[.*\]}$' "$work/h/samples.jsonl")"
sed 's/"prompt_ids".*"completion_ids"/"ids"/' "$work/h/samples.jsonl" | "$r1" tokenize --decode --model "$teacher" >"$work/texts"
is 'every example ends' "$(wc -l <"$work/h/samples.jsonl")" "$(grep -c '</answer><|endoftext|>' "$work/texts")"
for point in teacher-samples.{write,sync,rename}; do
    status=0
    { R1_FAILPOINT=$point=kill make "$work/i" --threads 1; } 2>/dev/null || status=$?
    is "killed at $point (status)" 137 $status
    [ ! -e "$work/i/samples.jsonl" ] || fail 'half-written samples'
done
make "$work/i" --threads 1 --set max_active=2 || fail "$(cat "$work/said")"
cmp "$work/h/samples.jsonl" "$work/i/samples.jsonl"
is 'sampled again' "$(digest "$work/h/model")" "$(digest "$work/i/model")"
is 'leftovers' '' "$(ls "$work/i" | grep tmp || true)"

# What does not fit.
x=(--out "$work/x")
on=(distill --teacher "$teacher" --data "$work/data.jsonl" "${x[@]}")
"$r1" pretrain --out "$work/base" --quiet --set steps=1 --set tokens_per_step=200 "${small[@]}" \
    --set tokenizer.vocab_size=352 --set tokenizer.documents=50 2>/dev/null
gives 2 'its tokens are not those of the student' "${on[@]}" --model "$work/base/model"
"$r1" pretrain --out "$work/other" --quiet --set steps=1 --set tokens_per_step=200 "${small[@]}" \
    --set tokenizer.vocab_size=300 --set tokenizer.documents=50 2>/dev/null
gives 2 'its vocabulary has 352 ids, that of the student' "${on[@]}" --model "$work/other/model"
gives 2 'teacher: none/config.json: No such file' distill --teacher none --data "$work/data.jsonl" "${x[@]}"
gives 2 'the key "teacher" is missing' run <(printf 'stage: distill\ndata: %s\n' "$work/data.jsonl")
gives 2 'the key "data" is missing' distill --teacher "$teacher" "${x[@]}"
gives 2 'lambda: cross-entropy on what the student says' "${on[@]}" --set mode=sft --set lambda=0.5
gives 2 'epochs: how many examples the teacher will make' "${on[@]}" --set samples.per_problem=2 --set epochs=1
gives 2 'lora.rank: adapters of fresh weights' "${on[@]}" --set lora.rank=2
gives 2 'shape.n_kv_heads: 3 does not divide' "${on[@]}" --set shape.n_kv_heads=3
printf '{"text": "1+1=2"}\n' >"$work/bad.jsonl"
gives 2 'bad.jsonl: example 1 has no prompt for the student to answer' distill --teacher "$teacher" --data "$work/bad.jsonl" "${x[@]}" --set lambda=1
gives 2 "do not fit into the models' 1024 positions" "${on[@]}" --set lambda=1 --set max_completion_tokens=1020
"$r1" distill --teacher "$teacher" --data "$work/data.jsonl" --out "$work/short" --quiet "${small[@]}" --set steps=1 \
    --set shape.max_positions=24 --set max_length=24 --set overlong=truncate 2>/dev/null
long=(distill --teacher "$work/short/model" --data "$work/data.jsonl" "${x[@]}")
gives 2 "tokens does not fit into the teacher's 24 positions" "${long[@]}"
gives 2 "tokens does not fit into the teacher's 24 positions" "${long[@]}" --set steps=1
sed '3s/.*/{"prompt": "a"}/' "$work/data.jsonl" >"$work/bad.jsonl"
gives 2 'bad.jsonl:3: expected "prompt" and "completion"' distill --teacher "$teacher" --data "$work/bad.jsonl" "${x[@]}"
printf '{"prompt": "User: 1+1=?\\nAssistant:", "answer": "7"}\n' >"$work/wrong.jsonl"
[ ! -e "$work/x" ] || fail 'a refused run left a folder'
gives 2 'none of its 2 answers was right' distill --teacher "$teacher" --data "$work/wrong.jsonl" --out "$work/none" --quiet \
    --set samples.per_problem=2 --set samples.max_tokens=8
sed -i '2s/.*/{"prompt_ids": [1, /' "$work/h/samples.jsonl"
rm -r "$work/h/model"
gives 2 'samples.jsonl:2' run "$work/h/recipe.yaml" --out "$work/h"
plan=$("$r1" "${on[@]}" --set epochs=3 --set packing=none --set batch_size=8 --dry-run 2>&1)
case $plan in *'steps: 9'*) ;; *) fail "the dry run does not count steps: $plan" ;; esac
