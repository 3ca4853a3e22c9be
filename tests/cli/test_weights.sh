#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A model that stands in memory as its file has it gives the bits of the same model in f32, whatever the type, prompt or threads.
set -euo pipefail
r1=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "test_weights: $*" >&2
    exit 1
}
echo '{"ids": [5,6,7,40,41,42,43,8,9,100,101,102,250,251,252,30,31,32,33,34,35,36,37,38,39,40]}' >"$work/in"
# same NAME COMMAND...: the same lines with --weights stored and f32, on one thread and on two.
same() {
    local name=$1
    shift
    "$r1" "$@" --weights f32 >"$work/f32" 2>/dev/null
    "$r1" "$@" >"$work/stored" 2>/dev/null
    "$r1" "$@" --threads 1 >"$work/one" 2>/dev/null
    cmp -s "$work/f32" "$work/stored" || fail "$name: stored weights give other bits"
    cmp -s "$work/f32" "$work/one" || fail "$name: one thread gives other bits"
}
for model in models/base tests/fixtures/qwen2-tied tests/fixtures/llama31; do
    same $model score --model $model --input "$work/in"
done
for type in f32 f16 bf16 q8_0 q4_0 q4_k q6_k; do
    "$r1" convert models/base "$work/$type.gguf" --type $type --quiet >/dev/null
    same $type score --model "$work/$type.gguf" --input "$work/in"
    same $type sample --model "$work/$type.gguf" --prompt 'What is 2 + 3?' -n 3 --max-tokens 24
done
# DeepSeek: absorbed matrices, experts and the router, in folders, in both their types, and in blocks.
for model in deepseek-v3 deepseek-v3-noqlora; do
    same $model score --model tests/fixtures/$model --input "$work/in"
    for type in bf16 q8_0 q4_0; do
        "$r1" convert tests/fixtures/$model "$work/$model-$type.gguf" --type $type --quiet >/dev/null
        same "$model in $type" score --model "$work/$model-$type.gguf" --input "$work/in"
        same "$model in $type" sample --model "$work/$model-$type.gguf" --ids 5,6,7 -n 3 --max-tokens 24 --ignore-eos
    done
done
"$r1" score --model tests/fixtures/deepseek-v3 --weights bf16 --input "$work/in" >"$work/rounded"
"$r1" score --model tests/fixtures/deepseek-v3 --input "$work/in" | cmp -s - "$work/rounded" && fail "--weights bf16 rounds nothing of DeepSeek"
"$r1" score --model models/base --weights bf16 --input "$work/in" >"$work/rounded"
cmp -s "$work/rounded" "$work/f32" && fail "--weights bf16 rounds nothing"
"$r1" score --model models/base --weights half --input "$work/in" 2>"$work/err" && fail "another name is let pass"
grep -q -- '--weights' "$work/err" || fail "the refusal does not name the option: $(cat "$work/err")"
