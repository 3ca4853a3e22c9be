#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# RL for all scenarios: questions of several kinds in one stage, each rewarded in its own way; the same bytes however it is run and
# interrupted; a reward that counts late; a reward that is hacked, and a report that says so.
set -euo pipefail
r1=$1
place=/tmp
[ -w /dev/shm ] && place=/dev/shm
work=$(mktemp -d "$place/r1-scenarios-XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() { echo "test_scenarios: $*" >&2; exit 1; }
metric() { sed -n "s|^{\"step\": $2,.*\"$3\": \([^,}]*\).*|\1|p" "$work/$1/metrics.jsonl"; } # run, step, name
is() { [ "$2" = "$3" ] || fail "$1: expected $2, got $3"; }
refused() { # words, options...: one line that says the words, status 2, no folder
    local words=$1 status=0 said
    shift
    said=$("$r1" run "$work/r.yaml" --out "$work/bad" "$@" 2>&1 >/dev/null) || status=$?
    is "$* (status; said: $said)" 2 $status
    is "$* (lines)" 1 "$(wc -l <<<"$said")"
    case $said in *"$words"*) ;; *) fail "$*: expected \"$words\", got $said" ;; esac
    [ ! -e "$work/bad" ] || fail "$*: left a folder"
}

# A rule as a command: a reply is worth its number of letters "a". It stands for nothing, and it is easily pleased.
cat >"$work/letters.sh" <<'EOF'
while IFS= read -r line; do
    text=${line#*\"completion\":}
    text=${text%%\"answer\"*}
    only=${text//[^a]/}
    id=${line#*\"id\": }
    echo "{\"id\": ${id%%,*}, \"reward\": ${#only}}"
done
EOF
cat >"$work/mixed.jsonl" <<'EOF'
{"id": "a", "question": "1+2=?", "answer": "3"}
{"id": "b", "question": "say hello", "answer": "", "route": "free"}
{"id": "c", "question": "2+2=?", "answer": "4"}
EOF
cat >"$work/r.yaml" <<EOF
stage: grpo
model: models/base
steps: 4
seed: 3
temperature: 0.7
clip_low: 10
clip_high: 10
kl_coef: 0.001
reference_every: 2
prompts_per_step: 6
group_size: 4
minibatches: 2
max_completion_tokens: 40
learning_rate: 1e-3
task_language: both
checkpoint: {every: 1, keep: 2}
eval: {every: 2, problems: 1, samples: 2, max_tokens: 40}
reward:
  command: bash $work/letters.sh
  from: {command: 3}
  gates: "command if format"
routes:
  reasoning: {weight: 2, tasks: {sum: 1, make: 2}, rewards: {accuracy: 1, format: 1, language: 0.5}}
  mixed: {data: $work/mixed.jsonl, rewards: {accuracy: 1}}
  helpful: {weight: 2, from: 2, tasks: {helpful: 1, safety: 1}, gates: "", rewards: {format: 0.5, command: 0.25}}
  free: {rewards: {format: 1}, true: format}
EOF
run() { # name, environment and options...
    local name=$1
    shift
    env "${@:2}" "$r1" run "$work/r.yaml" --out "$work/$name" --quiet $1 >"$work/log" 2>&1 || fail "$name: $(cat "$work/log")"
    "$r1" digest "$work/$name/model"
}
want=$(run plain "--threads 1")
is 'reversed threads, plain C' "$want" "$(run reversed "--threads 2 --set max_active=3 --set micro_batch_tokens=64" R1_THREADS=reversed R1_ISA=c)"
status=0
{ R1_FAILPOINT=checkpoint.rename@3=kill "$r1" run "$work/r.yaml" --out "$work/killed" --quiet; } >/dev/null 2>&1 || status=$?
is 'killed (status)' 137 $status
is 'killed and resumed' "$want" "$(run killed "--threads 2")"
without_times() { sed 's/"\(time\/[a-z_]*\|step_time\|tokens_per_second\)": [^,}]*//g' "$1"; }
cmp -s <(without_times "$work/plain/metrics.jsonl") <(without_times "$work/killed/metrics.jsonl") || fail 'the resumed run has other metrics'
"$r1" replay "$work/plain" --step 4 --quiet >/dev/null 2>&1 || fail 'replay differs'

# Who is asked when, and what counts for whom.
is 'before its step it is not asked' '' "$(metric plain 1 rewards/helpful/reward)"
is 'its share then' 0 "$(metric plain 1 rewards/helpful/share)"
for step in 2 3 4; do awk -v x="$(metric plain $step rewards/helpful/share)" 'BEGIN { exit !(x >= 0.3 && x <= 0.5) }' || fail "share at $step: $(metric plain $step rewards/helpful/share)"; done
is 'the command before its step' 1 "$(metric plain 2 rewards/command/frac_skipped)"
is 'the command before its step, of its route' '' "$(metric plain 2 rewards/helpful/command/mean)"
is 'held out it is measured from the start' 0 "$(metric plain 0 eval/held_out/rewards/helpful/command/frac_skipped)"
is 'the command counts' 0 "$(metric plain 3 rewards/helpful/command/frac_skipped)"
is 'and is undecided nowhere' 0 "$(metric plain 3 rewards/command/frac_undecided)"
is 'accuracy of others' '' "$(metric plain 3 rewards/helpful/accuracy/mean)"
is 'its true metric' 0 "$(metric plain 3 rewards/helpful/true/frac_skipped)"
awk -v a="$(metric plain 3 rewards/command/frac_skipped)" -v b="$(metric plain 3 rewards/helpful/share)" 'BEGIN { d = a + b - 1; exit !(d * d < 1e-12) }' || fail 'the command is skipped elsewhere'
[ -n "$(metric plain 3 rewards/reasoning/language/mean)" ] || fail 'no language consistency'
is 'truth of general tasks, held out' 0 "$(metric plain 4 eval/held_out/rewards/helpful/true/frac_undecided)"
# Of a file: its rows once an epoch, and a row's own route.
for s in 1 2 3 4; do metric plain $s rewards/free/share; done | awk '{ x += $1 } END { exit !(x > 0) }' || fail 'no row of the file came to the route it names'
is 'rows that free rewards' "" "$(for s in 1 2 3 4; do metric plain $s rewards/free/accuracy/mean; done)"
"$r1" score-rewards --run "$work/plain" --step 4 >"$work/scores" 2>&1 || fail "score-rewards: $(cat "$work/scores")"
grep -q ' 0 of them with another total' "$work/scores" || fail "scored again: $(tail -n 1 "$work/scores")"
printf '%s\n' '{"completion": " <think> a </think> <answer> 3 </answer>", "question": "1+2=?", "answer": "3", "route": "free"}' >"$work/row.jsonl"
is 'a row scored by its route' '"reward": 1' "$("$r1" score-rewards --recipe "$work/r.yaml" --input "$work/row.jsonl" --json 2>/dev/null | grep -o '"reward": [0-9.]*')"

# What is wrong is one line, and nothing is begun.
sed 's/free/fre/' "$work/mixed.jsonl" >"$work/typo.jsonl"
refused "typo.jsonl:2: its route \"fre\" is none of the recipe's: reasoning, mixed, helpful, free" --set routes.mixed.data="$work/typo.jsonl"
head -c 150 "$work/mixed.jsonl" >"$work/cut.jsonl"
refused 'cut.jsonl:3' --set routes.mixed.data="$work/cut.jsonl"
refused 'nowhere.jsonl' --set routes.mixed.data="$work/nowhere.jsonl"
refused 'there is no reward "modle"' --set routes.free.true=modle
"$r1" run "$work/r.yaml" --out "$work/plain" --set routes.free.weight=2 >"$work/log" 2>&1 && fail 'another recipe was taken'
grep -q 'routes' "$work/log" || fail "$(cat "$work/log")"

# A reward that pays for letters alone is satisfied, the truth is lost, and the report says so.
cat >"$work/h.yaml" <<EOF
stage: grpo
model: models/base
steps: 10
seed: 1
prompts_per_step: 4
group_size: 8
max_completion_tokens: 24
learning_rate: 2e-3
checkpoint: {every: 10}
eval: {every: 5, problems: 2, samples: 4, max_tokens: 24}
reward: {command: bash $work/letters.sh}
routes: {sum: {tasks: {sum: 1}, rewards: {command: 1}}}
EOF
"$r1" run "$work/h.yaml" --out "$work/hacked" --quiet >"$work/log" 2>&1 || fail "$(cat "$work/log")"
grep -q 'command against the true metric' "$work/hacked/report.html" || fail 'no chart'
grep -q 'hacked: the reward rose' "$work/hacked/report.html" || fail "nothing of hacking: $(for s in 0 5 10; do metric hacked $s eval/held_out/rewards/command/mean; metric hacked $s eval/held_out/rewards/command/true; done | xargs)"
