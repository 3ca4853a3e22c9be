#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Reward models: one digest however they are trained, what is measured on held-out rows, their scores, and what is said about bad data.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/../script.sh"

small_base "$work/base"
model=$work/base/model
# The right answer against one that is ten thousand too large, with thinking that tells nothing.
"$r1" tasks sum --n 160 --seed 1 --split train |
    sed 's/.*"prompt": \("[^"]*"\), "answer": "\([^"]*\)".*/{"prompt": \1, "chosen": "<think> a <\/think> \2", "rejected": "<think> b <\/think> 9999\2"}/' >"$work/pairs.jsonl"
sed 's/{\("prompt": "[^"]*"\), "chosen": \("[^"]*"\), "rejected": \("[^"]*"\)}/{\1, "completion": \2, "label": true}\n{\1, "completion": \3, "label": false}/' \
    "$work/pairs.jsonl" >"$work/labels.jsonl"
is 'rows of labels' 320 "$(grep -c label "$work/labels.jsonl")"

# run FOLDER DATA OPTION...
run() {
    local out=$1 data=$2
    shift 2
    "$r1" reward-model --model "$model" --data "$work/$data.jsonl" --out "$out" --quiet --set batch_size=8 --set learning_rate=3e-3 \
        --set held_out=0.2 --set validation.every=5 --set checkpoint.every=5 --set seed=7 "$@" 2>/dev/null
}

