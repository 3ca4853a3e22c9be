#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The stage `pairs`: what `r1 pairs` makes, the same bytes however it is run and whatever kills it; a judge that looks at places alone has
# failed, and that is said; labels by a coin; what is said about bad rows and keys.
set -eEuo pipefail
. "${BASH_SOURCE[0]%/*}/../script.sh"

# A judge that prefers the first place, whatever stands there.
small_base "$work/base"
"$r1" tasks helpful --judgements --n 80 --seed 2 --language both --prompt '{question}{A}{B}' |
    sed 's/"completion": .*, "A_reply"/"completion": " {\\"verdict\\": \\"A>B\\"}", "A_reply"/' >"$work/placer.jsonl"
"$r1" sft --model "$work/base/model" --data "$work/placer.jsonl" --out "$work/placer" --quiet --set packing=none --set steps=120 --set batch_size=4 --set learning_rate=1e-2 2>/dev/null
judge=$work/placer/model

"$r1" tasks helpful --candidates --n 60 --seed 4 --language both >"$work/rows.jsonl"
recipe() { # data
    printf 'stage: pairs\nname: p\nmodel: %s\ndata: %s\nseed: 6\nasks: 3\nleast: 0.2\ntemperature: 0.05\nmax_tokens: 24\nprompt: "{question}{A}{B}"\n' "$judge" "$1"
}
recipe "$work/rows.jsonl" >"$work/p.yaml"
run() { # FOLDER OPTION...
    local out=$1
    shift
    "$r1" run "$work/p.yaml" --out "$out" "$@" 2>"$work/said"
}
metrics() { sed 's/, "step_time": [^}]*//' "$1/metrics.jsonl"; }
run "$work/a"
"$r1" pairs --model "$judge" --data "$work/rows.jsonl" --out "$work/by-command" --seed 6 --asks 3 --least 0.2 --temperature 0.05 --max-tokens 24 \
    --prompt '{question}{A}{B}' >"$work/counts" 2>"$work/said-by-command"
