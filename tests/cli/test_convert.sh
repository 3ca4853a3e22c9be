#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# r1 convert: nothing is lost on the way to GGUF and back, each type is written as it is read, and nothing half-written is left.
set -euo pipefail
r1=$1
fixtures=tests/fixtures
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "test_convert: $*" >&2
    exit 1
}
# refused STATUS WORDS ARGUMENTS...: one line with the words, nothing else.
refused() {
    local want=$1 words=$2 status=0
    shift 2
    "$r1" convert "$@" >"$work/out" 2>"$work/err" || status=$?
    [ "$status" = "$want" ] || fail "convert $*: status $status, not $want"
    grep -qF -- "$words" "$work/err" || fail "convert $*: said $(cat "$work/err"), not $words"
    [ "$(wc -l <"$work/err")" = 1 ] || fail "convert $*: more than one line"
}
digest() { "$r1" digest "$1" | sed 's/.*"digest": "\([0-9a-f]*\)", "opt.*/\1/'; }

# There and back: the same tensors, the same config, the same tokens.
for model in models/base $fixtures/qwen2-tied $fixtures/llama31; do
    rm -rf "$work/there.gguf" "$work/back"
    "$r1" convert $model "$work/there.gguf" >"$work/told"
    grep -q "$(digest "$work/there.gguf")" "$work/told" || fail "$model: another digest is told"
    "$r1" convert "$work/there.gguf" "$work/back" --to hf >/dev/null
    [ "$(digest $model)" = "$(digest "$work/back")" ] || fail "$model: other weights came back"
    for key in rope_scaling rope_theta rms_norm_eps head_dim eos_token_id tie_word_embeddings; do
        diff <(tr -d ' \n' <$model/config.json | grep -o "\"$key\":[^,}]*" || true) \
            <(tr -d ' \n' <"$work/back/config.json" | grep -o "\"$key\":[^,}]*" || true) >/dev/null ||
            [ "$key" = head_dim ] || fail "$model: another $key came back"
    done
done
"$r1" convert models/base "$work/base.gguf" >/dev/null
"$r1" tokenize --model models/base --text "$(cat README.md)" >"$work/ids" 2>/dev/null
"$r1" tokenize --model "$work/base.gguf" --text "$(cat README.md)" 2>/dev/null | cmp -s - "$work/ids" || fail "other tokens"

# A GGUF file gives the golden numbers of its folder, gradients included.
for model in qwen2-tied llama31; do
    "$r1" convert $fixtures/$model "$work/$model.gguf" >/dev/null
    "$r1" parity --model "$work/$model.gguf" --golden $fixtures/$model/golden.safetensors --quiet >"$work/lines" || fail "$model: $(grep false "$work/lines")"
done

# Each type opens again, and what is written is what is read: a second conversion finds nothing left to round.
for type in f16 bf16 q8_0 q4_0; do
    rm -f "$work/once.gguf" "$work/twice.gguf"
    "$r1" convert models/base "$work/once.gguf" --type $type --quiet >/dev/null
    "$r1" convert "$work/once.gguf" "$work/twice.gguf" --type $type --quiet >/dev/null
    [ "$(digest "$work/once.gguf")" = "$(digest "$work/twice.gguf")" ] || fail "$type: another digest the second time"
done
for type in q4_k q6_k; do
    "$r1" convert models/base "$work/$type.gguf" --type $type --quiet >/dev/null
    "$r1" eval --model "$work/$type.gguf" --text README.md --json --quiet >/dev/null || fail "$type does not run"
done
for type in f16 bf16; do
    "$r1" convert models/base "$work/hf-$type" --to hf --type $type >/dev/null
    "$r1" convert "$work/hf-$type" "$work/again-$type" --to hf --type $type >/dev/null
    [ "$(digest "$work/hf-$type")" = "$(digest "$work/again-$type")" ] || fail "$type: rounded twice"
done
# Experts' correction bias stays f32, so a published model comes back as it was.
"$r1" convert $fixtures/deepseek-v3-noqlora "$work/deepseek" --to hf --type bf16 >/dev/null
[ "$(digest "$work/deepseek")" = "$(digest $fixtures/deepseek-v3-noqlora)" ] || fail "deepseek-v3-noqlora: another digest"
# DeepSeek: kv_b_proj in two tensors, experts in one, YaRN and the gate as keys; and all of it back.
for model in deepseek-v3:f32 deepseek-v3-noqlora:bf16; do
    type=${model#*:} name=${model%:*}
    "$r1" convert $fixtures/$name "$work/$name.gguf" --type $type >/dev/null
    "$r1" convert "$work/$name.gguf" "$work/$name-back" --to hf --type $type >/dev/null
    "$r1" convert $fixtures/$name "$work/$name-there" --to hf --type $type >/dev/null
    [ "$(digest "$work/$name-back")" = "$(digest $fixtures/$name)" ] || fail "$name: other weights came back"
    cmp -s "$work/$name-back/config.json" "$work/$name-there/config.json" || fail "$name: another config came back"
    "$r1" parity --model "$work/$name.gguf" --golden $fixtures/$name/golden.safetensors --quiet >"$work/lines" || fail "$name: $(grep false "$work/lines")"
    "$r1" inspect "$work/$name.gguf" --tensors >"$work/lines" || fail "$name: inspect"
    grep -q 'blk.2.ffn_down_exps.weight' "$work/lines" || fail "$name: $(cat "$work/lines")"
done
sed 's/"rope_interleave": true/"rope_interleave": false/' $fixtures/deepseek-v3/config.json >"$work/deepseek/config.json"
cp $fixtures/deepseek-v3/model.safetensors "$work/deepseek/"
refused 2 '"rope_interleave" false has no place' "$work/deepseek" "$work/halves.gguf"
grep -q '"torch_dtype": "float16"' "$work/hf-f16/config.json" || fail "config.json does not say float16"

# Wrong use, and writes that fail: one line, nothing left.
refused 2 'there already' models/base "$work/base.gguf"
refused 2 'holds f32, f16 or bf16' models/base "$work/new" --to hf --type q8_0
refused 2 '--type' models/base "$work/new.gguf" --type q5_0
refused 2 'config.json' "$work" "$work/new.gguf"
head -c 100000 "$work/base.gguf" >"$work/cut.gguf"
refused 2 'cut.gguf: ' "$work/cut.gguf" "$work/new" --to hf
for point in write sync rename dirsync; do
    R1_FAILPOINT="convert.$point=enospc" refused 3 'No space left' models/base "$work/full.gguf"
    R1_FAILPOINT="convert.$point=enospc" refused 3 'No space left' models/base "$work/full" --to hf
    if [ $point != dirsync ] && { [ -e "$work/full.gguf" ] || [ -e "$work/full" ]; }; then fail "$point: something is there"; fi
    rm -rf "$work"/full*
done
