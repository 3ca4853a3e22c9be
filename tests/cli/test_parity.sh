#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# r1 parity: our numbers beside PyTorch's, the same bytes whatever may not matter, and what is said about wrong goldens.
set -euo pipefail
r1=$1
fixtures=tests/fixtures
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() {
    echo "test_parity: $*" >&2
    exit 1
}
# expect STATUS TEXT ARGUMENT...: the exit status, and a line on stderr that holds TEXT.
expect() {
    local want=$1 text=$2 status=0
    shift 2
    "$r1" "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
    [ "$status" = "$want" ] || fail "r1 $*: status $status, expected $want: $(cat "$tmp/err")"
    grep -qF -- "$text" "$tmp/err" || fail "r1 $*: expected \"$text\", got: $(cat "$tmp/err")"
}

qwen=$fixtures/qwen2-tied
model=(parity --model "$qwen" --golden "$qwen/golden.safetensors")
llama=(parity --model "$fixtures/llama31" --golden "$fixtures/llama31/golden.safetensors")
qwen3=(parity --model "$fixtures/qwen3" --golden "$fixtures/qwen3/golden.safetensors")
deepseek=(parity --model "$fixtures/deepseek-v3" --golden "$fixtures/deepseek-v3/golden.safetensors")
noqlora=(parity --model "$fixtures/deepseek-v3-noqlora" --golden "$fixtures/deepseek-v3-noqlora/golden.safetensors")
mtp=(parity --model "$fixtures/deepseek-v3-mtp" --golden "$fixtures/deepseek-v3-mtp/golden.safetensors")
grpo=(parity --kind grpo --model "$qwen" --golden "$fixtures/grpo/golden.safetensors")
sft=(parity --kind sft --model "$qwen" --golden "$fixtures/sft/golden.safetensors")
reward=(parity --kind reward-model --model "$qwen" --golden "$fixtures/reward_model/golden.safetensors")

# Within the limits, and one set of bytes for every ISA, number of threads and size of micro-batch.
for kind in model llama qwen3 deepseek noqlora mtp grpo sft reward; do
    declare -n arguments=$kind
    "$r1" "${arguments[@]}" --dump "$tmp/$kind.want" --threads 1 >"$tmp/$kind.lines" 2>"$tmp/err" || fail "$kind is past a limit: $(grep false "$tmp/$kind.lines")"
    [ "$(wc -l <"$tmp/$kind.lines")" -ge 5 ] || fail "$kind compares too little"
    ! grep -vqE '^\{"tensor": "[^"]+", "max_error": [0-9.e-]+, "limit": [0-9.e-]+, "ok": true\}$' "$tmp/$kind.lines" || fail "$kind: lines are not as documented"
    for isa in c avx2 avx512; do
        R1_ISA=$isa "$r1" doctor >/dev/null 2>&1 || continue
        R1_ISA=$isa "$r1" "${arguments[@]}" --dump "$tmp/got" --threads 2 --micro-batch-tokens 20 >/dev/null 2>"$tmp/err"
        cmp "$tmp/$kind.want" "$tmp/got" || fail "$kind: R1_ISA=$isa, 2 threads, small micro-batches give other bytes"
    done
done
for line in advantages completion7.logprobs grpo.loss grad_norm adamw.step2.model.norm.weight; do
    grep -q "\"$line\"" "$tmp/grpo.lines" || fail "grpo does not compare $line"
done

for line in pair0.chosen.score pair2.rejected.score loss grad.head.weight grad.model.embed_tokens.weight; do
    grep -q "\"$line\"" "$tmp/reward.lines" || fail "reward-model does not compare $line"
done
LC_ALL=C sed 's/pair1.rejected.ids/pair1.rejected.idX/' "$fixtures/reward_model/golden.safetensors" >"$tmp/half.safetensors"
expect 2 'tensor "pair1.rejected.ids" is missing' parity --kind reward-model --model "$qwen" --golden "$tmp/half.safetensors"
LC_ALL=C sed 's/"head.weight/"heaX.weight/' "$fixtures/reward_model/golden.safetensors" >"$tmp/headless.safetensors"
expect 2 'tensor "head.weight" is missing' parity --kind reward-model --model "$qwen" --golden "$tmp/headless.safetensors"

# Stored weights to the bit: f8 with block scales, and the table of e4m3; a bit that differs is seen.
fp8=$fixtures/fp8
"$r1" parity --kind dequant --model $fp8/quantised.safetensors --golden $fp8/golden.safetensors --dump "$tmp/fp8" 2>"$tmp/err" |
    grep -qx '{"tensor": "c.weight", "max_error": 0, "limit": 0, "ok": true}' || fail "fp8"
"$r1" parity --kind dequant --model $fp8/quantised.safetensors --golden $fp8/e4m3_table.safetensors 2>"$tmp/err" | grep -q '"value", "max_error": 0, .*true' || fail "e4m3"
"$r1" parity --kind dequant --model "$tmp/fp8" --golden $fp8/golden.safetensors >"$tmp/out" 2>"$tmp/err" || fail "the dump of fp8 is another matrix"
printf '\x01' | dd of="$tmp/fp8" bs=1 seek="$(($(stat -c %s "$tmp/fp8") - 4))" conv=notrunc status=none
expect 1 "1 past their limit" parity --kind dequant --model "$tmp/fp8" --golden $fp8/golden.safetensors
LC_ALL=C sed "s/c.weight_scale_inv/c.weight_scale_inX/" $fp8/quantised.safetensors >"$tmp/unscaled.safetensors"
expect 2 'c.weight_scale_inv" are missing' parity --kind dequant --model "$tmp/unscaled.safetensors" --golden $fp8/golden.safetensors