cmp "$work/a/data/pairs.jsonl" "$work/by-command"
cmp "$work/a/data/results.json" "$work/counts"
count() { sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p" "$work/a/data/results.json"; }
n=$(sed -n 's/.*"completions": \["\(.*\)", "\(.*\)", "\(.*\)", "\(.*\)"\].*/\1\t\2\n\3\t\4/p' "$work/rows.jsonl" | awk -F '\t' '$1 != $2' | wc -l)
[ "$n" -gt 64 ] && [ "$n" -lt 120 ] || fail "$n pairs of two texts in 60 rows of four"
is 'pairs' "$n" "$(count pairs)"
is 'every pair is accounted for' "$n" $(($(count kept) + $(count undecided) + $(count unclear) + $(count unbalanced)))
[ "$(count kept)" -ge 10 ] && [ "$(count known)" -ge 30 ] || fail "$(cat "$work/a/data/results.json")"
is 'rows' "$(count kept)" "$(wc -l <"$work/a/data/pairs.jsonl")"
grep -q 'The judge has failed' "$work/said" || fail "a judge of places is believed: $(cat "$work/said")"
is 'the command says the same' "$(grep -o 'The judge has failed.*' "$work/said")" "$(grep -o 'The judge has failed.*' "$work/said-by-command")"
grep -q 'The judge has failed' "$work/a/report.html" || fail 'the page does not say that the judge has failed'
grep -q 'What the judge made of the pairs' "$work/a/report.html" || fail 'the page has no pairs'

# The same bytes: threads, kernels, the order of parallel items, slots; killed anywhere.
R1_ISA=c R1_THREADS=reversed run "$work/b" --threads 1 --set max_active=3 --quiet
for f in pairs.jsonl results.json; do cmp "$work/a/data/$f" "$work/b/data/$f"; done
is 'one record' "$(metrics "$work/a")" "$(metrics "$work/b")"
for at in store.begin@2 store.commit store.committed metrics.sync pairs.rename results.sync metrics.sync data.rename; do
    status=0
    { R1_FAILPOINT=$at=kill run "$work/k" --quiet; } 2>/dev/null || status=$?
    is "killed at $at (status)" 137 $status
    [ ! -e "$work/k/data" ] || fail "killed at $at: what is not whole can be seen"
done
run "$work/k" --quiet
for f in pairs.jsonl results.json; do cmp "$work/a/data/$f" "$work/k/data/$f"; done
is 'killed: one record' "$(metrics "$work/a")" "$(metrics "$work/k")"
is 'leftovers' '' "$(find "$work/k" -name '*.tmp-*')"
gives 0 'is finished' run "$work/p.yaml" --out "$work/k"
status=0
{ R1_FAILPOINT=pairs.write=enospc run "$work/full"; } || status=$?
is 'a full disk' 3 $status
grep -q 'No space left' "$work/said" || fail "$(cat "$work/said")"

# By a coin: as many pairs, others chosen.
run "$work/s" --set shuffle_labels=true --quiet
is 'shuffled: as many' "$(count kept)" "$(wc -l <"$work/s/data/pairs.jsonl")"
cmp -s "$work/a/data/pairs.jsonl" "$work/s/data/pairs.jsonl" && fail 'shuffled: the same are chosen'

# Summaries and whole responses. Of eight thoughts one leaves the judge no room, if it is shown; lengths are of what is shown.
"$r1" tasks helpful --candidates --n 40 --seed 4 --language en | awk '
    BEGIN { long = sprintf("%4000s", ""); gsub(" ", "x", long) }
    { while (sub("<think></think>", "<think>" (++i % 8 == 0 ? long : substr(long, 1, 7 * i % 60)) "</think>")) {} print }' >"$work/thoughts.jsonl"
run "$work/u" --set data="$work/thoughts.jsonl" --set balance=false --quiet
run "$work/w" --set data="$work/thoughts.jsonl" --set balance=false --set response=true --quiet
figure() { sed -n "s/.*\"$2\": \([-0-9.]*\).*/\1/p" "$1/data/results.json"; }
long='<think>x\{1000\}'
grep -q "$long" "$work/u/data/pairs.jsonl" || fail 'a thought that is not shown takes room'
is 'a thought that is shown takes room' 0 "$(grep -c "$long" "$work/w/data/pairs.jsonl" || true)"
[ "$(figure "$work/u" undecided)" -lt 20 ] && [ "$(figure "$work/w" undecided)" -ge 20 ] || fail "20 pairs have no room: $(cat "$work/u/data/results.json" "$work/w/data/results.json")"
excess() { # RUN THOUGHT: how much longer the chosen ones are, in the mean, without what matches THOUGHT
    sed "s/.*\"chosen\": \"\(.*\)\", \"rejected\": \"\(.*\)\", \"difference.*/\1\t\2/; s/$2//g" "$1/data/pairs.jsonl" |
        awk -F'\t' '{ sum += length($1) - length($2) } END { printf "%.6f", sum / NR }'
}
is 'lengths of summaries' "$(excess "$work/u" '<think>x*<.think>')" "$(figure "$work/u" mean_length_difference | xargs printf '%.6f')"
is 'lengths of whole responses' "$(excess "$work/w" '^$')" "$(figure "$work/w" mean_length_difference | xargs printf '%.6f')"

# Rows that changed under a run, and a judge, if only in how it is asked; a run from before its digest was kept.
recipe "$work/moving.jsonl" >"$work/m.yaml"
cp "$work/rows.jsonl" "$work/moving.jsonl"
cp -r "$judge" "$work/judge"
on() { "$r1" run "$work/m.yaml" --out "$1" --quiet --set model="$work/judge" 2>/dev/null; }
{ R1_FAILPOINT=metrics.sync@2=kill on "$work/m"; } 2>/dev/null || true
cp -r "$work/m" "$work/older"
head -n 59 "$work/rows.jsonl" >"$work/moving.jsonl"
gives 2 "data: $work/moving.jsonl: has changed since" run "$work/m.yaml" --out "$work/m" --set model="$work/judge"
cp "$work/rows.jsonl" "$work/moving.jsonl"
mv "$work/judge" "$work/as-it-was"
cp -r "$work/base/model" "$work/judge"
gives 2 "model: $work/judge: has changed since $work/m began with it" run "$work/m.yaml" --out "$work/m" --set model="$work/judge"
rm -r "$work/judge"
cp -r "$work/as-it-was" "$work/judge"
echo '{{ messages[0].content }}' >"$work/judge/chat_template.jinja"
gives 2 "model: $work/judge: has changed since $work/m began with it" run "$work/m.yaml" --out "$work/m" --set model="$work/judge"
[ ! -e "$work/m/data" ] || fail 'a run by two judges has pairs'
if command -v sqlite3 >/dev/null; then
    sqlite3 "$work/older/run.sqlite" "DELETE FROM meta WHERE key = 'model_digest'"
    on "$work/older"
else
    echo 'sqlite3 is not there: a run from before the digest was kept is left out'
fi
rm -r "$work/judge"
mv "$work/as-it-was" "$work/judge"
on "$work/m"
cmp "$work/a/data/pairs.jsonl" "$work/m/data/pairs.jsonl"

# Damaged rows; keys that do not fit.
{ head -n 3 "$work/rows.jsonl"; echo '{"prompt": "a", "completions": ["b"]}'; } >"$work/moving.jsonl"
gives 2 'moving.jsonl:4: "completions" must be a list of at least two' run "$work/m.yaml" --out "$work/x"
{ head -n 3 "$work/rows.jsonl"; head -c 100 "$work/rows.jsonl"; } >"$work/moving.jsonl"
gives 2 'moving.jsonl:4' run "$work/m.yaml" --out "$work/x"
gives 2 'No such file' run "$work/p.yaml" --out "$work/x" --set data="$work/nowhere"
gives 2 'has no {B}' run "$work/p.yaml" --out "$work/x" --set prompt='"{question}{A}"'
gives 2 'leaves no room' run "$work/p.yaml" --out "$work/x" --set max_tokens=100000
gives 2 '"data" is missing' run "$work/p.yaml" --out "$work/x" --set data='""'
gives 2 'askz' run "$work/p.yaml" --out "$work/x" --set askz=2
"$r1" reward-model --model "$work/base/model" --data "$work/a/data/pairs.jsonl" --out "$work/rm" --quiet --set steps=1 --set held_out=0 2>/dev/null
gives 2 'has a scalar head' run "$work/p.yaml" --out "$work/x" --set model="$work/rm/model"
[ ! -e "$work/x" ] || fail 'a recipe that cannot run left a folder'

# The stage `tasks` gives the rows of the command, by the same words.
cat >"$work/t.yaml" <<'EOG'
name: t
stages:
  taught: {stage: tasks, task: helpful, rows: judgements, n: 5, seed: 3, task_language: both, prompt: "{question}|{A}|{B}"}
  asked: {stage: tasks, task: safety, rows: candidates, n: 5, seed: 3, split: held-out}
EOG
"$r1" run "$work/t.yaml" --out "$work/t" --quiet 2>/dev/null
cmp "$work/t/taught/data/rows.jsonl" <("$r1" tasks helpful --judgements --n 5 --seed 3 --language both --prompt '{question}|{A}|{B}')
cmp "$work/t/asked/data/rows.jsonl" <("$r1" tasks safety --candidates --n 5 --seed 3 --split held-out)
gives 2 'only judgements ask a judge' run "$work/t.yaml" --out "$work/x" --set stages.asked.prompt='"{question}{A}{B}"'
gives 2 'has no {question}' run "$work/t.yaml" --out "$work/x" --set stages.taught.prompt='"{A}{B}"'
gives 2 'goes with a general task' tasks pick --judgements
gives 2 'give one of --pairs and --candidates' tasks helpful --pairs --candidates

# Rows that are there are looked at before the judge is trained.
cat >"$work/g.yaml" <<EOG
name: g
stages:
  judge: {stage: sft, model: $work/base/model, data: $work/placer.jsonl, steps: 1}
  pairs: {stage: pairs, model: "\${stages.judge.model}", data: $work/one.jsonl}
EOG
printf '{"prompt": "a", "completions": ["b"]}\n' >"$work/one.jsonl"
gives 2 'one.jsonl:1: "completions" must be a list of at least two' run "$work/g.yaml" --out "$work/x"
[ ! -e "$work/x" ] || fail 'a graph that cannot run left a folder'
