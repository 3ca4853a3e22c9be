#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# GRPO rewarded by other models: a reward model's score and a judge's JSON. One digest however it is run; a judge that looks at places alone
# has no opinion, one that writes nonsense decides nothing.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/../script.sh"

small_base "$work/base"
model=$work/base/model
"$r1" tasks sum --n 40 --seed 1 --split train |
    sed 's/.*"prompt": \("[^"]*"\), "answer": "\([^"]*\)".*/{"prompt": \1, "chosen": "\2", "rejected": "9999\2"}/' >"$work/pairs.jsonl"
"$r1" reward-model --model "$model" --data "$work/pairs.jsonl" --out "$work/rm" --quiet --set steps=2 2>/dev/null
# judge NAME WORDS: learns to write these words whatever it is asked, and nothing else.
judge() {
    "$r1" tasks sum --n 40 --seed 2 --split train | sed 's/.*"prompt": "User: \([^"]*\)\\nAssistant:".*/\1/' |
        while read -r question; do printf '{"prompt": "User: %s\\nAssistant:", "completion": %s}\n' "$question" "$2"; done >"$work/$1.jsonl"
    "$r1" sft --model "$model" --data "$work/$1.jsonl" --out "$work/$1" --quiet --set packing=none --set steps=120 --set batch_size=4 --set learning_rate=1e-2 2>/dev/null
}
judge scorer '"{\"score\": 7}"'
judge placer '"{\"verdict\": \"A>B\"}"'

aloud() { # FOLDER OPTION...
    local out=$1
    shift
    "$r1" grpo --model "$model" --out "$out" --quiet --set steps=2 --set seed=5 --set max_completion_tokens=12 --set prompts_per_step=3 \
        --set group_size=4 --set checkpoint.every=1 --set learning_rate=1e-3 --set reward.format=0 --set tasks.sum=1 \
        --set reward.model="$work/rm/model" --set reward.judge="$work/scorer/model" --set reward.judge_prompt='"{question}{A}"' \
        --set reward.judge_asks=2 --set reward.judge_max_tokens=24 --set reward.judge_temperature=0.05 "$@"
}
run() { aloud "$@" 2>/dev/null; }
run "$work/a"
whole=$(digest "$work/a/model")
[ "$whole" != "$(digest "$model")" ] || fail 'nothing was learnt'
run "$work/b" --threads 1 --set max_active=2 --set micro_batch_tokens=1
is 'one thread, two at a time' "$whole" "$(digest "$work/b/model")"
R1_ISA=c R1_THREADS=reversed run "$work/c" --threads 2
is 'plain C, in reverse' "$whole" "$(digest "$work/c/model")"
status=0
{ R1_FAILPOINT=checkpoint.rename@2=kill run "$work/d"; } 2>/dev/null || status=$?
is 'killed (status)' 137 $status
run "$work/d"
is 'killed and resumed' "$whole" "$(digest "$work/d/model")"
"$r1" replay "$work/a" --step 2 --quiet >/dev/null 2>&1 || fail 'replay differs'
is 'the judge is read' '0.7 0.7' "$(metric "$work/a" rewards/judge/mean | awk '{ printf "%s%.1f", sep, $1; sep = " " }')"
is 'and every time' '0 0' "$(metric "$work/a" rewards/judge/frac_undecided | xargs)"
is 'the reward model has a spread' 2 "$(metric "$work/a" rewards/model/std | awk '$1 > 0' | wc -l)"
metric "$work/a" reward | paste - <(metric "$work/a" rewards/model/mean) <(metric "$work/a" rewards/judge/mean) <(metric "$work/a" rewards/accuracy/mean) |
    awk '{ d = $1 - $2 - $3 - $4; if (d * d > 1e-18) exit 1 }' || fail 'the reward is not the sum of its terms'

