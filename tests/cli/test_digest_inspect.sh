#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `r1 digest` and `r1 inspect` on the carried models, and on what is no model.
set -euo pipefail
r1=$1
fixtures=tests/fixtures
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

is() { # what, expected, actual
    [ "$2" = "$3" ] || { printf '%s:\n  expected %s\n  got      %s\n' "$1" "$2" "$3"; exit 1; }
}
refused() { # words, command...: one line that says the words, status 2
    local words=$1 status=0 said
    shift
    said=$("$r1" "$@" 2>&1 >/dev/null) || status=$?
    is "$* (status)" 2 $status
    is "$* (lines)" 1 "$(wc -l <<<"$said")"
    case $said in *"$words"*) ;; *) is "$*" "... $words ..." "$said" ;; esac
}

is 'digest of two shards' '{"digest": "1b107cbe490b828d02db3ad48e82bf9b", "optimizer_digest": null}' \
    "$("$r1" digest $fixtures/llama31)"
mkdir "$work/m"
cp $fixtures/qwen2-tied/{config.json,model.safetensors} "$work/m"
cp $fixtures/qwen2-tied/model.safetensors "$work/m/optimizer.safetensors"
digest=c070c4cc59aa810d66ca2b75bd283874
is 'digest with an optimiser' "{\"digest\": \"$digest\", \"optimizer_digest\": \"$digest\"}" "$("$r1" digest "$work/m" --json)"
is 'digest of a file' "{\"digest\": \"$digest\", \"optimizer_digest\": null}" \
    "$("$r1" digest $fixtures/qwen2-tied/model.safetensors)"

is 'digest of a GGUF file' '{"digest": "85234de9199df86edfdc886e27b1a4fc", "optimizer_digest": null}' \
    "$("$r1" digest $fixtures/gguf/types.gguf)"

"$r1" inspect "$work/m" | grep -qx 'parameters     113216'
"$r1" inspect "$work/m" --tensors | grep -q '^model.layers.1.self_attn.v_proj.bias  *F32  *\[32\]$'
"$r1" inspect $fixtures/llama31 --json | grep -q '"architecture": "llama".*"rope_scaling": "llama3".*"parameters": 133440'
"$r1" inspect $fixtures/grpo/golden.safetensors | grep -q '^tensors        116 in 1 file: 106 F32 10 I32$'

refused 'No such file' digest "$work/nothing"
refused 'neither model.safetensors nor' digest "$work"
refused 'config.json: No such file' inspect "$work"
refused 'something is missing' digest
truncate -s -6 "$work/m/model.safetensors"
refused 'model.safetensors: tensor "model.norm.weight" ends 6 bytes after the file' digest "$work/m"
refused 'model.safetensors: tensor "model.norm.weight" ends 6 bytes after the file' inspect "$work/m"
truncate -s 100 "$work/m/model.safetensors"
refused 'the header of 2648 bytes ends 2556 bytes after the file' digest "$work/m"
: >"$work/m/model.safetensors"
refused 'ends after 0 bytes, inside the length of the header' digest "$work/m"
cp $fixtures/qwen2-tied/model.safetensors "$work/m"
sed -i 's/"vocab_size": 320/"vocab_size": 321/' "$work/m/config.json"
refused 'tensor "model.embed_tokens.weight" has shape [320, 64], must be [321, 64]' inspect "$work/m"
