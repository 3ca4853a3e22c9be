#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Adapters on weights that stay as their file has them: DeepSeek's maps by their names, the bytes of the same weights in f32 whatever
# the type, PEFT's names in the folder, merging, and what is refused.
set -euo pipefail
r1=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "test_lora_stored: $*" >&2; exit 1; }
refused() { # words, command...: one line that says the words, status 2
    local words=$1 status=0 said
    shift
    said=$("$@" 2>&1 >/dev/null) || status=$?
    [ "$status" = 2 ] && [ "$(wc -l <<<"$said")" = 1 ] || fail "$*: status $status: $said"
    case $said in *"$words"*) ;; *) fail "$*: expected \"$words\", got $said" ;; esac
}
digest() { "$r1" digest "$1" | sed 's/.*"digest": "\([0-9a-f]*\)", "opt.*/\1/'; }
"$r1" tasks --corpus --n 200 --seed 1 >"$work/corpus.txt"
"$r1" tokenize --train "$work/corpus.txt" --vocab 320 --out "$work/tok" --quiet >/dev/null
printf '{"prompt":"2+2=","completion":"4"}\n{"prompt":"3+5=","completion":"8"}\n{"prompt":"7-5=","completion":"2"}\n' >"$work/data.jsonl"
sft() { # model, name, options...
    "$r1" sft --model "$1" --data "$work/data.jsonl" --out "$work/$2" --quiet --set lora.rank=4 --set steps=3 --set epochs=0 \
        --set learning_rate=1e-2 "${@:3}" >"$work/log" 2>&1 || fail "$2: $(cat "$work/log")"
    digest "$work/$2/model"
}
ids='{"ids":[40,50,60,70,80,3,5]}'

for name in deepseek-v3 deepseek-v3-noqlora; do
    cp -r tests/fixtures/$name "$work/$name"
    chmod -R u+w "$work/$name"
    cp "$work"/tok/* "$work/$name/"
    # Each file beside the same weights widened to f32: adapters do not see the difference.
    "$r1" convert "$work/$name" "$work/$name.gguf" --type q8_0 --quiet >/dev/null
    for file in $name $name.gguf; do
        "$r1" convert "$work/$file" "$work/$file-f32" --to hf --type f32 >/dev/null
        want=$(sft "$work/$file-f32" $file-want --threads 1)
        [ "$(sft "$work/$file" $file-got --threads 2 --set micro_batch_tokens=5 --set recompute=true)" = "$want" ] || fail "$file: other bytes than in f32"
        [ "$(R1_THREADS=reversed sft "$work/$file" $file-back --threads 2)" = "$want" ] || fail "$file: reversed threads give other bytes"
    done
    [ "$(R1_ISA=c sft "$work/$name.gguf" $name-c)" = "$want" ] || fail "$name: plain C gives other bytes"
    "$r1" score --model "$work/$name.gguf-got/model" <<<"$ids" >"$work/adapted.score"
    "$r1" score --model "$work/$name.gguf-got/model" --weights f32 <<<"$ids" | cmp -s - "$work/adapted.score" || fail "$name: score in f32 differs"
    "$r1" merge "$work/$name.gguf-got/model" "$work/$name-merged"
    "$r1" score --model "$work/$name-merged" <<<"$ids" >"$work/merged.score"
    paste -d' ' <(tr -dc '0-9.,e-' <"$work/adapted.score" | tr , '\n') <(tr -dc '0-9.,e-' <"$work/merged.score" | tr , '\n') |
        awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > 1e-4) exit 1 }' || fail "$name: merged $(cat "$work/merged.score") is not $(cat "$work/adapted.score")"
done
"$r1" inspect "$work/deepseek-v3-got/model" --tensors >"$work/tensors"
for tensor in 0.self_attn.q_a_proj 1.self_attn.kv_a_proj_with_mqa 2.self_attn.q_b_proj 0.self_attn.kv_b_proj 0.mlp.gate_proj 1.mlp.shared_experts.up_proj 2.mlp.experts.7.down_proj; do
    grep -q "base_model.model.model.layers.$tensor.lora_B.weight" "$work/tensors" || fail "no $tensor: $(cat "$work/tensors")"
done
tr -d ' \n' <"$work/deepseek-v3-got/model/adapter_config.json" | grep -q '"target_modules":\["q_a_proj","kv_a_proj_with_mqa","q_b_proj","kv_b_proj","o_proj","gate_proj","up_proj","down_proj"\]' || fail "$(cat "$work/deepseek-v3-got/model/adapter_config.json")"

# Some maps alone, by the names that PEFT ends a path with; the folder is read back as it was written.
sft "$work/deepseek-v3" some --set lora.targets=kv_b,shared_experts.down_proj,mlp.gate_proj >/dev/null
"$r1" inspect "$work/some/model" --tensors | grep -c lora_A | grep -qx 6 || fail "maps of three names in three layers"
"$r1" score --model "$work/some/model" <<<"$ids" | grep -q logprobs || fail "some: score"

# GRPO samples with the weights it trains under, and its reference beneath the same ones.
grpo=(grpo --model "$work/deepseek-v3.gguf" --set lora.rank=3 --set lora.targets=all --set kl_coef=0.01 --set steps=2 --set prompts_per_step=4
    --set group_size=4 --set max_completion_tokens=12 --set eval.every=0 --set checkpoint.every=1 --quiet)
sed -i 's/"max_position_embeddings": 512/"max_position_embeddings": 4096/' "$work/deepseek-v3/config.json"
rm "$work/deepseek-v3.gguf"
"$r1" convert "$work/deepseek-v3" "$work/deepseek-v3.gguf" --type q4_0 --quiet >/dev/null
"$r1" "${grpo[@]}" --out "$work/grpo-a" --threads 2 2>"$work/err" || fail "grpo: $(cat "$work/err")"
[ "$(grep -c '"sampling/sampling_logp_difference/max": 0,' "$work/grpo-a/metrics.jsonl")" = 2 ] || fail "sampler and trainer differ"
status=0
{ R1_FAILPOINT=checkpoint.rename@2=kill "$r1" "${grpo[@]}" --out "$work/grpo-b" --threads 1; } >/dev/null 2>&1 || status=$?
[ "$status" = 137 ] || fail "it was to be killed, status $status"
"$r1" "${grpo[@]}" --out "$work/grpo-b" --threads 1 --set micro_batch_tokens=50 2>/dev/null
[ "$(digest "$work/grpo-a/model")" = "$(digest "$work/grpo-b/model")" ] || fail "grpo: resumed to other bytes"

# What the model has not is refused by name.
more=(sft --model "$work/deepseek-v3" --data "$work/data.jsonl" --out "$work/no" --set lora.rank=2)
refused 'lora.targets: adapters on self_attn.k_proj: the model has none; it has q_a_proj, kv_a_proj_with_mqa' "$r1" "${more[@]}" --set lora.targets=q_a,k
refused 'adapters on self_attn.q_proj: the model has none' "$r1" "${more[@]}" --set lora.targets=q
refused 'expert_bias_rate: the bias belongs to the model beneath' "$r1" "${more[@]}" --set expert_bias_rate=0.1
refused 'adapters on self_attn.kv_b_proj: the model has none; it has q_proj, k_proj' "$r1" sft --model models/base --data "$work/data.jsonl" --out "$work/no" --set lora.rank=2 --set lora.targets=kv_b