# The first place always wins: over random orders that is next to nothing. What no judge can write is undecided and leaves the group.
run "$work/e" --set steps=1 --set reward.judge="$work/placer/model" --set reward.judge_form=compare --set reward.judge_prompt='"{question}{A}{B}"' --set reward.judge_asks=32
metric "$work/e" rewards/judge/frac_undecided | awk '{ exit !($1 < 0.5) }' || fail "places are not read: $(metric "$work/e" rewards/judge/frac_undecided)"
metric "$work/e" rewards/judge/mean | awk '{ exit !($1 > -0.25 && $1 < 0.25) }' || fail "places make an opinion: $(metric "$work/e" rewards/judge/mean)"
run "$work/f" --set steps=1 --set reward.judge="$work/placer/model"
is 'unreadable' '1 1' "$(metric "$work/f" rewards/judge/frac_undecided) $(metric "$work/f" frac_undecided)"

# A verdict in a reply that is cut off may be a quotation from what is judged: nothing is decided by it.
n=$(printf '{"text": "{\\"score\\": 7}"}\n' | "$r1" tokenize --model "$model" | sed 's/.*\[\(.*\)\].*/\1/' | tr ',' '\n' | wc -l)
run "$work/k" --set steps=1 --set reward.judge_max_tokens=$((n + 1))
is 'a reply that ends' 0 "$(metric "$work/k" rewards/judge/frac_undecided)"
run "$work/l" --set steps=1 --set reward.judge_max_tokens="$n"
is 'a reply that is cut off' 1 "$(metric "$work/l" rewards/judge/frac_undecided)"

# Prompts without an answer, where no weight asks for one: the models alone decide.
printf '{"prompt": "say a", "answer": ""}\n{"prompt": "say b", "answer": ""}\n' >"$work/general.jsonl"
run "$work/g" --set steps=1 --set data="$work/general.jsonl" --set reward.accuracy=0 --set reward.judge='""' --set reward.judge_prompt='""' --set reward.model="$work/rm/model"
is 'general prompts' 0 "$(metric "$work/g" frac_undecided)"
is 'general prompts scored again' 12 "$("$r1" score-rewards --run "$work/g" --json 2>/dev/null | grep -c '"old_reward"')"
run "$work/m" --set steps=1 --set data="$work/general.jsonl" --set reward.accuracy=0 --set reward.judge_form=compare --set reward.judge_prompt='"{question}{A}{B}"'
is 'nothing to compare with' 1 "$(metric "$work/m" rewards/judge/frac_skipped)"

# A row after one whose rewards cannot be worked out is scored as if it stood alone.
for i in 1 2 3; do printf '{"prompt": "a", "completion": "b", "answer": "c"}\n'; done >"$work/three.jsonl"
gives 2 'reward.model' score-rewards --input "$work/three.jsonl" --set reward.model="$work/nowhere"
is 'each row is told' 3 "$("$r1" score-rewards --input "$work/three.jsonl" --set reward.model="$work/nowhere" 2>/dev/null | grep -c '"error"')"

# Each route by a model of its own, and what stands behind </think> or all of it; others skip it. Held-out problems have it too. Scored again
# from the store, in batches of another size, nothing changes.
"$r1" reward-model --model "$model" --data "$work/pairs.jsonl" --out "$work/rm-safe" --quiet --set steps=2 --set seed=9 2>/dev/null
cat >"$work/routes.yaml" <<EOF
stage: grpo
model: $model
steps: 2
seed: 5
prompts_per_step: 6
group_size: 4
max_completion_tokens: 12
checkpoint.every: 1
eval: {every: 1, problems: 1, samples: 2, max_tokens: 12}
reward: {held_out: true, judge: $work/scorer/model, judge_prompt: "{question}{A}", judge_asks: 2, judge_max_tokens: 24, judge_temperature: 0.05}
routes:
  rules: {tasks: {sum: 1}, rewards: {accuracy: 1, format: 1}}
  helpful: {tasks: {helpful: 1}, rewards: {model: 1}, reward_model: $work/rm/model}
  safe: {tasks: {safety: 1}, rewards: {model: 1, judge: 2}, reward_model: $work/rm-safe/model, scored: response}
