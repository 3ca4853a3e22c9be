#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Training of a model with latent attention and experts, by SFT and by GRPO, with both ways of balancing: the same bytes on any
# number of threads and for any micro-batch, completions that can be made again, and what is said to models without experts.
set -euo pipefail
r1=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() {
    echo "test_experts: $*" >&2
    exit 1
}
model=$tmp/model
mkdir "$model"
cp tests/fixtures/deepseek-v3/{config.json,model.safetensors} "$model"
chmod u+w "$model"/*
# Room for prompts of any problem; YaRN's angles do not hang on it.
sed -i 's/"max_position_embeddings": 512/"max_position_embeddings": 4096/' "$model/config.json"
"$r1" tasks --corpus --n 200 --seed 1 >"$tmp/corpus.txt"
"$r1" tokenize --train "$tmp/corpus.txt" --vocab 320 --out "$model" --quiet >/dev/null
printf '{"prompt":"2+2=","completion":"4"}\n{"prompt":"3+5=","completion":"8"}\n{"prompt":"7-5=","completion":"2"}\n' >"$tmp/data.jsonl"
balance=(--set expert_bias_rate=0.01 --set expert_balance_coef=0.05 --quiet)

sft=(sft --model "$model" --data "$tmp/data.jsonl" --set steps=3 --set epochs=0 "${balance[@]}")
"$r1" "${sft[@]}" --out "$tmp/sft-a" --threads 1 2>/dev/null
"$r1" "${sft[@]}" --out "$tmp/sft-b" --threads 3 --set micro_batch_tokens=5 --set recompute=true 2>/dev/null
[ "$("$r1" digest "$tmp/sft-a/model")" = "$("$r1" digest "$tmp/sft-b/model")" ] || fail "sft: threads and micro-batches move bytes"

grpo=(grpo --model "$model" --set steps=2 --set prompts_per_step=4 --set group_size=4 --set minibatches=2
    --set max_completion_tokens=24 --set eval.every=0 "${balance[@]}")
"$r1" "${grpo[@]}" --out "$tmp/grpo-a" --threads 2 2>/dev/null
"$r1" "${grpo[@]}" --out "$tmp/grpo-b" --threads 1 --set micro_batch_tokens=50 2>/dev/null
[ "$("$r1" digest "$tmp/grpo-a/model")" = "$("$r1" digest "$tmp/grpo-b/model")" ] || fail "grpo: threads and micro-batches move bytes"
[ "$(grep -c '"sampling/sampling_logp_difference/max": 0,' "$tmp/grpo-a/metrics.jsonl")" = 2 ] || fail "sampler and trainer differ"
"$r1" replay "$tmp/grpo-a" --step 2 --json --quiet | grep -c '"equal": true' | grep -qx 16 || fail "replay"

# The bias moves by the loads alone, so without them it stays.
"$r1" "${sft[@]}" --out "$tmp/sft-c" --set expert_bias_rate=0 2>/dev/null
[ "$("$r1" digest "$tmp/sft-a/model")" != "$("$r1" digest "$tmp/sft-c/model")" ] || fail "the bias does not move"

status=0
"$r1" sft --model models/base --data "$tmp/data.jsonl" --out "$tmp/dense" --set expert_bias_rate=0.1 2>"$tmp/err" || status=$?
[ "$status" = 2 ] && grep -q "expert_bias_rate: the model has no experts" "$tmp/err" || fail "a dense model: $status, $(cat "$tmp/err")"
