#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Rejection sampling: every sample is kept or dropped for a reason; what is kept is right and trains; the same bytes however it is
# run; rewriting, mixing, and what is said about bad data.
set -eEuo pipefail
. "${BASH_SOURCE[0]%/*}/../script.sh"

rows() { wc -l <"$1"; }
metric() { sed -n "s|.*\"$2\": \([^,}]*\).*|\1|p" "$1/metrics.jsonl" | tail -n 1; } # run, name
reasons() { sed -n 's/.*"reason": "\([a-z_]*\)"}$/\1/p' "$1/data/dropped.jsonl" | sort | uniq -c | awk '{ print $2 "=" $1 }' | xargs; }
model=models/base

for family in sum gap mod; do "$r1" tasks $family --n 8 --seed 5 --split train --level 1; done >"$work/prompts.jsonl"
run() { # FOLDER OPTION...
    local out=$1
    shift
    "$r1" reject --model $model --data "$work/prompts.jsonl" --out "$out" --quiet --set samples=6 --set prompts_per_step=7 \
        --set max_completion_tokens=64 --set seed=4 --set keep.per_prompt=2 "$@" 2>/dev/null
}

# Every sample is accounted for; what is kept is right by the row's own check, and at most two of a prompt.
run "$work/a"
kept=$work/a/data/kept.jsonl
[ "$(rows "$kept")" -gt 8 ] || fail "only $(rows "$kept") samples are kept: $(reasons "$work/a")"
is 'kept and dropped' 144 $(($(rows "$kept") + $(rows "$work/a/data/dropped.jsonl")))
is 'counted' "144 $(rows "$kept")" "$(metric "$work/a" reject/sampled) $(metric "$work/a" reject/kept)"
for reason in $(reasons "$work/a"); do is "$reason" "${reason#*=}" "$(metric "$work/a" "dropped/${reason%=*}")"; done
case $(reasons "$work/a") in *wrong=*) ;; *) fail "nothing is dropped as wrong: $(reasons "$work/a")" ;; esac
is 'the most of a prompt' 2 "$(sed 's/.*"prompt": \("[^"]*"\).*/\1/' "$kept" | sort | uniq -c | sort -n | awk '{ print $1 }' | tail -n 1)"
while read -r row; do # of each kept row the prompt's check decides the answer in its frame
    prompt=$(sed 's/^{"prompt": \("[^"]*"\),.*/\1/' <<<"$row")
    check=$(grep -F "\"prompt\": $prompt" "$work/prompts.jsonl" | sed 's/.*"check": "\([^"]*\)".*/\1/' | head -n 1)
    answer=$(sed 's/.*<answer>\(.*\)<\/answer>.*/\1/' <<<"$row")
    "$r1" verify --check "$check" --answer "$answer" >/dev/null || fail "kept, but $answer is not right for $check"
done <"$kept"
is 'in the order of the prompts' "$(sed 's/.*"prompt": \("[^"]*"\).*/\1/' "$kept" | uniq)" \
    "$(sed 's/.*"prompt": \("[^"]*"\).*/\1/' "$work/prompts.jsonl" | uniq | grep -Fx -f <(sed 's/.*"prompt": \("[^"]*"\).*/\1/' "$kept"))"
"$r1" sft --model $model --data "$kept" --out "$work/taught" --quiet --set epochs=1 2>/dev/null || fail 'what is kept does not train'
gives 0 'is finished' reject --model $model --data "$work/prompts.jsonl" --out "$work/a" --set samples=6 --set prompts_per_step=7 \
    --set max_completion_tokens=64 --set seed=4 --set keep.per_prompt=2

# The same bytes: threads, the order of parallel items, kernels, slots, the size of a step; killed and resumed.
same() { cmp "$work/a/data/kept.jsonl" "$1/data/kept.jsonl" && cmp "$work/a/data/dropped.jsonl" "$1/data/dropped.jsonl"; }
run "$work/b" --threads 1 --set max_active=3 && same "$work/b"
R1_THREADS=reversed R1_ISA=c run "$work/c" --threads 2 --set prompts_per_step=24 && same "$work/c"
killed() { # failpoint, command...
    local status=0
    { R1_FAILPOINT=$1=kill "${@:2}"; } 2>/dev/null || status=$?
    is "killed at $1 (status)" 137 $status
}
# In the order in which a run comes by them: behind the line of the last step no other is written.
for at in store.begin@3 store.committed@2 metrics.sync kept.write kept.rename dropped.sync metrics.write metrics.sync data.sync \
    data.rename; do
    killed $at run "$work/d"