EOF
sed "s|$work/rm-safe/model|$work/rm/model|" "$work/routes.yaml" >"$work/one-model.yaml"
"$r1" run "$work/routes.yaml" --out "$work/h" --quiet 2>/dev/null
R1_ISA=c R1_THREADS=reversed "$r1" run "$work/routes.yaml" --out "$work/i" --quiet --threads 1 --set max_active=3 2>/dev/null
is 'routes: one digest' "$(digest "$work/h/model")" "$(digest "$work/i/model")"
is 'routes: one record' "$(metric "$work/h" eval/held_out/rewards/safe/judge/mean | xargs)" "$(metric "$work/i" eval/held_out/rewards/safe/judge/mean | xargs)"
[ -n "$(metric "$work/h" eval/held_out/rewards/helpful/model/mean)" ] || fail 'held-out problems have no model reward'
[ -z "$(metric "$work/h" rewards/rules/model/mean)" ] || fail 'a route without a model has its reward'
"$r1" run "$work/one-model.yaml" --out "$work/j" --quiet 2>/dev/null
is 'the helpful ones do not see the other model' "$(metric "$work/h" rewards/helpful/model/mean | head -1)" "$(metric "$work/j" rewards/helpful/model/mean | head -1)"
[ "$(metric "$work/h" rewards/safe/model/mean | head -1)" != "$(metric "$work/j" rewards/safe/model/mean | head -1)" ] || fail 'a route does not ask its own model'
# One model of two routes, each with its part of a response.
row='"prompt": "a", "completion": "<think> 12 </think> 345"'
printf '{"route": "helpful", %s}\n{"route": "safe", %s}\n' "$row" "$row" >"$work/parts.jsonl"
rounded() { sed "s/.*\"$1\": \([-0-9.]*\).*/\1/" | xargs printf '%.6f '; }
is 'one model, a part each' "$({ echo "{$row}" | "$r1" score --reward --model "$work/rm/model" --summary; echo "{$row}" | "$r1" score --reward --model "$work/rm/model"; } | rounded reward)" \
    "$("$r1" score-rewards --recipe "$work/one-model.yaml" --input "$work/parts.jsonl" 2>/dev/null | rounded model)"

# A model that changed under a run: neither mixed rewards nor a replay by it; brought back, the run goes on to what it would have been.
changed() { # KEY, the model that goes and the one that takes its place, words of the command
    local key=$1 was=$2 other=$3 status=0
    shift 3
    rm -rf "$work/moving" "$work/o"
    cp -r "$was" "$work/moving"
    { R1_FAILPOINT=checkpoint.rename@2=kill "$@"; } 2>/dev/null || status=$?
    is "$key: killed (status)" 137 $status
    rm -r "$work/moving"
    cp -r "$other" "$work/moving"
    status=0
    "$@" 2>"$work/said" || status=$?
    is "$key (status)" 2 $status
    has "$key" "$key: $work/moving: has changed since $work/o began with it" "$(tail -n 1 "$work/said")"
}
changed reward.judge "$work/scorer/model" "$work/placer/model" aloud "$work/o" --set reward.judge="$work/moving"
sed "s|$work/rm-safe/model|$work/moving|" "$work/routes.yaml" >"$work/moving.yaml"
changed routes.safe.reward_model "$work/rm-safe/model" "$work/rm/model" "$r1" run "$work/moving.yaml" --out "$work/o" --quiet
changed reward.model "$work/rm/model" "$work/rm-safe/model" aloud "$work/o" --set reward.model="$work/moving"
gives 2 "reward.model: $work/moving: has changed" replay "$work/o" --step 1
rm -r "$work/moving"
cp -r "$work/rm/model" "$work/moving"
run "$work/o" --set reward.model="$work/moving"
is 'the reward model is back' "$whole" "$(digest "$work/o/model")"

