#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Training adapters: the same bytes however it is run and interrupted, the model beneath untouched, PEFT's folder in and out, merged.
set -euo pipefail
r1=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "test_lora: $*" >&2; exit 1; }
refused() { # words, command...: one line that says the words, status 2
    local words=$1 status=0 said
    shift
    said=$("$@" 2>&1 >/dev/null) || status=$?
    [ "$status" = 2 ] || fail "$*: status $status: $said"
    [ "$(wc -l <<<"$said")" = 1 ] || fail "$*: said $said"
    case $said in *"$words"*) ;; *) fail "$*: expected \"$words\", got $said" ;; esac
}

cat >"$work/g.yaml" <<EOF
name: lora
stage: grpo
model: models/base
steps: 3
prompts_per_step: 4
group_size: 4
minibatches: 2
max_completion_tokens: 24
learning_rate: 1e-3
kl_coef: 0.01
reference_every: 2
advantage.eps: 1e-4
reward: {format: 1, accuracy: 1}
lora: {rank: 5, alpha: 10, targets: "q, v_proj,o,gate,up,down"}
checkpoint: {every: 1, keep: 3}
EOF
sed -i '/^advantage.eps/d' "$work/g.yaml"
run() { # name, environment and options...: the digest of the run
    local name=$1
    shift
    env "${@:2}" "$r1" run "$work/g.yaml" --out "$work/$name" --quiet $1 >"$work/log" 2>&1 || fail "$name: $(cat "$work/log")"
    "$r1" digest "$work/$name/model"
}
want=$(run plain "--threads 1")
for isa in c avx2 avx512; do
    R1_ISA=$isa "$r1" doctor >/dev/null 2>&1 || { echo "skipped: this machine has no $isa"; continue; }
    [ "$(run "$isa" "--threads 2 --set micro_batch_tokens=64 --set recompute=true" R1_ISA=$isa)" = "$want" ] || fail "$isa gives other bytes"
done
[ "$(run reversed "--threads 2 --set max_active=3" R1_THREADS=reversed)" = "$want" ] || fail "reversed threads give other bytes"

# Killed while it writes a checkpoint, it goes on to the same bytes; the model beneath is in none of them.
status=0
{ R1_FAILPOINT=checkpoint.rename@2=kill "$r1" run "$work/g.yaml" --out "$work/killed" --quiet; } >/dev/null 2>&1 || status=$?
[ "$status" = 137 ] || fail "it was to be killed, status $status"
[ "$(run killed "--threads 1")" = "$want" ] || fail "resumed to other bytes"
ls "$work/plain/checkpoints/step-000003" | tr '\n' ' ' | grep -qx 'adapter_config.json adapter_model.safetensors manifest.json optimizer.safetensors reference.safetensors state.json tokenizer.json tokenizer_config.json ' || fail "a checkpoint holds $(ls "$work/plain/checkpoints/step-000003")"
grep -q '"sampling/sampling_logp_difference/max": 0[,}]' "$work/plain/metrics.jsonl" || fail "sampler and trainer differ"

# The folder is a model wherever a folder goes, and another one than its base.
ids='{"ids":[40,50,60,70,80]}'
"$r1" score --model models/base <<<"$ids" >"$work/base.score"
"$r1" score --model "$work/plain/model" <<<"$ids" >"$work/adapted.score"
cmp -s "$work/base.score" "$work/adapted.score" && fail "the adapters change nothing"
"$r1" sample --model "$work/plain/model" --prompt "1+1=" --max-tokens 4 >/dev/null
"$r1" inspect "$work/plain/model" | grep -q '^adapters  *LoRA of rank 5, alpha 10' || fail "inspect"
grep -q '"base_model_name_or_path": "/.*/models/base"' "$work/plain/model/adapter_config.json" || fail "adapter_config.json"

