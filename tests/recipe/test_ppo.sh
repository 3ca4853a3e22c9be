#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# PPO: one digest of policy and value model however it is run, killed and resumed; replay; where a value model may come from; what is said
# about one that is damaged or cannot read the policy.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/../script.sh"

digests() { "$r1" digest "$1/model"; "$r1" digest "$1/checkpoints/step-000003"; "$r1" digest "$1/checkpoints/step-000003/value"; }
untimed() { sed 's/"\(time\/[a-z_]*\|step_time\|tokens_per_second\)": [^,}]*,\{0,1\}//g' "$1/metrics.jsonl"; }

# run FOLDER OPTION...: three rollouts with all that a resumed run could forget.
run() {
    local out=$1
    shift
    "$r1" ppo --model models/base --out "$out" --quiet --set steps=3 --set prompts_per_step=4 --set group_size=3 --set minibatches=2 \
        --set inner_epochs=2 --set max_completion_tokens=24 --set learning_rate=1e-3 --set ppo.lambda=0.9 --set ppo.gamma=0.98 \
        --set ppo.value_learning_rate=2e-3 --set kl_coef=0.02 --set reference_every=2 --set checkpoint.every=1 --set checkpoint.keep=3 \
        --set seed=5 "$@" 2>"$work/said" || fail "$out: $(cat "$work/said")"
}

# ---- one digest
run "$work/a" --threads 2
whole=$(digests "$work/a")
R1_ISA=c run "$work/b" --threads 1 --set micro_batch_tokens=32 --set max_active=3 --set recompute=true
is 'plain C, one thread, small micro-batches, recomputed' "$whole" "$(digests "$work/b")"
for isa in avx2 avx512; do
    R1_ISA=$isa "$r1" doctor >/dev/null 2>&1 || { echo "skipped: this machine has no $isa"; continue; }
    R1_THREADS=reversed R1_ISA=$isa run "$work/$isa" --threads 2
    is "kernels of $isa, two threads in reverse" "$whole" "$(digests "$work/$isa")"
done

# ---- killed anywhere, it goes on to the same bytes: checkpoints, values and moments, metrics, what replay makes again
same() { # folder, what
    is "$2" "$whole" "$(digests "$1")"
    diff -r "$work/a/checkpoints" "$1/checkpoints" || fail "$2: other checkpoints"
    cmp <(untimed "$work/a") <(untimed "$1") || fail "$2: other metrics"
    is "leftovers after $2" '' "$(find "$1" -name '*tmp-*')"
}
points='checkpoint-value.rename checkpoint-value.write@2 checkpoint-value-optimizer.dirsync@3'
[ "${R1_TEST_LONG:-0}" = 0 ] || points=$(echo checkpoint-value{,-optimizer}.{write,sync,rename,dirsync}{,@2})
for point in $points; do
    status=0
    rm -rf "$work/k"
    { R1_FAILPOINT=$point=kill "$r1" run "$work/a/recipe.yaml" --out "$work/k" --quiet; } >/dev/null 2>&1 || status=$?
    is "killed at $point (status)" 137 $status
    "$r1" run "$work/a/recipe.yaml" --out "$work/k" --quiet 2>"$work/said" || fail "$point: $(cat "$work/said")"
    same "$work/k" "killed at $point and resumed"
done
rm -rf "$work/k"
R1_FAILPOINT=checkpoint-value.write@2=enospc gives 3 'value/model.safetensors' run "$work/a/recipe.yaml" --out "$work/k" --quiet
"$r1" run "$work/a/recipe.yaml" --out "$work/k" --quiet 2>"$work/said" || fail "$(cat "$work/said")"
same "$work/k" 'a full disk'
is 'replayed completions' 12 "$("$r1" replay "$work/a" --step 3 --json 2>/dev/null | grep -c '"equal": true')"

# ---- a damaged value model: that checkpoint is passed over by name
damaged() { # name, command that damages it
    rm -rf "$work/k/model"
    "${@:2}" "$work/k/checkpoints/step-000003/$1"
    said=$("$r1" run "$work/a/recipe.yaml" --out "$work/k" 2>&1 >/dev/null) || fail "$said"
    grep -q "step-000003/$1: .*; going back to the checkpoint of step 2" <<<"$said" || fail "$*: $said"
    same "$work/k" "$*"
}
damaged value/model.safetensors truncate -s -4
damaged value/optimizer.safetensors rm
damaged value/config.json sed -i s/2/3/

# ---- what it measures
is 'stage' '"ppo" "ppo" "ppo"' "$(metric "$work/a" stage | xargs -d '\n')"
for name in objective/kl objective/entropy objective/scores objective/non_score_reward objective/rlhf_reward policy/approxkl_avg \
    policy/clipfrac_avg policy/entropy_avg loss/policy_avg loss/value_avg val/clipfrac_avg val/ratio val/ratio_var val/num_eos_tokens \
    val/mean val/var_explained returns/mean returns/var val/grad_norm val/learning_rate; do
    is "numbers of $name" 3 "$(metric "$work/a" $name | grep -c '^-\{0,1\}[0-9]')"
