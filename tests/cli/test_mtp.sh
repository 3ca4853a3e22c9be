#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Modules that predict further tokens, by command: pretrained, fine-tuned, resumed to the byte, inspected, guessing ahead without moving a bit; and
# what is said where there are none.
set -euo pipefail
r1=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() {
    echo "test_mtp: $*" >&2
    exit 1
}
# refused TEXT ARGUMENT...: status 2 and a line that holds TEXT.
refused() {
    local text=$1 status=0
    shift
    "$r1" "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
    [ "$status" = 2 ] || fail "r1 $*: status $status: $(cat "$tmp/err")"
    grep -qF -- "$text" "$tmp/err" || fail "r1 $*: expected \"$text\", got: $(cat "$tmp/err")"
}
digest() { "$r1" digest "$1" | cut -d'"' -f4; }

cat >"$tmp/p.yaml" <<'END'
name: p
stage: pretrain
steps: 12
tokens_per_step: 500
tokens_per_step_final: 500
learning_rate: 3e-3
checkpoint: {every: 6}
eval: {every: 0}
tokenizer: {vocab_size: 300, documents: 100}
shape: {hidden_size: 32, n_layers: 2, n_heads: 2, n_kv_heads: 1, head_dim: 16, ffn_size: 48, max_positions: 512, mtp_modules: 1}
mtp: {loss_weight: 0.3}
END
"$r1" run "$tmp/p.yaml" --out "$tmp/a" --quiet
[ "$(grep -c '"mtp_loss": [0-9]' "$tmp/a/metrics.jsonl")" = 12 ] || fail "no mtp_loss a step"
# Stopped and gone on with, in other micro-batches: the same bytes.
"$r1" run "$tmp/p.yaml" --out "$tmp/b" --quiet --set micro_batch_tokens=100 --threads 1
status=0
R1_FAILPOINT='checkpoint-model.sync@2=kill' "$r1" run "$tmp/p.yaml" --out "$tmp/c" --quiet 2>/dev/null || status=$?
[ $status = 137 ] || fail "was not killed, but ended with $status"
"$r1" run "$tmp/p.yaml" --out "$tmp/c" --quiet
for other in b c; do
    [ "$(digest "$tmp/$other/model")" = "$(digest "$tmp/a/model")" ] || fail "$other has another digest"
done

# The modules are counted; they are read and written again; a GGUF file of this architecture has no place for them.
"$r1" inspect "$tmp/a/model" --json >"$tmp/out"
grep -q '"mtp_modules": 1' "$tmp/out" || fail "inspect: $(cat "$tmp/out")"
"$r1" convert "$tmp/a/model" "$tmp/again" --to hf >/dev/null
[ "$(digest "$tmp/again")" = "$(digest "$tmp/a/model")" ] || fail "convert: another digest"
"$r1" convert "$tmp/a/model" "$tmp/plain.gguf" >/dev/null 2>"$tmp/err"
grep -q 'no place for the model.s 1 modules' "$tmp/err" || fail "modules are left out without a word"
"$r1" inspect "$tmp/plain.gguf" --json | grep -q '"mtp_modules": 0' || fail "modules in a GGUF file"

# One of DeepSeek's has: there and back to the byte; and quantised, they guess and move no bit.
v3=tests/fixtures/deepseek-v3-mtp
"$r1" convert $v3 "$tmp/v3" --to hf >/dev/null
"$r1" convert $v3 "$tmp/v3.gguf" >/dev/null 2>"$tmp/err"
[ -s "$tmp/err" ] && fail "convert says: $(cat "$tmp/err")"
"$r1" inspect "$tmp/v3.gguf" --json | grep -q '"mtp_modules": 2' || fail "no modules in a deepseek2 file"
"$r1" convert "$tmp/v3.gguf" "$tmp/v3-again" --to hf >/dev/null
[ "$(digest "$tmp/v3-again")" = "$(digest "$tmp/v3")" ] || fail "modules through a GGUF file: another digest"
"$r1" convert $v3 "$tmp/v3-q8.gguf" --type q8_0 >/dev/null 2>&1
"$r1" convert $v3 "$tmp/v3-gone.gguf" --type q8_0 --drop-modules >/dev/null 2>&1
"$r1" inspect "$tmp/v3-gone.gguf" --json | grep -q '"mtp_modules": 0' || fail "--drop-modules"
for f in v3-q8 v3-gone; do
    "$r1" sample --model "$tmp/$f.gguf" --ids 5,6,7 --max-tokens 60 -n 2 --ignore-eos >"$tmp/$f.out"