"$r1" score-rewards --run "$work/h" --json 2>/dev/null | sed -n 's/.*"old_reward": \([^,]*\), "reward": \([^,]*\),.*/\1 \2/p' >"$work/scored"
is 'scored again: the same' '' "$(awk '$1 != $2' "$work/scored")"
is 'and all of it' 48 "$(wc -l <"$work/scored")"
is 'a row' 0.7 "$(echo '{"prompt": "a", "completion": "b", "answer": "c"}' |
    "$r1" score-rewards --input - --set reward.judge="$work/scorer/model" --set reward.judge_prompt='"{question}{A}"' --set reward.judge_max_tokens=24 --set reward.judge_temperature=0.05 |
    sed -n 's/.*"judge": \([0-9.]*\).*/\1/p')"

gives 2 'reward.model' grpo --model "$model" --out "$work/x" --set reward.model="$model"
gives 2 'has a scalar head' grpo --model "$model" --out "$work/x" --set reward.judge="$work/rm/model"
gives 2 'reward.judge' grpo --model "$model" --out "$work/x" --set reward.judge="$work/nowhere"
gives 2 'has no {A}' grpo --model "$model" --out "$work/x" --set reward.judge_prompt='"{question}"'
[ ! -e "$work/x" ] || fail 'a recipe that cannot run left a folder'

# Pairs: the same whatever the threads; every pair is accounted for; what comes out trains a reward model.
for i in 1 2 3 4 5 6; do printf '{"id": %d, "prompt": "User: %d+1=?\\nAssistant:", "completions": [" %d", " x", "<think> a </think> b", " c"]}\n' $i $i $((i + 1)); done >"$work/rows.jsonl"
pairs() { # FILE OPTION...
    local out=$1
    shift
    "$r1" pairs --model "$work/placer/model" --data "$work/rows.jsonl" --out "$out" --prompt '{question}{A}{B}' --max-tokens 24 --temperature 0.05 --quiet "$@"
}
pairs "$work/p1" --asks 3 --least 0.2 >"$work/counts"
R1_ISA=c pairs "$work/p2" --asks 3 --least 0.2 --threads 1 >"$work/counts2"
cmp "$work/p1" "$work/p2" && cmp "$work/counts" "$work/counts2" || fail 'pairs differ'
count() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$work/counts"; }
is 'pairs' 12 "$(count pairs)"
is 'every pair is accounted for' 12 $(($(count kept) + $(count undecided) + $(count unclear) + $(count unbalanced)))
is 'rows' "$(count kept)" "$(grep -c '"id": .*"chosen": .*"rejected": .*"difference": ' "$work/p1")"
[ "$(count kept)" -ge 2 ] || fail "few pairs are kept: $(cat "$work/counts")"
"$r1" reward-model --model "$model" --data "$work/p1" --out "$work/rm2" --quiet --set steps=1 --set held_out=0 2>/dev/null
pairs "$work/p3" --asks 3 --least 0.2 --shuffle-labels >/dev/null
[ "$(wc -l <"$work/p3")" = "$(wc -l <"$work/p1")" ] || fail 'shuffled labels keep other pairs'
is 'the biased judge makes few clear pairs' 0 "$(pairs "$work/p4" --asks 64 --least 1 | sed 's/.*"kept": \([0-9]*\).*/\1/')"
printf '{"prompt": "a", "completions": ["b"]}\n' >"$work/one.jsonl"
gives 2 'one.jsonl:1: "completions" must be a list of at least two' pairs --model "$model" --data "$work/one.jsonl" --out "$work/p5"
gives 2 'has a scalar head' pairs --model "$work/rm/model" --data "$work/rows.jsonl" --out "$work/p5"
[ ! -e "$work/p5" ] || fail 'what failed left a file'
cp "$work/p1" "$work/p6"
for point in write sync rename; do
    status=0
    { R1_FAILPOINT=pairs.$point=kill pairs "$work/p6" --asks 1 --least 0 >/dev/null; } 2>/dev/null || status=$?
    is "killed at $point (status)" 137 $status
    cmp "$work/p1" "$work/p6" || fail "killed at $point: the file is neither old nor new"
done
export R1_FAILPOINT=pairs.write=enospc
gives 3 'No space left' pairs --model "$work/placer/model" --data "$work/rows.jsonl" --out "$work/p7" --prompt '{question}{A}{B}' --max-tokens 24 --temperature 0.05 --asks 3 --least 0.2