done
cp -r "$work/d" "$work/late"
killed data.dirsync run "$work/late" # its data is there by then
killed report.write run "$work/d"
for out in d late; do
    run "$work/$out"
    same "$work/$out"
done
is 'lines of a run that was killed' "$(sed 's/"step_time.*//; s/"reflection.*//' "$work/a/metrics.jsonl" | cksum)" \
    "$(sed 's/"step_time.*//; s/"reflection.*//' "$work/d/metrics.jsonl" | cksum)"
is 'leftovers' '' "$(find "$work/d" -name '*.tmp-*')"

# Filters against other rows: one sample said six times is one row; evaluation problems are never trained on.
run "$work/e" --set temperature=0.001 --set keep.per_prompt=6
case $(reasons "$work/e") in *near_duplicate=*) ;; *) fail "no near-duplicates: $(reasons "$work/e")" ;; esac
run "$work/f" --set temperature=0.001 --set keep.per_prompt=6 --set filter.near_duplicates=0
is 'near-duplicates that may stay' "$(($(metric "$work/e" reject/kept) + $(metric "$work/e" dropped/near_duplicate)))" "$(metric "$work/f" reject/kept)"
head -n 8 "$work/prompts.jsonl" >"$work/eval.jsonl"
run "$work/g" --set filter.contamination="$work/eval.jsonl" --set filter.contamination_ngram=6
[ "$(metric "$work/g" dropped/contaminated)" -gt 0 ] || fail "no contamination: $(reasons "$work/g")"
if grep -F -f <(sed 's/.*"prompt": \("[^"]*"\).*/\1/' "$work/eval.jsonl") "$work/g/data/kept.jsonl"; then fail 'an evaluation problem is kept'; fi

# Other data by shares of the whole; a share that there are not rows for is said.
for i in $(seq 40); do printf '{"prompt": "hello %s", "completion": " good day", "n": %s}\n' $i $i; done >"$work/talk.jsonl"
run "$work/h" --set mix.1.data="$work/talk.jsonl" --set mix.1.share=0.25 --set mix.2.data="$work/talk.jsonl" --set mix.2.share=0.25
n=$(metric "$work/h" reject/kept)
is 'rows of both mixes' $((2 * ((n + 1) / 2))) "$(grep -c '"good day"\|" good day"' "$work/h/data/kept.jsonl")"
is 'the sampled rows' "$(cat "$kept")" "$(head -n "$n" "$work/h/data/kept.jsonl")"
said=$("$r1" reject --model $model --data "$work/prompts.jsonl" --out "$work/i" --set samples=2 --set max_completion_tokens=64 \
    --set mix.1.data="$work/talk.jsonl" --set mix.1.share=0.97 2>&1)
case $said in *'rows of other data, there are 40'*) ;; *) fail "$said" ;; esac
gives 2 'mix.1: give both' reject --model $model --data "$work/prompts.jsonl" --out "$work/x" --set mix.1.share=0.5
printf '{"prompt": "a"}\n' >"$work/bad.jsonl"
gives 2 'bad.jsonl:1: expected "prompt" and "completion"' reject --model $model --data "$work/prompts.jsonl" --out "$work/bad" \
    --set samples=1 --set mix.1.data="$work/bad.jsonl" --set mix.1.share=0.5

# Rewriting: a second model goes on a text of the recipe's; what it writes counts only if it is right and in its frame. (Here it is the
# base itself, which is asked the question again.)
rewrite() {
    local out=$1
    shift
    run "$out" --set rewrite.model=$model --set 'rewrite.template="{prompt} <think>{thinking}</think> <answer> {answer} </answer>\n{prompt}"' --set rewrite.frame=r1-zero --set rewrite.samples=2 --set rewrite.max_tokens=64 --set prompts_per_step=10 "$@"
}
rewrite "$work/j"
[ "$(metric "$work/j" reject/kept)" -gt 0 ] || fail "nothing rewritten is kept: $(reasons "$work/j")"
is 'sources' rewritten "$(sed 's/.*"source": "\([a-z]*\)".*/\1/' "$work/j/data/kept.jsonl" | sort -u)"
R1_ISA=c killed store.committed@4 rewrite "$work/k" --threads 1
rewrite "$work/k" --threads 2 --set max_active=5
cmp "$work/j/data/kept.jsonl" "$work/k/data/kept.jsonl"
cmp "$work/j/data/dropped.jsonl" "$work/k/data/dropped.jsonl"
gives 2 'rewrite.template: give the text' reject --model $model --data "$work/prompts.jsonl" --out "$work/x" --set rewrite.model=$model
gives 2 'rewrite.model' reject --model $model --data "$work/prompts.jsonl" --out "$work/x" --set rewrite.model="$work" \
    --set 'rewrite.template="{completion}"'

