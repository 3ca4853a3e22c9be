#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Problems of a file whose prompts are longer than any of the families': evaluations of both stages have room for them, a file
# that cannot fit is refused before the first step, and so is an evaluation or a rollout that no machine holds.
set -euo pipefail
r1=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { printf '%s\n' "$*"; exit 1; }
refused() { # words, command...
    local words=$1 status=0 said
    shift
    said=$("$r1" "$@" 2>&1 >/dev/null) || status=$?
    [ "$status" = 2 ] || fail "$*: status $status, expected 2: $said"
    case $(tail -n 1 <<<"$said") in *"$words"*) ;; *) fail "$*: expected ... $words ..., got $said" ;; esac
}
row() { printf '{"id": "long", "prompt": "User: %s\\nAssistant:", "answer": "2"}\n' "$(printf 'q7 %.0s' $(seq "$1"))"; }
row 150 >"$work/long.jsonl"
row 900 >"$work/too-long.jsonl"

cat >"$work/pre.yaml" <<EOF
stage: pretrain
steps: 2
tokens_per_step: 200
tokens_per_step_final: 200
micro_batch_tokens: 256
shape: {hidden_size: 32, n_layers: 1, n_heads: 2, n_kv_heads: 1, head_dim: 16, ffn_size: 32, max_positions: 768}
tokenizer: {vocab_size: 300, documents: 50}
eval: {every: 1, samples: 2, max_tokens: 8, data: $work/long.jsonl}
EOF
"$r1" run "$work/pre.yaml" --out "$work/base" --quiet 2>"$work/said" || fail "pretrain: $(cat "$work/said")"
grep -c '"eval/held_out/pass@1"' "$work/base/metrics.jsonl" | grep -qx 2 || fail 'pretrain: not two evaluations'

refused 'eval.data' run "$work/pre.yaml" --out "$work/none" --quiet --set eval.data="$work/too-long.jsonl"
[ ! -s "$work/none/metrics.jsonl" ] || fail 'pretrain: a step was made before its evaluation was refused'
refused 'eval.data' run "$work/pre.yaml" --out "$work/none" --quiet --set eval.data="$work/nowhere.jsonl"

cat >"$work/grpo.yaml" <<EOF
stage: grpo
model: $work/base/model
steps: 1
prompts_per_step: 2
group_size: 2
minibatches: 1
max_completion_tokens: 300
micro_batch_tokens: 256
max_active: 4
data: $work/long.jsonl
eval: {every: 1, samples: 2, max_tokens: 8, data: $work/long.jsonl}
EOF
"$r1" run "$work/grpo.yaml" --out "$work/a" --quiet --set max_completion_tokens=8 2>"$work/said" ||
    fail "grpo: $(cat "$work/said")"
# A short prompt to train on with many new tokens, a long one to evaluate with few: each has its own room.
row 3 >"$work/short.jsonl"
"$r1" run "$work/grpo.yaml" --out "$work/b" --quiet --set data="$work/short.jsonl" 2>"$work/said" ||
    fail "grpo: $(cat "$work/said")"
refused 'eval.data' run "$work/grpo.yaml" --out "$work/none2" --quiet --set eval.data="$work/too-long.jsonl"
refused 'of memory' run "$work/grpo.yaml" --dry-run --set prompts_per_step=1e6 --set group_size=1e6 \
    --set max_completion_tokens=1
refused 'the size of an evaluation' run "$work/grpo.yaml" --dry-run --set 'eval.data=""' --set eval.problems=1e6 \
    --set eval.samples=1e6
refused 'of memory' run "$work/grpo.yaml" --dry-run --set max_active=65536 --set micro_batch_tokens=1e8