# One digest: threads, micro-batches, recomputation, the order of parallel items, kernels, kill and resume.
for data in pairs labels; do
    run "$work/$data" $data
    whole=$(digest "$work/$data/model")
    run "$work/b" $data --threads 1 --set micro_batch_tokens=1
    is "$data: one thread, a row a micro-batch" "$whole" "$(digest "$work/b/model")"
    R1_ISA=c R1_THREADS=reversed run "$work/c" $data --threads 2 --set micro_batch_tokens=300 --set recompute=true
    is "$data: plain C, two threads, in reverse, recomputed" "$whole" "$(digest "$work/c/model")"
    status=0
    { R1_FAILPOINT=checkpoint.rename@2=kill run "$work/d" $data; } 2>/dev/null || status=$?
    is 'killed (status)' 137 $status
    run "$work/d" $data
    is "$data: killed and resumed" "$whole" "$(digest "$work/d/model")"
    is "$data: the same measurements" "$(metric "$work/$data" eval_accuracy)" "$(metric "$work/d" eval_accuracy)"
    rm -rf "$work/b" "$work/c" "$work/d"
    [ "$(metric "$work/$data" eval_accuracy | tail -n 1 | awk '{ print ($1 >= 0.9) }')" = 1 ] ||
        fail "$data: not learnt: $(metric "$work/$data" eval_accuracy | xargs)"
    for name in eval_loss eval_margin eval_ece eval_length_correlation eval_reliability/0.95/n; do
        [ -n "$(metric "$work/$data" "${name//\//\\/}")" ] || fail "$data: $name is not measured"
    done
    grep -q 'How sure, how right' "$work/$data/report.html" || fail "$data: no reliability table in the report"
done
run "$work/shards" pairs --set shards=4 --set micro_batch_tokens=1
run "$work/shards2" pairs --set shards=4
is 'four shards' "$(digest "$work/shards/model")" "$(digest "$work/shards2/model")"

# The folder is transformers' classifier of one label.
grep -q '"Qwen2ForSequenceClassification"' "$work/pairs/model/config.json" || fail 'not a classifier'
grep -q '"LABEL_0": 0' "$work/pairs/model/config.json" || fail 'not of one label'
"$r1" inspect "$work/pairs/model" | grep -q 'scalar head' || fail 'inspect does not tell'
gives 2 'has a scalar head' sample --model "$work/pairs/model" --prompt a
gives 2 'has a scalar head' sft --model "$work/pairs/model" --data "$work/labels.jsonl" --out "$work/x" --set steps=1
gives 2 'has a scalar head' convert "$work/pairs/model" "$work/x.gguf" --to gguf

# Scores: those of pairs stand behind </think>, a row is scored alike whatever stands beside it.
score() { "$r1" score --reward --model "$work/pairs/model" "$@" 2>/dev/null; }
summary=$(printf '{"prompt": "2+2", "completion": "<think> long </think>\\n 4"}\n' | score --summary)
is 'the summary' "$summary" "$(printf '{"prompt": "2+2", "completion": " 4"}\n' | score)"
[ "$summary" != "$(printf '{"prompt": "2+2", "completion": "<think> long </think>\\n 4"}\n' | score)" ] || fail '--summary does nothing'
is 'rows' 'error reward reward' "$(printf '%s\n' '{"prompt": 1, "completion": "a"}' '{"prompt": "2+2", "completion": "4"}' '{"ids": [1, 2]}' |
    score | sed 's/{"\([a-z]*\)".*/\1/' | xargs)"
# A head of the largest floats, whose scores are no numbers, scores nothing.
cp -r "$work/pairs/model" "$work/huge"
for i in $(seq 24); do printf '\xff\xff\x7f\x7f'; done |
    dd of="$work/huge/model.safetensors" bs=1 seek="$(($(stat -c %s "$work/huge/model.safetensors") - 96))" conv=notrunc status=none
gives 2 'not finite' score --reward --model "$work/huge" --input "$work/labels.jsonl"
gives 2 'has no scalar head' score --reward --model "$model" --input "$work/labels.jsonl"
gives 2 '--summary' score --summary --model "$model" --input "$work/labels.jsonl"

# Adapters: trained, killed, resumed; their folder scores.
lora() { run "$work/$1" pairs --set lora.rank=4 --set lora.alpha=8 --set epochs=1; }
lora lora
status=0
{ R1_FAILPOINT=checkpoint.rename@2=kill lora lora2; } 2>/dev/null || status=$?
is 'killed (status)' 137 $status
lora lora2
is 'adapters, killed and resumed' "$(digest "$work/lora/model")" "$(digest "$work/lora2/model")"
grep -q '"SEQ_CLS"' "$work/lora/model/adapter_config.json" || fail 'adapters of another task'
printf '{"prompt": "2+2", "completion": "4"}\n' | "$r1" score --reward --model "$work/lora/model" 2>/dev/null | grep -q reward || fail 'adapters do not score'

# Going on from a reward model keeps its head; a row's own margin and the recipe's are one thing.
run "$work/more" pairs --set model="$work/pairs/model" --set steps=1 --set epochs=0 --set learning_rate=0
is 'a rate of 0 moves nothing' "$(digest "$work/pairs/model")" "$(digest "$work/more/model")"
sed 's/}$/, "margin": 0.75}/' "$work/pairs.jsonl" >"$work/margins.jsonl"
run "$work/m1" margins --set steps=3
run "$work/m2" pairs --set steps=3 --set margin=0.75
is 'margins' "$(digest "$work/m1/model")" "$(digest "$work/m2/model")"

# What is wrong with data and recipes.
printf '{"prompt": "a", "chosen": "b"}\n' >"$work/bad.jsonl"
gives 2 'bad.jsonl:1: "rejected" must be' reward-model --model "$model" --data "$work/bad.jsonl" --out "$work/x"
gives 2 'leaves none of its' reward-model --model "$model" --data <(head -n 1 "$work/pairs.jsonl") --out "$work/x" --set held_out=0.9 --set seed=1
gives 2 'a reward model answers no problems' reward-model --model "$model" --data "$work/pairs.jsonl" --out "$work/x" --set eval.every=5
gives 2 'its rows are labelled' reward-model --model "$model" --data "$work/pairs.jsonl" --out "$work/x" --set validation.data="$work/labels.jsonl"
gives 2 'is not one of auto, summary, response' reward-model --model "$model" --data "$work/pairs.jsonl" --out "$work/x" --set scored=all
[ ! -e "$work/x" ] || fail 'a recipe that cannot run left a folder'
"$r1" reward-model --model "$model" --data "$work/pairs.jsonl" --out "$work/x" --dry-run 2>&1 | grep -q 'scored: auto' || fail 'dry run'