# --layers: the embedding, after each of two layers, after the final norm, for each sequence.
"$r1" "${model[@]}" --layers 2>"$tmp/err" | grep -c hidden_rms | grep -qx "$((4 * $(grep -c logits "$tmp/model.lines")))" || fail "--layers"

# Another model's numbers: status 1, every tensor told, our numbers written all the same.
cp -r "$qwen" "$tmp/bent"
printf '\x00\x00\x80\x3f' | dd of="$tmp/bent/model.safetensors" bs=1 seek="$(($(stat -c %s "$tmp/bent/model.safetensors") - 4000))" conv=notrunc status=none
expect 1 "past their limit" parity --model "$tmp/bent" --golden "$qwen/golden.safetensors" --dump "$tmp/bent.dump"
grep -q '"ok": false' "$tmp/out" || fail "no line says what is past its limit"
cmp -s "$tmp/bent.dump" "$tmp/model.want" && fail "the dump holds the golden's numbers"
"$r1" parity --model "$tmp/bent" --golden "$qwen/golden.safetensors" --quiet 2>&1 >/dev/null | grep . && fail "--quiet says something"

# Goldens that cannot be compared.
expect 2 'tensor "seq0.ids" is missing' parity --model "$qwen" --golden "$fixtures/grpo/golden.safetensors"
expect 2 'tensor "seq0.prompt_length" is missing' parity --kind sft --model "$qwen" --golden "$qwen/golden.safetensors"
cp "$fixtures/grpo/golden.json" "$tmp/golden.json"
expect 2 'tensor "prompt0.ids" is missing' parity --kind grpo --model "$qwen" --golden "$tmp/grpo.want"
expect 2 'golden.json' parity --kind grpo --model "$qwen" --golden "$fixtures/sft/golden.safetensors"
cp "$fixtures/grpo/golden.safetensors" "$tmp/g.safetensors"
sed 's/"grpo": {/"grpa": {/' "$fixtures/grpo/golden.json" >"$tmp/golden.json"
expect 2 'variants.grpa: this program knows' parity --kind grpo --model "$qwen" --golden "$tmp/g.safetensors"
sed 's/"group_size": 4/"group_size": 3/' "$fixtures/grpo/golden.json" >"$tmp/golden.json"
expect 2 '8 completions are not 2 prompts times group_size 3' parity --kind grpo --model "$qwen" --golden "$tmp/g.safetensors"
sed 's/population/whatever/' "$fixtures/grpo/golden.json" >"$tmp/golden.json"
expect 2 'begins with none of population, sample, none' parity --kind grpo --model "$qwen" --golden "$tmp/g.safetensors"
sed 's/"clip_low": 0.2/"clip_low": "x"/' "$fixtures/grpo/golden.json" >"$tmp/golden.json"
expect 2 'clip_low' parity --kind grpo --model "$qwen" --golden "$tmp/g.safetensors"
sed 's/population/sample/' "$fixtures/grpo/golden.json" >"$tmp/golden.json"
expect 1 'past their limit' parity --kind grpo --model "$qwen" --golden "$tmp/g.safetensors"
grep -q '"tensor": "advantages", .*false' "$tmp/out" || fail "another std must be seen in the advantages"
head -c 3000 "$fixtures/sft/golden.safetensors" >"$tmp/cut.safetensors"
expect 2 "$tmp/cut.safetensors" parity --kind sft --model "$qwen" --golden "$tmp/cut.safetensors"
expect 2 'golden.safetensors' parity --model "$fixtures/llama31" --golden "$tmp/none/golden.safetensors"
expect 2 '--kind nothing' parity --kind nothing --model "$qwen" --golden "$qwen/golden.safetensors"
expect 2 '--golden' parity --model "$qwen"
LC_ALL=C sed 's/"greedy.ids"/"greedy.idz"/' "$qwen/golden.safetensors" >"$tmp/named.safetensors"
expect 2 'tensor "greedy.ids" is missing' parity --model "$qwen" --golden "$tmp/named.safetensors"
# A tensor that means nothing here is named once all others have been compared.
LC_ALL=C sed 's/"seq1.logits"/"seq1.lOgits"/' "$qwen/golden.safetensors" >"$tmp/named.safetensors"
expect 2 'tensors that mean nothing to --kind model: 1, first "seq1.lOgits"' parity --model "$qwen" --golden "$tmp/named.safetensors"
[ "$(wc -l <"$tmp/out")" = "$(($(wc -l <"$tmp/model.lines") - 1))" ] || fail "an unknown tensor hides the others"
LC_ALL=C sed 's/"grad.model.norm.weight"/"gRad.model.norm.weight"/' "$qwen/golden.safetensors" >"$tmp/named.safetensors"
expect 2 'tensor "grad.model.norm.weight" is missing' parity --model "$qwen" --golden "$tmp/named.safetensors"
expect 2 "$tmp/none/dump" parity --model "$qwen" --golden "$qwen/golden.safetensors" --dump "$tmp/none/dump"

# Every quantised type has the values of the format's own tools, to the last bit.
expect 0 "14 tensors compared, 0 past" parity --kind dequant --model "$fixtures/gguf/types.gguf" --golden "$fixtures/gguf/golden.safetensors"
expect 2 'tensors that mean nothing to --kind dequant' parity --kind dequant --model "$qwen/model.safetensors" --golden "$fixtures/gguf/golden.safetensors"
head -c 36000 "$fixtures/gguf/types.gguf" >"$tmp/cut.gguf"
expect 2 'cut.gguf: tensor "iq4_xs" of 1632 bytes' parity --kind dequant --model "$tmp/cut.gguf" --golden "$fixtures/gguf/golden.safetensors"