done
is 'sampler against trainer' '0 0 0' "$(metric "$work/a" sampling/sampling_logp_difference/max | xargs)"
is 'a new head expects nothing' 0 "$(metric "$work/a" val/mean | head -n 1)"
is 'and explains nothing' 0 "$(metric "$work/a" val/var_explained | head -n 1)"
is 'it begins at its reference' 0 "$(metric "$work/a" objective/kl | head -n 1)"
metric "$work/a" val/mean | awk 'NR > 1 && $1 <= 0 { exit 1 }' || fail "values do not follow the rewards: $(metric "$work/a" val/mean | xargs)"
is 'groups are nothing to it' '' "$(metric "$work/a" frac_reward_zero_std)"
is 'the KL is not in the loss' '' "$(metric "$work/a" kl)"
for title in 'What the values explain' 'Expected and got' 'Value loss' 'KL of a completion'; do
    grep -q "$title" "$work/a/report.html" || fail "the report shows no \"$title\""
done
run "$work/loss" --set ppo.kl=loss --set steps=1
is 'no KL in the reward' 0 "$(metric "$work/loss" objective/non_score_reward)"
[ -n "$(metric "$work/loss" kl)" ] || fail 'no kl of the loss'
run "$work/single" --set group_size=1 --set steps=1 # nothing needs a group
plan=$("$r1" run "$work/a/recipe.yaml" --dry-run 2>&1)
memory() { "$r1" run "$work/a/recipe.yaml" --out "$work/x" --dry-run "$@" 2>&1 | sed -n 's/^memory *\([0-9]*\) MiB$/\1/p'; }
[ "$(memory)" -gt "$(memory --set algorithm=grpo)" ] || fail "a value model takes no memory: $plan"

# Rewards that nobody can decide move neither model's gradient.
printf '{"question": "%s?", "answer": "1", "check": "nonsense"}\n' a b c d >"$work/undecided.jsonl"
run "$work/undecided" --data "$work/undecided.jsonl" --set steps=1 --set kl_coef=0
is 'undecided: all' 1 "$(metric "$work/undecided" frac_undecided)"
is 'undecided: gradients' '0 0' "$(metric "$work/undecided" grad_norm) $(metric "$work/undecided" val/grad_norm)"
is 'undecided: no loss of values' null "$(metric "$work/undecided" loss/value_avg)"

# ---- where a value model comes from
"$r1" tasks sum --n 12 --seed 1 --split train |
    sed 's/.*"prompt": \("[^"]*"\), "answer": "\([^"]*\)".*/{"prompt": \1, "chosen": " \2", "rejected": " no"}/' >"$work/pairs.jsonl"
"$r1" reward-model --model models/base --data "$work/pairs.jsonl" --out "$work/taste" --quiet --set held_out=0 2>/dev/null
run "$work/from" --value-model "$work/taste/model" --set steps=1
[ "$(metric "$work/from" val/mean)" != 0 ] || fail 'a reward model expects nothing'
run "$work/lora" --set lora.rank=3 --set learning_rate=3e-3
[ -e "$work/lora/checkpoints/step-000003/value/adapter_model.safetensors" ] || fail 'the value model has no adapters'
status=0
{ R1_FAILPOINT=checkpoint.rename@3=kill "$r1" run "$work/lora/recipe.yaml" --out "$work/lora2" --quiet; } >/dev/null 2>&1 || status=$?
is 'killed with adapters (status)' 137 $status
"$r1" run "$work/lora/recipe.yaml" --out "$work/lora2" --quiet 2>"$work/said" || fail "$(cat "$work/said")"
is 'adapters resumed' "$(digests "$work/lora")" "$(digests "$work/lora2")"

# ---- what is refused, before anything starts
refused() { gives 2 "$1" ppo --model models/base --out "$work/x" "${@:2}"; }
refused 'there is no such folder' --value-model "$work/nowhere"
mkdir "$work/empty"
refused 'ppo.value_model' --value-model "$work/empty"
cp -r "$work/taste/model" "$work/cut"
truncate -s -100 "$work/cut/model.safetensors"
refused 'model.safetensors' --value-model "$work/cut"
"$r1" pretrain --out "$work/other" --quiet --set steps=1 --set tokens_per_step=200 --set shape.hidden_size=32 --set shape.n_layers=1 \
    --set shape.n_heads=1 --set shape.n_kv_heads=1 --set shape.head_dim=32 --set shape.ffn_size=32 --set tokenizer.vocab_size=900 \
    --set tokenizer.documents=100 --set shape.max_positions=4096 2>/dev/null
refused 'its tokens are not those of the policy' --value-model "$work/other/model"
[ ! -e "$work/x" ] || fail 'a refused run left a folder'