# Rows of one id are two prompts; a file that changes under a run is refused.
sed 's/^{/{"id": "same", /' "$work/prompts.jsonl" | sed 's/, "id": "[^"]*"//' >"$work/ids.jsonl"
"$r1" reject --model $model --data "$work/ids.jsonl" --out "$work/m" --quiet --set samples=6 --set prompts_per_step=7 \
    --set max_completion_tokens=64 --set seed=4 --set keep.per_prompt=2 2>/dev/null
is 'rows of one id' "$(sed 's/"id": "[^"]*"/"id": "same"/' "$kept")" "$(cat "$work/m/data/kept.jsonl")"
cp "$work/prompts.jsonl" "$work/moving.jsonl"
for part in sampler judge rewriter; do cp -r $model "$work/$part"; done
killed metrics.write@2 run "$work/n" --set data="$work/moving.jsonl" --set model="$work/sampler" --set judge.model="$work/judge" \
    --set rewrite.model="$work/rewriter" --set 'rewrite.template="{completion}"' --set rewrite.max_tokens=16
stays() { # KEY FILE: what the run began with
    cp "$2" "$work/was"
    printf '\n' >>"$2"
    gives 2 "$1: $3: has changed since $work/n began with it" run "$work/n/recipe.yaml" --out "$work/n"
    cp "$work/was" "$2"
}
stays data "$work/moving.jsonl" "$work/moving.jsonl"
stays model "$work/sampler/tokenizer.json" "$work/sampler"
stays judge.model "$work/judge/tokenizer.json" "$work/judge"
stays rewrite.model "$work/rewriter/config.json" "$work/rewriter"
"$r1" run "$work/n/recipe.yaml" --out "$work/n" --quiet 2>/dev/null

# Prompts of the families; bad rows and keys.
"$r1" reject --model $model --out "$work/l" --quiet --set prompts=5 --set samples=2 --set max_completion_tokens=32 2>/dev/null
is 'samples of five prompts' 10 "$(metric "$work/l" reject/sampled)"
gives 2 'the key "prompts" is missing' reject --model $model --out "$work/x"
sed '3s/.*/{"answer": "5"}/' "$work/prompts.jsonl" >"$work/bad.jsonl"
gives 2 'bad.jsonl:3: ' reject --model $model --data "$work/bad.jsonl" --out "$work/x"
gives 2 'frame' reject --model $model --data "$work/prompts.jsonl" --out "$work/x" --set 'frame="..."'
gives 2 'unknown key "sample" (did you mean samples?)' reject --model $model --data "$work/prompts.jsonl" --out "$work/x" --set sample=3
gives 2 'these keys differ: samples' reject --model $model --out "$work/l" --set prompts=5 --set samples=3 --set max_completion_tokens=32
gives 2 'samples no completions that could be made again' replay "$work/l" --step 1
[ ! -e "$work/x" ] || fail 'a refused run left a folder'

# A judge model is asked where no rule decides; what it does not say stays undecided.
printf '{"prompt": "User: 1+2+2+5=?\\nAssistant:", "answer": "\\\\frac{1"}\n' >"$work/open.jsonl"
said=$("$r1" reject --model $model --data "$work/open.jsonl" --out "$work/o" --set samples=8 --set judge.model=$model \
    --set judge.max_tokens=16 --quiet 2>&1)
case $said in *'open.jsonl:1: the gold answer cannot be read'*) ;; *) fail "$said" ;; esac
case $(reasons "$work/o") in *undecided=*) ;; *) fail "$(reasons "$work/o")" ;; esac
gives 2 'judge.model' reject --model $model --data "$work/open.jsonl" --out "$work/y" --set judge.model="$work"