# Merged: a plain folder whose log-probabilities are those of the unmerged one within rounding.
"$r1" merge "$work/plain/model" "$work/merged"
[ -f "$work/merged/tokenizer.json" ] && [ ! -e "$work/merged/adapter_config.json" ] || fail "the merged folder"
"$r1" score --model "$work/merged" <<<"$ids" >"$work/merged.score"
paste -d' ' <(tr -dc '0-9.,e-' <"$work/adapted.score" | tr , '\n') <(tr -dc '0-9.,e-' <"$work/merged.score" | tr , '\n') |
    awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > 1e-4) exit 1 }' || fail "merged: $(cat "$work/merged.score") is not $(cat "$work/adapted.score")"
refused '`r1 merge` makes a model of them' "$r1" convert "$work/plain/model" "$work/x.gguf"
refused 'is there already' "$r1" merge "$work/plain/model" "$work/merged"
refused 'holds no adapters' "$r1" merge models/base "$work/none"

# Trained on: an adapter folder is a start like any other; new adapters on adapters are refused.
refused 'holds adapters already' "$r1" run "$work/g.yaml" --out "$work/on" --set model="$work/plain/model"
"$r1" run "$work/g.yaml" --out "$work/on" --quiet --set model="$work/plain/model" --set lora.rank=0 --set steps=1 >"$work/log" 2>&1 || fail "trained on: $(cat "$work/log")"
[ "$("$r1" digest "$work/on/model")" != "$want" ] || fail "training on changes nothing"
refused '"x" is no linear map' "$r1" run "$work/g.yaml" --out "$work/x" --set lora.targets=q,x

# Supervised fine-tuning trains adapters alike.
for i in 1 2 3 4 5 6; do echo "{\"prompt\": \"$i+$i=\", \"completion\": \" $((i + i))\"}"; done >"$work/data.jsonl"
sft() { # name, options...
    "$r1" sft --model models/base --data "$work/data.jsonl" --out "$work/$1" --quiet --set lora.rank=4 --set lora.targets=v,down \
        --set steps=3 --set batch_size=2 --set max_length=16 "${@:2}" >"$work/log" 2>&1 || fail "sft: $(cat "$work/log")"
    "$r1" digest "$work/$1/model"
}
[ "$(sft s1 --threads 1)" = "$(sft s2 --threads 2 --set micro_batch_tokens=8)" ] || fail "sft gives other bytes"
"$r1" inspect "$work/s1/model" --tensors | grep -c lora_ | grep -qx 20 || fail "sft: adapters of two maps in five layers"

# Folders that another program wrote, and damaged ones.
cp -r "$work/plain/model" "$work/a"
edit() { sed "$1" "$work/plain/model/adapter_config.json" >"$work/a/adapter_config.json"; }
edit 's/"use_dora": false/"use_dora": true/'
refused 'adapter_config.json: "use_dora" is set' "$r1" score --model "$work/a"
edit 's/"peft_type": "LORA"/"peft_type": "IA3"/'
refused '"peft_type" is "IA3"' "$r1" score --model "$work/a"
edit 's/"q_proj"/"lm_head"/'
refused '"lm_head" is no linear map' "$r1" score --model "$work/a"
edit 's/"r": 5/"r": 4/'
refused 'lora_A.weight" has shape [5, ' "$r1" score --model "$work/a"
edit 's/"r": 5/"r": 99999999999/'
refused '"r" is 99999999999' "$r1" score --model "$work/a"
edit 's/"q_proj",//'
refused 'q_proj.lora_A.weight" has no place' "$r1" score --model "$work/a"
edit "s|\"base_model_name_or_path\": \".*\"|\"base_model_name_or_path\": \"nowhere/at-all\"|"
refused 'nowhere/at-all is not here: set it to the folder of the model' "$r1" score --model "$work/a"
edit "s|\"base_model_name_or_path\": \".*\"|\"base_model_name_or_path\": \"../a\"|"
refused 'holds adapters itself' "$r1" score --model "$work/a"
edit 's/x/x/'
truncate -s -5 "$work/a/adapter_model.safetensors"
refused 'ends 5 bytes after the file' "$r1" score --model "$work/a"