done
cmp "$tmp/v3-q8.out" "$tmp/v3-gone.out" || fail "modules of a GGUF file moved a bit"
# Its last tensor is a copy of the head; one that is none is told.
printf '\x3f\x3f' | dd of="$tmp/v3.gguf" bs=1 seek=$(($(stat -c %s "$tmp/v3.gguf") - 3)) conv=notrunc 2>/dev/null
echo '{"ids": [1, 2]}' >"$tmp/ids.jsonl"
refused 'tensor "blk.3.nextn.shared_head_head.weight" differs from "output.weight"' score --model "$tmp/v3.gguf" --input "$tmp/ids.jsonl"
refused 'tensor "blk.3.nextn.shared_head_head.weight" differs from "output.weight"' convert "$tmp/v3.gguf" "$tmp/x"
# In shards the index says whether they are there.
mkdir "$tmp/shards"
cp "$tmp/v3/config.json" "$tmp/shards"
cp "$tmp/v3/model.safetensors" "$tmp/shards/one.safetensors"
"$r1" inspect "$tmp/v3" --json | grep -o '"name": "[^"]*"' | cut -d'"' -f4 >"$tmp/names"
modules_by_index() { # < names
    { echo '{"weight_map": {' && sed 's/.*/"&": "one.safetensors"/' | paste -sd, && echo '}}'; } >"$tmp/shards/model.safetensors.index.json"
    "$r1" inspect "$tmp/shards" --json | grep -o '"mtp_modules": [0-9]*'
}
[ "$(modules_by_index <"$tmp/names")" = '"mtp_modules": 2' ] || fail "modules in shards"
[ "$(grep -v '^model.layers.[23]' "$tmp/names" | modules_by_index)" = '"mtp_modules": 0' ] || fail "modules that the index does not name"

# Guesses move no bit, and the model's own log-probabilities do not depend on the modules.
sample() { "$r1" sample --model "$1" --prompt "Compute 12 + 5. " --max-tokens 80 -n 3 --seed 4 "${@:2}"; }
sample "$tmp/a/model" >"$tmp/with"
sample "$tmp/a/model" --no-speculation >"$tmp/without"
cmp "$tmp/with" "$tmp/without" || fail "guesses moved a bit"
sample "$tmp/plain.gguf" >"$tmp/modules-gone"
cmp "$tmp/with" "$tmp/modules-gone" || fail "the model's numbers depend on its modules"

# Fine-tuning: with the modules, and beside them: then they stay as they are.
for i in 1 2 3 4; do echo "{\"prompt\": \"Compute $i + 1. \", \"completion\": \"The answer is $((i + 1)).\"}"; done >"$tmp/data.jsonl"
sft() { "$r1" sft --model "$tmp/a/model" --data "$tmp/data.jsonl" --quiet --set steps=2 --set max_length=64 --set batch_size=2 "$@"; }
sft --out "$tmp/s" --set mtp.loss_weight=0.1
grep -q '"mtp_loss": [0-9]' "$tmp/s/metrics.jsonl" || fail "sft: no mtp_loss"
sft --out "$tmp/t"
! grep -q mtp_loss "$tmp/t/metrics.jsonl" || fail "sft: mtp_loss without a weight"
module() { "$r1" inspect "$1" --json | grep -q '"mtp_modules": 1' || fail "$1 has lost its module"; }
module "$tmp/s/model"
module "$tmp/t/model"

refused 'mtp.loss_weight: the model has no modules' sft --model models/base --data "$tmp/data.jsonl" --out "$tmp/x" --set mtp.loss_weight=0.1
refused 'mtp.loss_weight: adapters leave' sft --model "$tmp/a/model" --data "$tmp/data.jsonl" --out "$tmp/x" --set mtp.loss_weight=0.1 --set lora.rank=2
sed -i 's/"num_nextn_predict_layers": 1/"num_nextn_predict_layers": 2/' "$tmp/again/config.json"
refused 'tensor "model.layers.3.' inspect "$tmp/again"
sed -i 's/"num_nextn_predict_layers": 2/"num_nextn_predict_layers": -1/' "$tmp/again/config.json"
refused 'num_nextn_predict_layers' inspect "$tmp/again"
head -c -1000 "$tmp/a/model/model.safetensors" >"$tmp/again/model.safetensors"
cp "$tmp/a/model/config.json" "$tmp/again/config.json"
refused "$tmp/again/model.safetensors" score --model "$tmp/again" --input /dev/null
